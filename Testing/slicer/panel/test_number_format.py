"""Figures and sentences as a reader sees them."""

from __future__ import annotations

import pytest
from CalcScoreLib.panel import number_format

from CalcScoreLogic.inference.protocol import Progress
from CalcScoreLogic.scoring import Row, Status


def test_precision_and_thousands() -> None:
    row = Row(Status.OK, 26_349.0, 2_210.4, 0.08389, 14, 157.885)
    assert number_format.figures_of(row) == ("8.4", "2\u202f210", "26.3", "14", "158")


def test_something_is_never_shown_as_nothing() -> None:
    row = Row(Status.OK, 26_349.0, 0.3, 0.3 / 26_349.0, 1, 0.3)
    assert number_format.figures_of(row) == ("<0.1", "<1", "26.3", "1", "<1")


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(1.25, 1, "+1.2"), (-1234.0, 0, "\N{MINUS SIGN}1\u202f234"), (0.0, 1, "0.0"), (-0.02, 1, "0.0"), (None, 0, "–")],
)
def test_differences_have_a_sign(value: float | None, digits: int, text: str) -> None:
    assert number_format.signed(value, digits) == text


def test_a_mean_without_a_plaque_is_a_dash_and_says_why() -> None:
    row = Row(Status.OK, 1_100.0, 0.0, 0.0, 0, None)
    assert number_format.figures_of(row) == ("0.0", "0", "1.1", "0", "–")
    assert number_format.why_missing(row) == "Not defined: there is no plaque."


@pytest.mark.parametrize("status", [Status.ABSENT, Status.DETACHED, Status.NOT_IN_VIEW])
def test_a_row_without_an_artery_is_no_zero(status: Status) -> None:
    row = Row(status, 0.0, 0.0, None, 0, None)
    assert not number_format.has_artery(row)
    assert number_format.figures_of(row)[0] == "–"
    assert number_format.why_missing(row) != "Not defined: there is no plaque."


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (12, "less than 1 min left"),
        (89, "1 min left"),
        (121, "2 min left"),
        (89 * 60, "89 min left"),
        (100 * 60, "1 h 40 min left"),
    ],
)
def test_time_left(seconds: float | None, text: str) -> None:
    assert number_format.time_left(seconds) == text


def test_progress_names_stage_fold_and_time() -> None:
    progress = Progress("calcification", 0.6, 118.0, fold=2, folds=5, tile=3, tiles=9)
    assert number_format.progress_text(progress) == "Calcification, network 2 of 5 · 2 min left"
    assert number_format.progress_text(Progress("starting", 0.0)) == "Starting"


@pytest.mark.parametrize(
    ("text", "short"),
    [("", ""), ("abcdefg", "abcdefg"), ("abcdefgh", "abc…fgh"), ("ab  efgh", "ab…fgh"), ("abc  fghij", "abc…hij")],
)
def test_a_long_name_loses_its_middle(text: str, short: str) -> None:
    assert number_format.shortened(text, 7) == short


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("6.3 to 21.4 %; check", "6.3 to 21.4\u00a0%; check"),
        ("280 mm³ outside, 0.70 cm³, 25 mm.", "280\u00a0mm³ outside, 0.70\u00a0cm³, 25\u00a0mm."),
        ("below 200 HU, 3 mesenteric", "below 200\u00a0HU, 3 mesenteric"),
        ("1 m, 2 months", "1\u00a0m, 2 months"),
    ],
)
def test_a_number_stays_with_its_unit(text: str, kept: str) -> None:
    assert number_format.unbroken(text) == kept
