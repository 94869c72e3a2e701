"""Timers that Python code has started: whether one of them is still to fire."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakSet

import shiboken6
from PySide6 import QtCore

_started: WeakSet[QtCore.QTimer] = WeakSet()
_shots: set[Callable[[], None]] = set()


def start(timer: QtCore.QTimer, *milliseconds: int) -> None:
    """Start a timer and remember it."""
    _started.add(timer)
    timer.start(*milliseconds)


def single_shot(milliseconds: int, function: Callable[..., None]) -> None:
    """Call a function later, and remember that until then."""

    def fire() -> None:
        _shots.discard(fire)
        function()

    _shots.add(fire)
    QtCore.QTimer.singleShot(milliseconds, fire)


def any_waits() -> bool:
    """Whether a timer is running, or a function waits to be called."""
    return bool(_shots) or any(_runs(timer) for timer in _started)


def _runs(timer: Any) -> bool:
    return bool(shiboken6.isValid(timer)) and bool(timer.isActive())
