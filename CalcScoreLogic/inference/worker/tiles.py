"""Which tiles of nnU-Net's sliding window matter, and which voxels they label as the full run does.

A voxel's logits are the weighted mean over the tiles that hold it, and nothing else: where all of these
tiles are run, in their order, the logits are those of the full run to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from scipy import ndimage

from ...images.boxes import nonzero_box
from ...images.coverage import Coverage
from ...images.geometry import Array
from .interpolation import neighbours, positions

Slices = tuple[slice, ...]


@dataclass(frozen=True)
class GridMatch:
    """How nnU-Net's grid of a case lies on the CTA's.

    Attributes
    ----------
    cta_shape : tuple of int
        Voxels of the CTA along its array axes (k, j, i).
    forward : tuple of int
        CTA axis behind each model axis.
    crop : tuple of (int, int)
        First voxel and end of what nnU-Net kept of the CTA, along the model's axes.
    model_shape : tuple of int
        Voxels of the model's grid.
    """

    cta_shape: tuple[int, ...]
    forward: tuple[int, ...]
    crop: tuple[tuple[int, int], ...]
    model_shape: tuple[int, ...]

    @classmethod
    def of(cls, properties: dict[str, Any], forward: Sequence[int], model_shape: Sequence[int]) -> GridMatch:
        """Read it from what nnU-Net's preprocessing tells of a case."""
        whole = properties["shape_before_cropping"]
        cta_shape = [0] * 3
        for axis, n in zip(forward, whole, strict=True):
            cta_shape[axis] = int(n)
        crop = tuple((int(low), int(high)) for low, high in properties["bbox_used_for_cropping"])
        return cls(tuple(cta_shape), tuple(forward), crop, tuple(model_shape))

    def of_model(self, forward: Sequence[int], shape_of: Callable[[list[int]], Sequence[int]]) -> GridMatch:
        """Give the match of the same CTA with the grid of another model.

        Parameters
        ----------
        forward : sequence of int
            CTA axis behind each axis of the other model.
        shape_of : callable
            Gives the shape of the other model's grid for the shape of what nnU-Net keeps of the CTA.

        Returns
        -------
        GridMatch
            The match.
        """
        spans = dict(zip(self.forward, self.crop, strict=True))
        crop = tuple(spans[axis] for axis in forward)
        shape = shape_of([high - low for low, high in crop])
        return GridMatch(self.cta_shape, tuple(forward), crop, tuple(int(n) for n in shape))

    def neighbours(self, axis: int) -> tuple[Array, Array]:
        """Give the model voxels that linear interpolation takes for each kept CTA voxel along a model axis.

        Parameters
        ----------
        axis : int
            Axis of the model's grid.

        Returns
        -------
        lower, upper : ndarray of int, shape (voxels kept,)
            One and the same where it alone has weight.
        """
        low, high = self.crop[axis]
        return neighbours(positions(self.model_shape[axis], high - low), self.model_shape[axis])

    def to_model(self, mask: Array) -> Array:
        """Give the model voxels that the labels of some CTA voxels are interpolated from.

        Parameters
        ----------
        mask : ndarray of bool, shape (k, j, i)
            CTA voxels.

        Returns
        -------
        ndarray of bool, shape of the model's grid
            The voxels.
        """
        kept = mask.transpose(self.forward)[tuple(slice(*span) for span in self.crop)]
        # Along one axis numpy finds them several times as fast.
        where = np.unravel_index(np.flatnonzero(kept), kept.shape)
        found = np.zeros(self.model_shape, bool)
        pairs = [self.neighbours(axis) for axis in range(3)]
        for sides in product((0, 1), repeat=3):
            found[tuple(pair[side][at] for pair, side, at in zip(pairs, sides, where, strict=True))] = True
        return found


