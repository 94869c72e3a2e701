"""Work beside the user interface: in a thread that a timer looks after, and in pieces between which it breathes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import qt
import slicer

from .incremental_work import Steps

_INTERVAL_MS = 50
_WAIT_SECONDS = 0.04
_TURN_SECONDS = 0.02


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
        # A connected timer keeps what it calls for ever, so this holds label maps no longer than they are needed.
        self._work: Callable[[], Any] | None = work
        self._done: Callable[[Any, BaseException | None], None] | None = done
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
        self._done = self._result = self._error = None

    def _run(self) -> None:
        work, self._work = self._work, None
        assert work is not None  # noqa: S101  a thread runs once
        try:
            self._result = work()
        except BaseException as error:  # told by `done`
            self._error = error
        # Looked at after the result is there: whoever forgets meanwhile finds it.
        if self._done is None:
            self._result = self._error = None

    def _look(self) -> None:
        # Slicer's event loop keeps the interpreter to itself: the thread gets on while this waits, and hardly else.
        self._thread.join(_WAIT_SECONDS)
        if not self._thread.is_alive():
            done, result, error = self._done, self._result, self._error
            self.forget()
            if done is not None:
                done(result, error)


def single_shot(milliseconds: int, function: Callable[[], None]) -> Any:
    """Make a QTimer that calls a function once, a while after it is started."""
    timer = qt.QTimer()
    timer.setSingleShot(True)
    timer.setInterval(milliseconds)
    timer.connect("timeout()", function)
    return timer


def wait_alive(work: Callable[[], Any], text: str) -> Any:
    """Do work in a thread and wait for it with the user interface alive, for callers that need the result at once.

    Parameters
    ----------
    work : callable
        Touches neither nodes nor widgets.
    text : str
        What a dialog says meanwhile; there is none without a window.

    Returns
    -------
    object
        What the work returns; what it raises is raised.
    """
    ended: list[tuple[Any, BaseException | None]] = []
    background = Background(work, lambda result, error: ended.append((result, error)))
    shown = slicer.util.mainWindow() is not None
    dialog = slicer.util.createProgressDialog(labelText=text, maximum=0, windowTitle="CalcScore") if shown else None
    if dialog is not None:
        dialog.setCancelButton(None)
        dialog.windowModality = qt.Qt.WindowModal
        dialog.show()
    background.start()
    while not ended:
        slicer.app.processEvents()
        # The event loop may have nothing to do: the thread gets on while this sleeps.
        time.sleep(_WAIT_SECONDS / 4)
    if dialog is not None:
        dialog.close()
    result, error = ended[0]
    if error is not None:
        raise error
    return result


class InSteps:
    """Work on nodes that leaves the user interface alive, one after the other.

    Parameters
    ----------
    done : callable
        Called in the main thread with the result and the error of each work, one of which is None.
    """

    def __init__(self, done: Callable[[Any, BaseException | None], None]) -> None:
        self._done = done
        self._steps: Steps[Any] | None = None
        self._thread: Background | None = None
        self._timer = single_shot(0, self._go_on)

    @property
    def busy(self) -> bool:
        """Whether work goes on."""
        return self._steps is not None

    def start(self, steps: Steps[Any]) -> None:
        """Start work and forget what went on before; returns at once.

        Its pieces run in the main thread, a few milliseconds of them each time the event loop comes round.
        """
        self.forget()
        self._steps = steps
        self._timer.start()

    def forget(self) -> None:
        """Do no further piece; what a thread has at hand ends unheard."""
        self._timer.stop()
        if self._thread is not None:
            self._thread.forget()
        steps, self._steps, self._thread = self._steps, None, None
        if steps is not None:
            steps.close()

    def _go_on(self, result: Any = None, error: BaseException | None = None) -> None:
        steps, self._thread = self._steps, None
        assert steps is not None  # noqa: S101  neither timer nor thread outlives the work
        try:
            until = time.monotonic() + _TURN_SECONDS
            work = steps.throw(error) if error is not None else steps.send(result)
            while work is None and time.monotonic() < until:
                work = next(steps)
        except StopIteration as ended:
            self._end(ended.value, None)
        except Exception as failed:
            self._end(None, failed)
        else:
            if work is None:
                self._timer.start()
            else:
                self._thread = Background(work, self._go_on)
                self._thread.start()

    def _end(self, result: Any, error: BaseException | None) -> None:
        self._steps = None
        self._done(result, error)
