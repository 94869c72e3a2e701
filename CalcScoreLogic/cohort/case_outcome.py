"""How a case ends, told by whatever ran it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..errors import CalcScoreError
from ..inference.protocol import Progress
from .case_inputs import CohortInput
from .checksums import UNREADABLE, Content

_LOGGER = logging.getLogger(__name__)

OnProgress = Callable[[str, Progress], None]
"""Takes the name of the case at the networks (empty before the first) and how far it is."""


@dataclass(frozen=True)
class Ending:
    """The end of a case.

    Attributes
    ----------
    case : str
        Name of the case.
    seconds : float
        Time that it took, without waiting.
    content : Content
        What its files held when they were read.
    reason : str
        Why it failed, one sentence; empty where its results are in its folder.
    """

    case: str
    seconds: float
    content: Content = UNREADABLE
    reason: str = ""


class Stopwatch:
    """Adds up the time of the steps of a case."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count the time of a step."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.seconds += time.monotonic() - start


def reason_of(error: BaseException, case: CohortInput) -> str:
    """Tell why a case failed, in one sentence.

    Parameters
    ----------
    error : exception
        What was raised.
    case : CohortInput
        The case.

    Returns
    -------
    str
        Without the folders that the case's files lie in: their names can be a patient's.
    """
    if isinstance(error, CalcScoreError):
        text = str(error)
    elif isinstance(error, MemoryError):
        text = "the memory does not suffice for this case"
    else:
        _LOGGER.error("%s failed", case.name, exc_info=error)
        text = f"{type(error).__name__}: {error}"
    if isinstance(case.path, Path):
        text = text.replace(str(case.path), case.path.name)
    return " ".join(text.split())
