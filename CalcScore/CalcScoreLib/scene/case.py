"""A case in the scene: its nodes, its scores, and what was corrected since."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from functools import partial
from typing import Any

import slicer

from CalcScoreLogic.anatomy import Territory
from CalcScoreLogic.errors import InputError
from CalcScoreLogic.rescoring import lengths_of
from CalcScoreLogic.results import CaseResult, ScoredCase
from CalcScoreLogic.shortening import ShorteningParameters

from ..incremental_work import Steps, run_through
from . import display, frames, hierarchy, structures
from .case_content import Content, last_arteries, new_content, plaques_of, rescored_content, trimmed_content
from .case_nodes import CaseNodes, batch, make_nodes, record_of, records_in, referenced
from .fingerprints import Fingerprints, prints_of
from .grids import own_geometry, volume_geometry
from .hand_edits import HandEdit, Planned
from .masks import CaseMasks, MaskReader
from .plaques import Plaque
from .records import read_record, write_record
from .segment_voxels import SegmentMask
from .segmentations import change_voxels, edits_of, write_layer
from .surfaces import SURFACE
from .tables import write_table
from .volumes import volume_image

_NAMES = {"volume": "the CTA", "arteries": "the arteries", "calcification": "the calcification", "table": "the table"}


class SceneCase(CaseNodes):
    """The nodes of one CTA and its scores.

    Parameters
    ----------
    record : vtkMRMLTextNode
        The node with the case's ``scores.json``, which refers to the others.

    Notes
    -----
    Everything that matters is in the nodes: one made anew after a scene was loaded knows the same.
    """

    def __init__(self, record: Any) -> None:
        super().__init__(record)
        self._reader: MaskReader | None = None
        self._scored: dict[str, SegmentMask] = {}
        self._plaques: tuple[str, list[Plaque]] | None = None

    @classmethod
    def find(cls, volume: Any) -> SceneCase | None:
        """Find the case of a CTA."""
        record = record_of(volume) if volume is not None else None
        return cls(record) if record is not None else None

    @classmethod
    def all(cls, scene: Any = None) -> list[SceneCase]:
        """Find all cases of a scene."""
        return [cls(record) for record in records_in(scene or slicer.mrmlScene)]

    @classmethod
    def write(cls, volume: Any, scored: ScoredCase) -> SceneCase:
        """Put a scored CTA into the scene; nodes of an earlier run are brought up to date.

        Parameters
        ----------
        volume : vtkMRMLScalarVolumeNode
            The CTA.
        scored : ScoredCase
            Scores and label maps on the CTA's grid.

        Returns
        -------
        SceneCase
            The case.

        Raises
        ------
        InputError
            The label maps lie on another grid.
        """
        difference = volume_geometry(volume).difference(scored.territories.geometry)
        if difference:
            raise InputError(f"the label maps and {volume.GetName()} lie on different grids ({difference})")
        earlier = cls.find(volume)
        surfaces = earlier._with_surfaces() if earlier is not None else []
        case = cls.store(volume, new_content(scored))
        _remake(surfaces)
        return case

    @classmethod
    def store(cls, volume: Any, content: Content) -> SceneCase:
        """Put what `new_content` has made of a scored CTA into the scene; surfaces of an earlier run go.

        Parameters
        ----------
        volume : vtkMRMLScalarVolumeNode
            The CTA.
        content : Content
            Scores and segments on the CTA's grid.

        Returns
        -------
        SceneCase
            The case.
        """
        new = record_of(volume) is None
        case = cls(make_nodes(volume))
        # Before the batch: what sorts segments into the subject hierarchy looks for their segmentation there.
        hierarchy.place(volume, (case.arteries, case.calcification, case.table, case.record))
        with batch(volume.GetScene()):
            case._take(content)
            if new:
                display.apply_standard(case)
        return case

    def missing(self) -> str | None:
        """Say which node of the case has been deleted; None where all are there."""
        gone = [name for role, name in _NAMES.items() if referenced(self.record, role) is None]
        return f"{self.record.GetName()}: {' and '.join(gone)} deleted from the scene; analyze again" if gone else None

    def result(self) -> CaseResult:
        """Give the last scores; raises InputError where the record cannot be read."""
        return read_record(self.record)

    def parameters(self) -> ShorteningParameters:
        """Give the lengths that the arteries were last trimmed to."""
        return lengths_of(self.result()) or ShorteningParameters()

    def show_result(self) -> None:
        """Write the table again from the record: a saved table keeps six digits only."""
        if self.table is not None:
            write_table(self.table, self.result())

    def changed_structures(self) -> tuple[str, ...]:
        """Name the structures (see `structures`) that have changed since they were scored."""
        return run_through(self.changed_steps())

    def changed_steps(self) -> Steps[tuple[str, ...]]:
        """Do what `changed_structures` does in pieces."""
        masks = yield from self.mask_steps()
        prints = Fingerprints.of(self.record)
        changed: tuple[str, ...] = yield lambda: prints.changed(masks)
        # Known from now on, whatever is painted over them.
        self._scored |= {key: mask for key, mask in masks.by_key().items() if key not in changed}
        return changed

    def edited_structures(self) -> tuple[str, ...]:
        """Name the structures that were changed by hand since they were made."""
        return Fingerprints.of(self.record).edited(self._masks())

    def lost_edits(self) -> tuple[str, ...]:
        """Name the trimmed arteries whose hand edits `trim_again` would lose."""
        return tuple(key for key in self.edited_structures() if key in structures.TERRITORY_KEYS)

    def snapshot(self) -> dict[str, str]:
        """Give the fingerprint of each structure as it is now."""
        return prints_of(self._masks())

    def edited_since(self, snapshot: Mapping[str, str]) -> tuple[str, ...]:
        """Name the structures that have changed since a `snapshot`."""
        return tuple(key for key, value in self.snapshot().items() if value != snapshot[key])

    def rescore(self) -> CaseResult:
        """Score the trimmed segments as they are.

        Returns
        -------
        CaseResult
            New scores; table and record hold them too.

        Raises
        ------
        InputError
            A node of the case has been deleted, or the CTA cannot be read any more.
        """
        surfaces = self._with_surfaces()
        result = run_through(self.rescore_steps())
        _remake(surfaces)
        return result

    def rescore_steps(self) -> Steps[CaseResult]:
        """Do what `rescore` does in pieces; also raises InputError where something was edited meanwhile."""
        return self._update_steps(rescored_content)

    def trim_again(self, parameters: ShorteningParameters) -> CaseResult:
        """Trim the full-length arteries again and score; hand edits of the trimmed ones are lost.

        Parameters
        ----------
        parameters : ShorteningParameters
            The lengths.

        Returns
        -------
        CaseResult
            New scores; segments, table and record hold them too.

        Raises
        ------
        InputError
            A node of the case has been deleted, or the CTA cannot be read any more.
        """
        surfaces = self._with_surfaces()
        result = run_through(self.trim_steps(parameters))
        _remake(surfaces)
        return result

    def trim_steps(self, parameters: ShorteningParameters) -> Steps[CaseResult]:
        """Do what `trim_again` does in pieces, but surfaces; also raises InputError as `rescore_steps` does."""
        return self._update_steps(partial(trimmed_content, parameters=parameters))

    def edit_steps(self, edit: HandEdit, before_change: Callable[[Any], None] | None = None) -> Steps[CaseResult]:
        """Make a correction and score, in pieces.

        Parameters
        ----------
        edit : HandEdit
            The correction; knows what was changed afterwards.
        before_change : callable, optional
            Called with each segmentation that is about to change, e.g. to save a state to undo to.

        Raises
        ------
        InputError
            A node of the case has been deleted, the correction cannot be made, or segments were edited meanwhile.
        """
        masks = yield from self.mask_steps()
        before, cta = self._states(), volume_image(self.volume)
        planned: Planned = yield lambda: edit.plan(masks, cta)
        self._check()
        if self._states() != before:
            raise InputError("Segments were edited meanwhile, so nothing was corrected; try again")
        changes = [change.effective(masks) for change in planned.changes]
        edit.changes = tuple(change for change in changes if change.voxels.inside.size)
        edit.note = planned.note
        for node in dict.fromkeys(self.segmentation(change.key) for change in edit.changes):
            if before_change is not None:
                before_change(node)
        for change in edit.changes:
            change_voxels(self.segmentation(change.key), self.volume, change.key, change.voxels, change.added)
        steps = self.rescore_steps() if edit.lengths is None else self.trim_steps(edit.lengths)
        return (yield from steps)

    def mask_steps(self) -> Steps[CaseMasks]:
        """Read the segments, one a piece; raises InputError where a node has been deleted."""
        for structure in (*structures.FULL_KEYS, *structures.TRIMMED_KEYS):
            self._check()
            yield from self._masks_reader().read_steps(self.segmentation(structure), structure)
            yield None
        # All are known by now, but for those that have been edited.
        return self._masks()

    def is_read(self) -> bool:
        """Tell whether all segments are as they were read last, so that nothing takes time that asks for them."""
        reader, keys = self._masks_reader(), (*structures.FULL_KEYS, *structures.TRIMMED_KEYS)
        return self.missing() is None and all(reader.knows(self.segmentation(key), key) for key in keys)

    def scored_case(self) -> ScoredCase:
        """Give the segments as they are now, on the whole grid of the CTA, with the last scores."""
        images = self._masks().images(volume_image(self.volume), whole=True)
        return ScoredCase(self.result(), images.territories, images.shortened, images.calcification)

    def scored_steps(self) -> Steps[ScoredCase]:
        """Give in pieces what `scored_case` gives, on the CTA's own grid: that of its DICOM, whatever moves it."""
        masks = yield from self.mask_steps()
        cta, result = volume_image(self.volume), self.result()
        own = own_geometry(self.volume)
        images = yield lambda: masks.images(cta, whole=True)
        return ScoredCase(result, images.territories, images.shortened, images.calcification).on_grid(own)

    def plaques(self) -> list[Plaque]:
        """List the plaques of the last scores, largest first."""
        return run_through(self.plaque_steps())

    def plaque_steps(self) -> Steps[list[Plaque]]:
        """Do what `plaques` does in pieces."""
        if not self.knows_plaques():
            key, result = self._plaque_key(), frames.moved_result(self.result(), frames.since_scored(self))
            masks, cta = (yield from self.mask_steps()), volume_image(self.volume)
            found = yield lambda: plaques_of(result, masks, cta)
            self._plaques = (key, found)
        assert self._plaques is not None  # noqa: S101
        return self._plaques[1]

    def knows_plaques(self) -> bool:
        """Tell whether the plaques of the last scores are known, so that nothing takes time that asks for them."""
        return self._plaques is not None and self._plaques[0] == self._plaque_key()

    def _plaque_key(self) -> str:
        return f"{self.record.GetText()}{frames.since_scored(self)}"

    def observed(self) -> list[tuple[Any, int]]:
        """Give what to observe to learn that segments may have changed: objects and their events."""
        moved = slicer.vtkMRMLTransformableNode.TransformModifiedEvent
        return [
            *(pair for node in self.segmentations for pair in edits_of(node)),
            *((node, moved) for node in self.segmentations),
        ]

    def prepare_editor(self, editor: Any, structure: str = structures.CALCIFICATION) -> None:
        """Point a segment editor at a structure so that painting it leaves the others as they are.

        Parameters
        ----------
        editor : vtkMRMLSegmentEditorNode
            The editor's parameter node. By default it would take the artery away below a painted plaque.
        structure : str
            What to edit.
        """
        editor.SetAndObserveSegmentationNode(self.segmentation(structure))
        editor.SetAndObserveSourceVolumeNode(self.volume)
        editor.SetSelectedSegmentID(self.segment_id(structure) or "")
        editor.SetOverwriteMode(editor.OverwriteNone)

    def _update_steps(self, work: Callable[..., Content]) -> Steps[CaseResult]:
        """Read the segments, work in a thread, and write, all of it in one piece, where nothing has changed since."""
        self._check()
        has_cut = self.segment_id(structures.CUT) is not None
        cut = self._masks_reader().read(self.arteries, structures.CUT) if has_cut else None
        yield None
        masks = yield from self.mask_steps()
        before, known = self._states(), dict(self._scored)
        result, prints, cta = self.result(), Fingerprints.of(self.record), volume_image(self.volume)
        content: Content = yield lambda: work(result, masks, prints, cta, last_arteries(masks, prints, known, cut))
        self._check()
        if self._states() != before:
            raise InputError("Segments were edited while they were scored, so the new scores were dropped; try again")
        with batch(self.record.GetScene()) if content.trimmed else nullcontext():
            self._take(content)
        return content.result

    def _check(self) -> None:
        """Raise InputError where a node has been deleted."""
        gone = self.missing()
        if gone:
            raise InputError(gone)

    def _masks_reader(self) -> MaskReader:
        self._reader = self._reader or MaskReader(self.volume)
        return self._reader

    def _masks(self) -> CaseMasks:
        """Read the segments; raises InputError where a node has been deleted."""
        self._check()
        reader = self._masks_reader()
        full = {t: reader.read(self.arteries, structures.FULL + t.key) for t in Territory}
        trimmed = {t: reader.read(self.calcification, t.key) for t in Territory}
        return CaseMasks(trimmed, full, reader.read(self.calcification, structures.CALCIFICATION))

    def _states(self) -> list[tuple[Any, ...]]:
        """Give what differs whenever a segment may have changed."""
        reader = self._masks_reader()
        keys = (*structures.FULL_KEYS, *structures.TRIMMED_KEYS)
        return [reader.state(self.segmentation(key), key) for key in keys]

    def _take(self, content: Content) -> None:
        """Write all that is new."""
        for node, layers in ((self.arteries, content.arteries), (self.calcification, content.trimmed)):
            for layer in layers:
                write_layer(node, self.volume, layer)
        for key, mask in content.masks.by_key().items():
            self._masks_reader().know(self.segmentation(key), key, mask)
        self._scored = dict(content.masks.by_key())
        write_record(self.record, content.result)
        content.prints.keep(self.record)
        write_table(self.table, content.result)
        frames.note(self)
        self._plaques = (self._plaque_key(), content.plaques)

    def _with_surfaces(self) -> list[Any]:
        """Give the segmentations that have surfaces."""
        return [node for node in self.segmentations if node.GetSegmentation().ContainsRepresentation(SURFACE)]


def _remake(surfaces: Iterable[Any]) -> None:
    for node in surfaces:
        node.CreateClosedSurfaceRepresentation()
