"""Random fields and small drawing tools on voxel grids."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from ..images.geometry import Array


def low_field(rng: np.random.Generator, shape: Sequence[int], cell: float | Array) -> Array:
    """Draw a smooth random field.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    shape : sequence of int
        Shape (k, j, i) of the result.
    cell : float or ndarray, shape (3,)
        Distance between the random nodes, voxels.

    Returns
    -------
    ndarray of float32, shape (k, j, i)
        Linear between nodes of standard deviation 1.
    """
    cells = np.broadcast_to(np.asarray(cell, float), (3,))
    counts = [max(2, int(n / c) + 2) for n, c in zip(shape, cells, strict=True)]
    field = rng.standard_normal(counts, dtype=np.float32)
    for axis, n in enumerate(shape):
        at = np.linspace(0, counts[axis] - 1.001, n)
        low = at.astype(int)
        weight = (at - low).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
        field = np.take(field, low, axis=axis) * (1 - weight) + np.take(field, low + 1, axis=axis) * weight
    return field


def smooth_noise(rng: np.random.Generator, count: int, width: float, columns: int = 3) -> Array:
    """Draw smooth random curves (count, columns) of standard deviation 1 that vary over `width` samples."""
    padding = int(4 * width) + 1
    curve = ndimage.gaussian_filter1d(rng.standard_normal((count + 2 * padding, columns)), width, axis=0)
    return np.asarray(curve[padding : padding + count] * np.sqrt(2 * np.sqrt(np.pi) * width))


def stamp(field: Array, points: Array, radii: Array, value: int, only: Array | None = None, every: int = 1) -> None:
    """Paint balls into a label field.

    Parameters
    ----------
    field : ndarray of uint8, shape (k, j, i)
        Painted in place.
    points : ndarray, shape (n, 3)
        Centres (x, y, z), voxels.
    radii : ndarray, shape (n,)
        Voxels.
    value : int
        What is painted.
    only : ndarray of bool, shape (256,), optional
        Labels that may be painted over; all without it.
    every : int
        Paint only each so many balls.
    """
    for point, radius in zip(points[::every], radii[::every], strict=True):
        low = np.maximum(np.ceil(point[::-1] - radius), 0).astype(int)
        high = np.minimum(np.floor(point[::-1] + radius) + 1, field.shape).astype(int)
        if (high <= low).any():
            continue
        z, y, x = np.ogrid[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
        ball = (z - point[2]) ** 2 + (y - point[1]) ** 2 + (x - point[0]) ** 2 <= radius**2
        block = field[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
        if only is not None:
            ball &= only[block]
        block[ball] = value


def wander(rng: np.random.Generator, start: Array, count: int, curl: float, step: float = 1.0) -> Array:
    """Walk from a point with a slowly turning direction; give the points (count, 3)."""
    headings = rng.standard_normal(3) + np.cumsum(curl * 1.7 * rng.standard_normal((count, 3)), axis=0)
    headings /= np.linalg.norm(headings, axis=1, keepdims=True)
    return np.asarray(start + step * np.cumsum(headings, axis=0))


def among(*labels: int) -> Array:
    """Give a table (256,) that is true for some labels."""
    table = np.zeros(256, bool)
    table[list(labels)] = True
    return table
