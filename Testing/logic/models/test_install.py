"""`models.install`: whole or not at all, from folders and zips, crafted ones included."""

from __future__ import annotations

import hashlib
import pickle
import shutil
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest

from CalcScoreLogic import models
from CalcScoreLogic.errors import CalcScoreError, InputError
from CalcScoreLogic.models import Role, find, install, list_models, packages, store
from Testing.logic.model_folders import (
    NEEDS_NNUNET,
    WritesFile,
    change,
    copy_model,
    replace_record,
    write,
    zip_folder,
)

pytestmark = [NEEDS_NNUNET, pytest.mark.usefixtures("no_starter_models")]
TERRITORIES, CALCIFICATION = Role.TERRITORIES, Role.CALCIFICATION


def everything(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def refused(source: Path, home: Path) -> str:
    """The sentence that `install` refuses a source with, after which nothing is in the store."""
    with pytest.raises(InputError) as caught:
        install(source, home)
    message = str(caught.value)
    assert str(source) in message
    assert "\n" not in message
    assert not home.exists() or not list(home.iterdir())
    return message


def test_install_copies_what_is_needed(trained: dict[Role, Path], home: Path) -> None:
    [model] = install(trained[TERRITORIES], home)
    assert model.path == home / "territories"
    assert everything(home) == [
        "territories/LICENSE.txt",
        "territories/dataset.json",
        "territories/fold_0/checkpoint_final.pth",
        "territories/fold_1/checkpoint_final.pth",
        "territories/installed.json",
        "territories/plans.json",
    ]
    assert model.fingerprint == models.check(trained[TERRITORIES]).fingerprint == models.check(model.path).fingerprint
    assert (model.source_sha256, model.trainer) == (model.fingerprint, "nnUNetTrainer")
    assert list_models(home) == [model]


@pytest.mark.parametrize("inside", ["", "one", "deep/down/one"])
def test_install_takes_a_zip(trained: dict[Role, Path], home: Path, tmp_path: Path, inside: str) -> None:
    source = zip_folder(trained[TERRITORIES], tmp_path / "Site A.zip", inside)
    [model] = install(source, home)
    assert model.name == ("one" if inside else "Site-A")
    assert model.source_sha256 == hashlib.sha256(source.read_bytes()).hexdigest()
    assert model.fingerprint == models.check(trained[TERRITORIES]).fingerprint


def test_install_takes_both_roles_at_once(trained: dict[Role, Path], home: Path, tmp_path: Path) -> None:
    source = zip_folder(trained[CALCIFICATION], tmp_path / "both.zip", "a/nnUNetTrainer__nnUNetPlans__3d_fullres")
    zip_folder(trained[TERRITORIES], source, "b/nnUNetTrainer__nnUNetPlans__3d_fullres")
    assert [(model.role, model.name) for model in install(source, home)] == [(TERRITORIES, "b"), (CALCIFICATION, "a")]
    assert {model.name for model in list_models(home)} == {"a", "b"}
    # A folder of both is taken in the same way, and finds both already there.
    assert [model.name for model in install(trained[TERRITORIES].parent, home)] == ["b", "a"]
    assert len(list_models(home)) == 2


def test_two_models_are_installed_together_or_not(trained: dict[Role, Path], home: Path, tmp_path: Path) -> None:
    both = copy_model(trained[TERRITORIES].parent, tmp_path / "both")
    checkpoint = both / "calcification" / "fold_1" / "checkpoint_final.pth"
    checkpoint.write_bytes(checkpoint.read_bytes()[:-100])
    assert str(checkpoint) in refused(both, home)


def test_two_models_of_a_role_are_refused(trained: dict[Role, Path], home: Path, tmp_path: Path) -> None:
    source = zip_folder(trained[TERRITORIES], tmp_path / "two.zip", "a")
    zip_folder(trained[TERRITORIES], source, "b")
    assert "both models are for territories" in refused(source, home)
    zip_folder(trained[CALCIFICATION], source, "c")
    assert "3 models (['a', 'b', 'c'])" in refused(source, home)


def test_the_same_model_is_installed_once(trained: dict[Role, Path], home: Path, tmp_path: Path) -> None:
    [first] = install(trained[TERRITORIES], home)
    assert install(trained[TERRITORIES], home) == [first]
    assert install(zip_folder(trained[TERRITORIES], tmp_path / "other.zip"), home) == [first]
    assert [path.name for path in home.iterdir()] == ["territories"]


def test_another_model_of_the_same_name_gets_its_own(trained: dict[Role, Path], home: Path, tmp_path: Path) -> None:
    install(trained[TERRITORIES], home)
    other = copy_model(trained[TERRITORIES], tmp_path / "territories")
    change(other / "dataset.json", "numTraining", to=9)
    [second] = install(other, home)
    assert second.name == "territories-2"
    assert [model.name for model in list_models(home)] == ["territories-2", "territories"]
    assert find(TERRITORIES, home) == second
    assert find(TERRITORIES, home, "territories").name == "territories"


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("../../up", "up"),
        ("/etc/x", "etc-x"),
        ("CON", "model-CON"),
        (" Größe 1.0 ", "Größe-1.0"),
        ("...", "territories"),
    ],
)
def test_names_stay_inside_the_store(
    trained: dict[Role, Path], home: Path, tmp_path: Path, name: str, folder: str
) -> None:
    model = copy_model(trained[TERRITORIES], tmp_path / "copy")
    write(model / "calcscore_model.json", {"name": name})
    assert [path.path for path in install(model, home)] == [home / folder]


