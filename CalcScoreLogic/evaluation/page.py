"""The page of a study: tables, figures and the methods, in one file that needs no other."""

from __future__ import annotations

import base64
import math
import platform
from collections.abc import Iterable, Sequence
from html import escape
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from ..lumen import CALCIUM_SDS, WALL_MM, WALL_VOXELS
from ..report.page import MISSING
from ..version import __version__
from ..wording import counted
from .accuracy import HAUSDORFF_PERCENTILE, METRICS, SURFACE_TOLERANCE_MM
from .agreement import BOOTSTRAP_RESAMPLES, BOOTSTRAP_SEED
from .cases import FIXED
from .measure import FIGURES, THRESHOLD_HU
from .style import TITLES, Picture, number
from .tables import methods_of

if TYPE_CHECKING:
    from .study import Study

_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.45 system-ui, sans-serif; color: #1c1c1f; max-width: 78rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin: 0 0 .2rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .4rem; }
h3 { font-size: 1rem; margin: 1.2rem 0 .3rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .8em; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .2rem .55rem; border-bottom: 1px solid #ddd; white-space: pre; }
th { font-weight: 600; vertical-align: bottom; border-bottom: 1.5px solid #888; }
th.left, td.left { text-align: left; } tr.first td { border-top: 1px solid #999; }
.figures { display: flex; flex-wrap: wrap; gap: 1.2rem; } figure { margin: 0; width: 21rem; }
figure img { width: 100%; } figcaption, .quiet { color: #666; font-size: .85em; }
@page { size: A4 landscape; margin: 12mm; } @media print { body { margin: 0; font-size: 10px; max-width: none; } }
"""

_LIBRARIES = ("numpy", "scipy", "SimpleITK", "pandas", "statsmodels", "monai", "seaborn", "matplotlib")
_METRIC_TITLES = {
    "dice": "Dice",
    "volumetric_similarity": "Volumetric similarity",
    "sensitivity": "Sensitivity",
    "precision": "Precision",
    "jaccard": "Jaccard",
    "surface_dice": "Surface Dice",
    "hausdorff95_mm": "Hausdorff 95 %, mm",
}
_FIGURE_TITLES = {
    "burden": ("Burden", "%", 100, 2),
    "cluster_count": ("Clusters", "count", 1, 2),
    "mean_cluster_volume_mm3": ("Mean cluster size", "mm³", 1, 1),
    "dice": ("Dice", "", 1, 3),
}


def study_page(study: Study, figures: Sequence[Picture]) -> str:
    """Write the page of a study.

    Parameters
    ----------
    study : Study
        Its results.
    figures : sequence of Picture
        What was drawn.

    Returns
    -------
    str
        HTML with everything in it; no case is named.
    """
    title = "Arterial calcification: accuracy and agreement with the reference"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><style>{_STYLE}</style></head><body>
<h1>{title}</h1>
<p class="quiet">{escape(_who(study))} CalcScore is research software, not a medical device.</p>
<h2>Segmentation accuracy</h2>
<p class="quiet">Mean ± SD (range), n. Arteries after shortening both sides, calcification as labelled.</p>
{_accuracy_table(study)}
{_phases(study)}<h2>Agreement of the scores</h2>
<p class="quiet">Differences are method minus reference. R² about the line of unity, r² the squared correlation.
Limits of agreement are bias ± 1.96 SD; intervals are 95 %. n counts the cases where both sides have the score.</p>
{_agreement_tables(study)}
<h2>Methods against each other</h2>
{_tests_table(study)}
<h2>Figures</h2>
{_figures(figures)}
<h2>Methods</h2>
<p>{escape(methods_paragraph(study))}</p>
</body></html>
"""


def methods_paragraph(study: Study) -> str:
    """Say how a study was made, with versions and parameters, ready for a paper.

    Parameters
    ----------
    study : Study
        The study.

    Returns
    -------
    str
        One paragraph.
    """
    lengths = study.parameters.shortening
    told = [
        f"Accuracy and agreement were measured with CalcScore {__version__}. Reference and predicted arteries were "
        f"both shortened to {lengths.length_mm:g} mm of each side branch and the aorta to {lengths.margin_mm:g} mm "
        f"above the highest one ({lengths.method.value} method). Dice, volumetric similarity, sensitivity, precision "
        "and Jaccard index were computed on voxels, of arteries after shortening and of calcification as labelled, "
        f"together with the surface Dice at {SURFACE_TOLERANCE_MM:g} mm and the {HAUSDORFF_PERCENTILE}th-percentile "
        "Hausdorff distance (MONAI). A ratio with denominator 0 was left out, and so was a score of an artery that one "
        "side lacks.",
        "The burden is the calcified volume divided by the artery volume; clusters are 6-connected components.",
    ]
    if FIXED in methods_of(study.cases) or (study.cases["measure"] == THRESHOLD_HU).any():
        told.append(
            "Three thresholds were compared: an ideal one, for each case the one of 101 thresholds over the intensity "
            "range inside the reference arteries with the best Dice against the reference calcification; an adaptive "
            f"one, the median of the aorta's lumen core ({WALL_MM:g} mm and {WALL_VOXELS} voxels inside its surface) "
            f"plus {CALCIUM_SDS:g} robust SD of it (1.4826 times the median absolute deviation); and a fixed one of "
            f"{study.parameters.fixed_hu:.0f} HU ({study.parameters.fixed_from}). The latter two acted inside the "
            "predicted arteries. The scores of all rest on the predicted, shortened arteries."
        )
    told.append(
        "Agreement is given as Pearson's correlation with 95 % confidence interval (Fisher's z), the coefficient of "
        "determination about the line of unity, Bland-Altman bias with limits of 1.96 SD, and linear regression with "
        f"percentile intervals of a bootstrap over cases ({BOOTSTRAP_RESAMPLES} resamples, seed {BOOTSTRAP_SEED}). "
        "Scores were compared with the reference's, and methods with each other, by two-sided paired t-tests and "
        "Wilcoxon signed-rank tests; p-values between methods were corrected by Holm's method over all pairs of "
        "methods and all structures of one figure."
    )
    versions = ", ".join(f"{name} {_version(name)}" for name in _LIBRARIES)
    return " ".join([*told, f"Python {platform.python_version()} with {versions} were used."])


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "(not installed)"


def _who(study: Study) -> str:
    """Count the cases."""
    parts = [f"{counted(len(study.done), 'case')} measured"]
    if study.failed:
        parts.append(f"{counted(len(study.failed), 'case')} failed (named in cases.csv)")
    if study.matching.unmatched:
        parts.append(f"{counted(len(study.matching.unmatched), 'case')} left out because a side lacks them")
    return f"{', '.join(parts)}. Methods: {', '.join(methods_of(study.cases))}."


def _accuracy_table(study: Study) -> str:
    """Lay out table 2: a row for each structure and method, a column for each metric."""
    rows = []
    for (structure, method), values in study.accuracy.groupby(["structure", "method"], sort=False):
        by_metric = values.set_index("metric")
        cells = [_spread(by_metric.loc[metric]) for metric in METRICS]
        rows.append((_title(structure), method, *cells))
    return _table(("Structure", "Method", *(_METRIC_TITLES[metric] for metric in METRICS)), rows)


def _spread(row: Any) -> str:
    """Write mean ± SD (range), n."""
    if not row["n"]:
        return MISSING
    sd = "" if math.isnan(row["sd"]) else f" ± {row['sd']:.3f}"
    return f"{row['mean']:.3f}{sd}\n({row['min']:.3f}–{row['max']:.3f}), {row['n']}"


def _phases(study: Study) -> str:
    """Lay out the thresholds by phase; empty without a CTA."""
    if not len(study.phases):
        return ""
    rows = []
    for _, row in study.phases.iterrows():
        bias, low, high = (100 * float(row[key]) for key in ("burden_bias", "burden_loa_low", "burden_loa_high"))
        told = [_number(row[key], digits) for key, digits in (("hu_mean", 0), ("dice_mean", 3), ("dice_sd", 3))]
        rows.append(
            (
                row["phase"],
                row["method"],
                str(row["n"]),
                *told,
                _number(row["dice_min"], 3),
                _interval(bias, low, high, 2),
            )
        )
    header = ("Phase", "Threshold", "n", "Mean HU", "Dice, mean", "SD", "Lowest", "Bias of the burden (limits)")
    note = (
        "Thresholds by themselves: inside the reference's arteries, Dice of the calcification, and the combined burden "
        "against the reference's in percentage points. The phase is that of the lumen's intensity in the image."
    )
    return f'<h2>Thresholds by contrast phase</h2><p class="quiet">{note}</p>{_table(header, rows)}'


def _agreement_tables(study: Study) -> str:
    """Lay out table 3, one part a score."""
    parts = []
    for figure in FIGURES:
        title, unit, factor, digits = _FIGURE_TITLES[figure]
        own = study.agreement[study.agreement["figure"] == figure]
        rows = []
        for _, row in own.iterrows():
            scaled = {key: row[key] * factor for key in ("bias", "loa_low", "loa_high", "intercept")}
            rows.append(
                (
                    _title(row["territory"]),
                    row["method"],
                    str(row["n"]),
                    _interval(row["pearson_r"], row["pearson_low"], row["pearson_high"], 3),
                    _number(row["r2_unity"], 3),
                    _number(row["r_squared"], 3),
                    _interval(scaled["bias"], scaled["loa_low"], scaled["loa_high"], digits),
                    _interval(row["slope"], row["slope_low"], row["slope_high"], 2),
                    _number(scaled["intercept"], digits),
                    _p(row["p_ttest"]),
                    _p(row["p_wilcoxon"]),
                )
            )
        header = ("Territory", "Method", "n", "Pearson r (95 % CI)", "R²", "r²", "Bias (limits of agreement)")
        more = ("Slope (95 % CI)", "Intercept", "p, t-test", "p, Wilcoxon")
        parts.append(f"<h3>{title}, {unit}</h3>{_table((*header, *more), rows)}")
    return "".join(parts)


def _tests_table(study: Study) -> str:
    """Lay out the tests between methods."""
    if not len(study.tests):
        return '<p class="quiet">There is one method only.</p>'
    rows = []
    for _, row in study.tests.iterrows():
        title, unit, factor, digits = _FIGURE_TITLES[row["figure"]]
        rows.append(
            (
                f"{title}, {unit}" if unit else title,
                _title(row["structure"]),
                f"{row['method_a']} − {row['method_b']}",
                str(row["n"]),
                _number(row["mean_difference"] * factor, digits, signed=True),
                *(_p(row[key]) for key in ("p_ttest", "p_ttest_holm", "p_wilcoxon", "p_wilcoxon_holm")),
            )
        )
    header = ("Figure", "Structure", "Methods", "n", "Mean difference", "p, t-test", "Holm", "p, Wilcoxon", "Holm")
    return _table(header, rows, left=3)


def _figures(figures: Sequence[Picture]) -> str:
    """Put the pictures side by side, kind by kind."""
    parts = []
    for kind in dict.fromkeys(picture.kind for picture in figures):
        shown = "".join(_figure(picture) for picture in figures if picture.kind == kind)
        parts.append(f'<h3>{escape(kind)}</h3><div class="figures">{shown}</div>')
    return "".join(parts)


def _figure(picture: Picture) -> str:
    data = base64.b64encode(picture.path.read_bytes()).decode("ascii")
    caption = escape(picture.caption)
    image = f'<img alt="{caption}" src="data:image/png;base64,{data}">'
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"


def _table(header: Iterable[str], rows: Iterable[tuple[str, ...]], left: int = 2) -> str:
    """Lay out a table; a line above each row whose first cell is new."""
    head = "".join(_cell("th", text, n < left) for n, text in enumerate(header))
    lines, before = [], None
    for row in rows:
        kind = ' class="first"' if row[0] != before else ""
        lines.append(f"<tr{kind}>{''.join(_cell('td', text, n < left) for n, text in enumerate(row))}</tr>")
        before = row[0]
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'


def _cell(tag: str, text: str, left: bool) -> str:
    kind = ' class="left"' if left else ""
    return f"<{tag}{kind}>{escape(text)}</{tag}>"


def _title(structure: str) -> str:
    return TITLES.get(structure, structure.replace("_", " ").capitalize())


def _number(value: float, digits: int, signed: bool = False) -> str:
    return MISSING if math.isnan(value) else number(value, digits, signed)


def _interval(value: float, low: float, high: float, digits: int) -> str:
    """Write a figure with its interval, as far as there is one."""
    told = _number(value, digits)
    return told if math.isnan(low) else f"{told} ({_number(low, digits)} to {_number(high, digits)})"


def _p(value: float) -> str:
    """Write a p-value; nobody believes in the digits of a tiny one."""
    if math.isnan(value):
        return MISSING
    return "<0.001" if value < 0.001 else f"{value:.3f}"
