"""Wall time and peak memory of a program with all the processes it starts."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..process_trees import kill_tree, own_tree_options

_LOOK_SECONDS = 0.05
_LOOK_SHARE = 0.05


@dataclass(frozen=True, order=True)
class Usage:
    """What a program took; the fastest of several comes first in order.

    Attributes
    ----------
    seconds : float
        Wall time.
    peak_bytes : int
        Largest sum of the memory of all its processes; 0 where psutil is not installed.
    code : int
        Exit code.
    last_line : str
        Last line on its standard error.
    """

    seconds: float
    peak_bytes: int
    code: int = 0
    last_line: str = ""

    def __add__(self, other: Usage) -> Usage:
        """Run one after the other."""
        return Usage(self.seconds + other.seconds, max(self.peak_bytes, other.peak_bytes), self.code or other.code)


def measure(command: Sequence[str]) -> Usage:
    """Run a program to its end; when this is interrupted, it ends with all it started.

    Parameters
    ----------
    command : sequence of str
        Program and arguments.

    Returns
    -------
    Usage
        What it took.
    """
    start = time.perf_counter()
    process = subprocess.Popen(  # noqa: S603
        list(command), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **own_tree_options()
    )
    peaks = [0]
    watcher = threading.Thread(target=_watch, args=(process, peaks), daemon=True)
    watcher.start()
    try:
        _, errors = process.communicate()
    except BaseException:
        kill_tree(process)
        process.wait()
        raise
    seconds = time.perf_counter() - start
    watcher.join()
    lines = errors.decode("utf-8", errors="replace").replace("\r", "\n").strip().splitlines()
    return Usage(seconds, max(peaks), process.returncode, lines[-1] if lines else "")


def memory_of(process: int) -> int:
    """Add up the memory of a process and all it has started.

    Parameters
    ----------
    process : int
        Its number.

    Returns
    -------
    int
        Bytes; shared pages count once, as far as the system tells. 0 where psutil is not installed.
    """
    try:
        import psutil
    except ImportError:
        return 0
    total = 0
    try:
        parent = psutil.Process(process)
        for member in (parent, *parent.children(recursive=True)):
            info = member.memory_full_info()
            total += int(getattr(info, "pss", info.rss))
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        pass
    return total


def _watch(process: subprocess.Popen[Any], peaks: list[int]) -> None:
    while process.returncode is None:
        began = time.perf_counter()
        peaks.append(memory_of(process.pid))
        # A look at gigabytes takes a while, and what is looked at stands still meanwhile.
        time.sleep(max(_LOOK_SECONDS, (time.perf_counter() - began) / _LOOK_SHARE))