@pytest.mark.parametrize(
    "name",
    [
        "../outside.json",
        "model/../../outside.json",
        "/tmp/outside.json",  # noqa: S108
        "C:/outside.json",
        "..\\outside.json",
        "model\\..\\..\\outside.json",
        "\\\\server\\share\\outside.json",
    ],
)
def test_zip_entries_that_climb_out_are_refused(
    trained: dict[Role, Path], home: Path, tmp_path: Path, name: str
) -> None:
    source = zip_folder(trained[TERRITORIES], tmp_path / "evil.zip", "model")
    with zipfile.ZipFile(source, "a") as archive:
        archive.writestr(name, "{}")
    before = everything(tmp_path)
    assert "climbs out" in refused(source, home)
    assert everything(tmp_path) == before
    assert not home.exists()


def _symlink(archive: zipfile.ZipFile) -> None:
    entry = zipfile.ZipInfo("model/README")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive.writestr(entry, "/etc/passwd")


def _bomb(archive: zipfile.ZipFile) -> None:
    with archive.open("model/README.bin", "w", force_zip64=True) as file:
        for _ in range(200):
            file.write(bytes(2**20))


def _twice(archive: zipfile.ZipFile) -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("model/plans.json", "{}")


@pytest.mark.parametrize(("spoil", "words"), [(_symlink, "a link"), (_bomb, "unpack to 0.2 GB"), (_twice, "twice")])
def test_crafted_zips_are_refused_before_anything_is_written(
    trained: dict[Role, Path], home: Path, tmp_path: Path, spoil: Any, words: str
) -> None:
    source = zip_folder(trained[TERRITORIES], tmp_path / "evil.zip", "model")
    with zipfile.ZipFile(source, "a", zipfile.ZIP_DEFLATED) as archive:
        spoil(archive)
    assert words in refused(source, home)
    assert not home.exists()


def test_huge_and_encrypted_zips_are_refused(
    trained: dict[Role, Path], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = zip_folder(trained[TERRITORIES], tmp_path / "big.zip")
    monkeypatch.setattr(packages, "_MAX_BYTES", 10**4)
    assert "would unpack" in refused(source, home)
    monkeypatch.undo()
    monkeypatch.setattr(packages, "_MAX_ENTRIES", 3)
    assert "entries" in refused(source, home)
    monkeypatch.undo()
    raw = bytearray(source.read_bytes())
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    source.write_bytes(raw)
    assert "encrypted" in refused(source, home)


def test_damaged_zips_are_told(trained: dict[Role, Path], home: Path, tmp_path: Path) -> None:
    source = zip_folder(trained[TERRITORIES], tmp_path / "m.zip")
    intact = source.read_bytes()
    with zipfile.ZipFile(source) as archive:
        middle = archive.getinfo("fold_0/checkpoint_final.pth").header_offset + 2000
    source.write_bytes(intact[:middle] + bytes(64) + intact[middle + 64 :])
    assert "not a complete zip" in refused(source, home)
    source.write_bytes(intact[:-30])
    assert "not a complete zip" in refused(source, home)
    source.write_bytes(b"")
    assert "not a complete zip" in refused(source, home)
    assert "no such file" in refused(tmp_path / "nothing.zip", home)
    (tmp_path / "empty").mkdir()
    assert "no dataset.json" in refused(tmp_path / "empty", home)


def test_what_check_refuses_is_not_installed(trained: dict[Role, Path], home: Path, tmp_path: Path) -> None:
    model = copy_model(trained[TERRITORIES], tmp_path / "copy")
    checkpoint, written = model / "fold_1" / "checkpoint_final.pth", tmp_path / "written"
    replace_record(checkpoint, "data.pkl", pickle.dumps(WritesFile(written), protocol=2))
    assert f"{checkpoint}: the checkpoint names" in refused(model, home)
    source = zip_folder(model, tmp_path / "crafted.zip", "a")
    assert f"{source / 'a' / 'fold_1' / 'checkpoint_final.pth'}" in refused(source, home)
    assert not written.exists()


@pytest.mark.parametrize("stage", ["copyfileobj", "check_fully", "_write_record"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_an_interrupted_install_leaves_nothing(
    trained: dict[Role, Path], home: Path, monkeypatch: pytest.MonkeyPatch, stage: str, error: Any
) -> None:
    def stop(*arguments: Any) -> None:
        raise error

    monkeypatch.setattr(shutil if stage == "copyfileobj" else store, stage, stop)
    expected = KeyboardInterrupt if error is KeyboardInterrupt else CalcScoreError
    with pytest.raises(expected):
        install(trained[TERRITORIES], home)
    assert list(home.iterdir()) == []


def test_the_second_of_two_fails_and_takes_the_first_along(
    trained: dict[Role, Path], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = store._free_name

    def fail(folder: Path, model: Any) -> Path:
        if model.role is CALCIFICATION:
            raise KeyboardInterrupt
        return real(folder, model)

    monkeypatch.setattr(store, "_free_name", fail)
    with pytest.raises(KeyboardInterrupt):
        install(trained[TERRITORIES].parent, home)
    assert list(home.iterdir()) == []
