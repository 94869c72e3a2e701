"""The tiny networks of the tests: every fold has weights of its own, with which it can run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from CalcScoreLogic.images.geometry import Geometry, Image
from CalcScoreLogic.inference.options import InferenceOptions
from CalcScoreLogic.models import Role
from Testing.logic.inference.in_process import run_of
from Testing.logic.model_folders import make_model, make_pair

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
pytest.importorskip("nnunetv2", reason="nnU-Net is not installed")


def weights(model: Path, fold: int) -> dict[str, torch.Tensor]:
    path = model / f"fold_{fold}" / "checkpoint_final.pth"
    return torch.load(path, map_location="cpu", weights_only=False)["network_weights"]


def test_the_weights_of_every_fold_are_small_and_its_own(tmp_path: Path) -> None:
    model = make_model(tmp_path / "model", folds=range(5))
    folds = [weights(model, fold) for fold in range(5)]
    for found in folds:
        assert all(bool(torch.isfinite(tensor).all()) and float(tensor.abs().max()) < 10 for tensor in found.values())
    name = next(name for name, tensor in folds[0].items() if tensor.ndim == 5)
    assert len({found[name].numpy().tobytes() for found in folds}) == 5


def test_the_first_fold_does_not_depend_on_the_others(tmp_path: Path) -> None:
    alone, among = (make_model(tmp_path / str(len(folds)), folds=folds, seed=3) for folds in ([0], [0, 1]))
    for name, tensor in weights(alone, 0).items():
        assert torch.equal(tensor, weights(among, 0)[name])


def test_two_folds_run_and_do_not_agree_everywhere(tmp_path: Path) -> None:
    array = np.random.default_rng(4).normal(300, 250, (22, 30, 26)).astype(np.int16)
    cta = Image(array, Geometry((26, 30, 22), (1.3, 1.1, 2.5), (0.0, 0.0, 0.0)))
    models = {role.value: folder for role, folder in make_pair(tmp_path / "pair").items()}
    maps = []
    for folds in ((0, 1), (0,), (1,)):
        options = InferenceOptions(folds, mirroring=False, device="cpu", whole_volume=True)
        _, found = run_of(cta, models, options)
        maps.append([found[role.value] for role in Role])
    for both, first, second in zip(*maps, strict=True):
        assert all(len(np.unique(labels)) > 1 for labels in (both, first, second))
        assert (first != second).any()
