"""Wall time and peak memory of a program with all the processes it starts."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Sequence

import psutil

LOOK_SECONDS = 0.05


def measure(command: Sequence[str]) -> tuple[float, float]:
    """Run a program to its end.

    Parameters
    ----------
    command : sequence of str
        Program and arguments.

    Returns
    -------
    seconds : float
        Wall time.
    gigabytes : float
        Largest sum of the memory of all its processes.
    """
    start = time.perf_counter()
    process = subprocess.Popen(list(command), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peaks = [0]

    def watch() -> None:
        while process.returncode is None:
            peaks.append(memory_of(process.pid))
            time.sleep(LOOK_SECONDS)

    watcher = threading.Thread(target=watch)
    watcher.start()
    process.wait()
    seconds = time.perf_counter() - start
    watcher.join()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command[:4])} … ended with {process.returncode}")
    return seconds, max(peaks) / 1e9


def memory_of(pid: int) -> int:
    """Bytes of a process and its descendants; shared pages count once, as far as the system tells."""
    total = 0
    try:
        parent = psutil.Process(pid)
        for process in (parent, *parent.children(recursive=True)):
            info = process.memory_full_info()
            total += getattr(info, "pss", info.rss)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        pass
    return total
