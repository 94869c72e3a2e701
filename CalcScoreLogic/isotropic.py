"""The 1 mm grid that the paper's lengths are counted on, sampled by nearest neighbour, there and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .images.boxes import Box
from .images.geometry import Array, Image

_STEPS_A_MM = 10**9
"""Spacings are taken to whole steps of this when they are compared with the 1 mm grid."""


@dataclass(frozen=True, eq=False)
class _AxisSampling:
    """Nearest neighbours between one axis of the input and of the 1 mm grid.

    Attributes
    ----------
    source_of_fine : ndarray of int
        Input index for each 1 mm index of the range that touches the box.
    fine_of_source : ndarray of int
        Index into that range for each input index of the box.
    """

    source_of_fine: Array
    fine_of_source: Array

    @classmethod
    def over(cls, span: slice, count: int, spacing_mm: float) -> _AxisSampling:
        """Sample the inputs `span` of an axis with `count` voxels of `spacing_mm`."""
        # In whole numbers, so that a tie is one however the spacing was rounded on its way.
        step = max(round(spacing_mm * _STEPS_A_MM), 1)
        whole, rest = divmod(count * step, _STEPS_A_MM)
        fine_count = max(whole + (2 * rest + whole % 2 > _STEPS_A_MM), 1)
        inputs, outputs = np.arange(span.start, span.stop, dtype=np.int64), np.arange(fine_count, dtype=np.int64)
        source = np.minimum((2 * _STEPS_A_MM * outputs + step) // (2 * step), count - 1).astype(np.intp)
        fine = np.minimum((2 * step * inputs + _STEPS_A_MM) // (2 * _STEPS_A_MM), fine_count - 1).astype(np.intp)
        first = min(int(np.searchsorted(source, span.start)), int(fine[0]))
        last = max(int(np.searchsorted(source, span.stop)), int(fine[-1]) + 1)
        return cls(source[first:last], fine - first)


@dataclass(frozen=True, eq=False)
class IsotropicGrid:
    """The part of the 1 mm grid that a box of an image touches.

    Attributes
    ----------
    axes : tuple of _AxisSampling
        Along (z, y, x).
    """

    axes: tuple[_AxisSampling, ...]

    @classmethod
    def over(cls, image: Image, box: Box) -> IsotropicGrid:
        """Lay the grid over a box of an image in canonical storage; the first voxel centre is on it."""
        spans = zip(box, image.array.shape, image.geometry.spacing[::-1], strict=True)
        return cls(tuple(_AxisSampling.over(span, count, spacing_mm) for span, count, spacing_mm in spans))

    def sampled(self, array: Array) -> Array:
        """Sample the image's array, shape (z, y, x), on the grid."""
        return _take(array, [axis.source_of_fine for axis in self.axes])

    def brought_back(self, fine: Array) -> Array:
        """Give each voxel of the box what an array on the grid holds nearest to its centre."""
        return _take(fine, [axis.fine_of_source for axis in self.axes])


def _take(array: Array, indices: list[Array]) -> Array:
    """Pick the outer product of three index lists, without a copy where they are plain ranges."""
    for axis, index in enumerate(indices):
        if len(index) and index[-1] - index[0] + 1 == len(index) and np.all(np.diff(index) == 1):
            array = array[(slice(None),) * axis + (slice(int(index[0]), int(index[-1]) + 1),)]
        else:
            array = array.take(index, axis=axis)
    return array
