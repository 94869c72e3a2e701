"""Independent pieces of a volume, several at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

_Piece = TypeVar("_Piece")


def in_threads(work: Callable[[_Piece], None], pieces: Iterable[_Piece]) -> None:
    """Work on each piece, in as many threads as the networks take; numpy and scipy let them run side by side.

    Parameters
    ----------
    work : callable
        Takes a piece; its pieces must not touch each other. What it raises is raised here.
    pieces : iterable
        The pieces.
    """
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        for _ in pool.map(work, pieces):
            pass
