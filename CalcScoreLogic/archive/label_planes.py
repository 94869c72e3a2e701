"""The segments of a case plane by plane: trimmed arteries, calcification, and what was cut off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..anatomy import (
    CALCIFICATION_STRUCTURES,
    CUT_STRUCTURE,
    STRUCTURES,
    CalcificationLabel,
    Structure,
    Territory,
)
from ..images.boxes import joint_box, nonzero_box
from ..images.geometry import Array, Geometry
from ..results import ScoredCase

_CUT = "cut."


@dataclass(frozen=True)
class Segment:
    """A segment of the object.

    Attributes
    ----------
    key : str
        Key of a territory, with ``cut.`` before it where trimming took it away, or of the calcification.
    """

    key: str

    @property
    def is_cut(self) -> bool:
        """Whether trimming took it away."""
        return self.key.startswith(_CUT)

    @property
    def territory(self) -> Territory | None:
        """The territory it is, or was before it was cut off; None for the calcification."""
        return None if self == CALCIFICATION else Territory[self.key.removeprefix(_CUT).upper()]

    @property
    def structure(self) -> Structure:
        """How it is shown and coded."""
        if self.territory is None:
            return CALCIFICATION_STRUCTURES[CalcificationLabel.CALCIFICATION]
        found = STRUCTURES[self.territory]
        return replace(found, title=f"{found.title}, cut off", colour=CUT_STRUCTURE.colour) if self.is_cut else found


CALCIFICATION = Segment(CalcificationLabel.CALCIFICATION.key)
ALL_SEGMENTS = (
    *(Segment(territory.key) for territory in Territory),
    CALCIFICATION,
    *(Segment(_CUT + territory.key) for territory in Territory),
)
"""What there can be, in the order of the object's segments."""


class LabelPlanes:
    """A stack of masks, shape (planes, rows, columns, segments), that is made plane by plane as it is asked for.

    It has what highdicom uses of an array: the whole stack of a large CTA would take gigabytes.

    Parameters
    ----------
    scored : ScoredCase
        Label maps on one grid.
    grid : Geometry
        The same grid as the DICOM instances store it: planes lie along its k.
    on_progress : callable, optional
        Told which share of the planes has been asked for, whenever a further hundredth has.

    Attributes
    ----------
    segments : tuple of Segment
        Those that have voxels; the aorta where none has.
    empty : bool
        Whether none has.
    marks : tuple of int
        First and last plane, where the first voxel of the first segment is set although it is not in it: so that
        frames are made of them, and the object keeps the extent of the CTA. The writer clears them.
    """

    ndim = 4
    dtype = np.dtype(bool)

    def __init__(self, scored: ScoredCase, grid: Geometry, on_progress: Callable[[float], None] | None = None) -> None:
        self._on_progress, self._asked = on_progress, 0
        self._full, self._trimmed, self._calcification = (
            grid.stored_view(image.canonical().array)
            for image in (scored.territories, scored.shortened, scored.calcification)
        )
        masks = (self._full, self._trimmed, self._calcification == CalcificationLabel.CALCIFICATION)
        self._box = joint_box(map(nonzero_box, masks)) or (slice(0, 0),) * 3
        present = [set(self._present(k)) for k in range(self._box[0].start, self._box[0].stop)]
        found = set().union(*present)
        self.segments = tuple(s for s in ALL_SEGMENTS if s in found) or ALL_SEGMENTS[:1]
        self.empty = not found
        self._planes = {k: n for k, n in enumerate(present, start=self._box[0].start) if n}
        self.shape = (*grid.shape, len(self.segments))
        ends = (0, grid.shape[0] - 1)
        self.marks = tuple(k for k in ends if not self._mask(self.segments[0], k, (slice(0, 1), slice(0, 1))).any())

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[Array]:
        return (self[k] for k in range(len(self)))

    def __getitem__(self, k: int) -> Array:
        """Give the masks of a plane, shape (rows, columns, segments)."""
        self._count()
        stack = np.zeros((self.shape[3], *self.shape[1:3]), bool)
        rows = self._box[1:]
        for number, segment in enumerate(self.segments):
            if segment in self._planes.get(k, ()):
                stack[number][rows] = self._mask(segment, k, rows)
        if k in self.marks:
            stack[0, 0, 0] = True
        return np.moveaxis(stack, 0, -1)

    def max(self) -> int:
        """Give the highest value, of which the masks know one."""
        return 1

    def sum(self, axis: int) -> Any:
        """Give in how many segments a voxel can lie: calcification lies in an artery as a rule."""
        return np.array(1 + (CALCIFICATION in self.segments and len(self.segments) > 1))

    def _count(self) -> None:
        """Tell how far the work is: every plane is asked for once, and those with voxels again for each segment."""
        self._asked += 1
        total = len(self) + len(self.segments) * len({*self._planes, *self.marks})
        if self._on_progress is not None and self._asked * 100 // total > (self._asked - 1) * 100 // total:
            self._on_progress(self._asked / total)

    def _mask(self, segment: Segment, k: int, rows: tuple[slice, ...]) -> Array:
        """Give the mask of a segment in a part of a plane."""
        territory = segment.territory
        if territory is None:
            return np.asarray(self._calcification[k][rows] == CalcificationLabel.CALCIFICATION)
        if segment.is_cut:
            return np.asarray((self._full[k][rows] == territory) & (self._trimmed[k][rows] != territory))
        return np.asarray(self._trimmed[k][rows] == territory)

    def _present(self, k: int) -> Iterator[Segment]:
        """Give the segments that have voxels in a plane."""
        return (segment for segment in ALL_SEGMENTS if self._mask(segment, k, self._box[1:]).any())
