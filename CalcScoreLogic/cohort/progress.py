"""How far a cohort is, in one line."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..inference.protocol import Progress
from ..inference.remaining_time import duration


class Countdown:
    """Counts the cases and expects the time that is left.

    Parameters
    ----------
    show : callable
        Takes the line whenever it changes.
    clock : callable
        Gives the time in seconds.
    """

    def __init__(self, show: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._show, self._clock = show, clock
        self._total = self._before = self._failed = self._ended = 0
        self._started = self._fraction = 0.0
        self._doing = ""

    def begin(self, total: int, pending: int, failed: int) -> None:
        """Start the clock.

        Parameters
        ----------
        total : int
            Cases of the cohort.
        pending : int
            Cases that are run now; the others have ended before.
        failed : int
            Cases among those that have failed before.
        """
        self._total, self._before, self._failed, self._ended = total, total - pending, failed, 0
        self._started = self._clock()
        self._tell()

    def on_progress(self, case: str, progress: Progress) -> None:
        """Note how far the case at the networks is; no name stands for the networks themselves."""
        fold = f", fold {progress.fold} of {progress.folds}" if progress.fold else ""
        self._doing = f"{case}: {progress.stage}{fold}" if case else f"networks: {progress.stage}"
        self._fraction = progress.fraction if case else 0.0
        self._tell()

    def on_end(self, failed: bool) -> None:
        """Note the end of a case."""
        self._ended += 1
        self._failed += failed
        self._fraction = 0.0
        self._tell()

    def seconds_left(self) -> float | None:
        """Expect how long the cases that have not ended will take; None before anything has run."""
        ran = self._ended + self._fraction
        if ran <= 0:
            return None
        return (self._clock() - self._started) / ran * (self._total - self._before - ran)

    def line(self) -> str:
        """Give the line."""
        parts = [f"{self._before + self._ended - self._failed} of {self._total} cases done, {self._failed} failed"]
        parts += [self._doing] if self._doing else []
        left = self.seconds_left()
        parts += [f"{duration(max(left, 0.0))} left"] if left is not None else []
        return " · ".join(parts)

    def _tell(self) -> None:
        self._show(self.line())
