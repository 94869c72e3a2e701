"""Time left, on a clock that the test turns."""

from __future__ import annotations

import pytest

from CalcScoreLogic.inference.remaining_time import Timetable


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_what_has_run_sets_the_speed_of_what_has_not() -> None:
    clock = Clock()
    times = Timetable({"tiles": 1.0, "resampling": 2.0}, clock)
    times.plan("tiles", 4)
    times.plan("tiles", 6)
    times.plan("resampling", 3)
    times.begin()
    assert times.seconds_left() == 10 * 1 + 3 * 2
    assert times.fraction() == 0
    clock.now += 5
    times.finish("tiles", 1)
    assert times.seconds_left() == pytest.approx(9 * 5 + 3 * 2)
    assert times.fraction() == pytest.approx(5 / (5 + 51))
    clock.now += 3
    times.finish("tiles", 1)
    assert times.seconds_left() == pytest.approx(8 * 4 + 3 * 2)


def test_speeds_that_were_seen_serve_the_next_run() -> None:
    clock = Clock()
    times = Timetable({"tiles": 1.0, "resampling": 2.0}, clock)
    times.plan("tiles", 4)
    times.begin()
    assert times.seen() == {}
    clock.now += 6
    times.finish("tiles", 3)
    assert times.seen() == {"tiles": 2.0}
    after = times.again()
    after.plan("tiles", 5)
    after.plan("resampling", 1)
    assert after.seconds_left() == 5 * 2 + 1 * 2
    assert after.seen() == {}


def test_the_end_is_the_end() -> None:
    clock = Clock()
    times = Timetable({"tiles": 1.0}, clock)
    times.plan("tiles", 1)
    times.begin()
    clock.now += 2
    times.finish("tiles", 3)
    assert times.seconds_left() == 0
    assert times.fraction() == 1


def test_no_work_is_no_error() -> None:
    assert Timetable({}).fraction() == 0
