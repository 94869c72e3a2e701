"""A case in the scene: its nodes, its scores, and what was corrected since."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import slicer

from CalcScoreLogic.anatomy import CalcificationLabel, Territory
from CalcScoreLogic.errors import InputError
from CalcScoreLogic.geometry import nonzero_box
from CalcScoreLogic.lesions import inner_positions
from CalcScoreLogic.pipeline import ScoredCase
from CalcScoreLogic.rescoring import lengths_of, rescore, trim_again
from CalcScoreLogic.results import CaseResult
from CalcScoreLogic.shortening import ShorteningParameters

from . import display, hierarchy, structures
from .case_nodes import batch, make_nodes, record_of, records_in, referenced
from .fingerprints import Fingerprints
from .grids import volume_geometry
from .lesions import Plaque, as_plaques
from .masks import CaseMasks, MaskReader, overlap_warning
from .records import read_record, write_record
from .segmentations import segment_ids, write_layer
from .tables import write_table
from .volumes import volume_image

_NAMES = {"volume": "the CTA", "arteries": "the arteries", "calcification": "the calcification", "table": "the table"}


class SceneCase:
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
        self.record = record
        self._reader: MaskReader | None = None

    @property
    def volume(self) -> Any:
        """The CTA; None where it has been deleted."""
        return referenced(self.record, "volume")

    @property
    def arteries(self) -> Any:
        """Segmentation with the full-length arteries."""
        return referenced(self.record, "arteries")

    @property
    def calcification(self) -> Any:
        """Segmentation with the trimmed arteries and the calcification."""
        return referenced(self.record, "calcification")

    @property
    def table(self) -> Any:
        """Table node with the scores."""
        return referenced(self.record, "table")

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
    def owning(cls, node: Any) -> SceneCase | None:
        """Find the case that a node belongs to."""
        for case in cls.all(node.GetScene()):
            if node in (case.record, case.volume, case.arteries, case.calcification, case.table):
                return case
        return None

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
        new = record_of(volume) is None
        with batch(volume.GetScene()):
            case = cls(make_nodes(volume))
            case._write_arteries(scored)
            case._write_calcification(scored)
            prints = Fingerprints()
            prints.start(case._masks())
            case._publish(scored.result, prints)
            nodes = (case.arteries, case.calcification, case.table, case.record)
            hierarchy.place(volume, nodes)
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
        return Fingerprints.of(self.record).changed(self._masks())

    def edited_structures(self) -> tuple[str, ...]:
        """Name the structures that were changed by hand since they were made."""
        return Fingerprints.of(self.record).edited(self._masks())

    def lost_edits(self) -> tuple[str, ...]:
        """Name the trimmed arteries whose hand edits `trim_again` would lose."""
        return tuple(key for key in self.edited_structures() if key in structures.TERRITORY_KEYS)

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
        masks, prints = self._masks(), Fingerprints.of(self.record)
        cta = volume_image(self.volume)
        voxel = cta.geometry.voxel_volume_mm3
        images, edits = masks.images(cta, whole=False), prints.edits(masks, voxel)
        edits = replace(edits, warnings=edits.warnings + overlap_warning(images.trimmed_overlap, voxel))
        maps = (images.shortened, images.calcification, images.territories, images.cta)
        result = rescore(self.result(), *maps, edits)
        prints.rescored(masks)
        self._publish(result, prints)
        return result

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
        masks, prints = self._masks(), Fingerprints.of(self.record)
        cta = volume_image(self.volume)
        voxel = cta.geometry.voxel_volume_mm3
        images, edits = masks.images(cta, whole=True), prints.edits_before_trimming(masks, voxel)
        edits = replace(edits, warnings=edits.warnings + overlap_warning(images.full_overlap, voxel))
        scored = trim_again(self.result(), images.territories, images.calcification, parameters, cta, edits)
        with batch(self.record.GetScene()):
            self._write_trimmed(scored)
            self._write_cut(scored)
            prints.trimmed(self._masks())
            self._publish(scored.result, prints)
        return scored.result

    def scored_case(self) -> ScoredCase:
        """Give the segments as they are now, on the whole grid of the CTA, with the last scores."""
        images = self._masks().images(volume_image(self.volume), whole=True)
        return ScoredCase(self.result(), images.territories, images.shortened, images.calcification)

    def plaques(self) -> list[Plaque]:
        """List the plaques of the last scores, largest first."""
        clusters = self.result().scores.clusters
        images = self._masks().images(volume_image(self.volume), whole=False)
        return as_plaques(clusters, inner_positions(clusters, images.shortened, images.calcification))

    def segmentation(self, structure: str) -> Any:
        """Give the segmentation that a structure is in."""
        full = structure.startswith(structures.FULL) or structure == structures.CUT
        return self.arteries if full else self.calcification

    def segment_id(self, structure: str) -> str | None:
        """Give the segment of a structure; None where it has been deleted."""
        node = self.segmentation(structure)
        return next(iter(segment_ids(node, structure)), None) if node is not None else None

    def observed(self) -> list[tuple[Any, int]]:
        """Give what to observe to learn that segments may have changed: objects and their events."""
        kind = slicer.vtkSegmentation
        # Slicer before 5.4 calls the source representation master.
        source = getattr(kind, "SourceRepresentationModified", None) or kind.MasterRepresentationModified
        events = (source, kind.SegmentModified, kind.SegmentAdded, kind.SegmentRemoved)
        nodes = [node for node in (self.arteries, self.calcification) if node is not None]
        return [(node.GetSegmentation(), event) for node in nodes for event in events]

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

    def _masks(self) -> CaseMasks:
        """Read the segments; raises InputError where a node has been deleted."""
        gone = self.missing()
        if gone:
            raise InputError(gone)
        reader = self._reader = self._reader or MaskReader(self.volume)
        full = {t: reader.read(self.arteries, structures.FULL + t.key) for t in Territory}
        trimmed = {t: reader.read(self.calcification, t.key) for t in Territory}
        return CaseMasks(trimmed, full, reader.read(self.calcification, structures.CALCIFICATION))

    def _write_arteries(self, scored: ScoredCase) -> None:
        """Write the full-length arteries, and what the trimming took away."""
        labels = {structures.FULL + territory.key: int(territory) for territory in Territory}
        write_layer(self.arteries, self.volume, scored.territories.array, labels)
        self._write_cut(scored)

    def _write_cut(self, scored: ScoredCase) -> None:
        box = nonzero_box(scored.territories.array) or (slice(0, 1),) * 3
        cut = (scored.territories.array[box] > 0) & (scored.shortened.array[box] == 0)
        write_layer(self.arteries, self.volume, cut.view(np.uint8), {structures.CUT: 1}, box)

    def _write_trimmed(self, scored: ScoredCase) -> None:
        labels = {territory.key: int(territory) for territory in Territory}
        write_layer(self.calcification, self.volume, scored.shortened.array, labels)

    def _write_calcification(self, scored: ScoredCase) -> None:
        """Write the trimmed arteries and, in a layer of its own since it lies inside them, the calcification."""
        self._write_trimmed(scored)
        box = nonzero_box(scored.calcification.array) or (slice(0, 1),) * 3
        calcified = scored.calcification.array[box] == CalcificationLabel.CALCIFICATION
        labels = {structures.CALCIFICATION: 1}
        write_layer(self.calcification, self.volume, calcified.view(np.uint8), labels, box)

    def _publish(self, result: CaseResult, prints: Fingerprints) -> None:
        """Put scores and fingerprints into record and table."""
        write_record(self.record, result)
        prints.keep(self.record)
        write_table(self.table, result)
