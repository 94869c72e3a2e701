"""nnU-Net's networks in OpenVINO's terms: converted once, with the weights of any fold put in."""

from __future__ import annotations

import copy
import sys
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from ...errors import InputError
from .fused_network import fused

Weights = Mapping[str, torch.Tensor]


class ConvertibleNetwork:
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
        self._names: dict[str, str] | None = None

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
        fold = fused(self._network, self.shape[2:], weights)
        if self._template is None:
            marked = _marked(fold)
            self._template = _convert(marked, self.shape)
            self._names = _names_of_constants(self._template, _values(marked))
        if self._names is None:
            return _convert(fold, self.shape)
        values = _values(fold)
        return _replaced(self._template.clone(), {old: values[name] for old, name in self._names.items()})


def load_openvino() -> Any:
    """Import OpenVINO without its reports of usage to its maker; raises InputError where it is not installed."""
    # It does without this package where it cannot be imported.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    try:
        import openvino  # type: ignore[import-not-found,import-untyped]
    except ImportError:
        raise InputError('OpenVINO is not installed, install it with: pip install "CalcScoreLogic[cpu]"') from None
    return openvino


def _values(network: Any) -> dict[str, torch.Tensor]:
    """Name the weights of a fused network, each once."""
    named = (*network.named_parameters(), *network.named_buffers())
    return {name: value.detach() for name, value in named if value.is_floating_point()}


def _marked(network: Any) -> Any:
    """Copy a fused network with other weights, by which they can be told apart in the converted network."""
    marked, generator = copy.deepcopy(network), torch.Generator().manual_seed(0)
    for value in _values(marked).values():
        value.uniform_(0.5, 1.5, generator=generator)
    return marked


def _names_of_constants(template: Any, values: Weights) -> dict[str, str] | None:
    """Name the weights behind each constant that holds some; None where some are not there as they are."""
    names = {value.contiguous().numpy().tobytes(): name for name, value in values.items()}
    found = {}
    for operation in template.get_ops():
        if operation.get_type_name() == "Constant" and (content := operation.data.tobytes()) in names:
            found[operation.get_friendly_name()] = names[content]
    return found if sorted(found.values()) == sorted(values) else None


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


def _convert(network: Any, shape: tuple[int, ...]) -> Any:
    """Convert a fused network, for tiles of `shape`."""
    with warnings.catch_warnings(), torch.no_grad():
        # Tracing says that it follows no branches and is to go; torch.export takes several times as long.
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(network, _smallest(network, shape[1]), check_trace=False)
        return load_openvino().convert_model(traced, input=[shape])


def _smallest(network: Any, channels: int) -> torch.Tensor:
    """Give the smallest tile: the operations do not depend on it. Two voxels are left at the bottom."""
    smallest = np.prod(network.encoder.strides, axis=0)
    smallest[-1] *= 2
    return torch.zeros(1, channels, *smallest.tolist())
