"""How well scores agree with the reference's.

Paper, "Metrics for the calcification burden evaluation". Differences are prediction minus reference.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from ..images.geometry import Array

LIMITS_SD = 1.96
"""The limits of agreement lie this many SD of the differences from the bias."""

CONFIDENCE = 0.95
BOOTSTRAP_RESAMPLES = 2000
BOOTSTRAP_SEED = 20260101


@dataclass(frozen=True)
class Agreement:
    """Agreement of a method's scores with the reference's; None where a figure is not defined.

    Attributes
    ----------
    n : int
        Pairs.
    pearson_r, pearson_low, pearson_high : float or None
        Correlation with its 95 % confidence interval (Fisher's z).
    r2_unity : float or None
        Coefficient of determination about the line of unity: 1 - SS(differences) / SS(reference about its mean).
    r_squared : float or None
        Square of `pearson_r`.
    bias, loa_low, loa_high : float or None
        Mean difference and bias ± 1.96 SD (n - 1) of the differences.
    slope, intercept : float or None
        Least-squares line of the prediction on the reference.
    p_ttest, p_wilcoxon : float or None
        Two-sided paired t-test and Wilcoxon signed-rank test of the differences.
    slope_low, slope_high, intercept_low, intercept_high : float or None
        95 % percentile intervals of a bootstrap over the pairs.
    """

    n: int
    pearson_r: float | None = None
    pearson_low: float | None = None
    pearson_high: float | None = None
    r2_unity: float | None = None
    r_squared: float | None = None
    bias: float | None = None
    loa_low: float | None = None
    loa_high: float | None = None
    slope: float | None = None
    intercept: float | None = None
    p_ttest: float | None = None
    p_wilcoxon: float | None = None
    slope_low: float | None = None
    slope_high: float | None = None
    intercept_low: float | None = None
    intercept_high: float | None = None

    @classmethod
    def columns(cls) -> list[str]:
        """Give the names of the figures in the order of the table."""
        return [field.name for field in fields(cls)]


def agreement(reference: Sequence[float] | Array, prediction: Sequence[float] | Array) -> Agreement:
    """Compare paired scores.

    Parameters
    ----------
    reference, prediction : array_like, shape (n,)
        Scores of the same cases, all of them numbers.

    Returns
    -------
    Agreement
        Without a pair only `n`; without two pairs only the bias; correlation and regression need three pairs and
        scores that are not all the same.
    """
    x, y = np.asarray(reference, dtype=float), np.asarray(prediction, dtype=float)
    if not len(x):
        return Agreement(0)
    if len(x) == 1:
        return Agreement(1, bias=float(y[0] - x[0]))
    bias, low, high = bland_altman(y - x)
    t, wilcoxon = paired_tests(y - x)
    return Agreement(
        n=len(x),
        bias=bias,
        loa_low=low,
        loa_high=high,
        p_ttest=t,
        p_wilcoxon=wilcoxon,
        r2_unity=float(1 - np.sum((y - x) ** 2) / np.sum((x - x.mean()) ** 2)) if np.ptp(x) else None,
        **_correlation(x, y),
        **_regression(x, y),
    )


def bland_altman(differences: Array) -> tuple[float, float, float]:
    """Give bias and limits of agreement.

    Parameters
    ----------
    differences : ndarray, shape (n,)
        Prediction minus reference, at least two.

    Returns
    -------
    bias, low, high : float
        Mean and mean ± 1.96 SD; doi:10.1016/S0140-6736(86)90837-8.
    """
    bias, reach = float(np.mean(differences)), LIMITS_SD * float(np.std(differences, ddof=1))
    return bias, bias - reach, bias + reach


def paired_tests(differences: Array) -> tuple[float | None, float | None]:
    """Test whether differences centre on 0.

    Parameters
    ----------
    differences : ndarray, shape (n,)
        Paired differences, at least two.

    Returns
    -------
    p_ttest, p_wilcoxon : float or None
        Two-sided; None where all differences are the same (t-test) or 0 (Wilcoxon).
    """
    from scipy import stats

    # Differences that are the same but for rounding have no spread to test against.
    spread = np.ptp(differences) > 1e-9 * np.max(np.abs(differences), initial=0)
    with warnings.catch_warnings():
        # Ties and small samples: scipy says that it goes over to an approximation.
        warnings.simplefilter("ignore", UserWarning)
        t = float(stats.ttest_1samp(differences, 0).pvalue) if spread else None
        wilcoxon = float(stats.wilcoxon(differences).pvalue) if np.any(differences) else None
    return t, wilcoxon


def _correlation(x: Array, y: Array) -> dict[str, float]:
    """Pearson's r with its confidence interval; nothing where it is not defined."""
    from scipy import stats

    if len(x) < 3 or not np.ptp(x) or not np.ptp(y):
        return {}
    found = stats.pearsonr(x, y)
    r = float(found.statistic)
    values = {"pearson_r": r, "r_squared": r**2}
    if len(x) > 3:
        low, high = found.confidence_interval(CONFIDENCE)
        values |= {"pearson_low": float(low), "pearson_high": float(high)}
    return values


def _regression(x: Array, y: Array) -> dict[str, float]:
    """Least-squares line with bootstrap intervals; nothing where it is not defined."""
    from scipy import stats

    if len(x) < 3 or not np.ptp(x):
        return {}
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        resampled = stats.bootstrap(
            (x, y),
            _line,
            n_resamples=BOOTSTRAP_RESAMPLES,
            paired=True,
            vectorized=True,
            confidence_level=CONFIDENCE,
            method="percentile",
            rng=np.random.default_rng(BOOTSTRAP_SEED),
        ).bootstrap_distribution
        slope, intercept = _line(x, y)
    # A resample that holds one reference score over and over has no slope and says nothing.
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.nanpercentile(resampled, [tail, 100 - tail], axis=-1)
    return {
        "slope": float(slope),
        "intercept": float(intercept),
        "slope_low": float(low[0]),
        "slope_high": float(high[0]),
        "intercept_low": float(low[1]),
        "intercept_high": float(high[1]),
    }


def _line(x: Array, y: Array, axis: int = -1) -> Array:
    """Slope and intercept along an axis, stacked in front."""
    centred = x - x.mean(axis=axis, keepdims=True)
    squares = np.sum(centred**2, axis=axis)
    # Rounding leaves a trace of a spread where all values are the same.
    squares = np.where(np.ptp(x, axis=axis) > 0, squares, np.nan)
    slope = np.sum(centred * y, axis=axis) / squares
    return np.stack([slope, y.mean(axis=axis) - slope * x.mean(axis=axis)])
