"""Label maps from logits, slab by slab, equal voxel by voxel to those of nnU-Net's own export.

nnU-Net interpolates all logits of the whole CTA at once, rounds them to the type that they came in and takes
the largest. Interpolated logits are weighted means of up to eight model voxels. Where the same label wins in
all of them by more than the rounding can change, it wins in between, so only the other voxels, those near
the borders of the labels, are interpolated, with the arithmetic that nnU-Net uses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.ndimage import map_coordinates

from ...images.boxes import nonzero_box, pad_box
from ...images.geometry import Array
from .interpolation import is_default_resampling, neighbours, positions, resampled_shape, slice_axis
from .parallel import in_threads

if TYPE_CHECKING:
    from .predictor import TilePredictor

SLAB_BYTES = 32 * 2**20
"""Memory to work in; a slab has one row of the CTA at least."""

_UNSURE = 255


def supports(predictor: TilePredictor) -> bool:
    """Tell whether the label maps of a model can be put together here.

    Parameters
    ----------
    predictor : TilePredictor
        With a loaded model.

    Returns
    -------
    bool
        Whether the model's labels are plain and its logits are resampled by nnU-Net's default function,
        linearly or by nearest neighbour. For others nnU-Net's own export is the way.
    """
    options = _resampling(predictor)
    return bool(
        is_default_resampling(predictor.configuration_manager.configuration["resampling_fn_probabilities"], options)
        and options.get("order", 3) in (0, 1)
        and not predictor.label_manager.has_regions
        and predictor.label_manager.num_segmentation_heads < _UNSURE
    )


def model_shape(properties: dict[str, Any], predictor: TilePredictor) -> tuple[int, int, int]:
    """Compute the shape of the model's grid for a CTA.

    Parameters
    ----------
    properties : dict
        Of the CTA, from nnU-Net's preprocessor.
    predictor : TilePredictor
        With a loaded model.

    Returns
    -------
    tuple of int
        Voxels of the transposed, cropped and resampled CTA.
    """
    a, b, c = resampled_shape(
        properties["shape_after_cropping_and_before_resampling"],
        _spacing(properties, predictor),
        predictor.configuration_manager.spacing,
    )
    return a, b, c


def determined_range(start: int, stop: int, n_model: int, n_cta: int) -> tuple[int, int]:
    """Find the CTA voxels along one axis that a range of model voxels determines fully.

    Parameters
    ----------
    start, stop : int
        First model voxel of the range and the one after its last.
    n_model, n_cta : int
        Voxels of the model's grid and of the transposed, cropped CTA.

    Returns
    -------
    tuple of int
        First CTA voxel and the one after the last; twice the same where there is none.
    """
    below, above = neighbours(positions(n_model, n_cta), n_model)
    low, high = int(np.searchsorted(below, start)), int(np.searchsorted(above, stop))
    return low, max(low, high)


def labels_on_cta_grid(
    logits: torch.Tensor | Array,
    start: tuple[int, int, int],
    properties: dict[str, Any],
    predictor: TilePredictor,
    wanted: Sequence[int] | None = None,
) -> Array:
    """Make the label map of a CTA from the logits of a box.

    Parameters
    ----------
    logits : Tensor or array of half or single precision, shape (heads, a, b, c)
        Finite logits of a box of the model's grid, in main memory.
    start : tuple of int
        First voxel of the box on the model's grid, whose axes are transposed.
    properties : dict
        Of the CTA, from nnU-Net's preprocessor.
    predictor : TilePredictor
        With a loaded model that `supports` accepts.
    wanted : sequence of int, optional
        Label values that are looked for; all by default. Where none of them can be, the background may stand for
        another label: the borders of organs and bones, which are many, need not be found.

    Returns
    -------
    ndarray of uint8, shape (z, y, x)
        The model's label values on the grid of the CTA before cropping; 0 outside the voxels that the box
        determines.

    Raises
    ------
    ValueError
        The box is not inside the model's grid, or the logits are of another type or another model.
    """
    tensor = torch.as_tensor(logits)
    heads = predictor.label_manager.num_segmentation_heads
    if tensor.dtype not in (torch.float16, torch.float32) or tensor.ndim != 4 or len(tensor) != heads:
        raise ValueError(
            f"logits are half or single precision of shape ({heads}, a, b, c), not {tensor.dtype} of "
            f"{tuple(tensor.shape)}"
        )
    axes = _axes(tuple(tensor.shape[1:]), start, properties, predictor)
    whole = np.zeros(properties["shape_before_cropping"], np.uint8)
    cropped = whole[tuple(slice(low, high) for low, high in properties["bbox_used_for_cropping"])]
    target = cropped[tuple(slice(axis.first, axis.first + len(axis.positions)) for axis in axes)]

    def fill(rows: slice) -> None:
        _fill_slab(target, tensor, axes, rows, wanted or range(1, heads))

    if target.size:
        in_threads(fill, _slabs(tensor.shape, target.shape))
    return whole.transpose(predictor.plans_manager.transpose_backward)


@dataclass(frozen=True)
class _Axis:
    """One axis of a box: the CTA voxels that it determines and where they lie in it.

    Attributes
    ----------
    first : int
        First CTA voxel.
    positions : ndarray of float64
        Of each CTA voxel, in voxels of the box.
    below, above : ndarray of int
        Voxels of the box between which each CTA voxel lies.
    """

    first: int
    positions: Array
    below: Array
    above: Array

    def part(self, span: slice) -> _Axis:
        """Give some of its CTA voxels."""
        return _Axis(self.first + (span.start or 0), self.positions[span], self.below[span], self.above[span])

    def moved(self, start: int) -> _Axis:
        """Give it for a box that begins at voxel `start` of this one."""
        return _Axis(self.first, self.positions - start, self.below - start, self.above - start)

    def reaching(self, span: slice) -> slice:
        """Find the CTA voxels that lie beside one of some voxels of the box."""
        return slice(int(np.searchsorted(self.above, span.start)), int(np.searchsorted(self.below, span.stop)))


def _axes(
    shape: tuple[int, ...], start: tuple[int, int, int], properties: dict[str, Any], predictor: TilePredictor
) -> list[_Axis]:
    """Find what a box determines along each axis, and how it is interpolated there."""
    options = _resampling(predictor)
    separate = slice_axis(predictor.configuration_manager.spacing, _spacing(properties, predictor), **options)
    whole_cta = properties["shape_after_cropping_and_before_resampling"]
    axes = []
    for number, (n_model, n_cta) in enumerate(zip(model_shape(properties, predictor), whole_cta, strict=True)):
        begin, stop = start[number], start[number] + shape[number]
        if not 0 <= begin <= stop <= n_model:
            raise ValueError(f"the box from {begin} to {stop} is not inside the model's {n_model} voxels")
        low, high = determined_range(begin, stop, n_model, n_cta)
        places = positions(n_model, n_cta)[low:high]
        if options.get("order") == 0 or number == separate:
            # nnU-Net resamples thick slices by nearest neighbour, so that no label is made up between them.
            places = np.clip(np.floor(places + 0.5), 0, n_model - 1)
        below, above = neighbours(places, n_model)
        axes.append(_Axis(low, places - begin, below - begin, above - begin))
    return axes


def _resampling(predictor: TilePredictor) -> dict[str, Any]:
    """Give the options of the function that resamples logits."""
    options: dict[str, Any] = predictor.configuration_manager.configuration["resampling_fn_probabilities_kwargs"]
    return options


def _spacing(properties: dict[str, Any], predictor: TilePredictor) -> list[float]:
    """Give the CTA's spacing in the model's order of axes."""
    return [properties["spacing"][axis] for axis in predictor.plans_manager.transpose_forward]


def _slabs(logits: tuple[int, ...], target: tuple[int, ...]) -> Iterator[slice]:
    """Cut the first axis of the CTA into slabs that fit into the memory to work in."""
    heads, depth, *model_plane = logits
    rows, *cta_plane = target
    # Bytes of a voxel: in the model logits and six sums of single precision, in the CTA labels and masks.
    row = (4 * heads + 24) * np.prod(model_plane) * depth / rows + 4 * np.prod(cta_plane)
    thickness = max(1, int(SLAB_BYTES / row))
    return (slice(low, min(low + thickness, rows)) for low in range(0, rows, thickness))


def _fill_slab(target: Array, logits: torch.Tensor, axes: list[_Axis], rows: slice, wanted: Sequence[int]) -> None:
    """Put the labels of a slab of the CTA in place, where they are not background for certain."""
    begin, end = axes[0].below[rows][0], axes[0].above[rows][-1] + 1
    # CPUs have no arithmetic in half precision; single precision holds its values exactly.
    slab, precision = logits[:, begin:end].float().numpy(), torch.finfo(logits.dtype)
    without = _without(slab, wanted, precision)
    box = nonzero_box(~without)
    if box is None:
        return
    # What lies between a voxel of the box and one outside is to be found too.
    wide = pad_box(box, 1, without.shape)
    slab, without = slab[(slice(None), *wide)], without[wide]
    inner = [axes[0].part(rows).moved(begin), *axes[1:]]
    spans = [axis.reaching(span) for axis, span in zip(inner, box, strict=True)]
    near = [axis.part(span).moved(low.start) for axis, span, low in zip(inner, spans, wide, strict=True)]
    labels = _clear_labels(slab, precision)
    for number, axis in enumerate(near):
        other = labels.take(axis.above, axis=number)
        labels = labels.take(axis.below, axis=number)
        # Both ends agree and lead clearly: whatever the weights are, the interpolated leader is the same.
        labels[labels != other] = _UNSURE
        without = without.take(axis.below, axis=number) & without.take(axis.above, axis=number)
    labels[(labels == _UNSURE) & without] = 0
    first, *others = near
    for plane, position in zip(labels, first.positions, strict=True):
        unsure = np.nonzero(plane == _UNSURE)
        in_plane = [axis.positions[at] for axis, at in zip(others, unsure, strict=True)]
        places = np.stack([np.full(len(unsure[0]), position), *in_plane])
        plane[unsure] = _interpolated_labels(slab, places, logits.dtype)
    target[rows][tuple(spans)] = labels


def _clear_labels(slab: Array, precision: torch.finfo) -> Array:
    """Label the voxels of a slab where one logit leads by more than rounding can change."""
    leader, second = slab[0].copy(), np.full(slab[0].shape, -np.inf, np.float32)
    labels = np.zeros(leader.shape, np.uint8)
    for head, logit in enumerate(slab[1:], start=1):
        labels[logit > leader] = head
        np.maximum(second, np.minimum(leader, logit), out=second)
        np.maximum(leader, logit, out=leader)
    labels[~_leads(leader, second, precision)] = _UNSURE
    return labels


def _without(slab: Array, wanted: Sequence[int], precision: torch.finfo) -> Array:
    """Tell where the background leads all wanted labels by more than rounding can change."""
    return _leads(slab[0], slab[list(wanted)].max(axis=0), precision)


def _leads(first: Array, second: Array, precision: torch.finfo) -> Array:
    """Tell where logits are larger than others by more than rounding can change."""
    # Twice as much as two logits can come closer by rounding. Interpolation averages the lead and this bound alike.
    bound = 2 * precision.eps * (np.maximum(np.abs(first), np.abs(second)) + precision.smallest_normal)
    return np.asarray(first - second > bound)


def _interpolated_labels(slab: Array, places: Array, dtype: torch.dtype) -> Array:
    """Interpolate the logits at places of a slab, round them and take the largest."""
    logits: Array = np.empty((len(slab), places.shape[1]), np.float32)
    for logit, values in zip(logits, slab, strict=True):
        # nnU-Net's rounding is from double precision at once.
        exact = map_coordinates(values, places, order=1, mode="nearest", output=np.float64)
        logit[:] = exact.astype(np.float16 if dtype == torch.float16 else np.float32)
    labels: Array = logits.argmax(axis=0)
    return labels
