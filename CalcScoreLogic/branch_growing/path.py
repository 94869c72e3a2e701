"""The fastest path between two clicks through bright voxels: a minimal path of a fast marching front."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from ..errors import InputError
from ..images.geometry import Array
from .region import DARK_WIDTHS, SMOOTHING_MM, Region, longest_mm, voxel_centres

STEP_MM = 0.5
"""Between the places of a path."""

_MOST_DARK_STEPS = 5
"""A path may cross so many dark voxels, a narrowing or a gap."""

_OUTSIDE_SPEED = 1e-3
_BRIGHTER, _BRIGHTER_SPEED = 1.5, 0.25
"""What is this many widths above the lumen, plaque or bone, is slower to pass."""

_LEAVING_MM = 6.0
"""So far from the first click the path may still run inside the artery that it leaves."""


def fastest_path(region: Region) -> Array:
    """March from the first point to the second; gives the places of the path, shape (n, 3), mm."""
    import SimpleITK as sitk

    hu, known, spacing = _coarse(region)
    centres = voxel_centres(hu.shape, spacing)
    first, last = (np.linalg.norm(centres - point, axis=-1) for point in region.points)
    off = (hu - region.lumen_hu) / region.width_hu
    speed = np.where(off < 0, np.exp(-0.5 * off**2), np.where(off > _BRIGHTER, _BRIGHTER_SPEED, 1.0))
    speed[known & (first > _LEAVING_MM)] = 0
    # Dark voxels are slow but not closed: the path may have to cross a narrowing or a gap.
    speed = np.maximum(speed, _OUTSIDE_SPEED)
    # The front never enters where the speed is 0.
    speed[first + last > longest_mm(region.points)] = 0
    ends = [tuple(int(v) for v in np.rint(point / spacing)[::-1]) for point in region.points]
    image = sitk.GetImageFromArray(speed)
    image.SetSpacing(spacing[::-1].tolist())
    marching = sitk.FastMarchingImageFilter()
    marching.SetTrialPoints([ends[0]])
    arrival = sitk.GetArrayFromImage(marching.Execute(image))
    path = _descent(np.where(speed > 0, arrival, np.inf), ends[1][::-1]) * spacing
    dark = off[tuple(np.rint(path / spacing).astype(int).T)] < -DARK_WIDTHS
    if np.count_nonzero(dark) > _MOST_DARK_STEPS:
        raise InputError(
            "no bright way leads from the first click to the second; click into the middle of the lumen, or add the "
            "branch in two parts"
        )
    return path[::-1]


def _coarse(region: Region) -> tuple[Array, Array, Array]:
    """Give HU, known arteries and spacing in voxels of 1 mm where they are smaller: the front is slow."""
    fine = np.array(region.hu.shape)
    coarse = np.maximum(np.minimum(fine, np.rint(fine * region.spacing)), 2).astype(int)
    spacing = region.spacing * (fine - 1) / (coarse - 1)
    factors = coarse / fine
    return (
        ndimage.zoom(ndimage.gaussian_filter(region.hu, SMOOTHING_MM / region.spacing), factors, order=1),
        ndimage.zoom(region.known.view(np.uint8), factors, order=0) > 0,
        spacing,
    )


def _descent(arrival: Array, start: tuple[int, ...]) -> Array:
    """Walk from voxel to voxel to ever earlier arrivals; gives the indices, shape (n, 3)."""
    steps = np.array([step for step in np.ndindex(3, 3, 3) if step != (1, 1, 1)]) - 1
    distances = np.linalg.norm(steps, axis=1)
    padded = np.pad(arrival, 1, constant_values=np.inf)
    path = [np.array(start)]
    while True:
        around = padded[tuple((path[-1] + 1 + steps).T)]
        fall = (padded[tuple(path[-1] + 1)] - around) / distances
        if fall.max() <= 0:
            return np.array(path)
        path.append(path[-1] + steps[int(np.argmax(fall))])


def evened(path: Array) -> Array:
    """Smooth a path and give it places `STEP_MM` apart; its ends stay."""
    smooth = ndimage.gaussian_filter1d(
        path, 2.0 / max(lengths(path)[-1] / (len(path) - 1), 1e-3), axis=0, mode="nearest"
    )
    smooth[0], smooth[-1] = path[0], path[-1]
    along = lengths(smooth)
    even = np.linspace(0, along[-1], max(round(along[-1] / STEP_MM), 2) + 1)
    return np.stack([np.interp(even, along, axis) for axis in smooth.T], axis=1)


def lengths(path: Array) -> Array:
    """Give the length of a path up to each of its places, mm."""
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
