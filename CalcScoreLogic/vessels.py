"""Tell the single vessels of a territory apart: left and right, coeliac and superior mesenteric.

Works in patient coordinates on the shortened map. Where the anatomy does not allow an answer, none is
given: the five territory rows never depend on this module.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from .anatomy import VESSELS_OF, Territory, Vessel
from .geometry import Array, nonzero_box

_ANY_NEIGHBOUR = ndimage.generate_binary_structure(3, 3)

ONE_SIDED = 0.75
"""A piece lies on the side of the aorta that holds at least this share of it."""

ORIGIN_REACH_MM = 2.5
"""Voxels of a branch at most this far from the aorta belong to its origin."""

MINOR_SHARE = 0.1
"""Pieces smaller than this share of their whole do not make a vessel of their own."""

MIDLINE_WINDOW_MM = 11.0
"""Length of aorta over which its centre is averaged; a slice at the bifurcation alone is lopsided."""


def separate_vessels(territories: Array, spacing_mm: Sequence[float]) -> tuple[Array, tuple[Territory, ...]]:
    """Assign the voxels of the side territories to single vessels.

    Parameters
    ----------
    territories : ndarray, shape (z, y, x)
        Shortened territory map in canonical storage (x to Left, y to Posterior, z to Superior).
    spacing_mm : sequence of float
        Spacing along (z, y, x), mm.

    Returns
    -------
    vessel_map : ndarray of uint8, shape (z, y, x)
        1 + the position in `anatomy.Vessel`; 0 where no vessel is told.
    untold : tuple of Territory
        Territories that have voxels but whose vessels could not be told apart.

    Notes
    -----
    Iliac and renal arteries go by the side of the aorta on which a connected piece lies. A piece on both
    sides (iliacs that touch at the bifurcation) is cut back from the aorta until it falls into a left and
    a right part, and the rest goes to the nearer one. The coeliac trunk is the mesenteric branch with the
    highest origin on the aorta, the superior mesenteric artery the one with the lowest.
    """
    vessel_map = np.zeros(territories.shape, np.uint8)
    untold = []
    spacing = np.asarray(spacing_mm, dtype=float)
    aorta = territories == Territory.AORTA
    for territory, pair in VESSELS_OF.items():
        box = nonzero_box(territories == territory, padding=int(np.ceil(ORIGIN_REACH_MM / spacing.min())) + 1)
        if box is None:
            continue
        mask = territories[box] == territory
        sides = None
        if aorta[box].any():
            if territory is Territory.MESENTERIC:
                sides = _by_origin(mask, aorta[box], spacing)
            else:
                sides = _by_side(mask, aorta[box], _midline(aorta, spacing[0])[box[0]] - box[2].start, spacing)
        if sides is None:
            untold.append(territory)
            continue
        numbers = np.array([0, *(list(Vessel).index(vessel) + 1 for vessel in pair)], np.uint8)
        vessel_map[box][mask] = numbers[sides[mask]]
    return vessel_map, tuple(untold)


def _midline(aorta: Array, slice_mm: float) -> Array:
    """Mean x index of the aorta around each slice; slices without one take the nearest."""
    counts = aorta.sum(axis=(1, 2), dtype=float)
    sums = aorta.sum(axis=1, dtype=float) @ np.arange(aorta.shape[2])
    window = np.ones(2 * max(int(MIDLINE_WINDOW_MM / 2 / slice_mm), 0) + 1)
    counts, sums = (ndimage.convolve1d(values, window, mode="constant") for values in (counts, sums))
    filled = np.flatnonzero(counts > 0.5)
    nearest = filled[np.abs(np.arange(len(counts))[:, None] - filled).argmin(axis=1)]
    return np.asarray(sums[nearest] / counts[nearest])


class _Piece(NamedTuple):
    """A connected piece: its number, its voxels' indices (n, 3), and the share left of the aorta."""

    number: int
    voxels: Array
    left_share: float


