"""The part of a CTA around two clicks, and how bright its lumen is."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from ..images.boxes import Box
from ..images.geometry import Array, Image

_DETOUR, _DETOUR_MM = 1.3, 10.0
"""A path is at most this many times as long as the straight line, and this many mm longer."""

_SNAP_MM = 2.5
"""How far a click may lie from the middle of the lumen."""

_SOFT_TISSUE_HU = 40.0
_WIDTHS = 4
"""Differences of HU are counted in widths, of which this many lie between the lumen and soft tissue."""

DARK_WIDTHS = 3.0
"""What lies this many widths below the lumen is dark."""

SMOOTHING_MM = 0.6
"""Sigma of the Gaussian against noise."""


@dataclass(frozen=True, eq=False)
class Region:
    """The part of the CTA around two points, in the frame of its own axes: (k, j, i), mm from its first voxel.

    Attributes
    ----------
    hu : ndarray of float32, shape (k, j, i)
        Intensities, smoothed.
    known : ndarray of bool, shape (k, j, i)
        The arteries that are there already.
    spacing : ndarray, shape (3,)
        Distance between voxel centres along (k, j, i), mm.
    box : tuple of slice
        Where it lies in the CTA.
    points : ndarray, shape (2, 3)
        The points, in the middle of the lumen, mm.
    lumen_hu : float
        Intensity of the lumen, HU.
    """

    hu: Array
    known: Array
    spacing: Array
    box: Box
    points: Array
    lumen_hu: float

    @classmethod
    def of(cls, cta: Image, arteries: Image, points: Array) -> Region:
        """Cut it out, and move the points to the middle of the lumen near them.

        Parameters
        ----------
        cta : Image
            HU.
        arteries : Image
            Labels on the same grid; above 0 where an artery is known.
        points : ndarray, shape (2, 3)
            Where the branch begins and ends: (k, j, i), mm from the CTA's first voxel.
        """
        spacing = np.array(cta.geometry.spacing[::-1])
        reach = longest_mm(points) / 2
        low = np.maximum(np.floor((points.mean(axis=0) - reach) / spacing), 0).astype(int)
        high = np.minimum(np.ceil((points.mean(axis=0) + reach) / spacing) + 1, cta.array.shape).astype(int)
        box = (slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2]))
        known = arteries.array[box] > 0
        hu = ndimage.gaussian_filter(cta.array[box].astype(np.float32), SMOOTHING_MM / spacing)
        inner = points - low * spacing
        lumen = _lumen_hu(hu, known, spacing, inner)
        region = cls(hu, known, spacing, box, inner, lumen)
        return replace(region, points=np.array([_middle_near(region, point) for point in inner]))

    @property
    def start(self) -> Array:
        """The first voxel in the frame of the whole CTA, mm."""
        return np.array([part.start for part in self.box]) * self.spacing

    @property
    def width_hu(self) -> float:
        """The unit in which differences of HU are counted."""
        return max(self.lumen_hu - _SOFT_TISSUE_HU, 40.0) / _WIDTHS

    def hu_at(self, places: Array) -> Array:
        """Interpolate the HU at places, shape (..., 3), mm; a plaque in the wall is as bright as the lumen here."""
        at = np.moveaxis(places / self.spacing, -1, 0)
        return np.asarray(ndimage.map_coordinates(np.minimum(self.hu, self.lumen_hu), at, order=1, mode="nearest"))

    def known_at(self, places: Array) -> Array:
        """Tell which places, shape (..., 3), mm, lie in a known artery."""
        at = np.moveaxis(places / self.spacing, -1, 0)
        return np.asarray(ndimage.map_coordinates(self.known.view(np.uint8), at, order=0, mode="constant") > 0)


def _lumen_hu(hu: Array, known: Array, spacing: Array, points: Array) -> float:
    """Tell how bright the lumen is from what lies around the points, which may be a plaque, and from known arteries."""
    centres = voxel_centres(hu.shape, spacing)
    near = np.concatenate([hu[((centres - point) ** 2).sum(axis=-1) <= _SNAP_MM**2] for point in points])
    # Much of what is around a click in a thin branch is not lumen, and darker.
    own = float(np.percentile(near, 70))
    if not known.any():
        return own
    usual = float(np.median(hu[known]))
    return float(np.clip(own, 0.8 * usual, 1.2 * usual))


def _middle_near(region: Region, click: Array) -> Array:
    """Move a click to the middle of the lumen that it is in or beside."""
    if region.known_at(click[None])[0]:
        return click
    grid = np.arange(-_SNAP_MM, _SNAP_MM + 0.1, 0.5)
    around = click + np.stack(np.meshgrid(grid, grid, grid, indexing="ij"), axis=-1).reshape(-1, 3)
    blurred = np.minimum(region.hu, region.lumen_hu)
    blurred[region.known] = _SOFT_TISSUE_HU
    blurred = ndimage.gaussian_filter(blurred, 1.5 / region.spacing)
    values = ndimage.map_coordinates(blurred, (around / region.spacing).T, order=1, mode="nearest")
    far = np.linalg.norm(around - click, axis=1) / _SNAP_MM
    return np.asarray(around[np.argmax(np.where(far <= 1, values - 0.8 * region.width_hu * far**2, -np.inf))])


def voxel_centres(shape: tuple[int, ...], spacing: Array) -> Array:
    """Give the voxel centres, shape (k, j, i, 3), mm."""
    return np.asarray(np.moveaxis(np.indices(shape), 0, -1) * spacing)


def longest_mm(points: Array) -> float:
    """Tell how long a path between two points may be, mm."""
    return _DETOUR * float(np.linalg.norm(points[1] - points[0])) + _DETOUR_MM
