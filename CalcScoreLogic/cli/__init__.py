"""The ``calcscore`` program.

Each command lives in a module of this package with two functions: ``add`` describes it to the argument
parser, ``run`` does it. Heavy libraries are imported in ``run``, so that ``--help`` answers at once.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from ..errors import CalcScoreError, InputError
from ..version import __version__
from . import (
    analyze,
    batch,
    bench,
    cases,
    demo,
    evaluate,
    models,
    phantom,
    rescore,
    score,
    shorten,
    study_demo,
    synthesize,
    territories,
    threshold,
    train,
)
from .outcome import Outcome
from .progress import stage

EXIT_DONE, EXIT_FAILED, EXIT_BAD_INPUT, EXIT_INTERRUPTED = 0, 1, 2, 130

_COMMANDS = (
    analyze,
    batch,
    rescore,
    cases,
    territories,
    shorten,
    score,
    threshold,
    evaluate,
    bench,
    train,
    models,
    synthesize,
    phantom,
    study_demo,
    demo,
)


_ENDING = [signal.SIGTERM]
if sys.platform == "win32":
    # Ctrl-Break, which ends a program without a word otherwise.
    _ENDING.append(signal.SIGBREAK)


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Tell what is wrong and where help is, and end the program."""
        self.exit(EXIT_BAD_INPUT, f"{self.prog}: {message} (see {self.prog} --help)\n")


def build_parser() -> argparse.ArgumentParser:
    """Describe the whole command line.

    Returns
    -------
    argparse.ArgumentParser
        Parser whose result has ``run``, a function from the arguments to an `Outcome`.
    """
    parser = _Parser(
        prog="calcscore",
        description="Arterial calcification of the abdominal aorta and its branches on contrast CT angiography.",
        epilog="Research software, not a medical device.",
    )
    parser.add_argument("--version", action="version", version=f"calcscore {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for module in _COMMANDS:
        command = module.add(commands)
        command.add_argument("--json", action="store_true", help="print one machine-readable object and nothing else")
        command.set_defaults(run=module.run)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program.

    Parameters
    ----------
    arguments : sequence of str, optional
        Command line without the program's name; ``sys.argv`` by default.

    Returns
    -------
    int
        Exit code: 0 done, 1 a run failed, 2 bad usage or bad input, 130 interrupted.
    """
    _open_streams()
    for stream in (sys.stdout, sys.stderr):
        # A console of Windows may lack letters of a name, or ³; a run must not fail by its last word.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    options = build_parser().parse_args(arguments)
    from ..notices import held_notices

    # A terminated run unwinds like an interrupted one, so that its temporary files go too.
    previous = {number: signal.signal(number, _interrupt) for number in _ENDING}
    try:
        with held_notices() as notices:
            try:
                _check_place()
                outcome = options.run(options)
            finally:
                stage()
        _print(outcome, as_json=options.json)
        for warning in () if options.json else outcome.warnings:
            _tell(f"warning: {warning}")
        # Only now: a command that fails says one line.
        for notice in notices:
            _tell(f"warning: {notice}")
    except InputError as error:
        return _complain(error, EXIT_BAD_INPUT)
    except CalcScoreError as error:
        return _complain(error, EXIT_FAILED)
    except MemoryError:
        return _complain("the memory of this machine does not suffice for these images", EXIT_FAILED)
    except KeyboardInterrupt:
        return _complain("interrupted, nothing half done was left", EXIT_INTERRUPTED)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    return EXIT_FAILED if outcome.failed else EXIT_DONE


def _interrupt(signum: int, frame: Any) -> NoReturn:
    raise KeyboardInterrupt


def _complain(reason: object, code: int) -> int:
    _tell(f"calcscore: {reason}")
    return code


def _open_streams() -> None:
    """Give standard streams that are closed a place: else Python has none, and a file would take their numbers."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115  open to the end


def _tell(text: str) -> None:
    """Write a line on standard error; where it takes none, there is nobody to tell, and the exit code says enough."""
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        # Else Python would try again at its end, and give another exit code.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def _check_place() -> None:
    """Refuse to work in a folder that has been removed, where no path has a meaning; raises InputError."""
    try:
        Path.cwd()
    except FileNotFoundError:
        raise InputError("the current folder does not exist any more, change to another one") from None


def _print(outcome: Outcome, as_json: bool) -> None:
    """Tell what was done; raises CalcScoreError where standard output takes it no longer."""
    try:
        _write(outcome, as_json)
        sys.stdout.flush()
    except OSError as error:
        # Else Python would try again at its end, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        # A reader that has seen enough, such as head, is no failure.
        if not isinstance(error, BrokenPipeError):
            told = "the command has done its work, but standard output cannot be written"
            raise CalcScoreError(f"{told} ({error.strerror}), free some space") from error


def _write(outcome: Outcome, as_json: bool) -> None:
    if as_json:
        # Where the stream lacks letters, JSON has a way to write them all the same.
        plain = (sys.stdout.encoding or "ascii").lower().replace("-", "") != "utf8"
        print(json.dumps(outcome.data, allow_nan=False, ensure_ascii=plain))
        return
    for line in outcome.lines:
        print(line)
