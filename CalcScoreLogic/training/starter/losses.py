"""nnU-Net's loss, with labels that help counting less than those that are wanted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

_ABSENT_SHARE = 0.3


class WeightedDice(nn.Module):  # type: ignore[misc]
    """Soft Dice of a batch with a weight a label.

    Parameters
    ----------
    apply_nonlin : callable
        From logits to probabilities.
    weights : Tensor of float, shape (labels,)
        Weight of each label, background among them.
    """

    def __init__(self, apply_nonlin: Any, weights: torch.Tensor) -> None:
        super().__init__()
        self.apply_nonlin = apply_nonlin
        self.register_buffer("weights", weights)

    def forward(self, logits: torch.Tensor, target: torch.Tensor, loss_mask: None = None) -> torch.Tensor:
        """Compute it from logits (n, labels, z, y, x) and labels (n, 1, z, y, x)."""
        probabilities = self.apply_nonlin(logits)
        truth = torch.zeros_like(probabilities).scatter_(1, target.long(), 1.0)
        axes = (0, 2, 3, 4)
        size = truth.sum(axes)
        # One voxel more on both sides: a label of few voxels must not decide everything.
        dice = (2.0 * (probabilities * truth).sum(axes) + 1.0) / (probabilities.sum(axes) + size + 1.0)
        weights: torch.Tensor = self.weights * torch.where(size > 0, 1.0, _ABSENT_SHARE)  # type: ignore[operator]
        return -(weights * dice).sum() / weights.sum()


def starter_loss(
    labels: int,
    label_weights: Sequence[float],
    cross_entropy_weights: Sequence[float],
    outputs: int,
    device: torch.device,
) -> nn.Module:
    """Make the loss: Dice and cross entropy with deep supervision.

    Parameters
    ----------
    labels : int
        Number of labels, background among them.
    label_weights, cross_entropy_weights : sequence of float
        As in `recipe.StarterNetwork`.
    outputs : int
        Resolutions of the network's output, the finest first; the coarsest does not count, as in nnU-Net.
    device : torch.device
        Where it is computed.

    Returns
    -------
    Module
        Of lists of logits and of labels.
    """
    from nnunetv2.training.loss.compound_losses import DC_and_CE_loss
    from nnunetv2.training.loss.deep_supervision import DeepSupervisionWrapper

    dice = torch.tensor([0.0, *_filled(label_weights, labels - 1)])
    entropy = torch.tensor(_filled(cross_entropy_weights, labels))
    loss = DC_and_CE_loss({"weights": dice}, {"weight": entropy}, dice_class=WeightedDice).to(device)
    halved = [0.5**number for number in range(outputs)]
    if outputs > 1:
        halved[-1] = 0.0
    wrapped: nn.Module = DeepSupervisionWrapper(loss, [weight / sum(halved) for weight in halved])
    return wrapped


def _filled(weights: Sequence[float], count: int) -> list[float]:
    """Repeat the last weight up to a count."""
    return [*weights, *[weights[-1]] * (count - len(weights))][:count]
