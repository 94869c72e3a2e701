"""What a GPU needs to be told and asked: how many copies of a tile fit into its memory, and how far it is."""

from __future__ import annotations

from collections import deque
from typing import Any

import torch

MOST_COPIES = 8
"""Copies of a tile with all its mirror images."""

_SHARE = 0.8
"""Share of the free memory that is taken: a batch may be computed in another way than a single tile."""


def measured_copies(network: Any, tile: torch.Tensor) -> int:
    """Predict a tile and tell how many like it fit into the GPU's memory at once.

    Parameters
    ----------
    network : Module
        On the GPU.
    tile : Tensor, shape (1, channels, z, y, x)
        On the GPU.

    Returns
    -------
    int
        1 to `MOST_COPIES`. To try until the memory does not suffice is no way: a driver may lend main memory to the
        GPU, many times as slow, and not say so.
    """
    device = tile.device
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    network(tile)
    taken = torch.cuda.max_memory_allocated(device) - before
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return copies_that_fit(taken, torch.cuda.mem_get_info(device)[0] + unused)


def copies_that_fit(tile_bytes: int, free_bytes: int) -> int:
    """Tell how many tiles are predicted at once.

    Parameters
    ----------
    tile_bytes : int
        Memory that the prediction of one takes.
    free_bytes : int
        Memory that is free.

    Returns
    -------
    int
        1 to `MOST_COPIES`.
    """
    return max(1, min(MOST_COPIES, int(_SHARE * free_bytes / max(tile_bytes, 1))))


class Pace:
    """Keeps a program within two tiles of a GPU, which works off a queue: a tile that is told is done.

    Parameters
    ----------
    device : torch.device
        Nothing is done on another device than a GPU.
    """

    def __init__(self, device: torch.device) -> None:
        self._is_gpu = device.type == "cuda"
        self._events: deque[Any] = deque()

    def keep(self) -> None:
        """Wait, where more than two tiles have been queued since; call it once for each tile."""
        if self._is_gpu:
            self._events.append(torch.cuda.Event())
            self._events[-1].record()
            if len(self._events) > 2:
                self._events.popleft().synchronize()
