"""Files appear whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from CalcScoreLogic.atomic import atomic_path, write_json, write_text
from CalcScoreLogic.errors import CalcScoreError, InputError


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_an_interrupted_file_never_appears(error: type[BaseException], tmp_path: Path) -> None:
    path = tmp_path / "a.nii.gz"
    path.write_text("old")

    def interrupted() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            assert temporary.parent == tmp_path
            assert temporary.name.endswith(".nii.gz")
            raise error

    with pytest.raises(error):
        interrupted()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_text_and_json_replace_a_file_whole(tmp_path: Path) -> None:
    path = tmp_path / ("a" * 240 + ".json")
    write_text(path, "mm³\r\n")
    assert path.read_bytes() == "mm³\r\n".encode()
    write_json(path, {"unit": "mm³", "value": None})
    assert json.loads(path.read_text("utf-8")) == {"unit": "mm³", "value": None}
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"value": float("nan")})
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_cannot_become_a_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="this is a folder"):
        write_text(tmp_path, "text")
    with pytest.raises(InputError, match=r"the folder .*nowhere does not exist"):
        write_text(tmp_path / "nowhere" / "a.txt", "text")


def test_what_the_system_refuses_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(error: OSError) -> object:
        def fail(*_: object) -> None:
            raise error

        return fail

    monkeypatch.setattr(Path, "write_bytes", refuse(OSError(28, "No space left on device")))
    with pytest.raises(CalcScoreError, match=r"a.txt: the file could not be written \(No space left on device\)"):
        write_text(tmp_path / "a.txt", "text")
    monkeypatch.setattr(Path, "write_bytes", refuse(PermissionError(13, "Permission denied")))
    with pytest.raises(InputError, match=r"a\.txt: permission to write denied"):
        write_text(tmp_path / "a.txt", "text")
    assert not list(tmp_path.iterdir())
