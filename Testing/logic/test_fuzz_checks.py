"""What the fuzz program looks for, it finds."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from Testing.fuzz import commands
from Testing.fuzz.__main__ import watch
from Testing.fuzz.commands import Problem, Trial, check
from Testing.fuzz.worker import BEAT, FOUND
from Testing.logic.image_files import good_calcification, good_territories


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name in ("in", "out"):
        (tmp_path / name).mkdir()
    good_territories(tmp_path / "in")
    good_calcification(tmp_path / "in")
    return tmp_path


def scoring(place: Path, calcification: str) -> Trial:
    maps = ["--territories", str(place / "in" / "good_territories.nii")]
    maps += ["--calcification", str(place / "in" / calcification)]
    return Trial(["score", *maps, "-o", str(place / "out" / "s.json"), "--csv", str(place / "out" / "s.csv"), "--json"])


@pytest.mark.parametrize("calcification", ["good_calcification.nii", "none.nii"])
def test_a_command_that_does_what_it_should_has_no_finding(calcification: str, place: Path) -> None:
    check(scoring(place, calcification), place)


def complain(place: Path) -> int:
    print("calcscore: no", file=sys.stderr)
    return 2


def fail(place: Path) -> int:
    raise ValueError("no")


def speak_twice(place: Path) -> int:
    print("calcscore: no\nand no", file=sys.stderr)
    return 2


def show_internals(place: Path) -> int:
    print("calcscore: ITK ERROR in x.cxx", file=sys.stderr)
    return 2


def leave_half(place: Path) -> int:
    (place / "out" / "s.json").write_text('{"a":')
    return complain(place)


def write_half(place: Path) -> int:
    (place / "out" / "s.json").write_text('{"a":')
    print("{}")
    return 0


def leave_temporary(place: Path) -> int:
    (place / "out" / ".s.json.1234.tmp.json").write_text("{}")
    print("{}")
    return 0


def change_input(place: Path) -> int:
    (place / "in" / "good_territories.nii").write_bytes(b"")
    return complain(place)


@pytest.mark.parametrize(
    ("command", "key"),
    [
        (fail, "traceback: ValueError in test_fuzz_checks.py:fail"),
        (speak_twice, "not one sentence"),
        (show_internals, "the message shows .cxx"),
        (leave_half, "a failed command left or changed a file"),
        (write_half, "an output cannot be read: s.json"),
        (leave_temporary, "a temporary file is left"),
        (change_input, "an input was changed"),
        (lambda place: 3, "exit code 3"),
    ],
)
def test_each_kind_of_misdeed_is_found(
    command: Callable[[Path], int], key: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "main", lambda arguments: command(place))
    with pytest.raises(Problem) as caught:
        check(scoring(place, "good_calcification.nii"), place)
    assert caught.value.key == key


def _die(folder: Path) -> None:
    place = folder / "trial"
    place.mkdir()
    (place / "odd.nrrd").write_bytes(b"NRRD")
    (folder / BEAT).write_text(f"{place}\nbatch odd.nrrd", encoding="utf-8")
    os._exit(7)


def test_the_input_of_a_process_that_died_is_kept(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_die, args=(tmp_path,))
    process.start()
    watch(process, tmp_path)
    (found,) = (tmp_path / FOUND).iterdir()
    assert (found / "odd.nrrd").read_bytes() == b"NRRD"
    assert "died with 7" in (found / "told.txt").read_text()


@pytest.mark.parametrize(
    ("name", "header", "is_right"),
    [
        ("cases.csv", "case,state", True),
        ("cases.csv", "state", False),
        ("table2.csv", "structure,method,metric,mean,sd,min,max,n", True),
        ("table2.csv", "case,state", False),
    ],
)
def test_each_table_has_its_own_columns(
    name: str, header: str, is_right: bool, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(arguments: list[str]) -> int:
        (place / "out" / name).write_text(f"{header}\n")
        print("{}")
        return 0

    monkeypatch.setattr(commands, "main", write)
    if is_right:
        assert check(scoring(place, "good_calcification.nii"), place) == 0
    else:
        with pytest.raises(Problem, match=name):
            check(scoring(place, "good_calcification.nii"), place)
