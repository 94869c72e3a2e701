"""Work beside the user interface: a thread that a timer looks after."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import qt

_INTERVAL_MS = 50
_WAIT_SECONDS = 0.02


class Background:
    """One piece of work that touches neither nodes nor widgets, done in a thread.

    Parameters
    ----------
    work : callable
        The work; gives its result.
    done : callable
        Called in the main thread with the result and the error, one of which is None.
    """

    def __init__(self, work: Callable[[], Any], done: Callable[[Any, BaseException | None], None]) -> None:
        self._work, self._done = work, done
        self._result: Any = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._timer = qt.QTimer()
        self._timer.setInterval(_INTERVAL_MS)
        self._timer.connect("timeout()", self._look)

    def start(self) -> None:
        """Start the work; returns at once."""
        self._thread.start()
        self._timer.start()

    def forget(self) -> None:
        """Let the work end unheard."""
        self._timer.stop()

    def _run(self) -> None:
        try:
            self._result = self._work()
        except BaseException as error:  # told by `done`
            self._error = error

    def _look(self) -> None:
        # The event loop may hold the interpreter: waiting here lets the thread have it.
        self._thread.join(_WAIT_SECONDS)
        if not self._thread.is_alive():
            self._timer.stop()
            self._done(self._result, self._error)
