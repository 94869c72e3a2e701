"""nnU-Net's own planning and preprocessing, as a process: ``python -m CalcScoreLogic.training.plan``."""

from __future__ import annotations

import json
from typing import Any

from ..atomic import write_json, write_text
from ..models import Role
from .finetune.prepare import preprocess_for
from .processes import run_process
from .recipe import CONFIGURATION, DATASET_IDS, Recipe, SmallNetwork
from .workspace import Workspace


def plan_and_preprocess(workspace: Workspace, role: Role, processes: int) -> None:
    """Plan and preprocess; the environment must hold what `Workspace.environment` gives.

    Parameters
    ----------
    workspace : Workspace
        With the raw data set in it.
    role : Role
        The ensemble.
    processes : int
        Cases that are preprocessed at the same time.
    """
    from nnunetv2.experiment_planning import plan_and_preprocess_api as nnunet

    base = workspace.base(role)
    if base is not None:
        preprocess_for(workspace, role, base, processes)
        return
    recipe, dataset = workspace.recipe(), [DATASET_IDS[role]]
    nnunet.extract_fingerprints(dataset, num_processes=processes, show_progress_bar=False)
    nnunet.plan_experiments(dataset)
    if recipe.networks is not None:
        folder = workspace.preprocessed(role)
        default = json.loads((folder / "nnUNetPlans.json").read_text("utf-8"))
        write_json(folder / f"{recipe.plans_name}.json", small_plans(default, recipe, recipe.networks[role]))
    nnunet.preprocess(dataset, recipe.plans_name, [CONFIGURATION], num_processes=[processes], show_progress_bar=False)
    write_text(workspace.preprocessed_mark(role), "done\n")


def small_plans(default: dict[str, Any], recipe: Recipe, network: SmallNetwork) -> dict[str, Any]:
    """Put a small network into nnU-Net's plans.

    Parameters
    ----------
    default : dict
        What nnU-Net planned.
    recipe : Recipe
        Names the plans.
    network : SmallNetwork
        The network.

    Returns
    -------
    dict
        Plans with one configuration, axes in the order (z, y, x).
    """
    stages = len(network.features)
    planned = default["configurations"][CONFIGURATION]
    arguments = {
        **planned["architecture"]["arch_kwargs"],
        "n_stages": stages,
        "features_per_stage": list(network.features),
        "kernel_sizes": [[3, 3, 3]] * stages,
        "strides": [[1, 1, 1]] + [[2, 2, 2]] * (stages - 1),
        "n_conv_per_stage": [1] * stages,
        "n_conv_per_stage_decoder": [1] * (stages - 1),
    }
    configuration = {
        **planned,
        "data_identifier": f"{recipe.plans_name}_{CONFIGURATION}",
        "batch_size": network.batch_size,
        "batch_dice": True,
        "patch_size": list(network.patch_size),
        "spacing": [network.spacing_mm] * 3,
        "architecture": {**planned["architecture"], "arch_kwargs": arguments},
    }
    intensities = default["foreground_intensity_properties_per_channel"]
    if network.keeps_bright:
        intensities = {channel: {**v, "percentile_99_5": v["max"]} for channel, v in intensities.items()}
    return {
        **default,
        "foreground_intensity_properties_per_channel": intensities,
        "plans_name": recipe.plans_name,
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "configurations": {CONFIGURATION: configuration},
    }


if __name__ == "__main__":
    run_process(plan_and_preprocess, __doc__, "processes")
