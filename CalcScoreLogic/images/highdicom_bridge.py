"""highdicom, which reads and writes DICOM segmentations: whether it is there, and its errors as sentences."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import CalcScoreError, InputError


def require_highdicom() -> None:
    """Refuse to go on without highdicom.

    Raises
    ------
    InputError
        It is not installed.
    """
    try:
        import highdicom  # noqa: F401
    except ImportError as error:
        raise InputError(
            "DICOM segmentations and reports need highdicom, install it with: pip install highdicom"
        ) from error


@contextmanager
def plain_errors(problem: str) -> Iterator[None]:
    """Turn what highdicom and pydicom raise into one sentence, and keep their warnings in: both quote headers.

    Parameters
    ----------
    problem : str
        The sentence.

    Raises
    ------
    InputError
        A header holds what the library does not take.
    """
    loggers = [logging.getLogger(name) for name in ("pydicom", "highdicom")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (CalcScoreError, MemoryError):
        raise
    except Exception as error:  # highdicom and pydicom raise errors of many kinds for damaged files, SQLite's too.
        # The cause quotes the header.
        raise InputError(f"{problem} ({type(error).__name__})") from None
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
