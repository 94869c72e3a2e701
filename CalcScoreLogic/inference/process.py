"""The worker's process seen from its caller: start it, hand it CTAs, hear it, end it. No torch, no Qt."""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from ..errors import CalcScoreError, InputError
from ..images.files import write_image
from ..images.geometry import Image
from ..models import learned_canonically
from ..process_trees import KILLED, OUT_OF_MEMORY, is_killed, kill_tree, own_tree_options
from ..shortening import ShorteningParameters
from .options import InferenceOptions
from .protocol import ARTERIES_FILE, CTA_FILE, JOB_FILE, Failure, Message, decode

_PACKAGE_ROOT = Path(__file__).resolve().parents[2]
_LOG_LINES = 60
_END_SECONDS = 10.0


class WorkerProcess:
    """A running worker with its temporary folder.

    Parameters
    ----------
    interpreter : str
        Python that has torch and nnunetv2.
    environment : mapping of str to str, optional
        Environment variables of the worker; those of this process by default.

    Attributes
    ----------
    folder : Path
        The temporary folder; it goes with `end`, or within moments when this process dies.
    messages : queue of Message
        What the worker has said.
    log : list of str
        Last lines of what the worker wrote beside the protocol.

    Raises
    ------
    InputError
        The interpreter cannot be started.
    CalcScoreError
        The temporary folder cannot be made.
    """

    def __init__(self, interpreter: str, environment: Mapping[str, str] | None = None) -> None:
        self.messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._log: deque[str] = deque(maxlen=_LOG_LINES)
        self._threads: list[threading.Thread] = []
        self._canonical = False
        try:
            self.folder = Path(tempfile.mkdtemp(prefix="calcscore-"))
        except OSError as error:
            raise CalcScoreError(f"no temporary folder can be made ({error.strerror}), free some space") from error
        command = [interpreter, "-m", "CalcScoreLogic.inference.worker", str(self.folder)]
        try:
            self._process = subprocess.Popen(  # noqa: S603
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=_environment(os.environ if environment is None else environment),
                **own_tree_options(),
            )
        except OSError as error:
            self._remove_folder()
            raise InputError(
                f"{interpreter}: this Python cannot be started ({error.strerror}), choose the interpreter "
                "that has nnU-Net"
            ) from error
        assert self._process.stdout is not None and self._process.stderr is not None  # noqa: S101, PT018
        self.run_thread(self._read_messages, self._process.stdout)
        self.run_thread(self._read_log, self._process.stderr)

    @property
    def pid(self) -> int:
        """Number of the process, and of its process group."""
        return self._process.pid

    @property
    def log(self) -> list[str]:
        """Last lines of what the worker wrote beside the protocol."""
        return list(self._log)

    def run_thread(self, target: Callable[..., None], *arguments: Any) -> None:
        """Run something beside the worker that must be over before the worker counts as ended."""
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        thread.start()
        self._threads.append(thread)

    def hand_over(
        self,
        job: Mapping[str, Any],
        cta: Image | None = None,
        arteries: Image | None = None,
        folder: Path | None = None,
    ) -> None:
        """Write a CTA and, when it is whole, the job; stored as the models' networks have learned it.

        Parameters
        ----------
        job : mapping
            What the worker reads from `JOB_FILE`, but for the CTA's grid.
        cta : Image, optional
            HU.
        arteries : Image, optional
            Territory map on the same grid.
        folder : Path, optional
            Where they go; the worker's folder by default.

        Raises
        ------
        CalcScoreError, OSError
            They could not be written.
        """
        folder = folder or self.folder
        if "models" in job:
            self._canonical = any(learned_canonically(Path(model)) for model in job["models"].values())
        if self._canonical:
            cta, arteries = cta and cta.canonical(), arteries and arteries.canonical()
        if cta is not None:
            write_image(folder / CTA_FILE, cta)
            job = {**job, "grid": asdict(cta.geometry)}
        if arteries is not None:
            write_image(folder / ARTERIES_FILE, arteries)
        part = folder / f"{JOB_FILE}.part"
        part.write_text(json.dumps(job), encoding="utf-8")
        part.replace(folder / JOB_FILE)

    def ended(self) -> bool:
        """Tell whether the worker has ended and all it said has been read."""
        return self._process.poll() is not None and not any(thread.is_alive() for thread in self._threads)

    @property
    def code(self) -> int:
        """Exit code of a worker that has ended; negative where a signal ended it."""
        return int(self._process.returncode)

    def last_words(self) -> Failure:
        """Say how a worker ended that said nothing itself."""
        last = next((line for line in reversed(self._log) if line.strip()), "no message")
        killed = is_killed(self.code)
        number = f"{self.code:#x}" if killed else f"{self.code}"
        reason = f"signal {-self.code}" if self.code < 0 else f"exit code {number}"
        advice = "; the memory may not have sufficed" if self.code in (KILLED, OUT_OF_MEMORY) else ""
        text = f"the networks' process ended unexpectedly ({reason}{advice}), its last line: {last}"
        return Failure("killed" if killed else "internal", text)

    def kill(self) -> None:
        """Kill the worker and whatever it started; its folder stays."""
        if self._process.poll() is None:
            kill_tree(self._process)

    def end(self) -> None:
        """End the worker: no process and no temporary file stays behind."""
        self.kill()
        self._process.wait(_END_SECONDS)
        # Without this lifeline the process that watches the worker ends, and removes the folder.
        if self._process.stdin is not None:
            self._process.stdin.close()
        for thread in self._threads:
            thread.join(_END_SECONDS)
        self._remove_folder()

    def _read_messages(self, stream: IO[bytes]) -> None:
        for line in stream:
            text = line.decode("utf-8", errors="replace")
            message = decode(text)
            if message is None:
                self._log.append(text.rstrip())
            else:
                self.messages.put(message)

    def _read_log(self, stream: IO[bytes]) -> None:
        for line in stream:
            self._log.append(line.decode("utf-8", errors="replace").rstrip())

    def _remove_folder(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def job_of(
    models: Mapping[str, str], options: InferenceOptions, lengths: ShorteningParameters | None
) -> dict[str, Any]:
    """Write down what the worker is to do, in what JSON can hold."""
    return {"models": dict(models), "options": asdict(options), "lengths": asdict(lengths) if lengths else None}


def error_of(failure: Failure) -> CalcScoreError:
    """Give what a caller raises for a failure."""
    kind = InputError if failure.code in ("bad_input", "missing_package") else CalcScoreError
    return kind(failure.text)


def _environment(given: Mapping[str, str]) -> dict[str, str]:
    """Give the worker this package, and its words at once."""
    environment = dict(given)
    inherited = environment.get("PYTHONPATH")
    environment["PYTHONPATH"] = os.pathsep.join([str(_PACKAGE_ROOT), *([inherited] if inherited else [])])
    return environment | {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
