"""Work on nodes that can be done in pieces."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeVar

Result = TypeVar("Result")

Steps = Generator[Callable[[], Any] | None, Any, Result]
"""Gives None after a piece, or work for a thread, which touches no node and whose result it is sent."""


def run_through(work: Steps[Result]) -> Result:
    """Do all pieces here and now; for scripts, which wait.

    Parameters
    ----------
    work : Steps
        The work.

    Returns
    -------
    object
        What the work returns; what it raises is raised.
    """
    result = None
    while True:
        try:
            part = work.send(result)
        except StopIteration as ended:
            value: Result = ended.value
            return value
        result = part() if part is not None else None
