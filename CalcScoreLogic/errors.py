"""The errors that a user is meant to read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class CalcScoreError(Exception):
    """A run failed. The message is one sentence for the user (command line exit code 1)."""


class InputError(CalcScoreError):
    """An input cannot be used. The message names it, says what was found and what to do (exit code 2)."""


def unreadable(path: Path, error: OSError, kind: str = "file") -> InputError:
    """Make the error of a file or folder that is there and yet cannot be read."""
    return InputError(f"{path}: the {kind} cannot be read ({error.strerror}), check its permissions")


@contextmanager
def naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Put a file's name in front of what is wrong with its content."""
    try:
        yield
    except InputError as error:
        raise InputError(str(error) if str(path) in str(error) else f"{path}: {error}") from None
