"""The program as the system sees it: its start, its end, and the terminal that it writes to."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from Testing.logic.cli.command_line import read, score_arguments
from Testing.logic.cohort_cases import until
from Testing.logic.image_files import nifti


def test_both_names_are_the_same_program_and_start_without_the_heavy_libraries() -> None:
    code = "import sys, CalcScoreLogic.cli as c; c.build_parser(); print([m for m in sys.modules if '.' not in m])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"numpy", "scipy", "SimpleITK", "skimage", "matplotlib", "torch"} & set(eval(loaded))  # noqa: S307
    shown = subprocess.run(
        [sys.executable, "-m", "CalcScoreLogic", "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert all(name in shown for name in ("territories", "shorten", "score", "threshold", "phantom", "demo"))


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_nothing(ending: signal.Signals, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "CalcScoreLogic", "phantom", "-o", str(tmp_path), "--cases", "500"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until(lambda: list(tmp_path.glob("case_0")))
    process.send_signal(ending)
    _, complaint = process.communicate(timeout=300)
    assert process.returncode == 130
    assert complaint == "calcscore: interrupted, nothing half done was left\n"
    assert list(tmp_path.glob("case_0"))
    assert all(folder.name.startswith("case_") for folder in tmp_path.iterdir())
    assert all(len(list(folder.iterdir())) == 4 for folder in tmp_path.iterdir())


def test_a_notice_waits_for_the_end_and_gives_way_to_what_is_wrong(case: Path) -> None:
    plain = nifti(read(case / "territories.nii.gz"), {252: bytes(4)})
    (case / "territories.nii").write_bytes(plain)
    (case / "calcification.nii").write_bytes(nifti(read(case / "calcification.nii.gz"), {252: bytes(4)}))
    (case / "cut.nii").write_bytes(plain[:-1000])

    def said(calcification: str) -> tuple[int, list[str]]:
        given = ["--territories", str(case / "territories.nii"), "--calcification", str(case / calcification)]
        command = [sys.executable, "-m", "CalcScoreLogic", "score", *given, "-o", str(case / "s.json")]
        ended = subprocess.run(command, capture_output=True, text=True)
        return ended.returncode, ended.stderr.splitlines()

    code, lines = said("cut.nii")
    assert (code, len(lines)) == (2, 1)
    assert lines[0].startswith(f"calcscore: {case / 'cut.nii'}: ")
    code, lines = said("calcification.nii")
    assert code == 0
    told = [line for line in lines if "the header has no orientation" in line]
    # Two threads read, so that either file may come first.
    assert sorted(line.split(": ")[:2] for line in told) == [
        ["warning", str(case / f"{name}.nii")] for name in ("calcification", "territories")
    ]


def test_a_terminal_sees_what_is_going_on(case: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "CalcScoreLogic", *map(str, score_arguments(case)), "-o", str(case / "s.json")]
    subprocess.run(command, stdout=subprocess.PIPE, stderr=theirs, check=True)
    os.close(theirs)
    seen = os.read(ours, 10_000).decode()
    assert "reading…" in seen
    assert "shortening and scoring…" in seen
    assert "scoring…\r\x1b[Kwarning: " in seen


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_a_console_without_some_letters_gets_the_results_all_the_same(case: Path, encoding: str) -> None:
    named = case.rename(case.parent / "血管 ä")
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    command = [sys.executable, "-m", "CalcScoreLogic", *map(str, score_arguments(named)), "-o", str(named / "s.json")]
    printed = subprocess.run([*command, "--json"], env=environment, capture_output=True, check=True).stdout
    assert json.loads(printed.decode(encoding))["case"] == "血管 ä"
    line = subprocess.run(command, env=environment, capture_output=True, check=True).stdout.decode(encoding)
    assert "burden aorta" in line
    assert ("血管" in line) is (encoding == "utf-8")
