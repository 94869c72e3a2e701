"""The end of a worker whose parent is gone: no process and no temporary file stays behind."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
from pathlib import Path


def watch_parent(folder: Path) -> None:
    """End this process and remove its folder as soon as the parent lets go of standard input.

    Parameters
    ----------
    folder : Path
        The run's folder.

    Notes
    -----
    Call it before any thread is started. On POSIX a forked process waits: a thread would not get to run
    while a library holds Python's lock, and could not clean up after a worker that was killed. The worker,
    or a launcher that waits for it as that of 3D Slicer's Python does, must lead a process group.
    """
    if sys.platform != "win32":
        worker, group = os.getpid(), os.getpgrp()
        if os.fork() == 0:
            _wait_and_clean_up(folder, worker, group)
    else:
        threading.Thread(target=_end_with_parent, args=(folder,), daemon=True).start()


if sys.platform != "win32":

    def _wait_and_clean_up(folder: Path, worker: int, group: int) -> None:
        """Wait in the forked process, outside the worker's group; does not return."""
        try:
            os.setsid()
            # The parent waits for the end of these streams; only the worker may hold them.
            os.close(1)
            os.close(2)
            while os.read(0, 4096):
                pass
            # A process that was adopted has no worker to end, and its number may be another's by now.
            if os.getppid() == worker:
                os.killpg(group, signal.SIGKILL)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os._exit(0)


def _end_with_parent(folder: Path) -> None:
    while sys.stdin.buffer.read(4096):
        pass
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)
