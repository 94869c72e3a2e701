"""nnU-Net in processes of its own: started, watched, and ended together with this one."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import CalcScoreError, InputError
from ..models import Role
from ..process_trees import end_tree, kill_own_tree, kill_tree, own_tree_options
from .workspace import Workspace

ATTENDED = "CALCSCORE_ATTENDED"
"""Environment variable that makes a process end when its standard input closes."""

_POLL_SECONDS = 0.2
_GRACE_SECONDS = 5.0
_EPOCH = re.compile(rb"Epoch (\d+)\s")
_TAIL_BYTES = 1 << 16


@dataclass(frozen=True)
class Job:
    """One process.

    Attributes
    ----------
    name : str
        What messages call it, e.g. ``"territories fold 2"``.
    arguments : tuple of str
        Module of this package to run, and its arguments.
    log : Path
        File that gets its output, after what is there.
    needs : str or None
        Name of the job that must be done before it starts.
    """

    name: str
    arguments: tuple[str, ...]
    log: Path
    needs: str | None = None


def run_jobs(
    jobs: Sequence[Job],
    environment: Mapping[str, str],
    workers: int,
    tell: Callable[[str], None] = lambda _: None,
) -> None:
    """Run jobs, several at a time, in the order given as far as they do not wait for each other.

    Parameters
    ----------
    jobs : sequence of Job
        A job that another one needs comes before it.
    environment : mapping of str to str
        All environment variables of the processes.
    workers : int
        How many run at the same time.
    tell : callable
        Called with a few words about what is running, several times a second.

    Raises
    ------
    CalcScoreError
        A process failed; the others are ended.

    Notes
    -----
    Whatever ends this function, an interrupt included, ends the processes and their children too.
    """
    waiting = list(jobs)
    running: dict[Job, subprocess.Popen[bytes]] = {}
    try:
        while waiting or running:
            unfinished = {job.name for job in (*waiting, *running)}
            ready = [job for job in waiting if job.needs not in unfinished]
            for job in ready[: max(0, workers - len(running))]:
                waiting.remove(job)
                running[job] = _start(job, environment)
            tell("; ".join(_progress(job) for job in running))
            time.sleep(_POLL_SECONDS)
            for job, process in list(running.items()):
                if process.poll() is not None:
                    del running[job]
                    _end(process)
                    if process.returncode:
                        raise CalcScoreError(f"{job.name} failed: {_last_words(job.log)} (see {job.log})")
    finally:
        for process in running.values():
            _end(process)


def run_process(work: Callable[..., object], about: str | None, *numbers: str) -> None:
    """Do a part of a training as a process of its own, as its command line says.

    It ends with its children as soon as whoever started it with `ATTENDED` is gone. Whoever did so holds the lock of
    the work; the task of a job array takes it itself. Bad input is told in one sentence.

    Parameters
    ----------
    work : callable
        Takes the workspace, the role, and the numbers.
    about : str or None
        What the help says.
    *numbers : str
        Names of further arguments, which are whole numbers.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("work", type=Path)
    parser.add_argument("role", type=Role)
    for name in numbers:
        parser.add_argument(name, type=int)
    options = vars(parser.parse_args())
    workspace, role = Workspace(options["work"]), options["role"]
    lock: AbstractContextManager[None] = nullcontext()
    if os.environ.get(ATTENDED):
        threading.Thread(target=_end_with_parent, daemon=True).start()
    else:
        lock = workspace.locked(" ".join([role.value, *(f"{name} {options[name]}" for name in numbers)]))
    try:
        with lock:
            work(workspace, role, *(options[name] for name in numbers))
    except InputError as error:
        sys.exit(str(error))


def _end_with_parent() -> None:
    # Not through sys.stdin, whose lock would be held when the interpreter ends.
    while os.read(0, 4096):
        pass
    kill_own_tree()


def _start(job: Job, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a process that leads a group of its own."""
    job.log.parent.mkdir(parents=True, exist_ok=True)
    package, *arguments = job.arguments
    with job.log.open("ab") as log:
        return subprocess.Popen(  # noqa: S603  our own module
            [sys.executable, "-m", f"{__package__}.{package}", *arguments],
            env={**environment, ATTENDED: "1"},
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            **own_tree_options(),
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and what it started."""
    end_tree(process)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE_SECONDS)
    # Whatever heeded nothing, or was left behind by one that did.
    kill_tree(process)
    process.wait()
    if process.stdin:
        process.stdin.close()


def _tail(log: Path) -> bytes:
    """Read the end of a log."""
    with suppress(OSError), log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - _TAIL_BYTES))
        return stream.read()
    return b""


def _progress(job: Job) -> str:
    """Say in a few words how far a job is."""
    epochs = _EPOCH.findall(_tail(job.log))
    return f"{job.name} (epoch {int(epochs[-1])})" if epochs else job.name


def _last_words(log: Path) -> str:
    """Give the last line of a log, for a message."""
    lines = [line.strip() for line in _tail(log).decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it said nothing"
