"""The caller's side of a run: start, poll, wait, cancel. No torch, no Qt."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from ..errors import CalcScoreError
from ..images.geometry import Image
from ..shortening import PAPER_LENGTHS, ShorteningParameters
from .options import InferenceOptions
from .process import WorkerProcess, error_of, job_of
from .protocol import Failure, Message, Notice, Result
from .speed_history import remember


class RunState(str, Enum):
    """What became of a run."""

    READY = "ready"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class RunCancelledError(CalcScoreError):
    """The run was cancelled."""


@dataclass(frozen=True)
class Labelled:
    """What the networks made of a CTA.

    Attributes
    ----------
    folder : Path
        Holds the label maps, until the run is closed or `InferenceService.drop` removes them.
    result : Result
        What the worker said at the end.
    notices : tuple of str
        What it said on the way that a reader should know.
    """

    folder: Path
    result: Result
    notices: tuple[str, ...] = ()


class InferenceRun:
    """One run of both ensembles on one CTA, in a process of its own.

    Parameters
    ----------
    cta : Image or None
        The CTA, HU; None where `hand_over` gives it, after the start.
    models : mapping of str to Path
        Folder of the trained model of each role, run in this order.
    options : InferenceOptions, optional
        How to run them.
    interpreter : path, optional
        Python that has torch and nnunetv2; the one that runs this by default.
    lengths : ShorteningParameters or None
        How the arteries will be trimmed, the paper's lengths by default; calcification is looked for in the
        trimmed arteries only, unless the options say otherwise. None: they stay as they are.
    arteries : Image, optional
        Full-length territory map on the CTA's grid, where no model labels the arteries.
    environment : mapping of str to str, optional
        Environment variables of the worker; those of this process by default.

    Attributes
    ----------
    state : RunState
        What became of the run.
    folder : Path or None
        The temporary folder; it holds the result until `close`.
    log : list of str
        Last lines of what the worker wrote beside the protocol.
    notices : list of str
        What a reader of the result should know of the run, as far as it has been polled.
    result : Result or None
        Where the label maps are, once the run is done.

    Notes
    -----
    Use it as a context manager, or call `close`: the temporary folder goes then, and a run that is still
    going is cancelled. When this process dies, the worker ends and its folder goes within moments.
    """

    def __init__(
        self,
        cta: Image | None,
        models: Mapping[str, Path],
        options: InferenceOptions | None = None,
        interpreter: str | os.PathLike[str] | None = None,
        lengths: ShorteningParameters | None = PAPER_LENGTHS,
        arteries: Image | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.state = RunState.READY
        self.folder: Path | None = None
        self.notices: list[str] = []
        self.result: Result | None = None
        self._cta, self._arteries = cta, arteries
        self._lengths = lengths
        self._models = {role: str(Path(path).resolve()) for role, path in models.items()}
        self._options = options or InferenceOptions()
        self._interpreter = str(interpreter or sys.executable)
        self._environment = environment
        self._process: WorkerProcess | None = None
        self._failure: Failure | None = None

    def __enter__(self) -> InferenceRun:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def log(self) -> list[str]:
        """Last lines of what the worker wrote beside the protocol."""
        return self._process.log if self._process else []

    def start(self) -> None:
        """Start the worker; returns at once, a CTA that is there is handed over by a thread.

        Raises
        ------
        InputError
            The interpreter cannot be started.
        CalcScoreError
            The temporary folder cannot be made.
        """
        self._process = WorkerProcess(self._interpreter, self._environment)
        self.folder = self._process.folder
        self.state = RunState.RUNNING
        if self._cta is not None:
            self.hand_over(self._cta)

    def hand_over(self, cta: Image, arteries: Image | None = None) -> None:
        """Give a started worker the CTA; returns at once. Until then it loads its libraries.

        Parameters
        ----------
        cta : Image
            HU.
        arteries : Image, optional
            Full-length territory map on the same grid; what was given before by default.
        """
        assert self._process is not None  # noqa: S101
        self._cta, self._arteries = cta, arteries or self._arteries
        self._process.run_thread(self._hand_over, self._process)

    def poll(self) -> list[Message]:
        """Give what the worker said since the last call, and bring `state` up to date; never waits."""
        if self._process is None:
            return []
        # Asked before the queue is emptied: what an ended worker said is then all in it.
        ended = self.state is RunState.RUNNING and self._process.ended()
        messages: list[Message] = []
        while not self._process.messages.empty():
            message = self._process.messages.get()
            messages.append(message)
            if isinstance(message, Result):
                self.result = message
            elif isinstance(message, Notice):
                self.notices.append(message.text)
            elif isinstance(message, Failure) and self._failure is None:
                self._failure = message
        if ended:
            self._conclude(self._process)
        return messages

    def wait(self, on_message: Callable[[Message], None] | None = None, interval: float = 0.05) -> Result:
        """Wait for the end of the run.

        Parameters
        ----------
        on_message : callable, optional
            Called with each message as it comes.
        interval : float
            Seconds between looks.

        Returns
        -------
        Result
            Where the label maps are; they are there until `close`.

        Raises
        ------
        InputError
            The models or the CTA cannot be used, or a package is missing.
        CalcScoreError
            The run failed.
        RunCancelledError
            The run was cancelled.
        """
        while True:
            messages = self.poll()
            for message in messages:
                if on_message:
                    on_message(message)
            if self.state is not RunState.RUNNING:
                break
            time.sleep(interval)
        if self.state is RunState.CANCELLED:
            raise RunCancelledError("the run was cancelled")
        if self.result is not None and self.state is RunState.DONE:
            return self.result
        raise error_of(self._failure or Failure("internal", "the run did not start"))

    @property
    def labelled(self) -> Labelled:
        """What the networks made of the CTA, once the run is done."""
        assert self.folder is not None and self.result is not None  # noqa: S101, PT018
        return Labelled(self.folder, self.result, tuple(self.notices))

    @property
    def failure(self) -> Failure | None:
        """Why the run failed, once `state` says so."""
        return self._failure

    def cancel(self) -> None:
        """End the run: no process and no temporary file stays behind."""
        if self.state is RunState.RUNNING:
            self.state = RunState.CANCELLED
        if self._process is not None:
            self._process.end()

    def close(self) -> None:
        """Remove the temporary folder; a run that is still going is cancelled."""
        self.cancel()

    def _hand_over(self, process: WorkerProcess) -> None:
        """Write the CTA and, when it is whole, the job."""
        try:
            process.hand_over(job_of(self._models, self._options, self._lengths), self._cta, self._arteries)
        except (CalcScoreError, OSError) as error:
            if self.state is RunState.RUNNING:
                process.messages.put(Failure("disk_full", f"the CTA could not be handed to the networks: {error}"))
                process.kill()
        finally:
            self._cta = self._arteries = None

    def _conclude(self, process: WorkerProcess) -> None:
        """Decide what became of a run whose worker has ended."""
        if self.result is not None and self._failure is None and process.code == 0:
            # The lifeline stays: when it goes, the folder goes with the result (`parent_watch`).
            self.state = RunState.DONE
            remember(self._options, self._models.values(), self.result.speeds)
            return
        self.state = RunState.FAILED
        self._failure = self._failure or process.last_words()
        process.end()
