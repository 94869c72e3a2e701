"""nnU-Net's networks in OpenVINO's terms: converted once, with the weights of any fold put in."""

from __future__ import annotations

import copy
import functools
import sys
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from ..errors import InputError

Weights = Mapping[str, torch.Tensor]


class Blueprint:
    """A network that is converted when it is first needed.

    Parameters
    ----------
    network : Module
        nnU-Net's network, with any weights; it stays as it is.
    patch_size : sequence of int
        Voxels of a tile along (z, y, x).
    channels : int
        Channels of a tile.
    """

    def __init__(self, network: torch.nn.Module, patch_size: Sequence[int], channels: int) -> None:
        self._network = network
        self.shape = (1, channels, *patch_size)
        self._template: Any = None
        self._keys: dict[str, str] | None = None

    def with_weights(self, weights: Weights) -> Any:
        """Give the network with the weights of a fold.

        Parameters
        ----------
        weights : mapping of str to Tensor
            Its state dict of the fold.

        Returns
        -------
        openvino.Model
            For tiles of `shape`, in float32.

        Raises
        ------
        InputError
            OpenVINO is not installed.
        """
        if self._template is None:
            marks = _marks(self._network)
            self._template = _convert(self._network, marks, self.shape)
            self._keys = _keys_of_constants(self._template, marks, _used(self._network))
        if self._keys is None:
            return _convert(self._network, weights, self.shape)
        return _replaced(self._template.clone(), {name: weights[key] for name, key in self._keys.items()})


def load_openvino() -> Any:
    """Import OpenVINO without its reports of usage to its maker; raises InputError where it is not installed."""
    # It does without this package where it cannot be imported.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    try:
        import openvino  # type: ignore[import-not-found,import-untyped]
    except ImportError:
        raise InputError('OpenVINO is not installed, install it with: pip install "CalcScoreLogic[cpu]"') from None
    return openvino


def _marks(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Make a state dict by which the parameters can be told apart in the converted network."""
    marked, generator = copy.deepcopy(network).cpu().float(), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for value in (*marked.parameters(), *marked.buffers()):
            if value.is_floating_point():
                value.uniform_(0.5, 1.5, generator=generator)
    return dict(marked.state_dict())


def _used(network: torch.nn.Module) -> set[str]:
    """Name the parameters and buffers that the logits of the highest resolution depend on."""
    # The caller may be in a mode that keeps no gradients.
    with torch.inference_mode(False), torch.enable_grad():
        plain = _plain(network)
        plain(_smallest(plain, next(plain.parameters()).shape[1])).sum().backward()
    parameters = {name for name, parameter in plain.named_parameters() if parameter.grad is not None}
    return parameters | {name for name, buffer in plain.named_buffers() if buffer.is_floating_point()}


def _keys_of_constants(template: Any, marks: Weights, used: set[str]) -> dict[str, str] | None:
    """Name the parameter behind each constant that is one; None where one is not there as it is."""
    keys = {marks[key].numpy().tobytes(): key for key in used}
    constants = [op for op in template.get_ops() if op.get_type_name() == "Constant"]
    found = {op.get_friendly_name(): keys[op.data.tobytes()] for op in constants if op.data.tobytes() in keys}
    return found if sorted(found.values()) == sorted(used) else None


def _replaced(network: Any, values: Weights) -> Any:
    """Put values in the place of constants."""
    openvino = load_openvino()
    for old in network.get_ops():
        name = old.get_friendly_name()
        if name in values:
            new = openvino.op.Constant(values[name].float().contiguous().numpy().reshape(old.data.shape))
            new.set_friendly_name(name)
            old.output(0).replace(new.output(0))
    return network


def _convert(network: torch.nn.Module, weights: Weights, shape: tuple[int, ...]) -> Any:
    """Convert a network with some weights, for tiles of `shape`, in float32."""
    plain = _plain(network)
    plain.load_state_dict(weights)
    with warnings.catch_warnings(), torch.no_grad():
        # Tracing says that it follows no branches and is to go; torch.export takes several times as long.
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(plain, _smallest(plain, shape[1]), check_trace=False)
        return load_openvino().convert_model(traced, input=[shape])


def _plain(network: torch.nn.Module) -> Any:
    """Copy a network so that it gives the logits of the highest resolution only, with our normalization."""
    plain = copy.deepcopy(network).cpu().float().eval()
    plain.decoder.deep_supervision = False
    for module in plain.modules():
        if isinstance(module, torch.nn.InstanceNorm3d):
            module.forward = functools.partial(_normalize, module)
    return plain


def _smallest(network: Any, channels: int) -> torch.Tensor:
    """Give the smallest tile: the operations do not depend on it. Two voxels are left at the bottom."""
    smallest = np.prod(network.encoder.strides, axis=0)
    smallest[-1] *= 2
    return torch.zeros(1, channels, *smallest.tolist())


def _normalize(norm: torch.nn.InstanceNorm3d, x: torch.Tensor) -> torch.Tensor:
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
