"""``calcscore analyze`` and ``batch``: the profile and what overrides it, and the time told before a run."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from CalcScoreLogic.cli import build_parser, main
from CalcScoreLogic.cli.analyze import forecast_text, inference_options, teller
from CalcScoreLogic.images.files import write_image
from CalcScoreLogic.images.geometry import Geometry, Image
from CalcScoreLogic.inference import speed_history
from CalcScoreLogic.inference.options import InferenceOptions
from CalcScoreLogic.inference.protocol import Progress
from CalcScoreLogic.inference.remaining_time import SECONDS_PER_UNIT
from CalcScoreLogic.models import Model, Role, check
from Testing.logic.model_folders import NEEDS_NNUNET

pytestmark = NEEDS_NNUNET


@pytest.fixture(scope="module")
def models(trained: dict[Role, Path]) -> list[Model]:
    """Tiny networks with the folds 0 and 1."""
    return [check(trained[role]) for role in Role]


@pytest.fixture
def known(models: list[Model], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that takes five milliseconds to preprocess a voxel, and next to nothing for all else."""
    monkeypatch.setattr(speed_history, "speed_file", lambda: tmp_path / "speed.json")
    seen = {**dict.fromkeys(SECONDS_PER_UNIT, 1e-20), "preprocessing": 5e-3}
    speed_history.remember(InferenceOptions(), [model.path for model in models], seen)


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> pytest.CaptureFixture[str]:
    """Standard error, taken for a terminal."""
    # Not of this one object: another takes its place when the test begins.
    monkeypatch.setattr(type(sys.stderr), "isatty", lambda stream: True)
    return capsys


@pytest.mark.parametrize("command", ["analyze", "batch"])
@pytest.mark.parametrize(
    ("arguments", "folds", "mirroring", "step_size"),
    [
        ([], None, True, 0.5),
        (["--profile", "full"], None, True, 0.5),
        (["--profile", "standard"], None, False, 0.5),
        (["--profile", "quick"], (0,), False, 0.75),
        (["--no-mirroring"], None, False, 0.5),
        (["--profile", "quick", "--folds", "1,0"], (1, 0), False, 0.75),
        (["--profile", "quick", "--step-size", "0.5"], (0,), False, 0.5),
        (["--profile", "standard", "--step-size", "0.9", "--folds", "4"], (4,), False, 0.9),
    ],
)
def test_single_options_override_the_profile(
    command: str, arguments: list[str], folds: Any, mirroring: bool, step_size: float, models: list[Model]
) -> None:
    given = [command, "in", "-o", "out", "--device", "cpu", "--threads", "3", *arguments]
    options = inference_options(build_parser().parse_args(given), models)
    assert options == InferenceOptions(folds, mirroring, step_size, "cpu", 3)


def test_the_whole_volume_when_asked(models: list[Model]) -> None:
    options = build_parser().parse_args(["analyze", "in", "-o", "out", "--full"])
    assert inference_options(options, models) == InferenceOptions(whole_volume=True)


def test_the_time_in_words(models: list[Model], known: None, monkeypatch: pytest.MonkeyPatch) -> None:
    # 144 000 voxels, brought to the networks' grid and back in five and three channels: ten times.
    grid = Geometry((80, 30, 60), (1.0, 1.0, 2.0))
    told = forecast_text(models, grid, InferenceOptions())
    assert told == "about 24 min on this machine (full: two folds, mirrored copies)"
    assert forecast_text(models, grid, InferenceOptions(device="cuda")) == ""


def test_the_time_stays_until_a_better_one_is_known(terminal: pytest.CaptureFixture[str]) -> None:
    tell = teller(lambda: "about 24 min")
    tell(Progress("loading territories", 0.0))
    assert "0 %  loading territories · about 24 min…" in terminal.readouterr().err
    tell(Progress("territories", 0.25, 600.0, 2, 5))
    printed = terminal.readouterr().err
    assert "25 %  territories, fold 2 of 5 · 10 min left…" in printed
    assert "about" not in printed
    teller()(Progress("starting", 0.0))
    assert "0 %  starting…" in terminal.readouterr().err


@pytest.mark.parametrize("json", [False, True])
def test_the_time_comes_before_the_run(
    json: bool, models: list[Model], known: None, tmp_path: Path, terminal: pytest.CaptureFixture[str]
) -> None:
    cta = np.full((60, 30, 80), -1024, np.int16)
    write_image(tmp_path / "c.nii.gz", Image(cta, Geometry((80, 30, 60), (1, 1, 2))))
    arguments = ["analyze", str(tmp_path / "c.nii.gz"), "-o", str(tmp_path / "out")]
    arguments += ["--territory-model", str(models[0].path), "--calcification-model", str(models[1].path)]
    # The run itself does not come about: this program ends at once.
    arguments += ["--python", str(shutil.which("false")), *(["--json"] if json else [])]
    assert main(arguments) == 1
    told = "about 24 min on this machine (full: two folds, mirrored copies)…"
    assert (told in terminal.readouterr().err) is not json
