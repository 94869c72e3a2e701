"""Callers of a worker: how far it is, programs that start one and are killed, and whether it has gone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from CalcScoreLogic.inference.protocol import Message, Progress
from CalcScoreLogic.inference.run import InferenceRun
from Testing.logic.cohort_cases import until


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


def reach(run: InferenceRun, stage: str) -> list[Message]:
    """Poll until a run tells of a stage."""
    seen: list[Message] = []

    def there() -> bool:
        seen.extend(run.poll())
        return any(isinstance(message, Progress) and stage in message.stage for message in seen)

    until(there)
    return seen
