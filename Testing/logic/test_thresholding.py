"""Thresholds against brute force and hand-made arrays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from CalcScoreLogic.anatomy import Territory
from CalcScoreLogic.errors import InputError
from CalcScoreLogic.images.geometry import Geometry, Image
from CalcScoreLogic.quality.codes import codes_of
from CalcScoreLogic.quality.thresholds import adaptive_warnings
from CalcScoreLogic.thresholding import ThresholdMethod, ideal_threshold, otsu_threshold, threshold


def line(values: list) -> Image:
    array = np.array(values).reshape(1, 1, -1)
    return Image(array, Geometry(array.shape[::-1], (1.0, 1.0, 1.0)))


CTA = line([900, 300, 469, 470, 471, 350, 800])
ARTERIES = line([0, 1, 2, 1, 3, 4, 0])


def test_fixed_marks_470_hu_and_more_inside_the_arteries_only() -> None:
    result = threshold(CTA, ARTERIES, ThresholdMethod.FIXED)
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
        ({"method": "adaptive", "value": 3.0}, "takes no value"),
        ({"method": "adaptive"}, "fewer than 30 voxels of lumen"),
        ({"method": "fixed", "value": float("nan")}, "must be a number"),
        ({"method": "ideal", "reference": line([0] * 7)}, "holds no calcification"),
        ({"arteries": line([0] * 7)}, "is empty"),
        ({"arteries": line([1, 1])}, "different grids"),
        ({"cta": line([300] * 7), "method": "otsu"}, "same intensity"),
    ],
)
def test_what_cannot_be_done_is_refused(arguments: dict, fragment: str) -> None:
    with pytest.raises(InputError, match=fragment):
        threshold(**{"cta": CTA, "arteries": ARTERIES, "method": ThresholdMethod.FIXED, **arguments})


LUMENS = {Territory.AORTA: (2, 13), Territory.ILIAC: (15, 22)}
"""Columns of an aorta of 11 x 11 voxels and of an iliac artery of 7 x 7, side by side."""


def vessels(hu: dict[Territory, float], noise: float = 10.0) -> tuple[np.ndarray, np.ndarray]:
    """Draw both along 30 slices, ``hu`` with noise of five equally frequent values, and with a wall of 100 HU."""
    values, territories = np.zeros((30, 24, 24)), np.zeros((30, 24, 24), np.uint8)
    checks = np.linspace(-noise, noise, 5)[(np.indices(values.shape) * [[[[1]]], [[[2]]], [[[1]]]]).sum(axis=0) % 5]
    for territory, (first, last) in LUMENS.items():
        territories[:, first:last, first:last] = territory
        values[:, first:last, first:last] = 100.0
        inner = np.s_[:, first + 1 : last - 1, first + 1 : last - 1]
        values[inner] = hu[territory] + checks[inner]
    return values, territories


def adaptive(values: np.ndarray, territories: np.ndarray) -> tuple:
    grid = Geometry(values.shape[::-1], (1.0, 1.0, 1.0))
    result = threshold(Image(values, grid), Image(territories, grid))
    return result, result.calcification.array == 2


SPREAD = 4 * 1.4826 * 5
"""The deviations of such a lumen are 0, 5, 5, 10 and 10 HU, their median 5."""


@pytest.mark.parametrize("lumen", [120.0, 300.0, 600.0])
def test_adaptive_follows_the_lumen_and_keeps_it(lumen: float) -> None:
    values, territories = vessels({Territory.AORTA: lumen, Territory.ILIAC: lumen})
    plaque = np.s_[5:9, 3:6, 3:5]
    values[plaque] = lumen + SPREAD + 8
    values[0, 3, 3] = lumen + SPREAD - 8
    result, calcified = adaptive(values, territories)
    assert result.method is ThresholdMethod.ADAPTIVE
    assert result.threshold_hu == pytest.approx(lumen + SPREAD, abs=2)
    expected = np.zeros(values.shape, bool)
    expected[plaque] = True
    np.testing.assert_array_equal(calcified, expected)
    assert adaptive_warnings(result.adaptive) == ()


def test_a_branch_brighter_than_the_aorta_is_not_swallowed() -> None:
    values, territories = vessels({Territory.AORTA: 250.0, Territory.ILIAC: 400.0})
    values[5:8, 16:18, 16:18] = 700.0
    result, calcified = adaptive(values, territories)
    assert result.threshold_hu == pytest.approx(250 + SPREAD, abs=2)
    assert np.count_nonzero(calcified) == 3 * 2 * 2
    told = adaptive_warnings(result.adaptive)
    assert codes_of(told, "iliac") == "uneven_lumen"
    assert "brighter" in told[0]
    branch = result.to_dict()["branches"]["iliac"]
    assert branch["threshold_hu"] == pytest.approx(400 + SPREAD, abs=2)


def test_a_dim_branch_keeps_the_aorta_s_threshold_and_says_what_is_missed() -> None:
    values, territories = vessels({Territory.AORTA: 400.0, Territory.ILIAC: 200.0})
    values[5:8, 16:18, 16:18] = 300.0
    result, calcified = adaptive(values, territories)
    assert not calcified.any()
    branch = result.to_dict()["branches"]["iliac"]
    assert (branch["threshold_hu"], branch["median_hu"]) == (result.threshold_hu, pytest.approx(200, abs=2))
    (told,) = adaptive_warnings(result.adaptive)
    assert "are missed there" in told


def test_a_calcified_branch_is_no_bright_lumen() -> None:
    values, territories = vessels({Territory.AORTA: 300.0, Territory.ILIAC: 300.0})
    first, last = LUMENS[Territory.ILIAC]
    values[:, first:last, first:last] = np.linspace(450, 1300, last - first)
    _, calcified = adaptive(values, territories)
    assert calcified[territories == Territory.ILIAC].all()


def test_without_an_aorta_all_arteries_tell_the_threshold() -> None:
    values, territories = vessels({Territory.AORTA: 300.0, Territory.ILIAC: 300.0})
    territories[territories == Territory.AORTA] = 0
    result, _ = adaptive(values, territories)
    assert result.adaptive.source == "arteries"
    assert result.threshold_hu == pytest.approx(300 + SPREAD, abs=2)
    assert any("too little lumen" in told for told in adaptive_warnings(result.adaptive))


def test_an_uneven_lumen_is_told() -> None:
    values, territories = vessels({Territory.AORTA: 350.0, Territory.ILIAC: 350.0}, noise=90.0)
    result, _ = adaptive(values, territories)
    assert any("uneven" in told for told in adaptive_warnings(result.adaptive))
