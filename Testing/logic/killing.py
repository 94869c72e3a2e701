"""Processes that are killed, and whether they have ended.

``python -m Testing.logic.killing FUNCTION`` runs a function, ``module:name``, once for each line that it reads: a JSON
list of a step, and of the arguments as texts. The process that runs it is killed just before that step of its work on
files. A step is a call that gives a file another name or removes one, other than below a temporary name.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any

import psutil

_STEPS = ("replace", "rename", "unlink", "rmdir")


@contextmanager
def killer_of(function: str) -> Iterator[Callable[..., bool]]:
    """Give what runs a function that is killed just before a step, and tells whether it was; else it ended before.

    What the function needs is loaded once.
    """
    # Copies of a process with threads can stand still.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "Testing.logic.killing", function]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def killed_at(step: int, *arguments: object) -> bool:
            print(json.dumps([step, *map(str, arguments)]), file=stdin, flush=True)
            code = int(stdout.readline())
            assert code in (0, -signal.SIGKILL)
            return code != 0

        yield killed_at


def ended(process: psutil.Process) -> bool:
    """Tell whether a process has ended; one that nobody has collected counts as ended."""
    with suppress(psutil.NoSuchProcess):  # it may end between the two questions
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    return True


def _count_steps(step: int) -> None:
    """Let this process be killed just before a step."""
    left = [step]

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **keywords: Any) -> Any:
            left[0] -= ".tmp" not in str(arguments[-1])
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **keywords)

        return step

    for name in _STEPS:
        setattr(os, name, counted(getattr(os, name)))


def _run(function: Callable[..., None], step: int, arguments: list[str]) -> None:
    """Run a function and end this process."""
    code = 1
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        _count_steps(step)
        function(*arguments)
        code = 0
    except BaseException:  # told, and the process ends here whatever it is
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    """Run as a process."""
    module, _, name = sys.argv[1].partition(":")
    function = getattr(import_module(module), name)
    for line in sys.stdin:
        step, *arguments = json.loads(line)
        child = os.fork()
        if child == 0:
            _run(function, step, arguments)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
