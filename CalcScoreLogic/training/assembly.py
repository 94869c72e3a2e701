"""A trained-model folder from what nnU-Net trained, as a process: ``python -m CalcScoreLogic.training.assembly``."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..atomic import atomic_folder, write_json
from ..errors import CalcScoreError
from ..models import ORIENTATION, Role, safe_loading
from ..models.check import ABOUT, DATASET, PLANS
from .processes import run_process
from .recipe import FOLDS
from .workspace import FINAL, Workspace

_LEAST_PIECE_MM3 = 100.0  # of an artery; networks that know synthesis alone strew specks over real CT
_KEPT = ("network_weights", "trainer_name", "inference_allowed_mirroring_axes")
_KEPT_ARGUMENTS = ("configuration", "fold")


def assemble(workspace: Workspace, role: Role) -> Path:
    """Put an ensemble together, with nothing in it that prediction does not need.

    Parameters
    ----------
    workspace : Workspace
        With all folds of the ensemble trained.
    role : Role
        The ensemble.

    Returns
    -------
    Path
        The folder: ``dataset.json``, ``plans.json``, ``calcscore_model.json`` and a checkpoint a fold. The
        weights of small networks are stored in half precision.

    Raises
    ------
    CalcScoreError
        A fold is not trained.
    """
    settings, recipe = workspace.settings(), workspace.planned()
    missing = sorted(set(range(FOLDS)) - set(workspace.finished(role, recipe)))
    if missing:
        raise CalcScoreError(f"{workspace.root}: folds {missing} of {role.value} are not trained")
    target = workspace.model(role)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(target, ignore_errors=True)
    with atomic_folder(target) as part:
        for name in (DATASET, PLANS):
            shutil.copyfile(workspace.trained(role, recipe) / name, part / name)
        write_json(part / ABOUT, _model_card(settings, role))
        half = recipe.networks is not None or workspace.base(role) is not None
        for fold in range(FOLDS):
            (part / f"fold_{fold}").mkdir()
            source = workspace.fold(role, recipe, fold) / FINAL
            slim_checkpoint(source, part / f"fold_{fold}" / FINAL, half=half)
    return target


def _model_card(settings: Mapping[str, Any], role: Role) -> dict[str, Any]:
    """Tell what a model is and how it can be made again."""
    about = settings["about"]
    name = f"{about['name']}-{role.value}"
    card = {"role": role.value, **about, "name": name, "orientation": ORIENTATION}
    base = settings.get("start_from", {}).get(role.value)
    if base:
        card["start_from"] = {key: base[key] for key in ("name", "fingerprint", "trained_on")}
        card["trained_on"] = f"{about['trained_on']}, from {base['name']} ({base['trained_on']})"
        if base["least_piece_mm3"]:
            card["least_piece_mm3"] = base["least_piece_mm3"]
    if "anatomies" in settings:
        recipe = settings["recipe"]
        card["recipe"] = {**recipe, "networks": {role.value: recipe["networks"][role.value]}}
        # The file's folder is nobody's business.
        card["anatomies"] = [{**a, "file": Path(a["file"]).name} for a in settings["anatomies"]]
        card["calcscore"] = settings["calcscore"]
        if role is Role.TERRITORIES:
            card["least_piece_mm3"] = _LEAST_PIECE_MM3
    return card


def slim_checkpoint(source: Path, target: Path, half: bool) -> None:
    """Copy a checkpoint without what only training needs.

    Parameters
    ----------
    source, target : Path
        Checkpoint of nnU-Net, and the one to write.
    half : bool
        Store the weights as float16.
    """
    import torch

    with safe_loading(source):
        checkpoint = torch.load(source, map_location="cpu")
    content = {key: checkpoint[key] for key in _KEPT}
    content["init_args"] = {key: checkpoint["init_args"][key] for key in _KEPT_ARGUMENTS}
    if half:
        content["network_weights"] = _halved(checkpoint["network_weights"])
    torch.save(content, target)


def _halved(weights: Mapping[str, Any]) -> dict[str, Any]:
    """Convert each storage once: nnU-Net's decoder names the encoder's weights a second time."""
    import torch

    converted: dict[int, Any] = {}
    halved = {}
    for name, tensor in weights.items():
        address = tensor.data_ptr()
        if address not in converted:
            converted[address] = tensor.to(torch.float16)
        halved[name] = converted[address]
    return halved


if __name__ == "__main__":
    run_process(assemble, __doc__)
