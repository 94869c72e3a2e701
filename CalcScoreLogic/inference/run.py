"""The caller's side of a run: start, poll, wait, cancel. No torch, no Qt."""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import IO, Any

from ..errors import CalcScoreError, InputError
from ..geometry import Image
from ..image_io import write_image
from .options import InferenceOptions
from .protocol import CTA_FILE, JOB_FILE, Failure, Message, Result, decode

_PACKAGE_ROOT = Path(__file__).resolve().parents[2]
_LOG_LINES = 60
_END_SECONDS = 10.0


class RunState(str, Enum):
    """What became of a run."""

    READY = "ready"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class RunCancelledError(CalcScoreError):
    """The run was cancelled."""


class InferenceRun:
    """One run of both ensembles on one CTA, in a process of its own.

    Parameters
    ----------
    cta : Image
        The CTA, HU.
    models : mapping of str to Path
        Folder of the trained model of each role, run in this order.
    options : InferenceOptions, optional
        How to run them.
    interpreter : path, optional
        Python that has torch and nnunetv2; the one that runs this by default.
    temporary : Path, optional
        Where the run's temporary folder is made; the system's place by default.

    Attributes
    ----------
    state : RunState
        What became of the run.
    folder : Path or None
        The temporary folder; it holds the result until `close`.
    log : list of str
        Last lines of what the worker wrote beside the protocol.

    Notes
    -----
    Use it as a context manager, or call `close`: the temporary folder goes then, and a run that is still
    going is cancelled. When this process dies, the worker ends and its folder goes within moments.
    """

    def __init__(
        self,
        cta: Image,
        models: Mapping[str, Path],
        options: InferenceOptions | None = None,
        interpreter: str | os.PathLike[str] | None = None,
        temporary: Path | None = None,
    ) -> None:
        self.state = RunState.READY
        self.folder: Path | None = None
        self._cta: Image | None = cta
        self._models = {role: str(Path(path).resolve()) for role, path in models.items()}
        self._options = options or InferenceOptions()
        self._interpreter = str(interpreter or sys.executable)
        self._temporary = temporary
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._log: deque[str] = deque(maxlen=_LOG_LINES)
        self._process: subprocess.Popen[bytes] | None = None
        self._threads: list[threading.Thread] = []
        self._failure: Failure | None = None
        self._result: Result | None = None

    def __enter__(self) -> InferenceRun:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def log(self) -> list[str]:
        """Last lines of what the worker wrote beside the protocol."""
        return list(self._log)

    def start(self) -> None:
        """Start the worker; returns at once, the CTA is handed over by a thread.

        Raises
        ------
        InputError
            The interpreter cannot be started.
        CalcScoreError
            The temporary folder cannot be made.
        """
        try:
            self.folder = Path(tempfile.mkdtemp(prefix="calcscore-", dir=self._temporary))
        except OSError as error:
            raise CalcScoreError(f"no temporary folder can be made ({error.strerror}), free some space") from error
        command = [self._interpreter, "-m", "CalcScoreLogic.inference.worker", str(self.folder)]
        try:
            self._process = subprocess.Popen(  # noqa: S603
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=_environment(),
                start_new_session=True,
            )
        except OSError as error:
            self._remove_folder()
            raise InputError(
                f"{self._interpreter}: this Python cannot be started ({error.strerror}), choose the interpreter "
                "that has nnU-Net"
            ) from error
        self.state = RunState.RUNNING
        assert self._process.stdout is not None and self._process.stderr is not None  # noqa: S101, PT018
        self._run_thread(self._hand_over)
        self._run_thread(self._read_messages, self._process.stdout)
        self._run_thread(self._read_log, self._process.stderr)

    def poll(self) -> list[Message]:
        """Give what the worker said since the last call, and bring `state` up to date; never waits."""
        running = self.state is RunState.RUNNING
        # Asked before the queue is emptied: what an ended worker said is then all in it.
        ended = running and self._ended()
        messages: list[Message] = []
        while not self._messages.empty():
            message = self._messages.get()
            messages.append(message)
            if isinstance(message, Result):
                self._result = message
            elif isinstance(message, Failure) and self._failure is None:
                self._failure = message
        if ended:
            self._conclude()
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
        if self._result is not None and self.state is RunState.DONE:
            return self._result
        failure = self._failure or Failure("internal", "the run did not start")
        kind = InputError if failure.code in ("bad_input", "missing_package") else CalcScoreError
        raise kind(failure.text)

    @property
    def failure(self) -> Failure | None:
        """Why the run failed, once `state` says so."""
        return self._failure

    def cancel(self) -> None:
        """End the run: no process and no temporary file stays behind."""
        if self.state is RunState.RUNNING:
            self.state = RunState.CANCELLED
        self._end_process()
        self._remove_folder()

    def close(self) -> None:
        """Remove the temporary folder; a run that is still going is cancelled."""
        self.cancel()

    def _hand_over(self) -> None:
        """Write the CTA and, when it is whole, the job."""
        folder, cta = self.folder, self._cta
        if folder is None or cta is None:
            return
        try:
            write_image(folder / CTA_FILE, cta)
            job = {"models": self._models, "options": asdict(self._options)}
            part = folder / f"{JOB_FILE}.part"
            part.write_text(json.dumps(job), encoding="utf-8")
            part.replace(folder / JOB_FILE)
        except (CalcScoreError, OSError) as error:
            if self.state is RunState.RUNNING:
                self._messages.put(Failure("disk_full", f"the CTA could not be handed to the networks: {error}"))
                self._kill()
        finally:
            self._cta = None

    def _read_messages(self, stream: IO[bytes]) -> None:
        for line in stream:
            text = line.decode("utf-8", errors="replace")
            message = decode(text)
            if message is None:
                self._log.append(text.rstrip())
            else:
                self._messages.put(message)

    def _read_log(self, stream: IO[bytes]) -> None:
        for line in stream:
            self._log.append(line.decode("utf-8", errors="replace").rstrip())

    def _ended(self) -> bool:
        """Tell whether the worker has ended and all it said has been read."""
        if self._process is None or self._process.poll() is None:
            return False
        return not any(thread.is_alive() for thread in self._threads)

    def _conclude(self) -> None:
        """Decide what became of a run whose worker has ended."""
        code = self._process.returncode if self._process else 1
        if self._result is not None and self._failure is None and code == 0:
            # The lifeline stays: when it goes, the guard removes the folder with the result.
            self.state = RunState.DONE
            return
        self.state = RunState.FAILED
        if self._failure is None:
            last = next((line for line in reversed(self._log) if line.strip()), "no message")
            killed = code < 0
            reason = f"signal {-code}" if killed else f"exit code {code}"
            advice = "; the memory may not have sufficed" if code == -signal.SIGKILL else ""
            text = f"the networks' process ended unexpectedly ({reason}{advice}), its last line: {last}"
            self._failure = Failure("killed" if killed else "internal", text)
        self._end_process()
        self._remove_folder()

    def _run_thread(self, target: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _kill(self) -> None:
        """Kill the worker and whatever it started."""
        if self._process is None or self._process.poll() is not None:
            return
        try:
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()
        except ProcessLookupError:
            pass

    def _end_process(self) -> None:
        if self._process is None:
            return
        self._kill()
        self._process.wait(_END_SECONDS)
        self._release()
        for thread in self._threads:
            thread.join(_END_SECONDS)

    def _release(self) -> None:
        """Let go of the lifeline: the guard beside the worker ends."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    def _remove_folder(self) -> None:
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


def _environment() -> dict[str, str]:
    """Give the worker this package, and its words at once."""
    environment = dict(os.environ)
    inherited = environment.get("PYTHONPATH")
    environment["PYTHONPATH"] = os.pathsep.join([str(_PACKAGE_ROOT), *([inherited] if inherited else [])])
    return environment | {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
