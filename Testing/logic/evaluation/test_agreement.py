"""Agreement against published examples, statsmodels and arithmetic."""

from __future__ import annotations

import math
from itertools import product
from statistics import NormalDist

import numpy as np
import pytest
import statsmodels.api as sm
from statsmodels.stats.weightstats import DescrStatsW

from CalcScoreLogic.evaluation.agreement import Agreement, agreement, bland_altman, paired_tests

# Peak expiratory flow (l/min) of 17 people with two meters, first readings: Bland and Altman, Lancet 1986, table 1.
WRIGHT = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]


def test_bland_altman_is_the_published_one() -> None:
    bias, low, high = bland_altman(np.subtract(WRIGHT, MINI).astype(float))
    assert round(bias, 1) == -2.1
    assert round((high - low) / 2 / 1.96, 1) == 38.8
    found = agreement(MINI, WRIGHT)
    assert (found.n, found.bias, found.loa_low, found.loa_high) == (17, bias, low, high)
    assert found.pearson_r is not None
    assert round(found.pearson_r, 2) == 0.94


def noisy(seed: int, n: int = 24) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.gamma(2, 0.03, n)
    return x, 0.9 * x + 0.004 + rng.normal(0, 0.01, n)


@pytest.mark.parametrize("seed", range(3))
def test_regression_and_t_test_are_those_of_statsmodels(seed: int) -> None:
    x, y = noisy(seed)
    found, fitted = agreement(x, y), sm.OLS(y, sm.add_constant(x)).fit()
    assert [found.intercept, found.slope] == pytest.approx(list(fitted.params), abs=1e-9)
    assert found.r_squared == pytest.approx(fitted.rsquared, abs=1e-9)
    differences = DescrStatsW(y - x)
    assert found.bias == pytest.approx(differences.mean, abs=1e-9)
    assert found.p_ttest == pytest.approx(differences.ttest_mean(0)[1], abs=1e-9)
    sd = math.sqrt(differences.var * len(x) / (len(x) - 1))
    assert [found.loa_low, found.loa_high] == pytest.approx([found.bias - 1.96 * sd, found.bias + 1.96 * sd], abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_interval_of_the_correlation_is_fishers(seed: int) -> None:
    x, y = noisy(seed)
    found = agreement(x, y)
    r = float(np.corrcoef(x, y)[0, 1])
    reach = NormalDist().inv_cdf(0.975) / math.sqrt(len(x) - 3)
    assert found.pearson_r == pytest.approx(r, abs=1e-9)
    expected = [math.tanh(math.atanh(r) - reach), math.tanh(math.atanh(r) + reach)]
    assert [found.pearson_low, found.pearson_high] == pytest.approx(expected, abs=1e-9)


def test_determination_about_unity_by_hand() -> None:
    # Squared differences 0.01 + 0.01 + 0.09, about the mean of the reference 1 + 0 + 1.
    assert agreement([1, 2, 3], [1.1, 1.9, 3.3]).r2_unity == pytest.approx(1 - 0.11 / 2, abs=1e-12)
    # A perfect line that is not unity: r² 1, but far from agreement.
    found = agreement([1, 2, 3, 4], [2, 4, 6, 8])
    assert found.r_squared == pytest.approx(1, abs=1e-12)
    assert found.r2_unity == pytest.approx(1 - 30 / 5, abs=1e-12)


def test_a_proportional_bias_of_10_percent() -> None:
    x = np.array([0.02, 0.05, 0.08, 0.11, 0.2])
    found = agreement(x, 1.1 * x)
    assert found.slope == pytest.approx(1.1, abs=1e-9)
    assert found.intercept == pytest.approx(0, abs=1e-9)
    assert found.bias == pytest.approx(0.0092, abs=1e-9)
    sd = 0.1 * math.sqrt(np.sum((x - 0.092) ** 2) / 4)
    assert [found.loa_low, found.loa_high] == pytest.approx([0.0092 - 1.96 * sd, 0.0092 + 1.96 * sd], abs=1e-9)
    assert found.pearson_r == pytest.approx(1, abs=1e-9)
    # On a perfect line every resample has the same slope.
    assert [found.slope_low, found.slope_high] == pytest.approx([1.1, 1.1], abs=1e-9)


def test_wilcoxon_counts_the_signs() -> None:
    differences = np.array([0.5, -1.1, 2.3, 3.1, 4.7, -0.2, 6.0])
    ranks = np.argsort(np.argsort(np.abs(differences))) + 1
    seen = ranks[differences > 0].sum()
    sums = [sum(r for r, plus in zip(ranks, signs, strict=True) if plus) for signs in product((0, 1), repeat=7)]
    tail = min(np.mean([s >= seen for s in sums]), np.mean([s <= seen for s in sums]))
    assert paired_tests(differences)[1] == pytest.approx(2 * tail, abs=1e-9)


def test_bootstrap_gives_the_spread_of_the_line() -> None:
    x, y = noisy(5)
    rng = np.random.default_rng(99)
    slopes = []
    for _ in range(4000):
        chosen = rng.integers(0, len(x), len(x))
        slopes.append(np.polyfit(x[chosen], y[chosen], 1)[0])
    found = agreement(x, y)
    assert [found.slope_low, found.slope_high] == pytest.approx(list(np.percentile(slopes, [2.5, 97.5])), abs=0.03)
    assert agreement(x, y) == found


def test_what_cannot_be_told_is_not_told() -> None:
    assert agreement([], []) == Agreement(0)
    assert agreement([0.1], [0.3]) == Agreement(1, bias=pytest.approx(0.2))
    two = agreement([0.1, 0.2], [0.2, 0.4])
    assert (two.pearson_r, two.slope) == (None, None)
    assert two.bias == pytest.approx(0.15)
    same = agreement([0.2, 0.2, 0.2, 0.2], [0.1, 0.2, 0.3, 0.4])
    assert (same.pearson_r, same.slope, same.r2_unity) == (None, None, None)
    perfect = agreement([1, 2, 3, 4], [1, 2, 3, 4])
    assert (perfect.bias, perfect.loa_low, perfect.p_ttest, perfect.p_wilcoxon) == (0, 0, None, None)


def test_resamples_without_a_slope_are_left_out() -> None:
    found = agreement([0, 0, 0, 0, 0.1], [0, 0.01, 0, 0, 0.1])
    assert found.slope_low is not None
    assert 0.85 < found.slope_low <= found.slope_high <= 1.01
