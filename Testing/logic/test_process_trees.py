from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from CalcScoreLogic.process_trees import end_tree, is_killed, kill_tree, own_tree_options
from Testing.logic.cohort_cases import until
from Testing.logic.killing import ended

PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {child!r}])
open({note!r}, "w").write(str(child.pid))
time.sleep(600)
"""
SLEEPER = "import time; time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)"


def family(tmp_path: Path, child: str = SLEEPER) -> tuple[subprocess.Popen[bytes], psutil.Process]:
    """Start a process and its child."""
    note = tmp_path / "child"
    program = PARENT.format(child=child, note=str(note))
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, **own_tree_options())
    until(lambda: note.exists() and note.read_text())
    if child == STUBBORN:
        assert process.stdout is not None
        process.stdout.readline()
    return process, psutil.Process(int(note.read_text()))


@pytest.mark.parametrize("end", [end_tree, kill_tree])
def test_a_process_ends_with_its_child(end: object, tmp_path: Path) -> None:
    process, child = family(tmp_path)
    assert callable(end)
    end(process)
    assert is_killed(process.wait(300))
    until(lambda: ended(child))


@pytest.mark.skipif(sys.platform == "win32", reason="there is no polite end on Windows")
def test_a_child_that_heeds_nothing_ends_with_kill_tree_though_its_parent_is_gone(tmp_path: Path) -> None:
    process, child = family(tmp_path, STUBBORN)
    end_tree(process)
    process.wait(300)
    assert not ended(child)
    kill_tree(process)
    until(lambda: ended(child))


@pytest.mark.parametrize(
    ("code", "killed"), [(0, False), (1, False), (130, False), (-9, True), (0xC0000005, True), (0xC0000017, True)]
)
def test_exit_codes_of_both_systems(code: int, killed: bool) -> None:
    assert is_killed(code) is killed
