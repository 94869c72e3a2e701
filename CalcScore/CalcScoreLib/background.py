"""Work beside the user interface: in a thread that a timer looks after, and in pieces between which it breathes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import qt

from .steps import Steps

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


class InSteps:
    """Work on nodes that leaves the user interface alive.

    Parameters
    ----------
    work : Steps
        The work. Its pieces run in the main thread, one each time the event loop comes round.
    done : callable
        Called in the main thread with the result and the error, one of which is None.
    """

    def __init__(self, work: Steps[Any], done: Callable[[Any, BaseException | None], None]) -> None:
        self._work, self._done = work, done
        self._thread: Background | None = None
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(0)
        self._timer.connect("timeout()", self._go_on)

    def start(self) -> None:
        """Start the work; returns at once."""
        self._timer.start()

    def forget(self) -> None:
        """Do no further piece; what a thread has at hand ends unheard."""
        self._timer.stop()
        if self._thread is not None:
            self._thread.forget()
        self._work.close()

    def _go_on(self, result: Any = None, error: BaseException | None = None) -> None:
        self._thread = None
        try:
            work = self._work.throw(error) if error is not None else self._work.send(result)
        except StopIteration as ended:
            self._done(ended.value, None)
        except Exception as failed:
            self._done(None, failed)
        else:
            if work is None:
                self._timer.start()
            else:
                self._thread = Background(work, self._go_on)
                self._thread.start()
