"""nnU-Net's preprocessing of a CTA in less than half of its memory, equal to the last bit.

nnU-Net resamples a CTA in double precision, with a copy for each step and, where slices are thick, with the coordinates
of every voxel. Here the spline coefficients are the only whole volume in double precision, and coordinates are made
slab by slab.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from nnunetv2.configuration import ANISO_THRESHOLD
from nnunetv2.preprocessing.resampling.default_resampling import (
    determine_do_sep_z_and_axis,
    resample_data_or_seg_to_shape,
)
from nnunetv2.utilities.plans_handling.plans_handler import ConfigurationManager
from scipy import ndimage
from skimage.transform import resize

from ..geometry import Array
from .interpolation import positions
from .threads import in_threads

SLAB_VOXELS = 2**21
"""Voxels that are interpolated at once; a slab has one plane at least."""

_PADDING = 12
"""Voxels that scipy adds at each border before it computes spline coefficients."""


class SparingConfiguration(ConfigurationManager):  # type: ignore[misc]
    """A configuration whose preprocessing takes little memory."""

    @property
    def resampling_fn_data(self) -> Callable[..., Array]:
        """What resamples a CTA."""
        return partial(resample, **super().resampling_fn_data.keywords)

    @property
    def resampling_fn_seg(self) -> Callable[..., Array]:
        """What resamples the mask of what is not zero; nobody looks at it after that."""
        return lambda mask, *grids: mask[:, :1, :1, :1]


def sparing(configuration: ConfigurationManager) -> ConfigurationManager:
    """Give a configuration that preprocesses as another one does.

    Parameters
    ----------
    configuration : ConfigurationManager
        nnU-Net's.

    Returns
    -------
    ConfigurationManager
        One that takes little memory; the same one where the model has a preprocessing of its own.
    """
    function = configuration.resampling_fn_data
    options = function.keywords
    known = (
        configuration.preprocessor_name == "DefaultPreprocessor"
        and function.func is resample_data_or_seg_to_shape
        and not options.get("is_seg", False)
        and options.get("order_z", 0) == 0
    )
    return SparingConfiguration(configuration.configuration) if known else configuration


def resample(
    data: Array,
    new_shape: Sequence[int],
    current_spacing: Sequence[float],
    new_spacing: Sequence[float],
    *,
    order: int = 3,
    force_separate_z: bool | None = False,
    separate_z_anisotropy_threshold: float = ANISO_THRESHOLD,
    **options: Any,
) -> Array:
    """Resample a preprocessed CTA as ``resample_data_or_seg_to_shape`` of nnU-Net does.

    Parameters
    ----------
    data : ndarray of float32, shape (1, z, y, x)
        The CTA.
    new_shape : sequence of int
        Voxels along (z, y, x) to have.
    current_spacing, new_spacing : sequence of float
        Distance between voxel centres before and after, mm; they decide whether slices are resampled on their own.
    order : int
        Of the splines.
    force_separate_z, separate_z_anisotropy_threshold
        See nnU-Net.
    options : keyword arguments
        ``is_seg`` and ``order_z``, which have their default values, see `sparing`.

    Returns
    -------
    ndarray of float32, shape (1, *new_shape)
        The CTA.
    """
    volume, shape = data[0], tuple(int(n) for n in new_shape)
    if volume.shape == shape:
        return data
    separate, axis = determine_do_sep_z_and_axis(
        force_separate_z, current_spacing, new_spacing, separate_z_anisotropy_threshold
    )
    resampled = np.empty((1, *shape), data.dtype)
    if separate:
        _fill_slices(resampled[0], volume, axis, order)
    else:
        _fill_slabs(resampled[0], volume, order)
    return resampled


def _fill_slices(target: Array, volume: Array, axis: int, order: int) -> None:
    """Resample each slice in its plane, and take the nearest slice."""
    slices, filled = np.moveaxis(volume, axis, 0), np.moveaxis(target, axis, 0)
    n = len(slices)
    nearest = np.floor(np.clip(positions(n, len(filled)), 0, n - 1) + 0.5).astype(np.intp)
    for source in np.unique(nearest):
        filled[nearest == source] = resize(
            slices[source].astype(np.float64), filled.shape[1:], order, mode="edge", anti_aliasing=False
        )


def _fill_slabs(target: Array, volume: Array, order: int) -> None:
    """Interpolate by splines; ringing stays within the range of the values."""
    coefficients, padding = volume, 0
    if order > 1:
        padding = _PADDING
        coefficients = _padded(volume, padding)
        for axis in range(3):
            _filter(coefficients, order, axis)
    low, high = float(volume.min()), float(volume.max())
    along = [positions(n, m) + padding for n, m in zip(volume.shape, target.shape, strict=True)]

    def fill(rows: slice) -> None:
        places = np.stack(np.broadcast_arrays(*np.ix_(along[0][rows], *along[1:])))
        values = ndimage.map_coordinates(coefficients, places, np.float64, order=order, mode="nearest", prefilter=False)
        target[rows] = np.clip(values, low, high)

    in_threads(fill, _slabs(target.shape))


def _padded(volume: Array, padding: int) -> Array:
    """Repeat the outermost voxels, as ``numpy.pad`` does, in double precision without a copy on the way."""
    whole: Array = np.empty([n + 2 * padding for n in volume.shape], np.float64)
    inner = slice(padding, -padding)
    whole[inner, inner, inner] = volume
    for axis in range(3):
        along = np.moveaxis(whole, axis, 0)
        along[:padding], along[-padding:] = along[padding], along[-padding - 1]
    return whole


def _filter(values: Array, order: int, axis: int) -> None:
    """Turn values into spline coefficients along one axis, in place; lines along it do not touch each other."""
    across = np.moveaxis(values, 0 if axis else 1, 0)

    def filter_planes(planes: slice) -> None:
        part = across[planes]
        ndimage.spline_filter1d(part, order, max(axis, 1), output=part, mode="nearest")

    in_threads(filter_planes, _slabs(across.shape))


def _slabs(shape: tuple[int, ...]) -> Iterator[slice]:
    thickness = max(1, SLAB_VOXELS // (shape[1] * shape[2]))
    return (slice(low, low + thickness) for low in range(0, shape[0], thickness))
