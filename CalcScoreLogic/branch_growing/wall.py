"""The wall around a path: where the intensity falls most steeply along rays across it."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from ..images.geometry import Array
from .path import STEP_MM
from .region import DARK_WIDTHS, Region, voxel_centres

_RADII_MM = np.arange(0.75, 9.01, 0.25)
_ANGLES = np.arange(24) * (2 * np.pi / 24)
_SPREAD = 0.25
"""How far a single ray's edge may depart from the radius: twice this share of it, and the less likely the farther."""

_BEYOND_MM = 1.0
"""An edge may lie so far beyond the first dark place of a ray."""


def edges_of(region: Region, path: Array) -> Array:
    """Find the edge of the lumen in each direction across a path.

    Parameters
    ----------
    region : Region
        The part of the CTA.
    path : ndarray, shape (n, 3)
        Places along the branch in the region's frame, mm.

    Returns
    -------
    ndarray, shape (n, directions)
        Distance of the edge from the path, mm.
    """
    falls = _falls(region, path)
    strength = falls.mean(axis=1)
    strength[region.known_at(path)] = 0
    radius = _RADII_MM[_smoothest(ndimage.gaussian_filter1d(strength, 1.5 / STEP_MM, axis=0))]
    radius = ndimage.gaussian_filter1d(radius, 1.5 / STEP_MM, mode="nearest")
    off = (_RADII_MM - radius[:, None]) / (_SPREAD * radius[:, None])
    weighed = falls * np.where(np.abs(off) < 2, np.exp(-0.5 * off**2), 0)[:, None]
    edges = _RADII_MM[weighed.argmax(axis=2)]
    # Where the HU does not fall, the branch touches something as bright as itself.
    edges = np.where(weighed.max(axis=2) > 0.25 * weighed.max(axis=(1, 2))[:, None], edges, radius[:, None])
    # The directions go round: the last one is the first one's neighbour.
    turns = np.concatenate([edges[:, -2:], edges, edges[:, :2]], axis=1)
    return np.asarray(ndimage.gaussian_filter(ndimage.median_filter(turns, (5, 3)), 1)[:, 2:-2])


def centred(region: Region, path: Array) -> Array:
    """Move a path, shape (n, 3), mm, to the middle of the lumen's edges; gives another of the same shape."""
    edges = edges_of(region, path)
    _, first, second = _across(path)
    # The mean of the edges of a circle lies half as far off as its middle.
    aside = [2 * (edges * wave(_ANGLES)).mean(axis=1) for wave in (np.cos, np.sin)]
    most = edges.mean(axis=1) / 2
    known = region.known_at(path)
    shifts = [np.where(known, 0, np.clip(shift, -most, most))[:, None] for shift in aside]
    moved = ndimage.gaussian_filter1d(shifts[0] * first + shifts[1] * second, 1.0 / STEP_MM, axis=0)
    return np.asarray(path + moved)


def tube(region: Region, path: Array, edges: Array) -> Array:
    """Fill what lies inside the edges around a path, and in no known artery.

    Parameters
    ----------
    region : Region
        The part of the CTA.
    path : ndarray, shape (n, 3)
        Places along the branch in the region's frame, mm.
    edges : ndarray, shape (n, directions)
        What `edges_of` gives, mm.

    Returns
    -------
    ndarray of bool, shape (k, j, i) of the region
        The branch.
    """
    along, first, second = _across(path)
    centres = voxel_centres(region.hu.shape, region.spacing)
    apart, nearest = cKDTree(path).query(centres, distance_upper_bound=float(edges.max()) + STEP_MM)
    found = np.isfinite(apart) & ~region.known
    place = nearest[found]
    off = centres[found] - path[place]
    angle = np.arctan2((off * second[place]).sum(axis=1), (off * first[place]).sum(axis=1)) / _ANGLES[1]
    lower = np.floor(angle).astype(int)
    share, count = angle - lower, len(_ANGLES)
    edge = (1 - share) * edges[place, lower % count] + share * edges[place, (lower + 1) % count]
    # Both ends are flat.
    beyond = (off * along[place]).sum(axis=1)
    inside = (apart[found] <= edge) & ~((place == len(path) - 1) & (beyond > STEP_MM))
    inside &= ~((place == 0) & (beyond < -STEP_MM))
    tube = np.zeros(region.hu.shape, bool)
    tube[found] = inside
    labels, count = ndimage.label(tube)
    return np.asarray(labels == 1 + np.bincount(labels[tube])[1:].argmax()) if count > 1 else tube


def _across(path: Array) -> tuple[Array, Array, Array]:
    """Give the direction of a path at its places and two directions across, which turn as little as they can."""
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    first = np.empty_like(along)
    # The axis that the path runs along least; any direction would do that is not its own.
    first[0] = np.eye(3)[np.argmin(np.abs(along[0]))]
    for n, direction in enumerate(along):
        turned = first[max(n - 1, 0)]
        turned = turned - (turned @ direction) * direction
        first[n] = turned / np.linalg.norm(turned)
    return along, first, np.cross(along, first)


def _falls(region: Region, path: Array) -> Array:
    """Measure how steeply the HU falls along rays across a path, shape (places, directions, radii), HU/mm.

    Nothing counts beyond the place where a ray has left the lumen, or enters a known artery.
    """
    _, first, second = _across(path)
    rays = np.cos(_ANGLES)[:, None] * first[:, None] + np.sin(_ANGLES)[:, None] * second[:, None]
    step = _RADII_MM[1] - _RADII_MM[0]
    radii = np.concatenate([_RADII_MM[:1] - step, _RADII_MM, _RADII_MM[-1:] + step])
    places = path[:, None, None] + rays[:, :, None] * radii[:, None]
    hu = region.hu_at(places)
    falls = np.maximum(hu[..., :-2] - hu[..., 2:], 0) / (2 * step)
    lit = np.clip((hu - region.lumen_hu) / region.width_hu + DARK_WIDTHS + 1, 0, 1)
    lit[region.known_at(places)] = 0
    ahead = round(_BEYOND_MM / step)
    seen = np.pad(np.minimum.accumulate(lit, axis=2), ((0, 0), (0, 0), (ahead, 0)), constant_values=1)
    return np.asarray(falls * seen[..., 1 : 1 + falls.shape[2]])


def _smoothest(strength: Array) -> Array:
    """Choose a column in each row so that the sum is largest, neighbours at most one column apart (Viterbi)."""
    best, came = strength[0], np.zeros(strength.shape, int)
    columns = np.arange(strength.shape[1])
    for n in range(1, len(strength)):
        padded = np.pad(best, 1, constant_values=-np.inf)
        choices = np.stack([padded[:-2], padded[1:-1], padded[2:]])
        choice = np.array([1, 0, 2])[choices[[1, 0, 2]].argmax(axis=0)]
        came[n] = columns + choice - 1
        best = choices[choice, columns] + strength[n]
    path = [int(best.argmax())]
    for row in came[:0:-1]:
        path.append(int(row[path[-1]]))
    return np.array(path[::-1])
