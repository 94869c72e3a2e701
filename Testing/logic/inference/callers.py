"""Programs that start a worker and are killed, and whether the worker has gone."""

from __future__ import annotations

import os
import subprocess
import sys


def gone(process: int) -> bool:
    """Tell whether a process group has no living member."""
    try:
        os.killpg(process, 0)
    except ProcessLookupError:
        return True
    return False


def kill_caller(code: str) -> int:
    """Run a program until it prints the number of its worker, and kill it; give the number."""
    caller = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert caller.stdout is not None
    worker = int(caller.stdout.readline())
    assert not gone(worker)
    caller.kill()
    caller.wait()
    caller.stdout.close()
    return worker
