"""Small networks with random weights, made in a moment, and what OpenVINO and other processes make of them."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch

from CalcScoreLogic.inference.worker.openvino_conversion import ConvertibleNetwork
from CalcScoreLogic.inference.worker.openvino_network import OpenVinoNetwork

PATCH = (16, 32, 16)


def plain(seed: int = 0, deep_supervision: bool = False) -> Any:
    """A small network of nnU-Net's default kind, with strides that differ by axis."""
    from dynamic_network_architectures.architectures.unet import PlainConvUNet

    torch.manual_seed(seed)
    strides = [[1, 1, 1], [1, 2, 2], [2, 2, 2]]
    return PlainConvUNet(1, 3, [4, 6, 8], *layers(strides, [1, 2, 1], [1, 1]), deep_supervision=deep_supervision)


def residual() -> Any:
    from dynamic_network_architectures.architectures.unet import ResidualEncoderUNet

    torch.manual_seed(5)
    return ResidualEncoderUNet(1, 3, [4, 6, 8], *layers([[1, 1, 1], [2, 2, 2], [2, 2, 1]], [1, 2, 2], [1, 1]))


def without_affine() -> Any:
    from dynamic_network_architectures.architectures.unet import PlainConvUNet

    torch.manual_seed(6)
    return PlainConvUNet(1, 2, [4, 6], *layers([[1, 1, 1], [2, 2, 2]], [1, 1], [1], affine=False))


def layers(strides: list[list[int]], encoder: list[int], decoder: list[int], affine: bool = True) -> tuple[Any, ...]:
    nn = torch.nn
    norm = (nn.InstanceNorm3d, {"eps": 1e-5, "affine": affine})
    kernels = [[1, 3, 3], [3] * 3, [3] * 3][: len(strides)]
    return nn.Conv3d, kernels, strides, encoder, 3, decoder, True, *norm, None, None, nn.LeakyReLU


def noise(n: int, seed: int = 1) -> Any:
    return torch.randn(n, 1, *PATCH, generator=torch.Generator().manual_seed(seed))


def logits_of(network: Any, x: Any, **options: Any) -> np.ndarray:
    return OpenVinoNetwork(ConvertibleNetwork(network, PATCH, 1), network.state_dict(), threads=1, **options)(x).numpy()


@cache
def plain_logits(seed: int) -> np.ndarray:
    """Give the logits of `plain(seed)` for `noise(1)`, converted without a cache."""
    return logits_of(plain(seed), noise(1))


CONVERT = """
import os
import sys
from pathlib import Path

from CalcScoreLogic.inference.worker.openvino_conversion import ConvertibleNetwork
from CalcScoreLogic.inference.worker.openvino_network import OpenVinoNetwork
from Testing.logic.inference.worker.small_networks import PATCH, noise, plain

network, convertible = plain(0), ConvertibleNetwork(plain(0), PATCH, 1)
for _ in range(int(sys.argv[2])):
    file = Path(sys.argv[1])
    file.unlink(missing_ok=True)
    logits = OpenVinoNetwork(convertible, network.state_dict(), threads=1, cache=file)(noise(1))
    file.with_name(f"{os.getpid()}.logits").write_bytes(logits.numpy().tobytes())
"""
