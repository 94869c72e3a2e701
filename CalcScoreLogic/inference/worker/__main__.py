"""The subprocess of a run: ``python -m CalcScoreLogic.inference.worker FOLDER``.

It waits for the job in the folder while the heavy libraries load, runs the ensembles one after the other, on
one CTA or on many, and speaks the lines of `protocol` on standard output.
"""

from __future__ import annotations

import errno
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from ...errors import CalcScoreError, InputError
from ..options import InferenceOptions
from ..protocol import CTA_FILE, Failure, Message, Progress, Ready, encode, grid_of
from .parent_watch import watch_parent

if TYPE_CHECKING:
    from .ensembles import Ensembles


def main(folder: Path) -> int:
    """Do the job in a folder.

    Parameters
    ----------
    folder : Path
        The run's folder, where the caller puts the CTA and the job.

    Returns
    -------
    int
        Exit code: 0 when the last line is a result, 1 when it is a failure.
    """
    # First of all, while this process has one thread and no stream of its own.
    watch_parent(folder)
    say = _speaker()
    try:
        say(Progress("starting", 0.0))
        from .startup_preprocessing import StartupPreprocessing, wait_for_job

        startup = StartupPreprocessing(folder)
        from ...shortening import ShorteningParameters
        from .ensembles import Ensembles

        job = wait_for_job(folder)
        lengths = ShorteningParameters(**job["lengths"]) if job["lengths"] else None
        many = bool(job.get("many"))
        ensembles = Ensembles(job["models"], InferenceOptions(**job["options"]), lengths, say, many)
        if many:
            say(Ready())
            _serve(ensembles, folder, say)
        say(ensembles.run(folder, grid_of(job["grid"]), startup))
    except Exception as error:
        logging.exception("the run failed")
        say(explain(error))
        return 1
    return 0


def _serve(ensembles: Ensembles, folder: Path, say: Callable[[Message], None]) -> NoReturn:
    """Take CTAs as they come; only the caller, or an error that may leave something broken, ends it."""
    from .startup_preprocessing import wait_for_job

    number = 0
    while True:
        number += 1
        part = folder / str(number)
        job = wait_for_job(part)
        ensembles.start_clock()
        answer: Message
        try:
            answer = ensembles.run(part, grid_of(job["grid"]))
        except InputError as error:
            answer = explain(error)
        # Before the answer: the caller may remove the folder as soon as it has heard it.
        (part / CTA_FILE).unlink()
        say(answer)


def explain(error: BaseException) -> Failure:
    """Turn what stopped the run into one sentence.

    Parameters
    ----------
    error : exception
        What was raised.

    Returns
    -------
    Failure
        A code for programs and a sentence for the user.
    """
    if isinstance(error, InputError):
        return Failure("bad_input", str(error))
    if isinstance(error, CalcScoreError):
        return Failure("internal", str(error))
    if isinstance(error, ImportError):
        missing = error.name or str(error)
        return Failure(
            "missing_package",
            f"{sys.executable}: this Python lacks {missing}, install it there: pip install torch nnunetv2",
        )
    if isinstance(error, MemoryError) or "alloc" in str(error).lower():
        return Failure("out_of_memory", "the memory does not suffice for this CTA; close other programs or crop it")
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return Failure("disk_full", "the disk with the temporary files is full, free some space")
    return Failure("internal", f"the networks failed: {type(error).__name__}: {' '.join(str(error).split())[:300]}")


def _speaker() -> Callable[[Message], None]:
    """Keep standard output for the protocol; whatever else is printed goes to standard error."""
    stream = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)

    def say(message: Message) -> None:
        stream.write(encode(message) + "\n")

    return say


if __name__ == "__main__":
    code = main(Path(sys.argv[1]))
    sys.stderr.flush()
    # All has been said: to take the networks apart would take a second.
    os._exit(code)
