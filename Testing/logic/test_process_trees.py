from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from CalcScoreLogic.process_trees import end_tree, is_killed, kill_tree, own_tree_options

PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {child!r}])
open({note!r}, "w").write(str(child.pid))
time.sleep(60)
"""
SLEEPER = "import time; time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"


def family(tmp_path: Path, child: str = SLEEPER) -> tuple[subprocess.Popen[bytes], psutil.Process]:
    """Start a process and its child."""
    note = tmp_path / "child"
    program = PARENT.format(child=child, note=str(note))
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, **own_tree_options())
    while not (note.exists() and note.read_text()):
        time.sleep(0.02)
    if child == STUBBORN:
        assert process.stdout is not None
        process.stdout.readline()
    return process, psutil.Process(int(note.read_text()))


def gone(process: psutil.Process) -> bool:
    """Wait until a process has ended; one that nobody has collected counts as ended."""
    for _ in range(500):
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("end", [end_tree, kill_tree])
def test_a_process_ends_with_its_child(end: object, tmp_path: Path) -> None:
    process, child = family(tmp_path)
    assert callable(end)
    end(process)
    assert is_killed(process.wait(10))
    assert gone(child)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no polite end on Windows")
def test_a_child_that_heeds_nothing_ends_with_kill_tree_though_its_parent_is_gone(tmp_path: Path) -> None:
    process, child = family(tmp_path, STUBBORN)
    end_tree(process)
    process.wait(10)
    assert child.is_running()
    kill_tree(process)
    assert gone(child)


@pytest.mark.parametrize(
    ("code", "killed"), [(0, False), (1, False), (130, False), (-9, True), (0xC0000005, True), (0xC0000017, True)]
)
def test_exit_codes_of_both_systems(code: int, killed: bool) -> None:
    assert is_killed(code) is killed
