"""A standard output that is closed or full, and a folder that is gone: no traceback, and the results are there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from Testing.logic.image_files import good_calcification, good_territories

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pipes, /dev/full and removed folders of POSIX")


def score(folder: Path, output: int, cwd: Path | None = None) -> tuple[int, str]:
    """Score the good maps as a program of its own; give its exit code and what it said on standard error."""
    maps = ["--territories", str(good_territories(folder)), "--calcification", str(good_calcification(folder))]
    command = [sys.executable, "-m", "CalcScoreLogic", "score", *maps, "-o", str(folder / "s.json"), "--json"]
    place = {"PYTHONPATH": str(Path(__file__).resolve().parents[3])}
    done = subprocess.run(
        command, stdout=output, stderr=subprocess.PIPE, text=True, env={**os.environ, **place}, cwd=cwd, check=False
    )
    return done.returncode, done.stderr


def test_a_reader_that_has_gone_is_no_failure(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    assert score(tmp_path, writing) == (0, "")
    os.close(writing)
    assert (tmp_path / "s.json").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_full_disk_behind_standard_output_is_told(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        code, told = score(tmp_path, full.fileno())
    assert code == 1
    reason = "the command has done its work, but standard output cannot be written (No space left on device)"
    assert told == f"calcscore: {reason}, free some space\n"
    assert (tmp_path / "s.json").exists()


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", "2>/dev/full"])
@pytest.mark.parametrize(("length", "code"), [("25", 0), ("1", 2)])
def test_streams_that_are_closed_or_full_change_nothing(closed: str, length: str, code: int, tmp_path: Path) -> None:
    if "full" in closed and not Path("/dev/full").exists():
        pytest.skip("the system has no /dev/full")
    output = tmp_path / "t.nii"
    program = f'"$0" -m CalcScoreLogic shorten "$1" -o "$2" --length {length} {closed}'
    place = {"PYTHONPATH": str(Path(__file__).resolve().parents[3])}
    command = ["/bin/sh", "-c", program, sys.executable, str(good_territories(tmp_path)), str(output)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **place}, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    assert output.exists() == (code == 0)


def test_a_folder_that_was_removed_is_told(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    run = f"import os, sys; os.rmdir({str(gone)!r}); from CalcScoreLogic.cli import main; sys.exit(main())"
    place = {"PYTHONPATH": str(Path(__file__).resolve().parents[3])}
    command = [sys.executable, "-c", run, "shorten", str(good_territories(tmp_path)), "-o", "t.nii.gz"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **place}, cwd=gone, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "calcscore: the current folder does not exist any more, change to another one\n"
