"""Tell the single vessels of a territory apart: left and right, coeliac and superior mesenteric.

Works in patient coordinates on the shortened map. Where the anatomy does not allow an answer, none is
given: the five territory rows never depend on this module.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from .anatomy import VESSELS_OF, Territory
from .images.boxes import nonzero_box
from .images.geometry import Array

_ANY_NEIGHBOUR = ndimage.generate_binary_structure(3, 3)

ONE_SIDED = 0.75
"""A piece lies on the side of the aorta that holds at least this share of it."""

ORIGIN_REACH_MM = 2.5
"""Voxels of a branch at most this far from the aorta belong to its origin."""

TOUCHING_MM = 10.0
"""Origins that touch part within this distance from the aorta; a longer common trunk is one vessel."""

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
    highest origin on the aorta, the superior mesenteric artery the one with the lowest; where their origins touch they
    are cut back in the same way, until one part lies above another that descends.
    """
    vessel_map = np.zeros(territories.shape, np.uint8)
    untold = []
    spacing = np.asarray(spacing_mm, dtype=float)
    aorta = territories == Territory.AORTA
    for territory, pair in VESSELS_OF.items():
        mask = territories == territory
        box = nonzero_box(mask, padding=int(np.ceil(ORIGIN_REACH_MM / spacing.min())) + 1)
        if box is None:
            continue
        corner = np.array([span.start for span in box])
        voxels = np.argwhere(mask[box]) + corner
        surface = _surface(aorta[box]) + corner
        sides = None
        if len(surface):
            if territory is Territory.MESENTERIC:
                sides = _by_origin(voxels, surface, spacing)
            else:
                sides = _by_side(voxels, surface, _midline(aorta, spacing[0]), spacing)
        if sides is None:
            untold.append(territory)
            continue
        numbers = np.array([vessel.number for vessel in pair], np.uint8)
        vessel_map[tuple(voxels.T)] = numbers[sides]
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


def _surface(mask: Array) -> Array:
    """Give the voxels (n, 3) of a mask that have a neighbour outside: the nearest one is always among them."""
    return np.argwhere(mask & ~ndimage.binary_erosion(mask))


def _pieces(voxels: Array) -> list[Array]:
    """Give the indices of the voxels of each connected piece (any neighbour: thick slices must not break a vessel)."""
    corner = voxels.min(axis=0)
    at = tuple((voxels - corner).T)
    grid = np.zeros(voxels.max(axis=0) - corner + 1, bool)
    grid[at] = True
    numbers = ndimage.label(grid, _ANY_NEIGHBOUR)[0][at]
    return np.split(np.argsort(numbers, kind="stable"), np.cumsum(np.bincount(numbers)[1:])[:-1])


def _left_share(voxels: Array, midline: Array) -> float:
    """Share of voxels left of the aorta."""
    offset = voxels[:, 2] - midline[voxels[:, 0]]
    # What lies on the midline counts half to either side, so that mirroring the image mirrors the share.
    return float(np.mean(offset > 0) + 0.5 * np.mean(offset == 0))


def _by_side(voxels: Array, aorta: Array, midline: Array, spacing: Array) -> Array | None:
    """Give 0 to voxels of the left vessel and 1 to those of the right; None: cannot be told."""
    sides = np.zeros(len(voxels), np.uint8)
    for own in _pieces(voxels):
        piece = voxels[own]
        share = _left_share(piece, midline)
        if share >= ONE_SIDED or share <= 1 - ONE_SIDED:
            sides[own] = share < 0.5
        elif len(own) < MINOR_SHARE * len(voxels):
            sides[own] = piece[:, 2] <= midline[piece[:, 0]]
        else:
            parts = _parts_from_aorta(piece, _distances(piece, aorta, spacing), midline, 2 * float(spacing.min()))
            if parts is None:
                return None
            sides[own] = _nearer_to_second(piece, *parts, spacing)
    return sides


def _parts_from_aorta(piece: Array, from_aorta: Array, midline: Array, step_mm: float) -> tuple[Array, Array] | None:
    """Cut a piece back from the aorta until it falls into a left part and a right part; give their voxels."""
    for cut_mm in np.arange(step_mm, float(from_aorta.max()), step_mm):
        beyond = piece[from_aorta > cut_mm]
        large = [beyond[own] for own in _pieces(beyond) if len(own) >= MINOR_SHARE * len(piece)]
        shares = [_left_share(part, midline) for part in large]
        left = [part for part, share in zip(large, shares, strict=True) if share >= ONE_SIDED]
        right = [part for part, share in zip(large, shares, strict=True) if share <= 1 - ONE_SIDED]
        if left and right and len(left) + len(right) == len(large):
            return np.concatenate(left), np.concatenate(right)
    return None


