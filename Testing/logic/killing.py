"""A process that is killed at a step of its work on files: ``python -m Testing.logic.killing STEP FUNCTION ARGUMENT…``.

FUNCTION is ``module:name`` and takes the arguments as texts; it is called with every step counted. A step is a call
that gives a file another name or removes one, other than below a temporary name.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

_STEPS = ("replace", "rename", "unlink", "rmdir")


def killed_at(step: int, function: str, *arguments: object) -> bool:
    """Run a function in a process that is killed just before a step; False where it ended before."""
    command = [sys.executable, "-m", "Testing.logic.killing", str(step), function, *map(str, arguments)]
    code = subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode
    assert code in (0, -signal.SIGKILL)
    return code != 0


def count_steps(step: int) -> None:
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


if __name__ == "__main__":
    module, _, name = sys.argv[2].partition(":")
    function = getattr(import_module(module), name)
    count_steps(int(sys.argv[1]))
    function(*sys.argv[3:])
