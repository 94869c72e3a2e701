"""Centrelines of arteries from their voxels, and their continuation beyond the scan."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from ..images.geometry import Array

_DOWN, _BACK_TO_FRONT, _TO_LEFT, _TO_RIGHT = (0, -1), (1, -1), (2, 1), (2, -1)
_COURSE = {
    "coeliac": _BACK_TO_FRONT,
    "splenic": _TO_LEFT,
    "left_gastric": _TO_LEFT,
    "hepatic": _TO_RIGHT,
    "renal_left": _TO_LEFT,
    "renal_right": _TO_RIGHT,
}  # array axis along which the artery runs from its origin, and whether its index grows


def trace(voxels: dict[str, Array]) -> dict[str, Array]:
    """Trace the centreline of each artery, from its origin on.

    Parameters
    ----------
    voxels : dict of str to ndarray of bool, shape (k, j, i)
        Where each artery is; axes to superior, posterior and left.

    Returns
    -------
    dict of str to ndarray, shape (n, 3)
        Points (i, j, k) in voxels; arteries of fewer than four planes are left out.
    """
    courses = {}
    for name, mask in voxels.items():
        axis, direction = _COURSE.get(name, _DOWN)
        spots = np.argwhere(mask).astype(float)
        planes = np.unique(spots[:, axis])
        if len(planes) < 4:
            continue
        middle = np.array([spots[spots[:, axis] == plane].mean(axis=0) for plane in planes])[::direction]
        courses[name] = ndimage.gaussian_filter1d(middle, 2.5, axis=0, mode="nearest")[:, ::-1]
    return courses


def extend_down(course: Array, target: Array) -> Array:
    """Continue an artery (n, 3), mm, in a smooth bow from its lower end to a point."""
    end = course[-1]
    ahead = end - course[max(0, len(course) - 10)]
    ahead *= np.linalg.norm(target - end) / max(float(np.linalg.norm(ahead)), 1e-6)
    t = np.linspace(0, 1, max(3, round(float(np.linalg.norm(target - end)))))[1:, None]
    return np.vstack([course, (1 - t) ** 2 * end + 2 * t * (1 - t) * (end + 0.35 * ahead) + t**2 * target])


def resample(course: Array, step_mm: float) -> Array:
    """Lay points along a polyline (n, 3), mm, at even distances.

    Parameters
    ----------
    course : ndarray, shape (n, 3)
        Two points or more, mm.
    step_mm : float
        Distance between points, mm.

    Returns
    -------
    ndarray, shape (m, 3)
        First and last points are those of `course`, to within half a step.
    """
    travelled = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(course, axis=0), axis=1))])
    count = max(int(travelled[-1] / step_mm), 2)
    even = np.arange(count + 1) * (travelled[-1] / count)
    return np.stack([np.interp(even, travelled, course[:, axis]) for axis in range(3)], axis=1)
