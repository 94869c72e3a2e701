"""The training of one fold, as a process: ``python -m CalcScoreLogic.training.fold``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..models import Role
from .processes import run_process
from .recipe import CONFIGURATION
from .workspace import FINAL, LATEST, Workspace

_FIRST_RATE, _WARM_RATE = 1e-2, 5e-3


def train_fold(workspace: Workspace, role: Role, fold: int) -> None:
    """Train one fold; the environment must hold what `Workspace.environment` gives.

    Parameters
    ----------
    workspace : Workspace
        With the preprocessed data set in it.
    role : Role
        The ensemble.
    fold : int
        The fold, 0 to 4.

    Raises
    ------
    InputError
        The fold starts from fold 0, which is not trained.

    Notes
    -----
    A finished fold is left as it is, an interrupted one continues after its last saved epoch.
    """
    recipe = workspace.recipe()
    folder = workspace.fold(role, recipe, fold)
    if (folder / FINAL).is_file():
        return
    trainer = _make_trainer(workspace, role, fold, resumed=(folder / LATEST).is_file())
    trainer.num_epochs = recipe.epochs_of(role, fold) or trainer.num_epochs
    trainer.num_iterations_per_epoch = recipe.iterations_of(role) or trainer.num_iterations_per_epoch
    warm = recipe.is_warm(fold)
    if recipe.networks is not None:
        trainer.initial_lr = _WARM_RATE if warm else _FIRST_RATE
        trainer.label_weights = None if warm else recipe.networks[role].label_weights
    trainer.initialize()
    if (folder / LATEST).is_file():
        trainer.load_checkpoint(str(folder / LATEST))
    elif workspace.base(role) is not None:
        trainer.take_over()
    elif warm:
        _start_from(trainer, workspace.fold(role, recipe, 0) / FINAL)
    trainer.run_training()


def _make_trainer(workspace: Workspace, role: Role, fold: int, resumed: bool) -> Any:
    """Set up nnU-Net's trainer, the one of the cheap recipe, or one that starts from an ensemble."""
    import numpy as np
    import torch

    recipe = workspace.recipe()
    folder = workspace.preprocessed(role)
    plans = json.loads((folder / f"{recipe.plans_name}.json").read_text("utf-8"))
    plans["continue_training"] = resumed
    dataset = json.loads((folder / "dataset.json").read_text("utf-8"))
    base = workspace.base(role)
    if base is not None:
        from .finetune.trainer import nnUNetTrainer as FineTuner

        tuner = FineTuner(plans, CONFIGURATION, fold, dataset, _best_device())
        tuner.base = base
        return tuner
    if recipe.networks is None:
        from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

        return nnUNetTrainer(plans, CONFIGURATION, fold, dataset, _best_device())
    from .trainer import nnUNetTrainer as CheapTrainer

    np.random.seed(fold)  # noqa: NPY002  nnU-Net draws its patches from here
    torch.manual_seed(fold)
    torch.set_num_threads(1)
    return CheapTrainer(plans, CONFIGURATION, fold, dataset, torch.device("cpu"))


def _best_device() -> Any:
    import torch

    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def _start_from(trainer: Any, checkpoint: Path) -> None:
    """Give a trainer the weights of a finished fold; raises InputError where there is none."""
    import torch

    if not checkpoint.is_file():
        raise InputError(f"{checkpoint.parent}: the other folds start from fold 0, train it first")
    weights = torch.load(checkpoint, map_location=trainer.device, weights_only=False)["network_weights"]
    trainer.network.load_state_dict(weights)


if __name__ == "__main__":
    run_process(train_fold, __doc__, "fold")
