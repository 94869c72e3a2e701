"""Patches made in background processes while the network learns."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...models import Role
from .recipe import StarterNetwork

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

    from ...images.geometry import Array

_AHEAD = 6
_KEPT = 24
_PATIENCE_SECONDS = 600.0
_POLL_SECONDS = 5.0


@dataclass(frozen=True)
class Source:
    """What a process needs to make patches.

    Attributes
    ----------
    anatomies : tuple of str
        Files with labelled anatomy.
    role : Role
        Which labels the patches carry.
    patch_size : tuple of int
        Voxels along (z, y, x).
    spacing_mm : float
        Voxel size along all axes, mm.
    seed : tuple of int
        Of the random stream.
    """

    anatomies: tuple[str, ...]
    role: Role
    patch_size: tuple[int, int, int]
    spacing_mm: float
    seed: tuple[int, ...]

    @classmethod
    def of(
        cls, anatomies: Sequence[Path], role: Role, network: StarterNetwork, seed: Sequence[int], trunk: bool
    ) -> Source:
        """Describe the patches that a trunk or a fold learns from."""
        size = network.trunk_patch_size if trunk and network.trunk_patch_size else network.patch_size
        return cls(tuple(map(str, anatomies)), role, size, network.spacing_mm, tuple(seed))


class PatchStream:
    """Patches without end, in an order that depends on seed and number of processes only.

    Parameters
    ----------
    source : Source
        What is made.
    workers : int
        Processes; each makes patches of a random stream of its own and they take turns.
    uses : int
        How often each patch is given, at random times apart.
    """

    def __init__(self, source: Source, workers: int, uses: int = 1) -> None:
        self._uses = uses
        self._kept: list[tuple[Array, Array]] = []
        self._order = np.random.default_rng(source.seed)
        context = multiprocessing.get_context("spawn")
        self._queues: list[Queue[Any]] = [context.Queue(_AHEAD) for _ in range(workers)]
        self._processes = [
            context.Process(target=_make_patches, args=(source, number, queue), daemon=True)
            for number, queue in enumerate(self._queues)
        ]
        self._turn = 0
        for process in self._processes:
            process.start()

    def __enter__(self) -> PatchStream:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.terminate()

    def take(self) -> tuple[Array, Array]:
        """Give a new patch, or one that was given before; waits for the process that makes it.

        Returns
        -------
        image : ndarray of float16, shape (z, y, x)
            HU.
        labels : ndarray of uint8, shape (z, y, x)
            Values as `CalcScoreLogic.synthesis.CLASSES` names them.

        Raises
        ------
        RuntimeError
            The process that makes patches failed; its message is in the log.
        """
        if self._uses > 1 and len(self._kept) >= _KEPT and self._order.random() > 1.0 / self._uses:
            return self._kept[int(self._order.integers(len(self._kept)))]
        new = self._wait()
        if self._uses > 1:
            self._kept = [*self._kept[-_KEPT + 1 :], new]
        return new

    def _wait(self) -> tuple[Array, Array]:
        import queue

        turn = self._turn
        self._turn = (turn + 1) % len(self._queues)
        waited = 0.0
        while waited < _PATIENCE_SECONDS:
            try:
                image, labels = self._queues[turn].get(timeout=_POLL_SECONDS)
            except queue.Empty:
                waited += _POLL_SECONDS
                if not self._processes[turn].is_alive():
                    break
            else:
                return image, labels
        raise RuntimeError("the process that makes training patches failed")


def _make_patches(source: Source, worker: int, queue: Queue[Any]) -> None:
    """Make patches until the process is ended, or whoever reads them is gone."""
    from ...synthesis import patches, read_anatomy

    if hasattr(os, "nice"):
        os.nice(1)
    # Else this process would wait for ever to hand over what nobody reads any more.
    queue.cancel_join_thread()
    _use_one_thread()
    anatomies = [read_anatomy(Path(file)) for file in source.anatomies]
    # One number of 63 bits, so that two streams never meet.
    seed = int(np.random.SeedSequence((*source.seed, worker)).generate_state(1, np.uint64)[0] >> np.uint64(1))
    for image, labels in patches(anatomies, source.role.value, seed, source.patch_size, [source.spacing_mm] * 3):
        # Half precision in whole HU up to 2048, finer below, and half the bytes between the processes.
        if not _hand_over((np.clip(image, -2000.0, 6000.0).astype(np.float16), labels), queue):
            return


def _hand_over(patch: tuple[Array, Array], patches: Queue[Any]) -> bool:
    """Wait until there is room for a patch; tell whether there is still somebody who reads it."""
    import queue

    parent = multiprocessing.parent_process()
    while parent is None or parent.is_alive():
        try:
            patches.put(patch, timeout=_POLL_SECONDS)
        except queue.Full:
            continue
        return True
    return False


def _use_one_thread() -> None:
    """Leave the other cores to the network."""
    import SimpleITK as sitk
    import torch

    torch.set_num_threads(1)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
