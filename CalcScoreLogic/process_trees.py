"""Processes that are ended together with all they have started, on POSIX systems and on Windows."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import Any

KILLED = -9
"""Exit code of a process that SIGKILL has ended, as `subprocess` gives it on POSIX systems."""

OUT_OF_MEMORY = 0xC0000017
"""Exit code of a process that Windows has ended for want of memory."""

_FIRST_CRASH_CODE = 0xC0000000
"""Windows ends a crashed process with a status code of the kernel, all of which are at least this."""


def own_tree_options() -> dict[str, Any]:
    """Give the options of `subprocess.Popen` for a process that `end_tree` and `kill_tree` can end whole."""
    if sys.platform == "win32":
        # A worker of a program without a console would open one.
        return {"creationflags": subprocess.CREATE_NO_WINDOW}
    return {"start_new_session": True}


def end_tree(process: subprocess.Popen[bytes]) -> None:
    """Ask a process started with `own_tree_options`, and what it started, to end.

    Parameters
    ----------
    process : Popen
        The process; one that has ended may have left others behind.
    """
    if sys.platform == "win32":
        # There is no polite way on Windows that a process without a console would hear.
        kill_tree(process)
    else:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGTERM)


def kill_tree(process: subprocess.Popen[bytes]) -> None:
    """End a process started with `own_tree_options`, and what it started, at once.

    Parameters
    ----------
    process : Popen
        The process; one that has ended may have left others behind.
    """
    if sys.platform == "win32":
        if process.poll() is None:
            _taskkill(process.pid)
            process.kill()
    else:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


def kill_own_tree() -> None:
    """End this process and what it started; does not return. It must lead a group, see `own_tree_options`."""
    if sys.platform == "win32":
        _taskkill(os.getpid())
    else:
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os._exit(1)


def is_killed(code: int) -> bool:
    """Tell from an exit code whether a process was ended from outside or crashed, rather than ended by itself."""
    return code < 0 or code >= _FIRST_CRASH_CODE


def _taskkill(pid: int) -> None:
    """End a process and its children with Windows' own tool, which finds them without process groups."""
    command = ["taskkill", "/F", "/T", "/PID", str(pid)]
    with suppress(OSError):
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)  # noqa: S603
