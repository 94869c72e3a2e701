"""nnU-Net's network, made fast for training on a CPU, and its averaged weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from ..recipe import CONFIGURATION

_LONGEST_AVERAGE = 0.997


class ChannelsLastNorm(nn.InstanceNorm3d):  # type: ignore[misc]
    """Instance norm of one patch, as the batch norm that it then is: that one keeps the memory format."""

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        """Normalise patches of shape (n, c, z, y, x)."""
        if len(patches) > 1:
            return super().forward(patches)
        return functional.batch_norm(patches, None, None, self.weight, self.bias, True, 0.0, self.eps)


def build(plans: Mapping[str, Any], labels: int, device: torch.device) -> nn.Module:
    """Build the network that nnU-Net builds from plans.

    Parameters
    ----------
    plans : mapping
        nnU-Net's.
    labels : int
        Output channels.
    device : torch.device
        Where it will run.

    Returns
    -------
    Module
        With deep supervision; its state is that of nnU-Net's network.
    """
    from nnunetv2.utilities.get_network_from_plans import get_network_from_plans

    architecture = plans["configurations"][CONFIGURATION]["architecture"]
    network: nn.Module = get_network_from_plans(
        architecture["network_class_name"],
        architecture["arch_kwargs"],
        architecture["_kw_requires_import"],
        1,
        labels,
        deep_supervision=True,
    )
    for part in network.modules():
        if isinstance(part, nn.InstanceNorm3d):
            part.__class__ = ChannelsLastNorm
    return network.to(device, memory_format=torch.channels_last_3d)


class Average:
    """Exponential average of the weights: what is shipped, because it labels better than the last ones.

    Parameters
    ----------
    network : Module
        The network.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.weights = [parameter.detach().clone() for parameter in network.parameters()]

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def update(self, iteration: int) -> None:
        """Take the present weights in; the first iterations are forgotten sooner."""
        kept = min(_LONGEST_AVERAGE, (iteration + 1) / (iteration + 10))
        for average, parameter in zip(self.weights, self.network.parameters(), strict=True):
            average.lerp_(parameter, 1.0 - kept)

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def swap(self) -> None:
        """Exchange the network's weights and the average."""
        for average, parameter in zip(self.weights, self.network.parameters(), strict=True):
            now = parameter.clone()
            parameter.copy_(average)
            average.copy_(now)

    def state(self) -> dict[str, torch.Tensor]:
        """Give the averaged weights as the state of nnU-Net's network, each storage once."""
        self.swap()
        copies: dict[int, torch.Tensor] = {}
        state = {}
        for name, tensor in self.network.state_dict().items():
            state[name] = copies.setdefault(tensor.data_ptr(), tensor.detach().cpu().contiguous().clone())
        self.swap()
        return state


@torch.no_grad()  # type: ignore[untyped-decorator]
def take_over(network: nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    """Start from the weights of a network of the same features; labels that it lacks keep their first weights.

    Parameters
    ----------
    network : Module
        The network.
    weights : mapping of str to Tensor
        State of the other one.

    Raises
    ------
    ValueError
        It has other features.
    """
    for name, tensor in network.state_dict().items():
        theirs = weights[name]
        heads = min(len(tensor), len(theirs)) if ".seg_layers." in name else len(tensor)
        if theirs.shape[1:] != tensor.shape[1:] or len(theirs) < heads:
            raise ValueError(f"{name} has the shape {tuple(theirs.shape)}, not {tuple(tensor.shape)}")
        tensor[:heads] = theirs[:heads].to(tensor)
