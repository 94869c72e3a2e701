"""A case in the scene: its nodes, its scores, and what was corrected since."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from functools import partial
from typing import Any

import slicer

from CalcScoreLogic.errors import InputError
from CalcScoreLogic.rescoring import lengths_of
from CalcScoreLogic.results import CaseResult, ScoredCase
from CalcScoreLogic.shortening import ShorteningParameters

from ..incremental_work import Steps, run_through
from . import display, frames, hierarchy, structures
from .case_content import Content, last_arteries, new_content, plaques_of, rescored_content, trimmed_content
from .case_nodes import batch, make_nodes, record_of, records_in
from .case_segments import CaseSegments
from .fingerprints import Fingerprints
from .grids import own_geometry, volume_geometry
from .hand_edits import HandEdit, Planned
from .plaques import Plaque
from .records import read_record, write_record
from .segmentations import change_voxels, write_layer
from .surfaces import SURFACE
from .tables import write_table
from .volumes import volume_image


class SceneCase(CaseSegments):
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
