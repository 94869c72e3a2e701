"""Installed models: listed, found and removed; and ``calcscore models``."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from CalcScoreLogic import models
from CalcScoreLogic.cli import models as command
from CalcScoreLogic.cli.outcome import Outcome
from CalcScoreLogic.errors import InputError
from CalcScoreLogic.models import BrokenModel, Role, find, install, list_models, remove, store
from Testing.logic.model_folders import NEEDS_NNUNET, change, copy_model

pytestmark = [NEEDS_NNUNET, pytest.mark.usefixtures("no_starter_models")]
TERRITORIES, CALCIFICATION = Role.TERRITORIES, Role.CALCIFICATION


def test_broken_models_are_listed_not_raised(trained: dict[Role, Path], home: Path) -> None:
    install(trained[TERRITORIES].parent, home)
    checkpoint = home / "territories" / "fold_0" / "checkpoint_final.pth"
    checkpoint.write_bytes(checkpoint.read_bytes()[:-1000])
    (home / "nothing").mkdir()
    (home / "a file").touch()
    found = {model.name: model for model in list_models(home)}
    assert set(found) == {"territories", "calcification", "nothing"}
    broken = found["territories"]
    assert isinstance(broken, BrokenModel)
    assert "cut short" in broken.reason
    assert "dataset.json" in found["nothing"].reason  # type: ignore[union-attr]
    with pytest.raises(InputError, match="cut short"):
        find(TERRITORIES, home, "territories")
    with pytest.raises(InputError, match="calcscore models install"):
        find(TERRITORIES, home)
    assert find(CALCIFICATION, home).name == "calcification"


def test_a_changed_model_has_another_fingerprint(trained: dict[Role, Path], home: Path) -> None:
    [before] = install(trained[TERRITORIES], home)
    change(before.path / "dataset.json", "numTraining", to=7)
    [after] = list_models(home)
    assert isinstance(after, models.Model)
    assert after.fingerprint == models.check(before.path).fingerprint != before.fingerprint


def test_unchanged_checkpoints_are_not_read_again(
    trained: dict[Role, Path], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [installed] = install(trained[TERRITORIES], home)
    monkeypatch.setattr(store, "check", None)
    assert list_models(home) == [installed]


def test_a_folder_put_there_by_hand_counts(trained: dict[Role, Path], home: Path) -> None:
    copy_model(trained[TERRITORIES], home / "by hand")
    model = find(TERRITORIES, home)
    assert (model.name, model.installed, model.source_sha256) == ("by hand", None, None)


def test_starter_models_come_last_and_stay(
    trained: dict[Role, Path], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starters = copy_model(trained[TERRITORIES].parent, tmp_path / "starters")
    monkeypatch.setattr(store, "starter_models_folder", lambda: starters)
    assert [(model.name, model.bundled) for model in list_models(home)] == [  # type: ignore[union-attr]
        ("territories", True),
        ("calcification", True),
    ]
    assert find(TERRITORIES, home).bundled
    with pytest.raises(InputError, match="cannot be removed"):
        remove("territories", home)
    install(trained[TERRITORIES], home)
    assert [model.bundled for model in list_models(home)] == [False, True, True]  # type: ignore[union-attr]
    assert find(TERRITORIES, home).path == home / "territories"
    assert find(CALCIFICATION, home).bundled
    remove("territories", home)
    assert find(TERRITORIES, home).bundled
    assert sorted(path.name for path in starters.iterdir()) == ["calcification", "territories"]


def test_remove_takes_names_only(trained: dict[Role, Path], home: Path) -> None:
    install(trained[TERRITORIES], home)
    (home.parent / "precious").mkdir()
    for name in ("../precious", "", ".", "..", "other", str(home.parent / "precious")):
        with pytest.raises(InputError, match="there is no model"):
            remove(name, home)
    assert (home.parent / "precious").is_dir()
    assert remove("territories", home) == home / "territories"
    assert list(home.iterdir()) == []
    with pytest.raises(InputError, match="installed: none"):
        remove("territories", home)


def test_remove_of_a_link_leaves_its_target(trained: dict[Role, Path], home: Path, tmp_path: Path) -> None:
    target = copy_model(trained[TERRITORIES], tmp_path / "target")
    home.mkdir(parents=True)
    (home / "linked").symlink_to(target)
    remove("linked", home)
    assert list(home.iterdir()) == []
    assert (target / "plans.json").is_file()


def test_user_folder_is_the_platforms(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    if sys.platform == "linux":
        assert models.user_models_folder() == tmp_path / "CalcScore" / "models"
    assert models.user_models_folder().parts[-2:] == ("CalcScore", "models")


def test_starter_folder_is_found_in_a_checkout_and_in_a_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site" / "CalcScoreLogic"
    monkeypatch.setattr(models.folders, "_PACKAGE", package)
    assert models.starter_models_folder() is None
    (package / "Resources" / "StarterModels").mkdir(parents=True)
    assert models.starter_models_folder() == package / "Resources" / "StarterModels"
    (package.parent / "Resources" / "StarterModels").mkdir(parents=True)
    assert models.starter_models_folder() == package.parent / "Resources" / "StarterModels"


def call(*arguments: object) -> Outcome:
    parser = argparse.ArgumentParser()
    command.add(parser.add_subparsers()).add_argument("--json", action="store_true")
    return command.run(parser.parse_args(["models", *map(str, arguments)]))


def test_commands_tell_and_do(trained: dict[Role, Path], home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(command.STORE_VARIABLE, str(home))
    assert "No model" in call("list").lines[0]
    checked = call("check", trained[TERRITORIES])
    assert "territories; folds 0, 1; fingerprint" in checked.lines[0]
    assert "fold_2, fold_3, fold_4" in checked.warnings[0]
    done = call("install", trained[TERRITORIES])
    sha256 = done.data["models"][0]["source_sha256"]
    assert (len(sha256), done.data["models"][0]["already_there"]) == (64, False)
    assert "installed as territories" in done.lines[0]
    assert sha256 in done.lines[1]
    again = call("install", trained[TERRITORIES])
    assert "already there" in again.lines[0]
    assert again.data["models"][0]["already_there"] is True
    listed = call("list")
    assert sha256[:12] in listed.lines[0]
    assert [model["name"] for model in listed.data["models"]] == ["territories"]
    assert json.loads(json.dumps(listed.data)) == listed.data
    elsewhere = home.parent / "elsewhere"
    assert call("list", "--store", elsewhere).data == {"models": []}
    assert call("remove", "territories").data["removed"] == "territories"
    assert call("list").data == {"models": []}


def test_starter_models_are_listed_as_such(
    trained: dict[Role, Path], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "starter_models_folder", lambda: trained[TERRITORIES].parent)
    assert all(line.endswith("comes with CalcScore") for line in call("list", "--store", home).lines)


def test_json_is_taken_before_and_after_the_action() -> None:
    parser = argparse.ArgumentParser()
    command.add(parser.add_subparsers()).add_argument("--json", action="store_true")
    for arguments, wanted in ((["--json", "list"], True), (["list", "--json"], True), (["list"], False)):
        assert parser.parse_args(["models", *arguments]).json is wanted


def test_listing_does_not_import_pytorch(trained: dict[Role, Path], home: Path) -> None:
    install(trained[TERRITORIES], home)
    program = (
        "import sys, pathlib; from CalcScoreLogic.models import list_models; "
        "print(len(list_models(pathlib.Path(sys.argv[1])))); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program, home], capture_output=True, text=True, check=True)
    count, imported = done.stdout.split()
    assert int(count) >= 1
    assert imported == "False"


def test_leftovers_of_a_killed_install_are_swept(trained: dict[Role, Path], home: Path) -> None:
    for name, age in ((".old.tmp", 2 * 24 * 3600), (".new.tmp", 60)):
        (home / name).mkdir(parents=True)
        os.utime(home / name, (time.time() - age, time.time() - age))
    assert list_models(home) == []
    install(trained[TERRITORIES], home)
    assert sorted(path.name for path in home.iterdir()) == [".new.tmp", "territories"]
