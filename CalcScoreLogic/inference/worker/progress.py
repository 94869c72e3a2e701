"""How far a CTA is on its way through the ensembles."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..protocol import Message, Progress
from ..remaining_time import Timetable


class RunProgress:
    """Keeps the time of a CTA and speaks.

    Parameters
    ----------
    say : callable
        Takes the messages.
    times : Timetable
        Planned work and its speed.

    Attributes
    ----------
    planned : bool
        Whether all work to come is in the timetable.
    tile_cost : float
        Floating point operations of a tile of the ensemble at work.
    """

    def __init__(self, say: Callable[[Message], None], times: Timetable) -> None:
        self.say, self.times = say, times
        self.started = time.monotonic()
        self.planned = False
        self.tile_cost = 0.0
        self._stage, self._fold, self._folds = "loading", 0, 0
        self._fraction = 0.0
        times.begin()

    def reach(self, stage: str, folds: int = 0) -> None:
        """Say what is being done now, and in how many folds."""
        self._stage, self._fold, self._folds = stage, 0, folds
        self._tell()

    def next_fold(self) -> None:
        """Note that the next fold begins."""
        self._fold += 1

    def on_tile(self, done: int, tiles: int) -> None:
        """Note a tile."""
        self.times.finish("tiles", self.tile_cost)
        self._tell(done, tiles)

    def _tell(self, tile: int | None = None, tiles: int | None = None) -> None:
        """Say how far the run is."""
        in_fold = {"fold": self._fold, "folds": self._folds, "tile": tile, "tiles": tiles} if self._fold else {}
        # Before all is loaded nobody knows how much there is to do.
        left = round(self.times.seconds_left(), 1) if self.planned else None
        # A better estimate may find that less is done than was said; a bar that runs back helps nobody.
        self._fraction = max(self._fraction, round(self.times.fraction(), 4)) if self.planned else 0.0
        self.say(Progress(self._stage, self._fraction, left, **in_fold))
