"""How long the rest of a run will take, from what its parts have taken so far."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

SECONDS_PER_UNIT = {
    "loading": 1.0,
    "preprocessing": 1.0e-7,
    "networks": 0.5,
    "tiles": 3.0e-11,
    "label maps": 1.0e-8,
}
"""First guess of the speed: a model, a voxel of the CTA, a fold, a floating point operation, a voxel of a channel."""

CALCIFICATION_SHARE = 0.3
"""Share of tiles that reach trimmed arteries, as long as no arteries are known."""


@dataclass
class Timetable:
    """Planned work by kind, and the speed seen for each kind.

    Work is counted in units of its kind, see `SECONDS_PER_UNIT`. A kind
    that has not run yet takes the seconds a unit that were planned for it.

    Attributes
    ----------
    seconds_per_unit : dict of str to float
        Planned speed of each kind, used until it was measured.
    clock : callable
        Gives the time in seconds.
    """

    seconds_per_unit: dict[str, float]
    clock: Callable[[], float] = time.monotonic
    _planned: dict[str, float] = field(default_factory=dict)
    _done: dict[str, float] = field(default_factory=dict)
    _spent: dict[str, float] = field(default_factory=dict)
    _started: float | None = None
    _last: float = 0.0

    def plan(self, kind: str, units: float) -> None:
        """Add work to come."""
        self._planned[kind] = self._planned.get(kind, 0.0) + units

    def begin(self) -> None:
        """Start the clock for the next piece of work."""
        self._last = self.clock()
        if self._started is None:
            self._started = self._last

    def finish(self, kind: str, units: float) -> None:
        """Note that `units` of a kind were done since the last note."""
        now = self.clock()
        self._done[kind] = self._done.get(kind, 0.0) + units
        self._spent[kind] = self._spent.get(kind, 0.0) + now - self._last
        self._last = now

    def seconds_left(self) -> float:
        """Expect how long the planned work that is not done will take, in seconds."""
        left = 0.0
        for kind, planned in self._planned.items():
            done = self._done.get(kind, 0.0)
            speed = self._spent[kind] / done if done else self.seconds_per_unit[kind]
            left += max(planned - done, 0.0) * speed
        return left

    def again(self) -> Timetable:
        """Give a timetable for more work of these kinds, with the speeds seen so far."""
        return Timetable({**self.seconds_per_unit, **self.seen()}, self.clock)

    def seen(self) -> dict[str, float]:
        """Give the seconds a unit of each kind that has run, for another run on this device."""
        return {kind: self._spent[kind] / done for kind, done in self._done.items() if done}

    def fraction(self) -> float:
        """Share of the whole expected time that has passed, 0 to 1."""
        passed = 0.0 if self._started is None else self.clock() - self._started
        whole = passed + self.seconds_left()
        return min(passed / whole, 1.0) if whole else 0.0


def duration(seconds: float) -> str:
    """Write a time for a reader, e.g. ``"40 s"``, ``"12 min"`` or ``"2.5 h"``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
