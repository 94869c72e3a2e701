"""nnU-Net's preprocessing of a CTA in a fraction of its time and memory, equal to the last bit.

nnU-Net resamples a CTA in double precision, with a copy for each step and, where slices are thick, with the coordinates
of every voxel. Here the spline coefficients are the only whole volume in double precision, and all is done slab by
slab, by all threads. Neither PyTorch nor nnU-Net is needed, so a CTA is preprocessed while they are loaded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from ...images.boxes import nonzero_box
from ...images.geometry import Array
from ...models.plans import intensities_key
from .interpolation import is_default_resampling, positions, resampled_shape, slice_axis
from .parallel import in_threads

SLAB_VOXELS = 2**21
"""Voxels that are worked on at once; a slab has one plane at least."""

_PADDING = 12
"""Voxels that scipy adds at each border before it computes spline coefficients."""

_OPTIONS = {"is_seg", "order", "order_z", "force_separate_z", "separate_z_anisotropy_threshold"}


@dataclass(frozen=True)
class CtPreprocessing:
    """nnU-Net's default preprocessing of CT, for one model.

    Attributes
    ----------
    forward : tuple of int
        CTA axis behind each axis of the model's grid.
    spacing_mm : tuple of float
        Distance between voxel centres of the model's grid, along its axes.
    lowest_hu, highest_hu : float
        What is below or above counts as this.
    mean_hu, deviation_hu : float
        What becomes 0, and the difference that becomes 1.
    order : int
        Of the splines.
    slices : tuple
        What decides whether slices are resampled one by one, see `interpolation.slice_axis`.
    """

    forward: tuple[int, ...]
    spacing_mm: tuple[float, ...]
    lowest_hu: float
    highest_hu: float
    mean_hu: float
    deviation_hu: float
    order: int
    slices: tuple[tuple[str, Any], ...]

    @classmethod
    def of(cls, plans: Mapping[str, Any], configuration: Mapping[str, Any]) -> CtPreprocessing | None:
        """Read it from a model's plans.

        Parameters
        ----------
        plans : mapping
            Content of a ``plans.json`` that was checked.
        configuration : mapping
            The configuration in it, with what it inherits.

        Returns
        -------
        CtPreprocessing or None
            None where the model has a preprocessing, or a reader, of another kind.
        """
        options = configuration["resampling_fn_data_kwargs"]
        if (
            plans.get("image_reader_writer") != "SimpleITKIO"
            or configuration["preprocessor_name"] != "DefaultPreprocessor"
            or configuration["normalization_schemes"] != ["CTNormalization"]
            or not is_default_resampling(configuration["resampling_fn_data"], options)
            or set(options) - _OPTIONS
        ):
            return None
        intensities = plans[intensities_key(plans)]["0"]
        return cls(
            tuple(plans["transpose_forward"]),
            tuple(configuration["spacing"]),
            intensities["percentile_00_5"],
            intensities["percentile_99_5"],
            intensities["mean"],
            # nnU-Net guards the division like this.
            max(intensities["std"], 1e-8),
            options.get("order", 3),
            tuple((name, options[name]) for name in sorted(options) if name.startswith(("force", "separate"))),
        )

    def run(self, voxels: Array, spacing_mm: Sequence[float]) -> tuple[Array, dict[str, Any]]:
        """Preprocess a CTA.

        Parameters
        ----------
        voxels : ndarray, shape (k, j, i)
            HU.
        spacing_mm : sequence of float
            Distance between voxel centres along (k, j, i).

        Returns
        -------
        volume : ndarray of float32, shape (1, z, y, x)
            On the model's grid.
        properties : dict
            What nnU-Net needs to bring labels back.
        """
        turned = voxels.transpose(self.forward)
        # nnU-Net crops to what is not 0: in HU next to nothing, but its label maps depend on it.
        box = nonzero_box(turned) or tuple(slice(0, n) for n in turned.shape)
        cropped = turned[box]
        here = [spacing_mm[axis] for axis in self.forward]
        shape = resampled_shape(cropped.shape, here, self.spacing_mm)
        properties = {
            "spacing": list(spacing_mm),
            "shape_before_cropping": turned.shape,
            "bbox_used_for_cropping": [[span.start, span.stop] for span in box],
            "shape_after_cropping_and_before_resampling": cropped.shape,
        }
        axis = slice_axis(here, self.spacing_mm, **dict(self.slices))
        return resample(self._normalized(cropped), shape, self.order, axis)[np.newaxis], properties

    def _normalized(self, voxels: Array) -> Array:
        """Clip and scale."""
        normalized: Array = np.empty(voxels.shape, np.float32)

        def fill(rows: slice) -> None:
            part = normalized[rows]
            part[:] = voxels[rows]
            np.clip(part, self.lowest_hu, self.highest_hu, out=part)
            # In this order and in single precision, as nnU-Net does: else the last bit differs.
            part -= self.mean_hu
            part /= self.deviation_hu

        in_threads(fill, _slabs(voxels.shape))
        return normalized


def read_voxels(cta: Path) -> tuple[Array, list[float]]:
    """Read a CTA that was handed over.

    Parameters
    ----------
    cta : Path
        The file.

    Returns
    -------
    voxels : ndarray, shape (k, j, i)
        HU.
    spacing_mm : list of float
        Distance between voxel centres along (k, j, i), in the file's single precision as nnU-Net reads it.
    """
    image = sitk.ReadImage(str(cta))
    return sitk.GetArrayFromImage(image), list(image.GetSpacing()[::-1])


def resample(volume: Array, shape: Sequence[int], order: int, axis: int | None) -> Array:
    """Resample a preprocessed CTA as ``resample_data_or_seg_to_shape`` of nnU-Net does.

    Parameters
    ----------
    volume : ndarray of float32, shape (z, y, x)
        The CTA.
    shape : sequence of int
        Voxels along (z, y, x) to have.
    order : int
        Of the splines.
    axis : int or None
        Axis along which slices lie that are resampled one by one, and the nearest of them is taken.

    Returns
    -------
    ndarray of float32, shape `shape`
        The CTA; the given one where it has that shape already.
    """
    if volume.shape == tuple(shape):
        return volume
    resampled: Array = np.empty(shape, volume.dtype)
    if axis is not None:
        _fill_slices(resampled, volume, axis, order)
    else:
        _fill_slabs(resampled, volume, order)
    return resampled


def _fill_slices(target: Array, volume: Array, axis: int, order: int) -> None:
    """Resample each slice in its plane, and take the nearest slice."""
    from skimage.transform import resize

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
    _, height, width = whole.shape

    def fill(rows: slice) -> None:
        part = whole[padding:-padding][rows]
        part[:, padding:-padding, padding:-padding] = volume[rows]
        part[:, :padding], part[:, height - padding :] = part[:, padding, None], part[:, -padding - 1, None]
        part[:, :, :padding], part[:, :, width - padding :] = part[:, :, padding, None], part[:, :, -padding - 1, None]

    in_threads(fill, _slabs(volume.shape))
    whole[:padding], whole[-padding:] = whole[padding], whole[-padding - 1]
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
