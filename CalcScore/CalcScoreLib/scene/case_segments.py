"""What is in the segments of a case now, and what of it was changed by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import slicer

from CalcScoreLogic.anatomy import Territory
from CalcScoreLogic.errors import InputError

from ..incremental_work import Steps, run_through
from . import structures
from .case_nodes import CaseNodes, referenced
from .fingerprints import Fingerprints, prints_of
from .masks import CaseMasks, MaskReader
from .segment_voxels import SegmentMask
from .segmentations import edits_of

_NAMES = {"volume": "the CTA", "arteries": "the arteries", "calcification": "the calcification", "table": "the table"}


class CaseSegments(CaseNodes):
    """The nodes of one CTA's case, with its segments read as far as they have changed since they were read last.

    Parameters
    ----------
    record : vtkMRMLTextNode
        The node with the case's ``scores.json``, which refers to the others.
    """

    def __init__(self, record: Any) -> None:
        super().__init__(record)
        self._reader: MaskReader | None = None
        self._scored: dict[str, SegmentMask] = {}

    def missing(self) -> str | None:
        """Say which node of the case has been deleted; None where all are there."""
        gone = [name for role, name in _NAMES.items() if referenced(self.record, role) is None]
        return f"{self.record.GetName()}: {' and '.join(gone)} deleted from the scene; analyze again" if gone else None

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

    def observed(self) -> list[tuple[Any, int]]:
        """Give what to observe to learn that segments may have changed: objects and their events."""
        moved = slicer.vtkMRMLTransformableNode.TransformModifiedEvent
        return [
            *(pair for node in self.segmentations for pair in edits_of(node)),
            *((node, moved) for node in self.segmentations),
        ]

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
