"""Thresholds against brute force and hand-made arrays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from CalcScoreLogic.errors import InputError
from CalcScoreLogic.images.geometry import Geometry, Image
from CalcScoreLogic.thresholding import ThresholdMethod, ideal_threshold, otsu_threshold, threshold


def line(values: list) -> Image:
    array = np.array(values).reshape(1, 1, -1)
    return Image(array, Geometry(array.shape[::-1], (1.0, 1.0, 1.0)))


CTA = line([900, 300, 469, 470, 471, 350, 800])
ARTERIES = line([0, 1, 2, 1, 3, 4, 0])


def test_fixed_marks_470_hu_and_more_inside_the_arteries_only() -> None:
    result = threshold(CTA, ARTERIES)
    assert result.calcification.array.ravel().tolist() == [0, 1, 1, 2, 2, 1, 0]
    assert result.threshold_hu == 470


def test_fixed_takes_a_value() -> None:
    result = threshold(CTA, ARTERIES, ThresholdMethod.FIXED, 350)
    assert result.calcification.array.ravel().tolist() == [0, 1, 2, 2, 2, 2, 0]


def test_percentile_is_taken_inside_the_arteries() -> None:
    result = threshold(CTA, ARTERIES, ThresholdMethod.PERCENTILE, 50)
    assert result.threshold_hu == 469  # the middle one of 300, 350, 469, 470, 471
    assert result.calcification.array.ravel().tolist() == [0, 1, 2, 2, 2, 1, 0]


def test_ideal_finds_the_best_dice() -> None:
    reference = line([0, 1, 1, 2, 2, 1, 0])
    result = threshold(CTA, ARTERIES, ThresholdMethod.IDEAL, reference=reference)
    # Thresholds go from 300 in steps of 1.71 HU; 99 % gives 469.29, the first above 469.
    assert result.threshold_hu == pytest.approx(300 + 171 * 0.99)
    assert result.dice == 1


def test_ideal_counts_reference_outside_the_arteries_as_missed() -> None:
    reference = line([2, 1, 1, 2, 2, 1, 0])
    result = threshold(CTA, ARTERIES, ThresholdMethod.IDEAL, reference=reference)
    assert result.dice == pytest.approx(2 * 2 / (2 + 3))


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    values=hnp.arrays(np.int16, st.integers(2, 60), elements=st.integers(-100, 1500)),
    seed=st.integers(0, 2**31),
)
def test_ideal_is_the_brute_force_maximum_and_the_lowest_of_equals(values: np.ndarray, seed: int) -> None:
    calcified = np.random.default_rng(seed).random(len(values)) < 0.4
    if not calcified.any():
        calcified[0] = True
    low, high = int(values.min()), int(values.max())
    best = (-1.0, 0.0)
    for percent in range(101):
        limit = (low * (100 - percent) + high * percent) / 100
        selected = values >= limit
        dice = 2 * (selected & calcified).sum() / (selected.sum() + calcified.sum())
        if dice > best[0]:
            best = (dice, limit)
    limit, dice = ideal_threshold(values, calcified)
    assert limit == best[1]
    assert dice == pytest.approx(best[0])


@settings(max_examples=40, deadline=None, derandomize=True)
@given(hnp.arrays(np.int16, st.integers(3, 80), elements=st.integers(-50, 1500), unique=True))
def test_otsu_maximises_the_variance_between_the_classes(values: np.ndarray) -> None:
    def between(limit: float) -> float:
        upper, lower = values[values >= limit].astype(float), values[values < limit].astype(float)
        return len(upper) * len(lower) * (upper.mean() - lower.mean()) ** 2

    best = max(between(limit) for limit in np.sort(values)[1:])
    assert between(otsu_threshold(values)) == pytest.approx(best)


def test_otsu_splits_two_groups() -> None:
    assert otsu_threshold(np.array([300, 301, 305, 900, 905])) == 900


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        ({"method": "ideal"}, "needs a reference"),
        ({"method": "fixed", "reference": ARTERIES}, "takes no reference"),
        ({"method": "percentile"}, "needs a percentage"),
        ({"method": "percentile", "value": 101.0}, "runs from 0 to 100"),
        ({"method": "otsu", "value": 3.0}, "takes no value"),
        ({"method": "fixed", "value": float("nan")}, "must be a number"),
        ({"method": "ideal", "reference": line([0] * 7)}, "holds no calcification"),
        ({"arteries": line([0] * 7)}, "is empty"),
        ({"arteries": line([1, 1])}, "different grids"),
        ({"cta": line([300] * 7), "method": "otsu"}, "same intensity"),
    ],
)
def test_what_cannot_be_done_is_refused(arguments: dict, fragment: str) -> None:
    with pytest.raises(InputError, match=fragment):
        threshold(**{"cta": CTA, "arteries": ARTERIES, **arguments})
