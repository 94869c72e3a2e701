"""Parts of an array: the box that something lies in, and slabs to work on one after the other."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from .geometry import Array, Geometry

Box = tuple[slice, slice, slice]
"""Part of an array, axes (k, j, i)."""

SLAB_VOXELS = 2**21
"""Voxels that are worked on at once, so that nothing of the size of a CTA is made on the way."""


def nonzero_box(array: Array, padding: int = 0) -> Box | None:
    """Find the smallest box that holds every non-zero voxel.

    Parameters
    ----------
    array : ndarray, 3-D
        Any values.
    padding : int
        Voxels added on each side, as far as the array reaches.

    Returns
    -------
    tuple of slice or None
        One slice an axis, or None when all voxels are zero.
    """
    tight: list[slice] = []
    for axis in range(3):
        window = array[tuple(tight)]
        filled = np.flatnonzero(window.any(axis=tuple(a for a in range(3) if a != axis)))
        if not filled.size:
            return None
        tight.append(slice(int(filled[0]), int(filled[-1]) + 1))
    return pad_box((tight[0], tight[1], tight[2]), padding, array.shape)


def joint_box(boxes: Iterable[Box | None]) -> Box | None:
    """Give the smallest box that holds those of some boxes that there are; None where there is none."""
    axes = zip(*(box for box in boxes if box is not None), strict=True)
    spans = [slice(min(part.start for part in axis), max(part.stop for part in axis)) for axis in axes]
    return (spans[0], spans[1], spans[2]) if spans else None


def pad_box(box: Box, padding: int, shape: tuple[int, ...]) -> Box:
    """Widen a box by `padding` voxels on each side, as far as an array of `shape` reaches."""
    widened = [slice(max(s.start - padding, 0), min(s.stop + padding, n)) for s, n in zip(box, shape, strict=True)]
    return widened[0], widened[1], widened[2]


def moved_box(box: Box, steps: Sequence[int]) -> Box:
    """Move a box by so many voxels, (k, j, i)."""
    moved = [slice(int(s.start + n), int(s.stop + n)) for s, n in zip(box, steps, strict=True)]
    return moved[0], moved[1], moved[2]


def start_of(box: Box) -> tuple[int, int, int]:
    """Give the first voxel of a box, (k, j, i)."""
    return box[0].start, box[1].start, box[2].start


def shape_of(box: Box) -> tuple[int, int, int]:
    """Give the number of voxels of a box along its axes, (k, j, i)."""
    return box[0].stop - box[0].start, box[1].stop - box[1].start, box[2].stop - box[2].start


def slabs(shape: Sequence[int]) -> Iterator[slice]:
    """Cut the first axis of an array of `shape` into slabs of `SLAB_VOXELS`, of one plane at least."""
    thickness = max(1, SLAB_VOXELS // max(1, math.prod(shape[1:])))
    return (slice(low, low + thickness) for low in range(0, shape[0], thickness))


def part_of(geometry: Geometry, box: Box) -> Geometry:
    """Give the grid of a box of a volume that lies on a grid."""
    x, y, z = (float(value) for value in geometry.to_physical(start_of(box)[::-1]))
    depth, height, width = shape_of(box)
    return Geometry((width, height, depth), geometry.spacing, (x, y, z), geometry.direction)
