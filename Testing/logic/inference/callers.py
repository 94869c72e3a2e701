"""Programs that start a worker and are killed, and whether the worker has gone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def gone(process: int) -> bool:
    """Tell whether a process group has no living member."""
    try:
        os.killpg(process, 0)
    except ProcessLookupError:
        return True
    return False


def kill_caller(code: str, temporary: Path) -> int:
    """Run a program that makes its temporary folders in a place, until it prints the number of its worker; kill it.

    Gives the worker's number.
    """
    code = f"import tempfile\ntempfile.tempdir = {str(temporary)!r}\n{code}"
    caller = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert caller.stdout is not None
    worker = int(caller.stdout.readline())
    assert not gone(worker)
    caller.kill()
    caller.wait()
    caller.stdout.close()
    return worker
