"""Ctrl-C and the other ways to end ``calcscore evaluate`` in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest

from Testing.logic.cohort_cases import until
from Testing.logic.evaluation.small_cases import cta_of, plaques, tree, write
from Testing.logic.killing import ended

TOLD = b"calcscore: interrupted, nothing half done was left\n"


def make_cases(root: Path, repeats: int) -> None:
    """Make three cases of the tree, each voxel `repeats` times in x, y and z."""
    territories, size = tree(), (repeats,) * 3
    truth = plaques(territories, 5, 3)
    maps = {"territories": territories, "calcification": truth, "cta": cta_of(truth)}
    first = write(root / "1", **{name: np.kron(array, np.ones(size, array.dtype)) for name, array in maps.items()})
    for name in ("2", "3"):
        (root / name).symlink_to(first)


def start(root: Path) -> subprocess.Popen[bytes]:
    """Start an evaluation as a terminal does: a group of processes of its own."""
    (root / "temporary").mkdir()
    command = [sys.executable, "-m", "CalcScoreLogic", "evaluate", "--reference", str(root / "cases")]
    command += ["--prediction", str(root / "cases"), "--cta", str(root / "cases"), "-o", str(root / "out")]
    environment = {**os.environ, "TMPDIR": str(root / "temporary")}
    return subprocess.Popen(command, stderr=subprocess.PIPE, env=environment, start_new_session=True)


def press_ctrl_c(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGINT)


def started(pool: list[psutil.Process]) -> bool:
    """Tell whether every process of a pool has loaded the library that reads the cases."""
    return bool(pool) and all(any("SimpleITK" in m.path for m in process.memory_maps()) for process in pool)


def pool_of(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    found = []
    for child in psutil.Process(process.pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # it may end while it is looked at
            found += [child] if any("spawn_main" in part for part in child.cmdline()) else []
    return found


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="on one core there is no pool")
@pytest.mark.parametrize(
    ("end", "when"),
    [
        (press_ctrl_c, "starting"),
        (press_ctrl_c, "at work"),
        (subprocess.Popen.terminate, "at work"),
        (subprocess.Popen.kill, "at work"),
    ],
)
def test_no_process_of_the_pool_stays_behind(
    end: Callable[[subprocess.Popen[bytes]], None], when: str, tmp_path: Path
) -> None:
    make_cases(tmp_path / "cases", 4)
    process = start(tmp_path)
    until(lambda: started(pool_of(process)) if when == "at work" else pool_of(process))
    pool = pool_of(process)
    end(process)
    _, told = process.communicate(timeout=300)
    if end is not subprocess.Popen.kill:
        assert (process.returncode, told) == (130, TOLD)
    until(lambda: all(ended(child) for child in pool))
    assert not list((tmp_path / "temporary").iterdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cases", "temporary"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_that_another_thread_takes_waits_until_the_pool_has_started(number: int) -> None:
    lines = """
import os, signal, sys, threading
from CalcScoreLogic.evaluation.pool import _deaf_children

def end(number, frame):
    raise KeyboardInterrupt

signal.signal(signal.SIGTERM, end)
threading.Thread(target=threading.Event().wait, daemon=True).start()
try:
    with _deaf_children():
        os.kill(os.getpid(), int(sys.argv[1]))
        for _ in range(1000):
            threading.Event().wait(0.0005)
        print("started")
except KeyboardInterrupt:
    print("interrupted")
"""
    told = subprocess.run([sys.executable, "-c", lines, str(int(number))], capture_output=True, text=True, timeout=300)
    assert told.stdout.split() == ["started", "interrupted"], told.stderr


def test_half_a_page_is_not_left(tmp_path: Path) -> None:
    make_cases(tmp_path / "cases", 1)
    process = start(tmp_path)
    until(lambda: list(tmp_path.glob(".out.*.tmp/figures/*.png")))
    press_ctrl_c(process)
    _, told = process.communicate(timeout=300)
    assert (process.returncode, told) == (130, TOLD)
    assert not list((tmp_path / "temporary").iterdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cases", "temporary"]
