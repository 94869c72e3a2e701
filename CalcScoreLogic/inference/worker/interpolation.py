"""The model's grid beside the CTA's, as nnU-Net lays them: their shapes, and what is interpolated from what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...images.geometry import Array


def is_default_resampling(function: str, options: Mapping[str, Any]) -> bool:
    """Tell whether plans resample images by nnU-Net's default function.

    Parameters
    ----------
    function : str
        Its name in the plans.
    options : mapping
        Its options there.

    Returns
    -------
    bool
        Whether it is that function, and the nearest slice is taken where slices are resampled one by one.
    """
    name = "resample_data_or_seg_to_shape"
    return function == name and not options.get("is_seg", False) and options.get("order_z", 0) == 0


def resampled_shape(shape: Sequence[int], spacing_mm: Sequence[float], new_spacing_mm: Sequence[float]) -> list[int]:
    """Give the voxels along each axis after resampling.

    Parameters
    ----------
    shape : sequence of int
        Voxels before.
    spacing_mm, new_spacing_mm : sequence of float
        Distance between voxel centres before and after.

    Returns
    -------
    list of int
        Voxels after; a half is rounded to the even number.
    """
    return [round(old / new * n) for n, old, new in zip(shape, spacing_mm, new_spacing_mm, strict=True)]


def slice_axis(
    spacing_mm: Sequence[float],
    new_spacing_mm: Sequence[float],
    force_separate_z: bool | None = False,
    separate_z_anisotropy_threshold: float = 3,
    **others: Any,
) -> int | None:
    """Tell whether slices are resampled one by one, and along which axis they lie.

    Parameters
    ----------
    spacing_mm, new_spacing_mm : sequence of float
        Distance between voxel centres before and after.
    force_separate_z : bool or None
        Whether they are; None: where slices are thick.
    separate_z_anisotropy_threshold : float
        Slices are thick from this ratio of the largest to the smallest distance on.
    others : keyword arguments
        What else nnU-Net's plans say of resampling.

    Returns
    -------
    int or None
        The axis; None where voxels are resampled in three dimensions.
    """
    thick = [
        distances
        for distances in (spacing_mm, new_spacing_mm)
        if force_separate_z or max(distances) / min(distances) > separate_z_anisotropy_threshold
    ]
    if force_separate_z is False or not thick:
        return None
    coarsest = np.flatnonzero(np.asarray(thick[0]) == max(thick[0]))
    return int(coarsest[0]) if len(coarsest) == 1 else None


def positions(n_model: int, n_cta: int) -> Array:
    """Place the CTA's voxels on an axis of the model's grid, rounded as in ``scipy.ndimage.zoom``.

    Parameters
    ----------
    n_model, n_cta : int
        Voxels of the model's grid and of the transposed, cropped CTA.

    Returns
    -------
    ndarray of float64, shape (n_cta,)
        In voxels of the model's grid; both grids cover the same length.
    """
    return (np.arange(n_cta) + 0.5) * (n_model / n_cta) - 0.5


def neighbours(places: Array, n_model: int) -> tuple[Array, Array]:
    """Find the model voxels between which positions lie.

    Parameters
    ----------
    places : ndarray of float64, shape (n,)
        Positions as `positions` gives them; those beyond a border take the voxel at the border.
    n_model : int
        Voxels of the model's grid.

    Returns
    -------
    below, above : ndarray of int, shape (n,)
        One and the same where it alone has weight.
    """
    inside = np.clip(places, 0, n_model - 1)
    return np.floor(inside).astype(np.intp), np.ceil(inside).astype(np.intp)
