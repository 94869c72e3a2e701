"""nnU-Net's trainer with the settings of the cheap recipe."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from nnunetv2.training.lr_scheduler.polylr import PolyLRScheduler
from nnunetv2.training.nnUNetTrainer import nnUNetTrainer as stock

WEIGHTED_SHARE = 0.6
"""Share of the epochs in which `nnUNetTrainer.label_weights` count."""

_LEFT_RIGHT = 2  # axis of (z, y, x)
_GRADIENT_LIMIT = 12.0  # nnU-Net's own


class nnUNetTrainer(stock.nnUNetTrainer):  # type: ignore[misc]  # noqa: N801  the name goes into the checkpoint, stock nnU-Net must know it
    """The cheap recipe: AdamW, mirroring left-right only, most patches around an artery.

    Parameters are those of nnU-Net's trainer, which reads their names.

    Attributes
    ----------
    label_weights : tuple of float or None
        See `recipe.SmallNetwork`.
    """

    label_weights: tuple[float, ...] | None = None

    def __init__(
        self,
        plans: dict[str, Any],
        configuration: str,
        fold: int,
        dataset_json: dict[str, Any],
        device: torch.device = torch.device("cpu"),  # noqa: B008  nnU-Net's signature
    ) -> None:
        super().__init__(plans, configuration, fold, dataset_json, device)
        self.oversample_foreground_percent = 0.8
        self.probabilistic_oversampling = True
        self.num_val_iterations_per_epoch = 1
        self.save_every = 1

    def configure_optimizers(self) -> tuple[Any, Any]:
        """Use AdamW, which needs fewer iterations than nnU-Net's SGD."""
        optimizer = torch.optim.AdamW(self.network.parameters(), self.initial_lr, weight_decay=self.weight_decay)
        return optimizer, PolyLRScheduler(optimizer, self.initial_lr, self.num_epochs)

    def configure_rotation_dummyDA_mirroring_and_inital_patch_size(self) -> tuple[Any, ...]:  # noqa: N802
        """Do without rotation, so that no more than a patch is read."""
        self.inference_allowed_mirroring_axes = (_LEFT_RIGHT,)
        return (0.0, 0.0), False, self.configuration_manager.patch_size, self.inference_allowed_mirroring_axes

    @staticmethod
    def get_training_transforms(*arguments: Any, **options: Any) -> Any:
        """Mirror only: on one thread the rest costs more than the network."""
        _, _, deep_supervision_scales, mirror_axes, *_ = arguments
        plain = stock.nnUNetTrainer.get_validation_transforms(deep_supervision_scales)
        return stock.ComposeTransforms([stock.MirrorTransform(allowed_axes=mirror_axes), *plain.transforms])

    def on_train_epoch_start(self) -> None:
        """Set the weights of the cross entropy."""
        super().on_train_epoch_start()
        weighted = self.label_weights and self.current_epoch < WEIGHTED_SHARE * self.num_epochs
        self.loss.loss.ce.weight = torch.tensor(self.label_weights, device=self.device) if weighted else None

    def train_step(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Do one iteration, in bfloat16 where the processor has it."""
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=_has_bfloat16()):
            outputs = self.network(batch["data"].to(self.device))
        targets = [target.to(self.device) for target in batch["target"]]
        loss = self.loss([output.float() for output in outputs], targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), _GRADIENT_LIMIT)
        self.optimizer.step()
        return {"loss": np.asarray(loss.detach().cpu())}


def _has_bfloat16() -> bool:
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
