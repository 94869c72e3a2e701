"""What a tile costs, from ``plans.json`` alone: no network is built, nothing heavy is imported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from ..models import Model
from ..models.check import PLANS
from ..models.json_objects import read_object
from ..models.plans import resolved_configuration

Shape = tuple[int, ...]

_BOTTLENECK = "BottleneckD"
_POINT = (1, 1, 1)


@dataclass(frozen=True)
class TileCost:
    """What a network does to one tile.

    Attributes
    ----------
    operations : int
        Floating point operations of its convolutions; a multiplication and an addition are two.
    activations : int
        Numbers that its convolutions write.
    """

    operations: int
    activations: int

    def __add__(self, other: TileCost) -> TileCost:
        return TileCost(self.operations + other.operations, self.activations + other.activations)

    def __mul__(self, times: int) -> TileCost:
        return TileCost(self.operations * times, self.activations * times)


def model_cost(model: Model) -> TileCost:
    """Count what each network of a model does to one tile, without mirrored copies; raises InputError."""
    return tile_cost(read_object(model.path / PLANS), model.heads)


def tile_cost(plans: dict[str, Any], heads: int) -> TileCost:
    """Count what a network does to one tile, without mirrored copies.

    Parameters
    ----------
    plans : dict
        Content of a ``plans.json`` that has passed `models.check`.
    heads : int
        Channels of the logits.

    Returns
    -------
    TileCost
        Of one pass of the network.
    """
    configuration = resolved_configuration(Path(PLANS), plans)
    name, arguments = _architecture(configuration)
    features = _per_stage(arguments["features_per_stage"], arguments["n_stages"])
    kernels = [_axes(k) for k in _per_stage(arguments["kernel_sizes"], arguments["n_stages"])]
    strides = [_axes(s) for s in _per_stage(arguments["strides"], arguments["n_stages"])]
    tile = tuple(configuration["patch_size"])
    shapes = [tile]
    for kernel, stride in zip(kernels, strides, strict=True):
        shapes.append(_shape_after(shapes[-1], kernel, stride))
    encoder = _residual_encoder if name.endswith("ResidualEncoderUNet") else _plain_encoder
    decoder_convolutions = _per_stage(arguments["n_conv_per_stage_decoder"], arguments["n_stages"] - 1)
    return (
        encoder(arguments, features, kernels, shapes)
        + _decoder(decoder_convolutions, features, kernels, strides, shapes[1:])
        + _convolution(shapes[1], features[0], heads, _POINT)
    )


def _architecture(configuration: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Give the network's class and its arguments; plans from before nnU-Net 2.4 spread them over the configuration."""
    if "architecture" in configuration:
        architecture = configuration["architecture"]
        return architecture["network_class_name"], architecture["arch_kwargs"]
    name, stages = configuration["UNet_class_name"], len(configuration["n_conv_per_stage_encoder"])
    first, most = configuration["UNet_base_num_features"], configuration["unet_max_num_features"]
    return name, {
        "n_stages": stages,
        "features_per_stage": [min(first * 2**stage, most) for stage in range(stages)],
        "kernel_sizes": configuration["conv_kernel_sizes"],
        "strides": configuration["pool_op_kernel_sizes"],
        "n_conv_per_stage": configuration["n_conv_per_stage_encoder"],
        "n_blocks_per_stage": configuration["n_conv_per_stage_encoder"],
        "n_conv_per_stage_decoder": configuration["n_conv_per_stage_decoder"],
    }


def _plain_encoder(
    arguments: dict[str, Any], features: Sequence[int], kernels: Sequence[Shape], shapes: Sequence[Shape]
) -> TileCost:
    """Count an encoder of stacked convolutions, whose first has the stride."""
    cost, channels = TileCost(0, 0), 1
    convolutions = _per_stage(arguments["n_conv_per_stage"], len(features))
    for count, width, kernel, shape in zip(convolutions, features, kernels, shapes[1:], strict=True):
        cost += _stack(count, channels, width, shape, kernel)
        channels = width
    return cost


