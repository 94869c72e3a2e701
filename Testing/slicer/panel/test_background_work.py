"""Work in pieces: here and now, or each time the event loop comes round, with a thread in between."""

from __future__ import annotations

import gc
import itertools
import threading
import time
import weakref
from typing import Any

import pytest
import qt
from CalcScoreLib.background_work import Background, InSteps
from CalcScoreLib.incremental_work import Steps, run_through

from Testing.slicer import harness


def work(told: list[Any]) -> Steps[str]:
    """Add what each piece sees; the second part belongs into a thread and gives the thread it ran in."""
    told.append("first")
    yield None
    where = yield threading.current_thread
    told.append(where is threading.main_thread())
    try:
        yield lambda: 1 // 0
    except ZeroDivisionError:
        told.append("caught")
    return "whole"


def test_waiting_for_all_pieces_uses_no_thread() -> None:
    told: list[Any] = []
    with pytest.raises(ZeroDivisionError):
        run_through(work(told))
    assert told == ["first", True]


def test_pieces_come_one_at_a_time_and_the_thread_does_the_rest() -> None:
    told: list[Any] = []
    ended: list[Any] = []
    InSteps(lambda *end: ended.append(end)).start(work(told))
    assert told == []
    harness.settle(lambda: ended)
    assert told == ["first", False, "caught"]
    assert ended == [("whole", None)]


def test_the_event_loop_goes_on_between_pieces_that_take_long() -> None:
    told: list[str] = []
    ended: list[Any] = []

    def slow() -> Steps[None]:
        for _ in range(4):
            time.sleep(0.03)
            told.append("piece")
            yield None

    timer = qt.QTimer()
    timer.setInterval(0)
    timer.connect("timeout()", lambda: told.append("turn"))
    timer.start()
    InSteps(lambda *end: ended.append(end)).start(slow())
    harness.settle(lambda: ended)
    timer.stop()
    pieces = [n for n, what in enumerate(told) if what == "piece"]
    assert len(pieces) == 4
    assert all("turn" in told[a:b] for a, b in itertools.pairwise(pieces))


def test_an_error_is_handed_over() -> None:
    def failing() -> Steps[None]:
        yield None
        raise ValueError("why")

    ended: list[Any] = []
    InSteps(lambda *end: ended.append(end)).start(failing())
    harness.settle(lambda: ended)
    assert ended[0][0] is None
    assert str(ended[0][1]) == "why"


def test_what_is_forgotten_goes_no_further() -> None:
    go, told, ended = threading.Event(), [], []

    def waiting() -> Steps[None]:
        told.append("started")
        try:
            yield go.wait
            told.append("went on")
        finally:
            told.append("closed")

    steps = InSteps(lambda *end: ended.append(end))
    steps.start(waiting())
    harness.settle(lambda: told)
    steps.forget()
    go.set()
    harness.rest()
    assert told == ["started", "closed"]
    assert ended == []


class _Large:
    """Stands for label maps."""


def let_go(*references: weakref.ref[Any]) -> bool:
    """Tell whether nothing holds what was referred to."""
    gc.collect()
    return all(reference() is None for reference in references)


@pytest.mark.parametrize("forgotten", [False, True])
def test_nothing_large_stays_although_a_timer_holds_what_it_calls(forgotten: bool) -> None:
    given, made, ended, go = _Large(), [], [], threading.Event()

    def work(given: _Large = given) -> _Large:
        go.wait()
        made.append(weakref.ref(result := _Large()))
        return result

    held = weakref.ref(given)
    background = Background(work, lambda result, error: ended.append(type(result)))
    background.start()
    del given, work
    if forgotten:
        background.forget()
    go.set()
    harness.settle(lambda: made if forgotten else ended)
    harness.rest()
    assert ended == ([] if forgotten else [_Large])
    harness.settle(lambda: let_go(held, made[0]))


@pytest.mark.parametrize("forgotten", [False, True])
def test_the_steps_of_work_that_is_over_are_let_go(forgotten: bool) -> None:
    large, ended, begun, go = _Large(), [], threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        go.wait()

    def steps(large: _Large) -> Steps[_Large]:
        yield wait
        return large

    held = weakref.ref(large)
    work = InSteps(lambda result, error: ended.append(type(result)))
    work.start(steps(large))
    del large
    harness.settle(begun.is_set)
    if forgotten:
        work.forget()
    go.set()
    harness.rest()
    assert ended == ([] if forgotten else [_Large])
    harness.settle(lambda: let_go(held))
