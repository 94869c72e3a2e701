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
    for n, count in zip(shape, counts, strict=True):  # each turn takes the first axis and puts it last
        field = np.tensordot(field, _linear_weights(n, count), axes=(0, 0))
    return np.asarray(field)


def _linear_weights(n: int, count: int) -> Array:
    at = np.linspace(0, count - 1.001, n)
    low = at.astype(int)
    weights = np.zeros((count, n), np.float32)
    weights[low, np.arange(n)] = 1 - (at - low)
    weights[low + 1, np.arange(n)] = at - low
    return weights


def field_at(rng: np.random.Generator, shape: Sequence[int], cell: float, voxels: Array) -> Array:
    """Draw a field as `low_field` does and give its values at some flat positions (n,) of the grid alone."""
    counts = [int(n / cell) + 2 for n in shape]
    nodes = rng.standard_normal(counts, dtype=np.float32)
    index = np.unravel_index(voxels, tuple(shape))
    low = [(axis / cell).astype(np.int32) for axis in index]
    part = [(axis / cell - base).astype(np.float32) for axis, base in zip(index, low, strict=True)]
    total = np.zeros(len(voxels), np.float32)
    for corner in range(8):
        at = [base + (corner >> axis & 1) for axis, base in enumerate(low)]
        share = [p if corner >> axis & 1 else 1 - p for axis, p in enumerate(part)]
        total += nodes[at[0], at[1], at[2]] * share[0] * share[1] * share[2]
    return total


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
        z, y, x = (np.arange(a, b) - c for a, b, c in zip(low, high, point[::-1], strict=True))
        ball = (z * z)[:, None, None] + (y * y)[:, None] + x * x <= radius * radius
        block = field[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
        if only is not None:
            ball &= only[block]
        block[ball] = value


def wander(rng: np.random.Generator, start: Array, count: int, curl: float, step: float = 1.0) -> Array:
    """Walk from a point with a slowly turning direction; give the points (count, 3)."""
    headings = rng.standard_normal(3) + np.cumsum(curl * 1.7 * rng.standard_normal((count, 3)), axis=0)
    headings /= np.linalg.norm(headings, axis=1, keepdims=True)
    return np.asarray(start + step * np.cumsum(headings, axis=0))


def places(field: Array, labels: Array, every: int) -> Array:
    """Give the points (x, y, z), voxels, whose label a table (256,) holds; only each so many along an axis are seen."""
    return np.argwhere(labels[field[::every, ::every, ::every]])[:, ::-1] * float(every)


def among(*labels: int) -> Array:
    """Give a table (256,) that is true for some labels."""
    table = np.zeros(256, bool)
    table[list(labels)] = True
    return table