def _pieces(mask: Array, midline: Array) -> tuple[Array, list[_Piece]]:
    """Label the connected pieces of a mask (any neighbour: thick slices must not break a vessel)."""
    labels, count = ndimage.label(mask, _ANY_NEIGHBOUR)
    voxels = np.argwhere(labels)
    numbers = labels[tuple(voxels.T)]
    pieces = []
    for number in range(1, count + 1):
        own = voxels[numbers == number]
        offset = own[:, 2] - midline[own[:, 0]]
        pieces.append(_Piece(number, own, float(np.mean(offset > 0) + 0.5 * np.mean(offset == 0))))
    return labels, pieces


def _by_side(mask: Array, aorta: Array, midline: Array, spacing: Array) -> Array | None:
    """Give 1 to voxels of the left vessel and 2 to those of the right; None: cannot be told."""
    sides = np.zeros(mask.shape, np.uint8)
    labels, pieces = _pieces(mask, midline)
    from_aorta = None
    for piece in pieces:
        at = tuple(piece.voxels.T)
        if piece.left_share >= ONE_SIDED or piece.left_share <= 1 - ONE_SIDED:
            sides[at] = 1 if piece.left_share > 0.5 else 2
            continue
        if len(piece.voxels) < MINOR_SHARE * mask.sum():
            sides[at] = np.where(piece.voxels[:, 2] > midline[piece.voxels[:, 0]], 1, 2)
            continue
        if from_aorta is None:
            from_aorta = ndimage.distance_transform_edt(~aorta, sampling=spacing)
        seeds = _part_from_aorta(labels == piece.number, from_aorta, midline, 2 * float(spacing.min()))
        if seeds is None:
            return None
        sides[at] = _nearest(seeds, spacing)[at]
    return sides


def _part_from_aorta(piece: Array, from_aorta: Array, midline: Array, step_mm: float) -> Array | None:
    """Cut a piece back from the aorta until it falls into a left part (1) and a right part (2)."""
    total = np.count_nonzero(piece)
    for cut_mm in np.arange(step_mm, float(from_aorta[piece].max()), step_mm):
        labels, parts = _pieces(piece & (from_aorta > cut_mm), midline)
        large = [p for p in parts if len(p.voxels) >= MINOR_SHARE * total]
        left = [p.number for p in large if p.left_share >= ONE_SIDED]
        right = [p.number for p in large if p.left_share <= 1 - ONE_SIDED]
        if left and right and len(left) + len(right) == len(large):
            return np.asarray(np.isin(labels, left) + 2 * np.isin(labels, right), dtype=np.uint8)
    return None


def _by_origin(mask: Array, aorta: Array, spacing: Array) -> Array | None:
    """Give 1 to voxels of the upper vessel and 2 to those of the lower; None: cannot be told."""
    reach = max(ORIGIN_REACH_MM, 1.01 * float(spacing.max()))
    near = mask & (ndimage.distance_transform_edt(~aorta, sampling=spacing) <= reach)
    labels, _ = ndimage.label(near, _ANY_NEIGHBOUR)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    origins = np.flatnonzero(sizes >= max(2 * MINOR_SHARE * sizes.max(), 1))
    if len(origins) < 2:
        return None
    heights = np.array([np.argwhere(labels == o)[:, 0].mean() for o in origins])
    upper = np.abs(heights - heights.max()) <= np.abs(heights - heights.min())
    seeds = np.zeros(mask.shape, np.uint8)
    for origin, is_upper in zip(origins, upper, strict=True):
        seeds[labels == origin] = 1 if is_upper else 2
    # A piece with origins of one vessel only is that vessel, however close the other one passes.
    whole, count = ndimage.label(mask, _ANY_NEIGHBOUR)
    sides = np.where(mask, _nearest(seeds, spacing), 0)
    for number in range(1, count + 1):
        own = whole == number
        present = np.unique(seeds[own & (seeds > 0)])
        if len(present) == 1:
            sides[own] = present[0]
    return sides


def _nearest(seeds: Array, spacing: Array) -> Array:
    """Give every voxel the value of the nearest seed (Euclidean, mm)."""
    index = ndimage.distance_transform_edt(seeds == 0, sampling=spacing, return_distances=False, return_indices=True)
    return np.asarray(seeds[tuple(index)])
