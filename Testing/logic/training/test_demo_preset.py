"""Training: the way from phantoms to two ensembles that predict."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from CalcScoreLogic import training
from CalcScoreLogic.cli import train as command
from CalcScoreLogic.errors import InputError
from CalcScoreLogic.models import Role
from CalcScoreLogic.training import Workspace, phantoms, recipe
from Testing.logic.model_folders import NEEDS_NNUNET
from Testing.logic.training.tiny_training import TINY, options

LEARNED = {Role.TERRITORIES: 3, Role.CALCIFICATION: 2}
"""Folds that are trained, counted from 0."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], list[str]]:
    """Both ensembles on eight coarse phantoms, an epoch of two iterations; folds that teach nothing new are copies."""
    root = tmp_path_factory.mktemp("träining")
    arguments = ["--preset", "demo", "--phantoms", "8", "-o", str(root / "work"), "--store", str(root / "store")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(recipe.PRESETS, "demo", TINY)
        patch.setattr(training, "phantom_spacings", lambda n: {phantoms.FIRST_SEED + i: 5.0 for i in range(n)})
        command.run(options(*arguments, "--fold", 0))
        command.run(options(*arguments, "--fold", 1))
        command.run(options(*arguments, "--fold", 2, "--role", "territories"))
        workspace = Workspace(root / "work")
        for role in Role:
            for fold in range(LEARNED[role], 5):
                one, other = (workspace.fold(role, workspace.recipe(), n) for n in (1, fold))
                shutil.copytree(one, other)
        outcome = command.run(options(*arguments))
    return root, outcome.data, arguments


@NEEDS_NNUNET
def test_demo_preset_trains_and_installs_both_ensembles(trained: tuple[Path, dict[str, Any], list[str]]) -> None:
    root, data, _ = trained
    assert [model["role"] for model in data["models"]] == ["territories", "calcification"]
    for model in data["models"]:
        assert model["name"] == f"demo-{model['role']}"
        assert model["folds"] == [0, 1, 2, 3, 4]
        assert model["demo"] is True
        assert Path(model["path"]).parent == root / "store"
        assert (Path(model["path"]) / "fold_4" / "checkpoint_final.pth").stat().st_size < 200_000


@NEEDS_NNUNET
def test_warm_folds_differ_from_the_first(trained: tuple[Path, dict[str, Any], list[str]]) -> None:
    import torch

    for model in trained[1]["models"]:
        count = LEARNED[Role(model["role"])]
        weights = [
            torch.load(Path(model["path"]) / f"fold_{n}" / "checkpoint_final.pth", weights_only=True)["network_weights"]
            for n in range(count)
        ]
        name = next(name for name in weights[0] if name.endswith("conv.weight"))
        assert weights[0][name].dtype == torch.float16
        assert len({weight[name].numpy().tobytes() for weight in weights}) == count


@NEEDS_NNUNET
def test_result_predicts_with_stock_nnunet(trained: tuple[Path, dict[str, Any], list[str]]) -> None:
    import torch
    from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    root, data, _ = trained
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    cta = next((root / "work" / "cases").iterdir()) / "cta.nii.gz"
    image, properties = SimpleITKIO().read_images([str(cta)])
    for model, labels in zip(data["models"], (5, 3), strict=True):
        predictor = nnUNetPredictor(
            use_mirroring=True, perform_everything_on_device=False, device=torch.device("cpu"), allow_tqdm=False
        )
        predictor.initialize_from_trained_model_folder(model["path"], (0, 1), "checkpoint_final.pth")
        assert tuple(predictor.allowed_mirroring_axes) == (2,)
        found = predictor.predict_single_npy_array(image, properties, None, None, False)
        assert found.shape == image.shape[1:]
        assert found.max() < labels
    torch.set_num_threads(threads)


@NEEDS_NNUNET
def test_second_run_trains_nothing_again(
    trained: tuple[Path, dict[str, Any], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, data, arguments = trained
    monkeypatch.setitem(recipe.PRESETS, "demo", TINY)
    monkeypatch.setattr(training, "phantom_spacings", lambda n: {phantoms.FIRST_SEED + i: 5.0 for i in range(n)})
    results = root / "work" / "nnUNet_results"
    before = {path: path.stat().st_mtime_ns for path in results.rglob("checkpoint_final.pth")}
    assert len(before) == 10
    again = command.run(options(*arguments, "--role", "territories"))
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())
    assert again.data["models"][0]["fingerprint"] == data["models"][0]["fingerprint"]
    with pytest.raises(InputError, match="another folder"):
        command.run(options(*arguments, "--name", "other"))