def _by_origin(voxels: Array, aorta: Array, spacing: Array) -> Array | None:
    """Give 0 to voxels of the upper vessel and 1 to those of the lower; None: cannot be told."""
    from_aorta = _distances(voxels, aorta, spacing)
    near = voxels[from_aorta <= max(ORIGIN_REACH_MM, 1.01 * float(spacing.max()))]
    origins = [near[own] for own in _pieces(near)] if len(near) else []
    largest = max(map(len, origins), default=0)
    origins = [origin for origin in origins if len(origin) >= 2 * MINOR_SHARE * largest]
    parts = _upper_and_lower(origins, origins) if len(origins) > 1 else _parted(voxels, from_aorta, spacing)
    if parts is None:
        return None
    upper, lower = parts
    sides = _nearer_to_second(voxels, upper, lower, spacing)
    # A piece with origins of one vessel only is that vessel, however close the other one passes.
    from_upper, from_lower = (_among(voxels, origin) for origin in (upper, lower))
    for own in _pieces(voxels):
        present = (from_upper[own].any(), from_lower[own].any())
        if present[0] != present[1]:
            sides[own] = present[1]
    return sides


def _upper_and_lower(parts: list[Array], bases: list[Array]) -> tuple[Array, Array] | None:
    """Put parts together by whether their bases lie nearer to the highest or to the lowest one's height."""
    heights = np.array([base[:, 0].mean() for base in bases])
    if heights.max() == heights.min():
        return None
    is_upper = np.abs(heights - heights.max()) <= np.abs(heights - heights.min())
    upper, lower = (
        np.concatenate([part for part, wanted in zip(parts, chosen, strict=True) if wanted])
        for chosen in (is_upper, ~is_upper)
    )
    return upper, lower


def _parted(voxels: Array, from_aorta: Array, spacing: Array) -> tuple[Array, Array] | None:
    """Cut touching origins back from the aorta until one part lies above another that descends; None: they do not."""
    step = 2 * float(spacing.min())
    farthest = max(TOUCHING_MM, 2 * float(spacing.max()))
    for cut_mm in np.arange(step, farthest + step / 2, step):
        left = from_aorta > cut_mm
        beyond, reach = voxels[left], from_aorta[left]
        large = [own for own in _pieces(beyond) if len(own) >= MINOR_SHARE * len(voxels)] if left.any() else []
        if len(large) < 2:
            continue
        base_mm = cut_mm + max(ORIGIN_REACH_MM, 1.01 * float(spacing.max()))
        parts = [beyond[own] for own in large]
        bases = [beyond[own[reach[own] <= base_mm]] for own in large]
        if not all(map(len, bases)):
            continue
        centres = sorted(((base.mean(axis=0) * spacing).tolist(), n) for n, base in enumerate(bases))
        (low, lowest), (high, _) = centres[0], centres[-1]
        # A coeliac trunk forks sideways, and neither of its branches runs down the aorta.
        descends = float(parts[lowest][:, 0].mean() * spacing[0]) < low[0]
        if descends and high[0] - low[0] > abs(high[2] - low[2]):
            return _upper_and_lower(parts, bases)
    return None


def _among(voxels: Array, some: Array) -> Array:
    """Tell which voxels are among some others."""
    shape = np.maximum(voxels.max(axis=0), some.max(axis=0)) + 1
    return np.isin(np.ravel_multi_index(tuple(voxels.T), shape), np.ravel_multi_index(tuple(some.T), shape))


def _distances(voxels: Array, targets: Array, spacing: Array) -> Array:
    """Measure how far each voxel is from the nearest target, mm."""
    return np.asarray(cKDTree(targets * spacing).query(voxels * spacing)[0])


def _nearer_to_second(voxels: Array, first: Array, second: Array, spacing: Array) -> Array:
    """Give 1 to voxels that are nearer to the second than to the first targets (Euclidean), 0 to others."""
    return (_distances(voxels, second, spacing) < _distances(voxels, first, spacing)).astype(np.uint8)
