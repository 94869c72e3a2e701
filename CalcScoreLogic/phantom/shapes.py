"""Solid shapes in millimetres, and the canvas that turns them into voxels.

Everything in this package lies in one body frame: x grows to the patient's Left, y to Posterior, z to
Superior; x = 0 is the midline, y = 0 the middle of the body, z = 0 the aortic bifurcation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from ..images.geometry import Array

AIR_HU = -1000.0

Box = tuple[Array, Array]
"""Lowest and highest corner, each of shape (3,), mm, in the order (x, y, z)."""


class Shape(Protocol):
    """A solid that knows where it is."""

    def box(self) -> Box:
        """Give a box that holds the whole shape."""
        ...

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """Give the signed distance (mm, negative inside) on coordinates that broadcast to (k, j, i)."""
        ...


class Layer(NamedTuple):
    """One shape filled with one intensity; later layers cover earlier ones."""

    shape: Shape
    hu: float


@dataclass(frozen=True, eq=False)
class Ellipsoid:
    """A solid ellipsoid.

    Parameters
    ----------
    centre, semi_axes : ndarray, shape (3,)
        Middle and half lengths, mm.
    rotation : ndarray, shape (3, 3)
        Its rows are the ellipsoid's own axes.
    """

    centre: Array
    semi_axes: Array
    rotation: Array

    def box(self) -> Box:
        """Give the smallest upright box around the ellipsoid."""
        reach = np.linalg.norm(self.rotation * self.semi_axes[:, None], axis=0)
        return self.centre - reach, self.centre + reach

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """Give the signed distance, exact on the surface and to first order around it."""
        relative = [c - np.float32(m) for c, m in zip((x, y, z), self.centre, strict=True)]
        level: Array = np.zeros((), dtype=np.float32)
        slope: Array = np.zeros((), dtype=np.float32)
        for axis, semi in zip(self.rotation.astype(np.float32), self.semi_axes.astype(np.float32), strict=True):
            own = sum(r * a for r, a in zip(relative, axis, strict=True) if a) / semi
            level = level + own**2
            slope = slope + (own / semi) ** 2
        level = np.sqrt(level)
        return np.asarray(level * (level - 1) / np.sqrt(np.maximum(slope, 1e-12)))


@dataclass(frozen=True, eq=False)
class Cylinder:
    """An upright elliptic cylinder, narrower in the middle where it has a waist.

    Parameters
    ----------
    centre : ndarray, shape (3,)
        Middle, mm.
    half_width, half_depth, half_height : float
        Half extents along x, y and z, mm; the height may be infinite.
    waist : float
        Part of the width and depth that is missing half way up.
    """

    centre: Array
    half_width: float
    half_depth: float
    half_height: float
    waist: float = 0.0

    def box(self) -> Box:
        """Give the smallest upright box around the cylinder."""
        reach = np.array([self.half_width, self.half_depth, self.half_height])
        return self.centre - reach, self.centre + reach

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """Give the signed distance, to first order around the surface."""
        height = np.abs(z - np.float32(self.centre[2]))
        narrowing = 1 - np.float32(self.waist) * (1 - (height / np.float32(self.half_height)) ** 2) if self.waist else 1
        u = (x - np.float32(self.centre[0])) / (narrowing * np.float32(self.half_width))
        v = (y - np.float32(self.centre[1])) / (narrowing * np.float32(self.half_depth))
        level = np.sqrt(u**2 + v**2)
        slope = np.sqrt((u / np.float32(self.half_width)) ** 2 + (v / np.float32(self.half_depth)) ** 2)
        aside = level * (level - 1) / np.maximum(slope, np.float32(1e-6))
        return np.asarray(np.maximum(aside, height - np.float32(self.half_height)))


class Canvas:
    """A grid in the body frame, filled with air until something is painted on it.

    Parameters
    ----------
    low : ndarray, shape (3,)
        Centre of the first voxel in the body frame, mm.
    size : tuple of int
        Voxels along (x, y, z).
    spacing : tuple of float
        Distance between voxel centres along (x, y, z), mm.

    Attributes
    ----------
    hu : ndarray of float32, shape (k, j, i)
        The picture so far, HU.
    """

    def __init__(self, low: Array, size: tuple[int, int, int], spacing: tuple[float, float, float]) -> None:
        self.low = low
        self.size = size
        self.spacing = np.array(spacing)
        self.hu = np.full(size[::-1], AIR_HU, dtype=np.float32)

    def slices(self, box: Box, margin_mm: float | Array) -> tuple[slice, slice, slice]:
        """Find the voxels of a box widened by a margin, as slices along (k, j, i)."""
        last = np.array(self.size)
        first_index = np.clip(np.ceil((box[0] - margin_mm - self.low) / self.spacing), 0, last).astype(int)
        stop_index = np.clip(np.floor((box[1] + margin_mm - self.low) / self.spacing) + 1, 0, last).astype(int)
        x, y, z = (slice(int(a), int(b)) for a, b in zip(first_index, stop_index, strict=True))
        return z, y, x

    def centres(self, flat: Array) -> Array:
        """Give the positions of voxels.

        Parameters
        ----------
        flat : ndarray of int, shape (n,)
            Flat indices into `hu`.

        Returns
        -------
        ndarray, shape (n, 3)
            Voxel centres (x, y, z) in the body frame, mm.
        """
        k, j, i = np.unravel_index(flat, self.hu.shape)
        return np.asarray(np.stack([i, j, k], axis=1) * self.spacing + self.low)

    def paint(self, layer: Layer) -> None:
        """Blend a shape into the picture with an edge about one voxel wide."""
        edge = float(np.cbrt(np.prod(self.spacing)))
        window = self.slices(layer.shape.box(), edge)
        part = self.hu[window]
        if not part.size:
            return
        z, y, x = (
            (self.low[2 - axis] + self.spacing[2 - axis] * np.arange(s.start, s.stop)).astype(np.float32)
            for axis, s in enumerate(window)
        )
        distance = layer.shape.distance(x[None, None, :], y[None, :, None], z[:, None, None])
        coverage = np.clip(0.5 - distance / np.float32(edge), 0, 1)
        part += coverage * (np.float32(layer.hu) - part)


def upright(centre: tuple[float, float, float], semi_axes: tuple[float, float, float]) -> Ellipsoid:
    """Make an ellipsoid whose axes are those of the body, all in mm."""
    return Ellipsoid(np.array(centre), np.array(semi_axes), np.eye(3))


def rotation_about(axis: int, degrees: float) -> Array:
    """Make the (3, 3) rotation about one body axis (0 is x, 1 is y, 2 is z)."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    first, second = (a for a in range(3) if a != axis)
    matrix = np.eye(3)
    matrix[[first, second], [first, second]] = c
    matrix[first, second], matrix[second, first] = -s, s
    return matrix
