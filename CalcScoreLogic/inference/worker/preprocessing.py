"""nnU-Net's preprocessing of a CTA in a fraction of its time and memory, equal to the last bit.

nnU-Net resamples a CTA in double precision, with a copy for each step and, where slices are thick, with the coordinates
of every voxel. Here the spline coefficients are the only whole volume in double precision, and all is done slab by
slab, by all threads. Neither PyTorch nor nnU-Net is needed, so a CTA is preprocessed while they are loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from ...images.boxes import nonzero_box, slabs
from ...images.geometry import Array
from ...images.itk_bridge import array_of
from ...models.plans import intensities_key
from .interpolation import is_default_resampling, positions, resampled_shape, slice_axis
from .parallel import in_threads
from .splines import Splines

KEPT_BYTES = 2**29
"""A CTA that waits for its ensemble takes so much memory at most: 512x512x512 voxels at 1 mm."""

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

    def run(self, cta: Path) -> tuple[Array, dict[str, Any]]:
        """Preprocess a CTA.

        Parameters
        ----------
        cta : Path
            The file that was handed over.

        Returns
        -------
        volume : ndarray of float32, shape (1, z, y, x)
            On the model's grid.
        properties : dict
            What nnU-Net needs to bring labels back.
        """
        return preprocess(cta, self)[self]

    def shares_splines(self, other: CtPreprocessing) -> bool:
        """Tell whether another preprocessing differs in the model's grid alone."""
        return replace(other, spacing_mm=self.spacing_mm) == self

    def scaled(self, voxels: Array) -> Array:
        """Clip HU and scale them, float32."""
        scaled = voxels.astype(np.float32)
        np.clip(scaled, self.lowest_hu, self.highest_hu, out=scaled)
        # In this order and in single precision, as nnU-Net does: else the last bit differs.
        scaled -= self.mean_hu
        scaled /= self.deviation_hu
        return scaled


def preprocess(
    cta: Path, first: CtPreprocessing, *others: CtPreprocessing
) -> dict[CtPreprocessing, tuple[Array, dict[str, Any]]]:
    """Preprocess a CTA for models that scale HU alike; what does not depend on their grids is done once.

    Parameters
    ----------
    cta : Path
        The file that was handed over.
    first, *others : CtPreprocessing
        How; all share their splines with the first.

    Returns
    -------
    dict of CtPreprocessing to (ndarray of float32, dict)
        As `CtPreprocessing.run` gives them. Of others only those that take `KEPT_BYTES` at most, as they wait in memory
        until they are needed.
    """
    order = first.order
    voxels, spacing_mm = read_voxels(cta)
    turned = voxels.transpose(first.forward)
    # nnU-Net crops to what is not 0: in HU next to nothing, but its label maps depend on it.
    box = nonzero_box(turned) or tuple(slice(0, n) for n in turned.shape)
    source = _Source(turned[box], first.scaled)
    shape, here = source.shape, [spacing_mm[axis] for axis in first.forward]
    properties = {
        "spacing": list(spacing_mm),
        "shape_before_cropping": turned.shape,
        "bbox_used_for_cropping": [[span.start, span.stop] for span in box],
        "shape_after_cropping_and_before_resampling": shape,
    }
    grids = {way: _Grid.of(shape, here, way) for way in (first, *others)}
    grids = {way: grid for way, grid in grids.items() if way == first or grid.nbytes <= KEPT_BYTES}
    volumes = {
        grid: resample(source.whole(), grid.shape, order, grid.axis)
        for grid in grids.values()
        if not grid.needs_splines(shape, order)
    }
    if len(volumes) < len(set(grids.values())):
        splines = Splines(shape, source.part)
        # The splines take four times the memory of the voxels, which are not needed beside them.
        del voxels, turned, source
        splines.filter(order)
        volumes |= {grid: splines.at(grid.shape) for grid in grids.values() if grid not in volumes}
    return {way: (volumes[grid][np.newaxis], dict(properties)) for way, grid in grids.items()}


def read_voxels(cta: Path) -> tuple[Array, list[float]]:
    """Read a CTA that was handed over.

    Parameters
    ----------
    cta : Path
        The file.

    Returns
    -------
    voxels : ndarray, shape (k, j, i)
        HU, not writeable.
    spacing_mm : list of float
        Distance between voxel centres along (k, j, i), in the file's single precision as nnU-Net reads it.
    """
    image = sitk.ReadImage(str(cta))
    return array_of(image), list(image.GetSpacing()[::-1])


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
    if _Grid(tuple(shape), axis).needs_splines(volume.shape, order):
        splines = Splines(volume.shape, volume.__getitem__)
        splines.filter(order)
        return splines.at(shape)
    resampled: Array = np.empty(shape, volume.dtype)
    if axis is not None:
        _fill_slices(resampled, volume, axis, order)
    else:
        _fill_between(resampled, volume, order)
    return resampled


class _Grid(NamedTuple):
    """A model's grid: its shape, and the axis of slices that are resampled one by one, if any."""

    shape: tuple[int, ...]
    axis: int | None

    @classmethod
    def of(cls, shape: tuple[int, ...], spacing_mm: Sequence[float], way: CtPreprocessing) -> _Grid:
        """Lay it over a CTA with voxels of `spacing_mm`."""
        axis = slice_axis(spacing_mm, way.spacing_mm, **dict(way.slices))
        return cls(tuple(resampled_shape(shape, spacing_mm, way.spacing_mm)), axis)

    @property
    def nbytes(self) -> int:
        """Memory of a volume on it."""
        return 4 * int(np.prod(self.shape, dtype=np.int64))

    def needs_splines(self, shape: tuple[int, ...], order: int) -> bool:
        """Tell whether values on it are splines through the whole volume of `shape`."""
        return order > 1 and self.axis is None and self.shape != shape


@dataclass(frozen=True, eq=False)
class _Source:
    """Voxels that are scaled slab by slab.

    Attributes
    ----------
    voxels : ndarray, shape (z, y, x)
        HU.
    scale : callable
        Gives float32 for some of them.
    """

    voxels: Array
    scale: Callable[[Array], Array]

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along (z, y, x)."""
        return self.voxels.shape

    def part(self, rows: slice) -> Array:
        """Scale some voxels, float32."""
        return self.scale(self.voxels[rows])

    def whole(self) -> Array:
        """Scale all voxels, float32."""
        scaled: Array = np.empty(self.shape, np.float32)

        def fill(rows: slice) -> None:
            scaled[rows] = self.part(rows)

        in_threads(fill, slabs(self.shape))
        return scaled


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


def _fill_between(target: Array, volume: Array, order: int) -> None:
    """Take the nearest voxel, or interpolate linearly."""
    low, high = float(volume.min()), float(volume.max())
    along = [positions(n, m) for n, m in zip(volume.shape, target.shape, strict=True)]

    def fill(rows: slice) -> None:
        places = np.stack(np.broadcast_arrays(*np.ix_(along[0][rows], *along[1:])))
        values = ndimage.map_coordinates(volume, places, np.float64, order=order, mode="nearest", prefilter=False)
        target[rows] = np.clip(values, low, high)

    in_threads(fill, slabs(target.shape))
