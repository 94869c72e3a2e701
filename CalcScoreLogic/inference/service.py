"""One worker for many CTAs: the networks stay loaded. No torch, no Qt."""

from __future__ import annotations

import queue
import shutil
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from ..errors import CalcScoreError
from ..images.geometry import Image
from ..shortening import PAPER_LENGTHS, ShorteningParameters
from .options import InferenceOptions
from .process import WorkerProcess, error_of, job_of
from .protocol import Failure, Message, Notice, Ready, Result
from .run import Labelled, RunCancelledError
from .speed_history import remember

_LOOK_SECONDS = 0.05

_Answer = TypeVar("_Answer", Ready, Result)


class InferenceService:
    """Both ensembles in a process of their own, for any number of CTAs one after the other.

    Parameters
    ----------
    models : mapping of str to Path
        Folder of the trained model of each role, run in this order.
    options : InferenceOptions, optional
        How to run them.
    interpreter : str, optional
        Python that has torch and nnunetv2; the one that runs this by default.
    lengths : ShorteningParameters or None
        See `InferenceRun`.

    Notes
    -----
    Use it as a context manager, or call `close`: process and temporary files go then. They go within moments
    when this process dies. A worker that died is replaced for the next CTA.
    """

    def __init__(
        self,
        models: Mapping[str, Path],
        options: InferenceOptions | None = None,
        interpreter: str | None = None,
        lengths: ShorteningParameters | None = PAPER_LENGTHS,
    ) -> None:
        folders = {role: str(Path(path).resolve()) for role, path in models.items()}
        self._options = options or InferenceOptions()
        self._job = {**job_of(folders, self._options, lengths), "many": True}
        self._interpreter = interpreter or sys.executable
        self._worker: WorkerProcess | None = None
        self._count = 0
        self._closed = False
        # Label maps that are still wanted, by folder, with the worker that goes with the last of them.
        self._open: dict[Path, WorkerProcess] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> InferenceService:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """Number of the worker's process and process group; None where there is none."""
        return self._worker.pid if self._worker else None

    def start(self, on_message: Callable[[Message], None] | None = None) -> None:
        """Start the worker where there is none, and wait until the networks are loaded.

        Parameters
        ----------
        on_message : callable, optional
            Takes the messages on the way.

        Raises
        ------
        InputError
            The interpreter or the models cannot be used, or a package is missing.
        CalcScoreError
            The worker failed.
        RunCancelledError
            The service was closed.
        """
        with self._lock:
            if self._closed:
                raise RunCancelledError("the run was cancelled")
            if self._worker is not None:
                return
            worker = self._worker = WorkerProcess(self._interpreter)
            self._count = 0
        self._hand_over(worker, worker.folder, self._job)
        self._listen(worker, Ready, on_message)

    def label(
        self, cta: Image, on_message: Callable[[Message], None] | None = None, arteries: Image | None = None
    ) -> Labelled:
        """Run the ensembles on a CTA; waits for the end. One call at a time.

        Parameters
        ----------
        cta : Image
            HU.
        on_message : callable, optional
            Takes the messages on the way.
        arteries : Image, optional
            Full-length territory map on the CTA's grid, where no ensemble labels the arteries.

        Returns
        -------
        Labelled
            Where the label maps are; hand it to `drop` when they have been read.

        Raises
        ------
        InputError
            As `start`; or the CTA cannot be used.
        CalcScoreError
            The worker failed; the next CTA gets a new one.
        RunCancelledError
            The service was closed.
        """
        self.start(on_message)
        worker = self._worker
        assert worker is not None  # noqa: S101
        self._count += 1
        folder = worker.folder / str(self._count)
        notices: list[str] = []

        def listen(message: Message) -> None:
            if isinstance(message, Notice):
                notices.append(message.text)
            if on_message:
                on_message(message)

        try:
            self._hand_over(worker, folder, {}, cta, arteries)
            result = self._listen(worker, Result, listen)
        except CalcScoreError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        with self._lock:
            self._open[folder] = worker
        remember(self._options, self._job["models"].values(), result.speeds)
        return Labelled(folder, result, tuple(notices))

    def drop(self, labelled: Labelled) -> None:
        """Remove label maps that have been read."""
        with self._lock:
            worker = self._open.pop(labelled.folder, None)
        shutil.rmtree(labelled.folder, ignore_errors=True)
        if worker is not None:
            self._end_unless_wanted(worker)

    def close(self) -> None:
        """End the worker; a CTA that is at work is cancelled."""
        with self._lock:
            self._closed = True
            workers = {self._worker, *self._open.values()} - {None}
            self._worker, self._open = None, {}
        for worker in workers:
            if worker is not None:
                worker.end()

    def _hand_over(
        self,
        worker: WorkerProcess,
        folder: Path,
        job: dict[str, Any],
        cta: Image | None = None,
        arteries: Image | None = None,
    ) -> None:
        """Put a job, with a CTA, into a folder; raises CalcScoreError."""
        try:
            folder.mkdir(exist_ok=True)
            worker.hand_over(job, cta, arteries, folder)
        except (CalcScoreError, OSError) as error:
            self._lose(worker)
            if self._closed:
                raise RunCancelledError("the run was cancelled") from error
            raise CalcScoreError(f"the CTA could not be handed to the networks: {error}") from error

    def _listen(
        self, worker: WorkerProcess, kind: type[_Answer], on_message: Callable[[Message], None] | None
    ) -> _Answer:
        """Hear a worker out until it gives an answer; raises what it failed with."""
        while True:
            # Asked before the queue is emptied: what an ended worker said is then all in it.
            ended = worker.ended()
            try:
                message = worker.messages.get(timeout=0 if ended else _LOOK_SECONDS)
            except queue.Empty:
                if not ended:
                    continue
                message = worker.last_words()
            if isinstance(message, kind):
                return message
            if isinstance(message, Failure):
                if message.code != "bad_input" or kind is Ready or ended:
                    self._lose(worker)
                if self._closed:
                    raise RunCancelledError("the run was cancelled")
                raise error_of(message)
            if on_message:
                on_message(message)

    def _lose(self, worker: WorkerProcess) -> None:
        """Let go of a worker that failed; it ends when its label maps have been read."""
        with self._lock:
            if self._worker is worker:
                self._worker = None
        worker.kill()
        self._end_unless_wanted(worker)

    def _end_unless_wanted(self, worker: WorkerProcess) -> None:
        with self._lock:
            wanted = self._worker is worker or worker in self._open.values()
        if not wanted:
            worker.end()
