"""Independent pieces of a volume, several at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_Piece = TypeVar("_Piece")

_most: int | None = None


def use_threads(count: int | None) -> None:
    """Take so many threads from now on; None: as many as this process may use cores."""
    global _most
    _most = count


def in_threads(work: Callable[[_Piece], None], pieces: Iterable[_Piece]) -> None:
    """Work on each piece, several at once; numpy and scipy let threads run side by side.

    Parameters
    ----------
    work : callable
        Takes a piece; its pieces must not touch each other. What it raises is raised here.
    pieces : iterable
        The pieces.
    """
    with ThreadPoolExecutor(_most or usable_cores()) as pool:
        for _ in pool.map(work, pieces):
            pass


def usable_cores() -> int:
    """Count the cores that this process may use; all of them where the system does not tell which."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
