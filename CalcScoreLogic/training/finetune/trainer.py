"""nnU-Net's trainer for an ensemble that learns on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from nnunetv2.training.nnUNetTrainer import nnUNetTrainer as stock

from ...models import safe_loading
from .base import Base
from .recipe import FIRST_RATE


class MergedBackground(torch.nn.Module):  # type: ignore[misc]
    """A loss that counts further labels as background: the cases do not tell them, and the network may keep them.

    Parameters
    ----------
    loss : Module
        Of logits with one channel for the background and one for each label of the cases.
    kept : sequence of int
        Channels of these labels in the network's output, in the order of their values.
    """

    def __init__(self, loss: torch.nn.Module, kept: Sequence[int]) -> None:
        super().__init__()
        self.loss, self._kept = loss, list(kept)

    def forward(self, logits: torch.Tensor, target: torch.Tensor) -> Any:
        """Give the loss; the background's probability is the sum of all that is none of the labels."""
        others = [channel for channel in range(logits.shape[1]) if channel not in self._kept]
        background = torch.logsumexp(logits[:, others].float(), dim=1, keepdim=True)
        return self.loss(torch.cat([background, logits[:, self._kept].float()], dim=1), target)


class nnUNetTrainer(stock.nnUNetTrainer):  # type: ignore[misc]  # noqa: N801  the name goes into the checkpoint, stock nnU-Net must know it
    """nnU-Net's own training from the weights of a base, at a low rate.

    Parameters are those of nnU-Net's trainer, which reads their names.

    Attributes
    ----------
    base : Base
        What it starts from.
    """

    base: Base

    def __init__(
        self,
        plans: dict[str, Any],
        configuration: str,
        fold: int,
        dataset_json: dict[str, Any],
        device: torch.device = torch.device("cpu"),  # noqa: B008  nnU-Net's signature
    ) -> None:
        super().__init__(plans, configuration, fold, dataset_json, device)
        self.initial_lr = FIRST_RATE
        self.save_every = 1

    def configure_rotation_dummyDA_mirroring_and_inital_patch_size(self) -> tuple[Any, ...]:  # noqa: N802
        """Augment as nnU-Net does, but mirror only as the base was."""
        rotation, flat, size, _ = super().configure_rotation_dummyDA_mirroring_and_inital_patch_size()
        axes = self.base.mirroring_axes or None
        self.inference_allowed_mirroring_axes = axes
        return rotation, flat, size, axes

    def _build_loss(self) -> Any:
        loss = super()._build_loss()
        labels = list(self.base.role.labels)
        if self.label_manager.num_segmentation_heads == 1 + len(labels):
            return loss
        kept = [int(label) for label in labels]
        if not self.enable_deep_supervision:
            return MergedBackground(loss, kept)
        loss.loss = MergedBackground(loss.loss, kept)
        return loss

    def take_over(self) -> None:
        """Take the base's weights; the network has been built."""
        source = self.base.start_of(self.fold)
        with safe_loading(source):
            weights = torch.load(source, map_location=self.device)["network_weights"]
        self.network.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
