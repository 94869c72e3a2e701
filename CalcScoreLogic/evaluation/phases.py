"""Thresholds side by side by contrast phase, inside the reference's arteries: no artery is wrong there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..anatomy import COMBINED, CalcificationLabel
from ..errors import InputError
from ..images.geometry import Image
from ..scoring import burdens
from ..thresholding import Thresholding, ThresholdMethod, threshold
from .accuracy import Overlap
from .agreement import LIMITS_SD
from .cases import ADAPTIVE, IDEAL

if TYPE_CHECKING:
    from pandas import DataFrame

FIXED_HU = (300.0, 470.0, 800.0)
"""Fixed thresholds in use: 470 is the paper's, 300 and 800 did best against Agatston in venous and arterial CT."""

DICE, BURDEN, HU = "dice_in_reference_arteries", "burden_in_reference_arteries", "hu_in_reference_arteries"
"""Measures of the long table."""

PHASES = {"no contrast (below 100 HU)": 100.0, "portal venous (100 to 200 HU)": 200.0, "arterial (over 200 HU)": np.inf}
"""Phases by the median of the arteries' lumen, each with where it ends: what the image shows, not the protocol."""

PHASE_COLUMNS = [
    *("phase", "method", "n", "hu_mean", "dice_mean", "dice_sd", "dice_min"),
    *("burden_bias", "burden_loa_low", "burden_loa_high"),
]


def threshold_figures(
    cta: Image, territories: Image, shortened: Image, calcification: Image
) -> Iterator[tuple[str, str, str, float | None, float | None]]:
    """Measure each threshold inside the reference's arteries.

    Parameters
    ----------
    cta : Image
        HU.
    territories, shortened, calcification : Image
        The reference's label maps, full length and shortened.

    Yields
    ------
    method, structure, measure : str
        What is measured.
    value, reference : float or None
        The threshold's figure and the reference's own.
    """
    true = calcification.array == CalcificationLabel.CALCIFICATION
    expected = burdens(shortened, calcification)[COMBINED]
    for method, found in _thresholdings(cta, territories, calcification):
        calcified = found.calcification.array == CalcificationLabel.CALCIFICATION
        yield method, CalcificationLabel.CALCIFICATION.key, HU, found.threshold_hu, None
        yield method, CalcificationLabel.CALCIFICATION.key, DICE, Overlap.of(calcified, true).dice, None
        yield method, COMBINED, BURDEN, burdens(shortened, found.calcification)[COMBINED], expected


def _thresholdings(cta: Image, arteries: Image, reference: Image) -> Iterator[tuple[str, Thresholding]]:
    """Apply each threshold that can be used in this case."""
    thresholds: list[tuple[str, tuple[Any, ...]]] = [
        (IDEAL, (ThresholdMethod.IDEAL, None, reference)),
        (ADAPTIVE, (ThresholdMethod.ADAPTIVE,)),
        *((f"{hu:.0f} HU", (ThresholdMethod.FIXED, hu)) for hu in FIXED_HU),
    ]
    for name, arguments in thresholds:
        try:
            yield name, threshold(cta, arteries, *arguments)
        except InputError:
            # Told where the study's own thresholds are measured.
            continue


def phase_table(cases: DataFrame, lumen_measure: str) -> DataFrame:
    """Put the thresholds side by side, phase by phase.

    Parameters
    ----------
    cases : pandas.DataFrame
        What `tables.cases_table` made.
    lumen_measure : str
        Its measure of the lumen's intensity.

    Returns
    -------
    pandas.DataFrame
        Columns `PHASE_COLUMNS`; n counts the cases of the phase whose Dice is defined.
    """
    import pandas as pd

    lumen = cases[cases["measure"] == lumen_measure].set_index("case")["value"]
    ends = list(PHASES.values())
    chosen = cases[cases["measure"].isin([DICE, BURDEN, HU])].copy()
    chosen["phase"] = [
        list(PHASES)[int(np.searchsorted(ends, hu, side="right"))] if hu == hu else ""
        for hu in chosen["case"].map(lumen)
    ]
    rows = []
    for phase in PHASES:
        own = chosen[chosen["phase"] == phase]
        for method in own["method"].unique():
            values = own[own["method"] == method]
            overlap = values.loc[values["measure"] == DICE, "value"].dropna()
            pairs = values.loc[values["measure"] == BURDEN, ["value", "reference"]].dropna()
            difference = pairs["value"] - pairs["reference"]
            spread = LIMITS_SD * difference.std(ddof=1)
            rows.append(
                {
                    "phase": phase,
                    "method": method,
                    "n": len(overlap),
                    "hu_mean": values.loc[values["measure"] == HU, "value"].mean(),
                    "dice_mean": overlap.mean(),
                    "dice_sd": overlap.std(ddof=1),
                    "dice_min": overlap.min(),
                    "burden_bias": difference.mean(),
                    "burden_loa_low": difference.mean() - spread,
                    "burden_loa_high": difference.mean() + spread,
                }
            )
    return pd.DataFrame(rows, columns=PHASE_COLUMNS)
