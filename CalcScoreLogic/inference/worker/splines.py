"""Splines through a whole volume, in double precision and in place, equal to scipy's to the last bit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ...images.boxes import slabs
from ...images.geometry import Array
from .interpolation import positions
from .parallel import in_threads

_PADDING = 12
"""Voxels that scipy adds at each border before it computes spline coefficients."""


class Splines:
    """Splines through the voxels of a CTA, which any number of grids can be filled from.

    Parameters
    ----------
    shape : tuple of int
        Voxels along (z, y, x).
    part : callable
        Gives the voxels of some planes, float32; it is not kept.
    """

    def __init__(self, shape: tuple[int, ...], part: Callable[[slice], Array]) -> None:
        self._shape, self._order = shape, 0
        self._coefficients, self._low, self._high = _padded(shape, part)

    def filter(self, order: int) -> None:
        """Turn the voxels into the coefficients of splines of an order, in place; once."""
        self._order = order
        for axis in range(3):
            _filter(self._coefficients, order, axis)

    def at(self, shape: Sequence[int]) -> Array:
        """Interpolate; ringing stays within the range of the values.

        Parameters
        ----------
        shape : sequence of int
            Voxels along (z, y, x) of a grid over the same length.

        Returns
        -------
        ndarray of float32, shape `shape`
            The values of ``scipy.ndimage.map_coordinates`` to the last bit: the same products in the same order, but
            of whole planes, and with weights that are computed once an axis.
        """
        target: Array = np.empty(shape, np.float32)
        along = [
            _Taps.at(positions(n, m) + _PADDING, n + 2 * _PADDING, self._order)
            for n, m in zip(self._shape, shape, strict=True)
        ]

        def fill(planes: slice) -> None:
            for plane in range(*planes.indices(len(target))):
                np.clip(self._plane(plane, along), self._low, self._high, out=target[plane], casting="same_kind")

        in_threads(fill, slabs(target.shape))
        return target

    def _plane(self, plane: int, along: Sequence[_Taps]) -> Array:
        """Interpolate a plane, float64."""
        depth, rows, columns = along
        total = np.zeros((rows.places.shape[1], columns.places.shape[1]))
        for z, weight_z in zip(depth.places[:, plane], depth.weights[:, plane], strict=True):
            at_z = self._coefficients[z] * weight_z
            for y, weight_y in zip(rows.places, rows.weights, strict=True):
                at_y = at_z[y]
                at_y *= weight_y[:, np.newaxis]
                for x, weight_x in zip(columns.places, columns.weights, strict=True):
                    at_x = at_y.take(x, axis=1)
                    at_x *= weight_x
                    total += at_x
        return total


@dataclass(frozen=True, eq=False)
class _Taps:
    """The coefficients that splines are made of along an axis, shape (order + 1, n): where, and with what weight."""

    places: Array
    weights: Array

    @classmethod
    def at(cls, positions: Array, length: int, order: int) -> _Taps:
        """Find those of some positions, all well inside `length` coefficients."""
        count, each = order + 1, np.arange(len(positions))
        first = np.floor(positions if order % 2 else positions + 0.5).astype(np.intp) - order // 2
        weights: Array = np.empty((count, len(positions)))
        for number in range(count):
            # Of a series of 0 with a 1 in every so many places, scipy gives the weight of the one in reach.
            comb = (np.arange(length) % count == number).astype(np.float64)
            found = ndimage.map_coordinates(comb, positions[np.newaxis], order=order, mode="nearest", prefilter=False)
            weights[(number - first) % count, each] = found
        return cls(first + np.arange(count)[:, np.newaxis], weights)


def _padded(shape: tuple[int, ...], part: Callable[[slice], Array]) -> tuple[Array, float, float]:
    """Repeat the outermost voxels, as ``numpy.pad`` does, in double precision; with the lowest and highest value."""
    whole: Array = np.empty([n + 2 * _PADDING for n in shape], np.float64)
    inner, first, last = slice(_PADDING, -_PADDING), slice(None, _PADDING), slice(-_PADDING, None)
    ranges: list[tuple[float, float]] = []

    def fill(rows: slice) -> None:
        voxels, planes = part(rows), whole[inner][rows]
        ranges.append((float(voxels.min()), float(voxels.max())))
        planes[:, inner, inner] = voxels
        planes[:, first], planes[:, last] = planes[:, _PADDING, None], planes[:, -_PADDING - 1, None]
        planes[:, :, first], planes[:, :, last] = planes[:, :, _PADDING, None], planes[:, :, -_PADDING - 1, None]

    in_threads(fill, slabs(shape))
    whole[first], whole[last] = whole[_PADDING], whole[-_PADDING - 1]
    return whole, min(low for low, _ in ranges), max(high for _, high in ranges)


def _filter(values: Array, order: int, axis: int) -> None:
    """Turn values into spline coefficients along one axis, in place; lines along it do not touch each other."""
    across = np.moveaxis(values, 0 if axis else 1, 0)

    def filter_planes(planes: slice) -> None:
        part = across[planes]
        ndimage.spline_filter1d(part, order, max(axis, 1), output=part, mode="nearest")

    in_threads(filter_planes, slabs(across.shape))