@dataclass(frozen=True, eq=False)
class Tiles:
    """The tiles of a sliding window that are run.

    Attributes
    ----------
    starts : tuple of ndarrays of int
        First voxel of the tiles along each axis of the padded grid.
    patch : tuple of int
        Voxels of a tile.
    chosen : ndarray of bool, shape (tiles along each axis)
        Which are run.
    """

    starts: tuple[Array, ...]
    patch: tuple[int, ...]
    chosen: Array

    @classmethod
    def every(cls, starts: Sequence[Sequence[int]], patch: Sequence[int]) -> Tiles:
        """Choose all tiles."""
        axes = tuple(np.array(along, dtype=np.intp) for along in starts)
        return cls(axes, tuple(patch), np.ones([len(along) for along in axes], bool))

    def reaching(self, wanted: Array, padding: Sequence[int]) -> Tiles:
        """Choose the tiles that hold at least one of some voxels.

        Parameters
        ----------
        wanted : ndarray of bool
            Voxels of the model's grid.
        padding : sequence of int
            Voxels that were added before the grid's first along each axis.

        Returns
        -------
        Tiles
            Those tiles.
        """
        chosen = np.zeros_like(self.chosen)
        box = nonzero_box(wanted)
        if box is None:
            return Tiles(self.starts, self.patch, chosen)
        tight = wanted[box]
        first = [span.start + before for span, before in zip(box, padding, strict=True)]
        for index in np.ndindex(*chosen.shape):
            corner = [int(along[i]) - f for along, i, f in zip(self.starts, index, first, strict=True)]
            window = tuple(slice(max(at, 0), max(at + p, 0)) for at, p in zip(corner, self.patch, strict=True))
            chosen[index] = tight[window].any()
        return Tiles(self.starts, self.patch, chosen)

    def also(self, others: Tiles) -> Tiles:
        """Choose other tiles of the same window too."""
        return Tiles(self.starts, self.patch, self.chosen | others.chosen)

    @property
    def count(self) -> int:
        """Number of tiles that are run."""
        return int(np.count_nonzero(self.chosen))

    @property
    def total(self) -> int:
        """Number of tiles of the full run."""
        return int(self.chosen.size)

    def box(self) -> Slices:
        """Give the smallest box of the padded grid that holds all tiles that are run; there must be one."""
        spans = []
        for indices, along, patch in zip(np.nonzero(self.chosen), self.starts, self.patch, strict=True):
            spans.append(slice(int(along[indices.min()]), int(along[indices.max()]) + patch))
        return tuple(spans)

    def windows(self) -> list[Slices]:
        """Give the tiles that are run in nnU-Net's order, as indices (all channels, z, y, x) into `box`."""
        corner = [span.start for span in self.box()]
        return [
            (
                slice(None),
                *(
                    slice(int(along[i]) - first, int(along[i]) - first + patch)
                    for along, i, first, patch in zip(self.starts, index, corner, self.patch, strict=True)
                ),
            )
            for index in np.argwhere(self.chosen)
        ]

    def complete_cells(self) -> tuple[list[Array], Array]:
        """Find where every tile of the full run is run.

        Returns
        -------
        borders : list of ndarray of int
            Along each axis of the padded grid: the first voxel of every cell, and the grid's end.
        cells : ndarray of bool
            Cells that no left-out tile holds.
        """
        borders = [
            np.unique(np.concatenate([along, along + patch]))
            for along, patch in zip(self.starts, self.patch, strict=True)
        ]
        cells = np.ones([len(border) - 1 for border in borders], bool)
        for index in np.argwhere(~self.chosen):
            spans = []
            for border, along, i, patch in zip(borders, self.starts, index, self.patch, strict=True):
                first, last = np.searchsorted(border, (along[i], along[i] + patch))
                spans.append(slice(first, last))
            cells[tuple(spans)] = False
        return borders, cells


def coverage(tiles: Tiles, padding: Sequence[int], match: GridMatch, origin: Sequence[float]) -> Coverage:
    """Find the CTA voxels whose labels are those of the full run.

    Parameters
    ----------
    tiles : Tiles
        The tiles that are run.
    padding : sequence of int
        Voxels that were added before the model grid's first along each axis.
    match : GridMatch
        The two grids.
    origin : sequence of float
        Centre of the CTA's first voxel, LPS mm.

    Returns
    -------
    Coverage
        In the CTA's voxels. What nnU-Net crops away is background for certain, so it counts as labelled.
    """
    model_borders, model_cells = tiles.complete_cells()
    borders: list[Array] = []
    classes: list[tuple[Array, Array]] = []
    for axis in range(3):
        pair = [
            np.searchsorted(model_borders[axis], at + padding[axis], side="right") - 1 for at in match.neighbours(axis)
        ]
        low, high = match.crop[axis]
        length = match.cta_shape[match.forward[axis]]
        cropped = np.full((2, length), -1)
        cropped[:, low:high] = pair
        # Voxels with the same pair of cells behave alike: a few hundred classes stand for all of them.
        first = np.flatnonzero(np.r_[True, (np.diff(cropped) != 0).any(axis=0)])
        borders.append(np.r_[first, length])
        classes.append((cropped[0, first], cropped[1, first]))
    cells = np.ones([len(lower) for lower, _ in classes], bool)
    for sides in product((0, 1), repeat=3):
        # A label is interpolated from up to eight model voxels: it is the full run's where all of them are.
        cells &= model_cells[np.ix_(*(pair[side] for pair, side in zip(classes, sides, strict=True)))]
    for axis, (lower, _) in enumerate(classes):
        away = [slice(None)] * 3
        away[axis] = lower < 0  # type: ignore[call-overload]
        cells[tuple(away)] = True
    backward = np.argsort(match.forward)
    return Coverage(tuple(origin), [borders[axis] for axis in backward], cells.transpose(backward))


def widened(mask: Array, spacing_mm: Sequence[float], margin_mm: float) -> Array:
    """Widen a mask by a box.

    Parameters
    ----------
    mask : ndarray of bool
        Voxels.
    spacing_mm : sequence of float
        Voxel size along the array's axes.
    margin_mm : float
        How far to all sides, at least.

    Returns
    -------
    ndarray of bool
        The wider mask.
    """
    steps = [int(np.ceil(margin_mm / s)) for s in spacing_mm]
    box = nonzero_box(mask)
    wide = np.zeros_like(mask)
    if box is None:
        return wide
    box = tuple(  # type: ignore[assignment]
        slice(max(span.start - step, 0), min(span.stop + step, n))
        for span, step, n in zip(box, steps, mask.shape, strict=True)
    )
    inner = mask[box].view(np.uint8)
    for axis, step in enumerate(steps):
        # A box is separable: three passes, whatever the margin.
        inner = ndimage.maximum_filter1d(inner, 2 * step + 1, axis, mode="constant")
    wide[box] = inner.view(bool)
    return wide
