"""``calcscore bench``: a real comparison on tiny networks, and the meter that it rests on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest

from CalcScoreLogic.benchmark import process_meter
from CalcScoreLogic.benchmark.process_meter import Usage, measure, memory_of
from CalcScoreLogic.cli import main
from CalcScoreLogic.images.files import write_image
from CalcScoreLogic.images.geometry import Geometry, Image
from CalcScoreLogic.models import Role
from Testing.logic.cohort_cases import until
from Testing.logic.model_folders import NEEDS_NNUNET, make_model


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_the_meter_counts_time_and_memory_of_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full, seen = tmp_path / "full", tmp_path / "seen"
    child = f"""
import pathlib, time
block = bytearray(200_000_000)
pathlib.Path({str(full)!r}).touch()
time.sleep(1)
while not pathlib.Path({str(seen)!r}).exists():
    time.sleep(0.01)
"""

    def look(process: int) -> int:
        is_full = full.exists()
        found = memory_of(process)
        if is_full:
            seen.touch()
        return found

    # The child stays until it has been looked at: on a slow machine that may take a while.
    monkeypatch.setattr(process_meter, "memory_of", look)
    usage = measure(python(f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}], check=True)"))
    assert usage.seconds >= 1
    assert 200e6 < usage.peak_bytes < 400e6
    assert usage.code == 0


def test_the_meter_tells_how_a_program_failed() -> None:
    usage = measure(python("import sys; print('first', file=sys.stderr); sys.exit('the reason')"))
    assert (usage.code, usage.last_line) == (1, "the reason")


def test_usages_add_up_and_the_fastest_comes_first() -> None:
    first, second = Usage(2.0, 50), Usage(1.5, 80)
    assert first + second == Usage(3.5, 80)
    assert min(first, second) is second
    assert (first + Usage(1.0, 1, 3, "x")).code == 3


@pytest.mark.skipif(sys.platform == "win32", reason="process groups")
def test_an_interrupted_measurement_ends_all_processes(tmp_path: Path) -> None:
    """The program starts a child that notes its number; neither may be left."""
    note = tmp_path / "child"
    child = f"import os, time; open({str(note)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    imports = "from CalcScoreLogic.benchmark.process_meter import measure; import sys"
    outer = f"{imports}; measure([sys.executable, '-c', {program!r}])"
    process = subprocess.Popen(python(outer), stderr=subprocess.DEVNULL)
    until(lambda: note.exists() and note.read_text())
    process.send_signal(signal.SIGINT)
    process.wait(300)
    number = int(note.read_text())
    until(lambda: not psutil.pid_exists(number))


@NEEDS_NNUNET
def test_both_sides_agree_on_tiny_networks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models = {role: make_model(tmp_path / role.value, role, [0], seed=7) for role in Role}
    array = np.random.default_rng(4).normal(300, 250, (22, 30, 26)).astype(np.int16)
    write_image(tmp_path / "c.nii.gz", Image(array, Geometry((26, 30, 22), (1.3, 1.1, 2.5))))
    arguments = ["bench", "--cta", str(tmp_path / "c.nii.gz"), "--json", "--engine", "torch"]
    arguments += ["--territory-model", str(models[Role.TERRITORIES])]
    arguments += ["--calcification-model", str(models[Role.CALCIFICATION])]
    assert main(arguments) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["speedup"] == pytest.approx(found["stock"]["seconds"] / found["calcscore"]["seconds"], rel=0.01)
    run, total = found["tiles"]["territories"]
    assert run == total > 1
    assert found["tiles"]["calcification"][1] == total
    overlaps = [dice for dice in found["dice"].values() if dice is not None]
    assert overlaps
    assert min(overlaps) >= 0.999
    assert found["machine"]["nnunetv2"] != "none"
    assert found["engine"].startswith("torch ")


def test_bad_usage_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--repeats", "0"]) == 2
    assert "give 1 or more" in capsys.readouterr().err
