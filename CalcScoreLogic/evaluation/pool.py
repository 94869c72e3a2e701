"""Cases side by side in processes of their own, as many as cores and memory allow."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from threading import Thread, current_thread, main_thread
from typing import TypeVar

from ..errors import CalcScoreError
from ..inference.worker.parallel import usable_cores

Item = TypeVar("Item")
Result = TypeVar("Result")

Progress = Callable[[int, int, float | None], None]
"""Takes the number of cases done, the number of all, and the seconds left where they can be told."""

MEMORY_BYTES = 3.0e9
"""All processes together stay below this, as long as one case alone does."""

# As measured; most of it passes through MONAI.
_BYTES_PER_PROCESS = 0.55e9
_BYTES_PER_VOXEL = 32
_WORTH_A_PROCESS = 20_000_000
_LOOK_SECONDS = 0.2
_ENDING = (signal.SIGINT, signal.SIGTERM)


def worker_count(cases: int, largest_voxels: int) -> int:
    """Say how many cases can be done at the same time.

    Parameters
    ----------
    cases : int
        How many there are.
    largest_voxels : int
        Voxels of the largest one.

    Returns
    -------
    int
        At least 1, at most one a core, and no more than `MEMORY_BYTES` allow.
    """
    # A process takes seconds to start; few voxels are done by then.
    if cases * largest_voxels < _WORTH_A_PROCESS:
        return 1
    fitting = int(MEMORY_BYTES // (_BYTES_PER_PROCESS + _BYTES_PER_VOXEL * largest_voxels))
    return max(1, min(usable_cores(), cases, fitting))


def map_cases(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    workers: int,
    on_progress: Progress = lambda done, total, left: None,
) -> list[Result]:
    """Apply a function to every case.

    Parameters
    ----------
    function : callable
        Of one case; at the top level of a module, so that other processes find it.
    items : sequence
        The cases.
    workers : int
        Processes; 1 stays in this one.
    on_progress : callable
        Told before the first case and after each.

    Returns
    -------
    list
        Results in the order of `items`.

    Raises
    ------
    CalcScoreError
        A process ended without an answer.
    """
    start = time.monotonic()
    on_progress(0, len(items), None)
    results: dict[int, Result] = {}
    running = _one_by_one if workers == 1 else _side_by_side
    # Closed at once when something stops the loop, so that no process is left at work.
    with closing(running(function, items, workers)) as answers:
        for index, result in answers:
            results[index] = result
            left = (time.monotonic() - start) / len(results) * (len(items) - len(results))
            on_progress(len(results), len(items), left)
    return [results[index] for index in range(len(items))]


def _one_by_one(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int
) -> Generator[tuple[int, Result], None, None]:
    yield from enumerate(map(function, items))


def _side_by_side(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int
) -> Generator[tuple[int, Result], None, None]:
    others = set(multiprocessing.active_children())
    # Fresh processes: a copy of one that has threads may hang.
    executor = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_settle)
    try:
        with _deaf_children():
            futures: dict[Future[Result], int] = {executor.submit(function, item): n for n, item in enumerate(items)}
        waiting = set(futures)
        while waiting:
            # A wait without an end could not be interrupted on Windows.
            done, waiting = wait(waiting, _LOOK_SECONDS, FIRST_COMPLETED)
            for future in done:
                yield futures[future], future.result()
    except BrokenProcessPool as error:
        raise CalcScoreError("a process ended without an answer, does this machine have memory to spare?") from error
    except BaseException:
        # A case can take minutes; nobody waits for its end any more.
        for process in set(multiprocessing.active_children()) - others:
            process.kill()
        raise
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _deaf_children() -> Iterator[None]:
    """Keep interrupts from the processes that are started here; one that comes meanwhile waits."""
    with _late_interrupts():
        if sys.platform == "win32":
            yield
            return
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _late_interrupts() -> Iterator[None]:
    """Hold back what ends this process until the block is left."""
    # A mask of this thread alone does not do: another one takes the signal, and Python raises it here.
    if current_thread() is not main_thread():
        yield
        return
    came: list[int] = []
    before = {number: signal.signal(number, lambda number, frame: came.append(number)) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for late in came:
            signal.raise_signal(late)


def _settle() -> None:
    """Leave interrupts to the process that started this one, end with it, and leave the other cores to other cases."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["OMP_NUM_THREADS"] = "1"
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
