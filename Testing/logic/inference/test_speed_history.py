"""What is remembered of this machine's speed."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from CalcScoreLogic.inference import speed_history
from CalcScoreLogic.inference.options import InferenceOptions
from CalcScoreLogic.inference.remaining_time import SECONDS_PER_UNIT
from CalcScoreLogic.models import Model, Role, check
from Testing.logic.model_folders import NEEDS_NNUNET, plans_json, write

CPU = InferenceOptions(device="cpu")
SEEN = {kind: seconds / 2 for kind, seconds in SECONDS_PER_UNIT.items()}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the speeds are kept, in a folder that is not there yet."""
    path = tmp_path / "Daten ä" / "speed.json"
    monkeypatch.setattr(speed_history, "speed_file", lambda: path)
    return path


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """Two folders with the plans of different networks."""
    made = []
    for patch in (8, 16):
        plans = plans_json()
        plans["configurations"]["3d_fullres"]["patch_size"][0] = patch
        made.append(tmp_path / f"model {patch}")
        made[-1].mkdir()
        write(made[-1] / "plans.json", plans)
    return made


@pytest.fixture
def no_graphics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed_history.shutil, "which", lambda name: None)
    monkeypatch.setattr(speed_history.platform, "system", lambda: "Linux")


def test_what_was_seen_is_remembered(file: Path, folders: list[Path]) -> None:
    assert speed_history.remembered(CPU, folders) == {}
    speed_history.remember(CPU, folders, SEEN)
    assert speed_history.remembered(CPU, folders) == SEEN
    assert speed_history.remembered(CPU, map(str, reversed(folders))) == SEEN
    # The next run did not resample: that speed stays.
    speed_history.remember(CPU, folders, {"tiles": 4e-12})
    assert speed_history.remembered(CPU, folders) == {**SEEN, "tiles": 4e-12}
    assert [path.name for path in file.parent.iterdir()] == ["speed.json"]


def test_each_device_and_network_has_its_own(file: Path, folders: list[Path]) -> None:
    speed_history.remember(CPU, folders, SEEN)
    for other in ({"device": "auto"}, {"device": "cuda"}, {"threads": 2}, {"engine": "torch"}):
        assert speed_history.remembered(replace(CPU, **other), folders) == {}
    assert speed_history.remembered(CPU, folders[:1]) == {}
    # Folds, mirroring and step change how much there is to do, not how fast it goes.
    assert (
        speed_history.remembered(InferenceOptions((0,), mirroring=False, step_size=0.75, device="cpu"), folders) == SEEN
    )


def test_the_same_network_trained_again_has_the_same_speed(file: Path, folders: list[Path], tmp_path: Path) -> None:
    speed_history.remember(CPU, folders[:1], SEEN)
    again = tmp_path / "trained again"
    again.mkdir()
    (again / "plans.json").write_bytes((folders[0] / "plans.json").read_bytes())
    assert speed_history.remembered(CPU, [again]) == SEEN


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"a": 1}', "\x00"])
def test_a_file_that_makes_no_sense_is_no_speed(content: str, file: Path, folders: list[Path]) -> None:
    file.parent.mkdir()
    file.write_text(content)
    assert speed_history.remembered(CPU, folders) == {}
    speed_history.remember(CPU, folders, SEEN)
    assert speed_history.remembered(CPU, folders) == SEEN


@pytest.mark.parametrize("seconds", [0, -1.0, "fast", None, True, float("inf"), float("nan")])
def test_a_figure_that_is_no_speed_is_left_out(seconds: Any, file: Path, folders: list[Path]) -> None:
    speed_history.remember(CPU, folders, {"tiles": seconds})
    assert not file.exists()
    speed_history.remember(CPU, folders, SEEN)
    content = json.loads(file.read_text())
    next(iter(content.values()))["tiles"] = seconds
    file.write_text(json.dumps(content))
    assert speed_history.remembered(CPU, folders) == {kind: SEEN[kind] for kind in SEEN if kind != "tiles"}


def test_kinds_of_another_version_are_left_out(file: Path, folders: list[Path]) -> None:
    speed_history.remember(CPU, folders, {**SEEN, "unheard of": 1.0})
    assert speed_history.remembered(CPU, folders) == SEEN


def test_a_run_does_not_fail_where_nothing_can_be_written(file: Path, folders: list[Path]) -> None:
    file.parent.write_text("a file in the folder's place")
    speed_history.remember(CPU, folders, SEEN)
    assert speed_history.remembered(CPU, folders) == {}


@NEEDS_NNUNET
def test_the_first_guess_by_hand(
    file: Path, trained: dict[Role, Path], no_graphics: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = [check(trained[Role.TERRITORIES])]
    # See test_operations: operations and activations of a tile.
    share = 47104 / 2580480
    one = speed_history.SECONDS_PER_OPERATION + speed_history.SECONDS_PER_ACTIVATION * share
    assert speed_history.first_guess(InferenceOptions(threads=1, engine="torch"), models) == pytest.approx(one)
    assert speed_history.first_guess(InferenceOptions(threads=2, engine="openvino"), models) == pytest.approx(one / 4)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    options = InferenceOptions(engine="torch")
    assert speed_history.expected(options, models) == {**SECONDS_PER_UNIT, "tiles": pytest.approx(one / 4)}
    speed_history.remember(options, [models[0].path], {"tiles": 5e-12})
    assert speed_history.expected(options, models) == {**SECONDS_PER_UNIT, "tiles": 5e-12}


@NEEDS_NNUNET
def test_nothing_is_expected_of_an_unknown_graphics_card(
    file: Path, trained: dict[Role, Path], no_graphics: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    models: list[Model] = [check(trained[role]) for role in Role]
    for device in ("cuda", "mps"):
        assert speed_history.expected(InferenceOptions(device=device), models) is None
    monkeypatch.setattr(speed_history.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert speed_history.expected(InferenceOptions(), models) is None
    assert speed_history.expected(CPU, models) is not None
    speed_history.remember(InferenceOptions(), [model.path for model in models], SEEN)
    assert speed_history.expected(InferenceOptions(), models) == SEEN


def test_the_file_is_in_the_users_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(speed_history, "user_models_folder", lambda: tmp_path / "models")
    assert speed_history.speed_file() == tmp_path / "speed.json"
