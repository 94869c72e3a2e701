"""nnU-Net's data sets for a fine-tuning: the base's plans and labels in place of planned ones."""

from __future__ import annotations

import json

from ...atomic import write_json, write_text
from ...models import Role
from ..recipe import CONFIGURATION, DATASET_IDS, dataset_name
from ..workspace import Workspace
from .base import Base


def preprocess_for(workspace: Workspace, role: Role, base: Base, processes: int) -> None:
    """Preprocess the cases as the base was; the environment must hold what `Workspace.environment` gives.

    Parameters
    ----------
    workspace : Workspace
        With the raw data set in it.
    role : Role
        The ensemble.
    base : Base
        Whose plans and labels are taken.
    processes : int
        Cases that are preprocessed at the same time.
    """
    from nnunetv2.experiment_planning import plan_and_preprocess_api as nnunet

    recipe = workspace.recipe()
    plans = json.loads((base.folder / "plans.json").read_text("utf-8"))
    plans |= {"dataset_name": dataset_name(role), "plans_name": recipe.plans_name}
    labels = json.loads((base.folder / "dataset.json").read_text("utf-8"))["labels"]
    raw, preprocessed = workspace.raw(role), workspace.preprocessed(role)
    dataset = {**json.loads((raw / "dataset.json").read_text("utf-8")), "labels": labels}
    for folder in (raw, preprocessed):
        write_json(folder / "dataset.json", dataset)
    write_json(preprocessed / f"{recipe.plans_name}.json", plans)
    nnunet.extract_fingerprints([DATASET_IDS[role]], num_processes=processes, show_progress_bar=False)
    nnunet.preprocess(
        [DATASET_IDS[role]],
        recipe.plans_name,
        [CONFIGURATION],
        num_processes=[processes],
        show_progress_bar=False,
    )
    write_text(workspace.preprocessed_mark(role), "done\n")
