"""A packed model: what the card says, and that another site installs what was packed."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from CalcScoreLogic.cli import main
from CalcScoreLogic.models import Role, install, list_models
from Testing.logic.model_folders import NEEDS_NNUNET, make_model

pytestmark = NEEDS_NNUNET

TABLE = (
    "structure,method,metric,mean,sd,min,max,n\r\n"
    "aorta,network,dice,0.9312,0.02,0.88,0.95,12\r\n"
    "aorta,fixed threshold,dice,0.5,0.02,0.4,0.6,12\r\n"
    "aorta,network,precision,0.7,0.02,0.4,0.9,12\r\n"
    "calcification,network,dice,0.8,,0.8,0.8,1\r\n"
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    for role in Role:
        about = {"name": f"ours-{role.value}", "trained_on": "30 cases", "note": "checked on 12 cases"}
        axes = {"inference_allowed_mirroring_axes": None} if role is Role.TERRITORIES else {}
        made = make_model(root / role.value, role, [0, 1], about=about, **axes)
        (made / "LICENSE.txt").write_text("terms")
        (made / "fold_0" / "progress.png").write_bytes(b"not packed")
        install(made, root / "store")
    return root / "store"


def pack(*arguments: object) -> int:
    return main(["models", "pack", *map(str, arguments)])


def test_another_site_installs_what_was_packed(store: Path, tmp_path: Path) -> None:
    study = tmp_path / "study"
    study.mkdir()
    (study / "table2.csv").write_text(TABLE, encoding="utf-8")
    assert pack("ours", "-o", tmp_path / "a.zip", "--store", store, "--study", study) == 0
    assert main(["models", "install", str(tmp_path / "a.zip"), "--store", str(tmp_path / "theirs")]) == 0
    here, there = (
        {model.name: model.fingerprint for model in list_models(folder) if not model.demo and not model.synthetic}
        for folder in (store, tmp_path / "theirs")
    )
    assert here == there
    assert len(there) == 2
    card = (tmp_path / "theirs" / "ours-territories" / "README.md").read_text(encoding="utf-8")
    for told in (
        "30 cases",
        here["ours-territories"],
        "| aorta | 0.931 | 0.020 | 0.880 | 12 |",
        "Checked on 12 cases.",
    ):
        assert told in card
    assert "Folds 2, 3, 4 of a five-fold ensemble are missing" in card
    assert "not allowed: it tells the sides of the body apart" in card
    assert "0.5" not in card.split("## Measured Dice")[1]
    other = (tmp_path / "theirs" / "ours-calcification" / "README.md").read_text(encoding="utf-8")
    assert "| calcification | 0.800 | – | 0.800 | 1 |" in other
    assert "aorta" not in other


def test_the_same_models_give_the_same_zip_and_no_more_than_is_needed(store: Path, tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        assert pack("ours-territories", "-o", tmp_path / name, "--store", store) == 0
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        names = {name.removeprefix("ours-territories/") for name in archive.namelist()}
        card = archive.read("ours-territories/README.md").decode("utf-8")
    expected = {"dataset.json", "plans.json", "calcscore_model.json", "LICENSE.txt", "README.md"}
    assert names == expected | {f"fold_{n}/checkpoint_final.pth" for n in (0, 1)}
    assert "Nothing was measured" in card


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["nobody", "-o", "x.zip"], "there is no model"),
        (["ours", "-o", "x.tar"], "ends in .zip"),
        (["ours", "-o", "x.zip", "--study", "."], "no table2.csv"),
    ],
)
def test_what_cannot_be_packed_is_refused(
    arguments: list[str],
    reason: str,
    store: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert pack(*arguments, "--store", store) == 2
    assert reason in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_command_tells_what_it_packed(store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pack("ours", "-o", tmp_path / "a.zip", "--store", store, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [model["role"] for model in told["models"]] == ["territories", "calcification"]
    assert len(told["warnings"]) == 2
