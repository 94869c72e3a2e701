"""Files appear whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path, PureWindowsPath

import pytest

from CalcScoreLogic.atomic import (
    PENDING,
    atomic_folder,
    atomic_path,
    check_windows_path,
    finish_folder,
    write_json,
    write_text,
)
from CalcScoreLogic.errors import CalcScoreError, InputError
from Testing.logic.killing import killer_of

OWN = ("a.txt", "b.txt", "pictures/c.txt", "pictures/deep/d.txt")


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
    with pytest.raises(CalcScoreError, match=r"a\.txt: permission to write denied"):
        write_text(tmp_path / "a.txt", "text")
    assert not list(tmp_path.iterdir())


def fill(folder: str | Path, text: str) -> None:
    """Make or replace a folder of four files that hold a text."""
    with atomic_folder(folder) as part:
        for name in OWN:
            (part / name).parent.mkdir(parents=True, exist_ok=True)
            (part / name).write_text(text)


def texts(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def holding(text: str) -> dict[str, str]:
    return {**dict.fromkeys(OWN, text), "notes.txt": "mine", "pictures/mine.txt": "mine"}


@pytest.fixture
def case(tmp_path: Path) -> Path:
    """A folder of four files, and two that someone else laid there."""
    folder = tmp_path / "case"
    fill(folder, "old")
    for name in ("notes.txt", "pictures/mine.txt"):
        (folder / name).write_text("mine")
    return folder


def test_a_folder_is_replaced_and_what_others_laid_there_stays(case: Path) -> None:
    fill(case, "new")
    assert texts(case) == holding("new")
    assert list(case.parent.iterdir()) == [case]


@pytest.fixture(scope="module")
def killed_at() -> Iterator[Callable[..., bool]]:
    """Runs `fill`, and kills it at a step."""
    with killer_of("Testing.logic.test_atomic:fill") as killed_at:
        yield killed_at


def test_killed_at_any_step_the_folder_holds_the_old_or_the_new_files(
    killed_at: Callable[..., bool], tmp_path: Path
) -> None:
    seen, half, step = [], 0, 0
    while True:
        step += 1
        folder = tmp_path / str(step) / "case"
        folder.parent.mkdir()
        fill(folder, "old")
        for name in ("notes.txt", "pictures/mine.txt"):
            (folder / name).write_text("mine")
        killed = killed_at(step, folder, "new")
        half += len({(folder / name).read_text() for name in OWN}) == 2
        finish_folder(folder)
        seen.append(next(text for text in ("old", "new") if texts(folder) == holding(text)))
        if not killed:
            break
        # The next one to write finds nothing in its way.
        fill(folder, "newest")
        assert texts(folder) == holding("newest")
    assert seen == sorted(seen, reverse=True)
    assert set(seen) == {"old", "new"}
    assert half == len(OWN) - 1


def test_an_interrupt_between_two_files_does_not_part_them(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls, replace = [], os.replace

    def interrupted(source: Path, target: Path) -> None:
        calls.append(target)
        if len(calls) == 3:
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fill(case, "new")
    assert texts(case) == holding("new")
    assert list(case.parent.iterdir()) == [case]


def test_what_cannot_be_put_in_place_is_told_and_waits(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace = os.replace

    def refuse(source: Path, target: Path) -> None:
        if Path(target).name == "b.txt":
            raise PermissionError(13, "Permission denied")
        replace(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", refuse)
        with pytest.raises(CalcScoreError, match=r"case: new files wait in .*Permission denied"):
            fill(case, "new")
        with pytest.raises(CalcScoreError, match=r"case: new files wait in .*Permission denied"):
            finish_folder(case)
    assert (case / PENDING).is_dir()
    finish_folder(case)
    assert texts(case) == holding("new")


def test_a_file_saved_since_is_not_overwritten(killed_at: Callable[..., bool], case: Path) -> None:
    assert killed_at(3, case, "new")
    assert (case / "a.txt").read_text() == "new"
    (case / "b.txt").write_text("corrected by hand")
    # A file system may count time in steps that are longer than all this takes.
    later = (case / PENDING / "b.txt").stat().st_mtime_ns + 10**9
    os.utime(case / "b.txt", ns=(later, later))
    with pytest.raises(InputError, match=r"b\.txt: saved after"):
        finish_folder(case)
    assert (case / "b.txt").read_text() == "corrected by hand"
    (case / "b.txt").unlink()
    finish_folder(case)
    assert texts(case) == holding("new")


def test_a_folder_in_the_place_of_a_file_leaves_all_as_it_was(case: Path) -> None:
    (case / "b.txt").unlink()
    (case / "b.txt").mkdir()
    before = texts(case)
    with pytest.raises(CalcScoreError, match=r"b\.txt: this is a folder"):
        fill(case, "new")
    assert texts(case) == before
    assert list(case.parent.iterdir()) == [case]


def test_a_folder_that_is_not_there_is_finished() -> None:
    finish_folder(Path("/no/such/folder"))


@pytest.mark.parametrize(("length", "fits"), [(164, True), (165, False)])
def test_a_path_that_windows_cannot_open_is_refused_in_words(length: int, fits: bool) -> None:
    r"""259 characters are allowed: the folder, a backslash, and the 94 of the longest temporary name."""
    folder = PureWindowsPath("C:\\" + "a" * (length - 3))
    if fits:
        check_windows_path(folder / "scores.json")
    else:
        with pytest.raises(InputError, match="too long by 1 characters for Windows"):
            check_windows_path(folder / "scores.json")