def _residual_encoder(
    arguments: dict[str, Any], features: Sequence[int], kernels: Sequence[Shape], shapes: Sequence[Shape]
) -> TileCost:
    """Count a stem and stages of residual blocks; the first block of a stage has the stride."""
    channels = arguments.get("stem_channels") or features[0]
    cost = _convolution(shapes[0], 1, channels, kernels[0])
    blocks = _per_stage(arguments["n_blocks_per_stage"], len(features))
    narrow: list[int | None] = [None] * len(features)
    if str(arguments.get("block", "")).endswith(_BOTTLENECK):
        narrow = _per_stage(arguments["bottleneck_channels"], len(features))
    stages = zip(blocks, features, narrow, kernels, shapes[:-1], shapes[1:], strict=True)
    for count, width, bottleneck, kernel, before, shape in stages:
        cost += _block(channels, width, bottleneck, kernel, before, shape)
        cost += _block(width, width, bottleneck, kernel, shape, shape) * (count - 1)
        channels = width
    return cost


def _block(inputs: int, outputs: int, bottleneck: int | None, kernel: Shape, before: Shape, shape: Shape) -> TileCost:
    """Count a residual block, which projects its input where the number of channels changes."""
    if bottleneck is None:
        cost = _stack(2, inputs, outputs, shape, kernel)
    else:
        cost = (
            _convolution(before, inputs, bottleneck, _POINT)
            + _convolution(shape, bottleneck, bottleneck, kernel)
            + _convolution(shape, bottleneck, outputs, _POINT)
        )
    return cost if inputs == outputs else cost + _convolution(shape, inputs, outputs, _POINT)


def _decoder(
    convolutions: Sequence[int],
    features: Sequence[int],
    kernels: Sequence[Shape],
    strides: Sequence[Shape],
    shapes: Sequence[Shape],
) -> TileCost:
    """Count the way up; `convolutions` begins at the lowest stage, all else at the highest."""
    cost = TileCost(0, 0)
    for count, stage in zip(convolutions, range(len(features) - 2, -1, -1), strict=True):
        width = features[stage]
        # A transposed convolution whose kernel is its stride: each input voxel is written once to each place.
        cost += _convolution(
            shapes[stage + 1], features[stage + 1], width, strides[stage + 1], prod(strides[stage + 1])
        )
        cost += _stack(count, 2 * width, width, shapes[stage], kernels[stage])
    return cost


def _stack(count: int, inputs: int, outputs: int, shape: Shape, kernel: Shape) -> TileCost:
    """Count convolutions one after the other, of which the first changes the number of channels."""
    rest = _convolution(shape, outputs, outputs, kernel) * (count - 1)
    return _convolution(shape, inputs, outputs, kernel) + rest


def _convolution(shape: Shape, inputs: int, outputs: int, kernel: Shape, spread: int = 1) -> TileCost:
    """Count a convolution at each voxel of a shape, which writes `spread` voxels each."""
    voxels = prod(shape)
    return TileCost(2 * voxels * inputs * outputs * prod(kernel), voxels * outputs * spread)


def _shape_after(shape: Shape, kernel: Shape, stride: Shape) -> Shape:
    """Give the shape after a padded convolution with a stride."""
    return tuple((n + 2 * ((k - 1) // 2) - k) // s + 1 for n, k, s in zip(shape, kernel, stride, strict=True))


def _per_stage(value: Any, stages: int) -> list[Any]:
    """Give a value for each stage; one number stands for all."""
    return list(value) if isinstance(value, (list, tuple)) else [value] * stages


def _axes(value: Any) -> Shape:
    """Give a value for each axis; one number stands for all."""
    return tuple(value) if isinstance(value, (list, tuple)) else (value,) * 3
