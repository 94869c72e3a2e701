"""nnU-Net's networks with fewer operations and the same logits, up to the rounding of float32.

In the decoder a transposed convolution is followed by a convolution of its result beside the skip connection. Nothing
lies between the two, so for the half of the convolution that reads the result they are one linear map: a transposed
convolution with a larger kernel. That takes less than half of the half's multiplications where kernels are 3 wide and
strides 2, and the volume in between, and its copy beside the skip connection, are never written.

What the bias of the transposed convolution adds is the same wherever the kernel of the convolution lies in the volume,
and less at its borders, where the kernel reaches out.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

_KERNELS = (1, 3)
"""Widths of a convolution of which one voxel at each border is different, or none."""


def fused(network: nn.Module, tile_shape: Sequence[int], weights: Mapping[str, torch.Tensor] | None = None) -> Any:
    """Copy a network so that it gives the logits of the highest resolution with as few operations as we know.

    Parameters
    ----------
    network : Module
        U-Net of nnU-Net; it stays as it is.
    tile_shape : sequence of int
        Voxels of a tile along (z, y, x).
    weights : mapping of str to Tensor, optional
        State dict to take; the network's own by default.

    Returns
    -------
    Module
        In float32 on the CPU, for tiles of this shape; every parameter takes part.
    """
    plain: Any = copy.deepcopy(network).cpu().float().eval()
    if weights is not None:
        plain.load_state_dict(weights)
    decoder = plain.decoder
    decoder.deep_supervision = False
    decoder.seg_layers = nn.ModuleList([decoder.seg_layers[-1]])
    for module in plain.modules():
        if isinstance(module, nn.InstanceNorm3d):
            module.forward = functools.partial(_normalize, module)
    strides, shape = torch.tensor(plain.encoder.strides), torch.tensor(tuple(tile_shape))
    # One voxel would lie at both borders.
    large_enough = bool((shape // strides[:-1].prod(0) > 1).all())
    pairs = list(zip(decoder.transpconvs, decoder.stages, strict=True))
    if large_enough and all(_can_merge(up, stage) for up, stage in pairs):
        plain.decoder = _MergedDecoder(decoder)
    return plain


class _MergedDecoder(nn.Module):  # type: ignore[misc]
    """A decoder whose transposed convolutions are one with the convolutions after them."""

    def __init__(self, decoder: Any) -> None:
        super().__init__()
        pairs = list(zip(decoder.transpconvs, decoder.stages, strict=True))
        self.ups = nn.ModuleList(_MergedUp(up, stage.convs[0].all_modules[0]) for up, stage in pairs)
        self.rests = nn.ModuleList(
            nn.Sequential(*stage.convs[0].all_modules[1:], *stage.convs[1:]) for _, stage in pairs
        )
        self.head = decoder.seg_layers[-1]

    def forward(self, skips: list[torch.Tensor]) -> torch.Tensor:
        x = skips[-1]
        for up, rest, skip in zip(self.ups, self.rests, skips[-2::-1], strict=True):
            x = rest(up(x, skip))
        return self.head(x)


class _MergedUp(nn.Module):  # type: ignore[misc]
    """A transposed convolution and the convolution of its result beside a skip connection.

    Parameters
    ----------
    transposed : ConvTranspose3d
        Its kernel is as wide as its stride.
    convolution : Conv3d
        Reads the result first, then the skip connection.
    """

    def __init__(self, transposed: nn.ConvTranspose3d, convolution: nn.Conv3d) -> None:
        super().__init__()
        between = transposed.out_channels
        # Float64: what is rounded is the product.
        reads_result = convolution.weight.detach()[:, :between].double()
        kernel = functional.conv3d(
            transposed.weight.detach().double(), reads_result, padding=[n - 1 for n in convolution.kernel_size]
        )
        self.stride, self.padding = transposed.stride, convolution.padding
        self.of_coarse = nn.Parameter(kernel.float())
        self.of_skip = nn.Parameter(convolution.weight.detach()[:, between:].clone())
        self.bias = None if convolution.bias is None else nn.Parameter(convolution.bias.detach().clone())
        self.table = None
        if transposed.bias is not None:
            even = transposed.bias.detach().double().view(1, -1, 1, 1, 1).expand(1, -1, *convolution.kernel_size)
            self.table = nn.Parameter(functional.conv3d(even, reads_result, padding=convolution.padding).float())

    def forward(self, x: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        y = functional.conv3d(skip, self.of_skip, self.bias, padding=self.padding)
        y = y + functional.conv_transpose3d(x, self.of_coarse, stride=self.stride, padding=self.padding)
        if self.table is None:
            return y
        depths, heights, widths = self.table.shape[2:]
        depth, height, width = y.shape[2:]
        planes = self.table.index_select(3, _sides(height, heights)).index_select(4, _sides(width, widths))
        if depths == 1:
            return y + planes
        first, within, last = planes.split(1, 2)
        side = _sides(depth, depths).view(1, 1, -1, 1, 1)
        # Chosen, not put together beforehand: that would be a whole volume to keep and to read.
        return torch.where(side == 0, y + first, torch.where(side == 2, y + last, y + within))


def _sides(count: int, kinds: int) -> torch.Tensor:
    """Tell of the voxels along an axis which are the first (0), within (1) and the last (2), where that matters."""
    at = torch.arange(count)
    return (at > 0).long() + (at == count - 1).long() if kinds == 3 else at * 0


def _can_merge(transposed: Any, stage: Any) -> bool:
    """Tell whether a transposed convolution and the stage after it are of nnU-Net's kind."""
    convolution = stage.convs[0].all_modules[0]
    return bool(
        isinstance(transposed, nn.ConvTranspose3d)
        and transposed.kernel_size == transposed.stride
        and isinstance(convolution, nn.Conv3d)
        and all(n in _KERNELS for n in convolution.kernel_size)
        and tuple(convolution.padding) == tuple(n // 2 for n in convolution.kernel_size)
        and set(convolution.stride) == {1}
        and {*transposed.padding, *transposed.output_padding} == {0}
        and {*transposed.dilation, *convolution.dilation, transposed.groups, convolution.groups} == {1}
    )


def _normalize(norm: nn.InstanceNorm3d, x: torch.Tensor) -> torch.Tensor:
    """Normalize each channel as `norm` does, in short sums.

    OpenVINO's own operation adds the voxels of a tile one by one, which in float32 is wrong in the third digit for a
    million of them.
    """
    centred = x - _channel_means(x)
    scale = torch.rsqrt(_channel_means(centred * centred) + norm.eps)
    if norm.affine:
        scale = scale * norm.weight.view(1, -1, 1, 1, 1)
        return centred * scale + norm.bias.view(1, -1, 1, 1, 1)
    return centred * scale


def _channel_means(x: torch.Tensor) -> torch.Tensor:
    # Axis by axis, and not in three means: OpenVINO would make one of them.
    return x.mean(4, keepdim=True).sum(3, keepdim=True).mean(2, keepdim=True) / x.shape[3]
