"""The plots of a study: Bland-Altman, regression, and Dice against the intensity of the lumen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..images.geometry import Array
from .agreement import BOOTSTRAP_RESAMPLES, BOOTSTRAP_SEED
from .measure import CALCIFICATION, LUMEN_HU, TERRITORY_ROWS
from .style import (
    COLOURS,
    COLUMN_INCHES,
    GREY,
    LIGHT_GREY,
    RC,
    TITLES,
    Picture,
    capital,
    file_word,
    method_style,
    number,
    save,
)
from .tables import methods_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame, Series

    from .study import Study

_Draw = Callable[["Axes", Array, Array, "Series", "_Score", str], list[Any]]

HEIGHT_INCHES = 4.9


@dataclass(frozen=True)
class _Score:
    """How a score is shown: name, unit of values and of differences, factor, digits."""

    title: str
    unit: str
    difference_unit: str
    factor: float
    digits: int


_SCORES = {
    "burden": _Score("burden", "% of artery volume", "percentage points", 100, 1),
    "cluster_count": _Score("number of clusters", "clusters", "clusters", 1, 1),
    "mean_cluster_volume_mm3": _Score("mean cluster size", "mm³", "mm³", 1, 0),
}


def draw_figures(study: Study, folder: Path) -> list[Picture]:
    """Draw every plot of a study.

    Parameters
    ----------
    study : Study
        What to draw.
    folder : Path
        Where to; a PNG and an SVG a figure.

    Returns
    -------
    list of Picture
        The figures in the order of the page.
    """
    import matplotlib as mpl

    with mpl.rc_context(RC):
        pictures = list(_draw_dice(study, folder))
        for figure in _SCORES:
            pictures += _draw_score(study, figure, folder)
    return pictures


def _draw_score(study: Study, name: str, folder: Path) -> Iterator[Picture]:
    """Draw both plots of one score for each method."""
    score, cases = _SCORES[name], study.cases[study.cases["measure"] == name]
    values = cases.dropna(subset=["value", "reference"])
    for kind, draw in (("Bland-Altman", _bland_altman), ("Regression", _regression)):
        for method in methods_of(study.cases):
            figure = _panels(study, values, name, method, draw)
            caption = _CAPTIONS[kind].format(score=score.title, method=method)
            stem = f"{kind.casefold().replace('-', '_')}_{name}_{file_word(method)}"
            yield save(figure, folder, stem, f"{kind}: {score.title}", caption)


_CAPTIONS = {
    "Bland-Altman": "Bland-Altman plots of {score}, {method} against the reference. Solid line: mean difference; "
    "dashed lines: mean ± 1.96 SD.",
    "Regression": "Regression of {score}, {method} on the reference. Band: 95 % bootstrap interval of the line; "
    "dotted line: unity.",
}


def _panels(study: Study, values: DataFrame, name: str, method: str, draw: _Draw) -> Figure:
    """Draw the four territories and combined in one panel."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    score = _SCORES[name]
    figure = Figure(figsize=(COLUMN_INCHES, HEIGHT_INCHES), layout="constrained")
    axes = figure.subplots(3, 2).ravel()
    table = study.agreement[(study.agreement["figure"] == name) & (study.agreement["method"] == method)]
    handles: list[Any] = []
    for axis, territory in zip(axes, TERRITORY_ROWS, strict=False):
        pairs = values[(values["structure"] == territory) & (values["method"] == method)]
        axis.set_title(f"{TITLES[territory]}, n = {len(pairs)}", color=COLOURS[territory], weight="bold", loc="left")
        if not len(pairs):
            axis.text(0.5, 0.5, "no pair of scores", ha="center", va="center", transform=axis.transAxes, color=GREY)
            axis.set_axis_off()
            continue
        row = table[table["territory"] == territory].iloc[0]
        reference, value = (score.factor * pairs[key].to_numpy() for key in ("reference", "value"))
        handles = draw(axis, reference, value, row, score, COLOURS[territory])
        for ticks in (axis.xaxis, axis.yaxis) if name == "cluster_count" else ():
            ticks.set_major_locator(MaxNLocator(4, integer=True))
    across, up = (
        ("Mean of reference and {method} ({unit})", "{Method} − reference ({difference_unit})")
        if draw is _bland_altman
        else ("Reference ({unit})", "{Method} ({unit})")
    )
    words = {**asdict(score), "method": method, "Method": capital(method)}
    figure.supxlabel(across.format(**words), fontsize=RC["axes.labelsize"])
    figure.supylabel(up.format(**words), fontsize=RC["axes.labelsize"])
    axes[-1].set_axis_off()
    axes[-1].legend(
        handles=handles, loc="center", frameon=False, title=f"{capital(score.title)}\n{method}", labelspacing=0.7
    )
    axes[-1].get_legend().get_title().set(weight="bold", multialignment="center", linespacing=1.4)
    return figure


def _bland_altman(axis: Axes, reference: Array, value: Array, row: Series, score: _Score, colour: str) -> list[Any]:
    """Differences against means, with bias and limits of agreement; give what the legend explains."""
    mean, difference = (reference + value) / 2, value - reference
    axis.axhline(0, color=LIGHT_GREY, lw=0.6, zorder=1)
    point = axis.scatter(mean, difference, s=9, color=colour, alpha=0.75, linewidths=0, zorder=3, label="one case")
    bias, low, high = (score.factor * row[key] for key in ("bias", "loa_low", "loa_high"))
    handles = [point, axis.axhline(bias, color=GREY, lw=0.8, zorder=2, label="bias")]
    told = f"bias {number(bias, score.digits)}"
    limits = []
    if not np.isnan(low):
        limits = [low, high]
        handles += [axis.axhline(v, color=GREY, ls="--", lw=0.8, zorder=2, label="bias ± 1.96 SD") for v in limits]
        told += f"\n{number(low, score.digits)} to {number(high, score.digits)}"
    axis.set_xlim(*_room([0, *mean]))
    axis.set_ylim(*_room([0, *difference, *limits], top=0.38))
    _note(axis, told)
    return handles[:3]


def _regression(axis: Axes, reference: Array, value: Array, row: Series, score: _Score, colour: str) -> list[Any]:
    """Prediction against reference, with the fitted line, its band and the line of unity; give the legend."""
    import seaborn as sns

    low, high = _room([0, *reference, *value])
    unity = axis.plot([low, high], [low, high], ls=":", lw=0.8, color=GREY, zorder=1, label="line of unity")
    fitted = not np.isnan(row["slope"])
    with np.errstate(divide="ignore", invalid="ignore"):
        sns.regplot(
            x=reference,
            y=value,
            ax=axis,
            color=colour,
            fit_reg=fitted,
            n_boot=BOOTSTRAP_RESAMPLES,
            seed=BOOTSTRAP_SEED,
            label="one case",
            scatter_kws={"s": 9, "alpha": 0.75, "linewidths": 0, "zorder": 3},
            line_kws={"lw": 1.0, "label": "fitted line"},
        )
    axis.set_xlim(low, high)
    axis.set_ylim(low, high)
    axis.set_box_aspect(1)
    told = [] if np.isnan(row["pearson_r"]) else [f"r = {number(row['pearson_r'], 3, signed=False)}"]
    if fitted:
        told.append(f"slope {number(row['slope'], 2, signed=False)}")
        axis.collections[-1].set_label("95 % interval")
    # Into the corner that the line does not run through.
    _note(axis, "\n".join(told), below=float(np.mean(value)) > float(np.mean(reference)))
    return [*axis.collections[:1], *axis.lines[1:2], *axis.collections[1:2], *unity]


def _draw_dice(study: Study, folder: Path) -> Iterator[Picture]:
    """Draw the Dice of the calcification against the intensity of the lumen, or by method without a CTA."""
    from matplotlib.figure import Figure

    cases = study.cases
    dice = cases[(cases["measure"] == "dice") & (cases["structure"] == CALCIFICATION)].dropna(subset=["value"])
    lumen = cases[cases["measure"] == LUMEN_HU].set_index("case")["value"]
    if not len(dice) or not lumen.notna().any():
        return
    methods = methods_of(cases)
    figure = Figure(figsize=(COLUMN_INCHES, 2.6), layout="constrained")
    axis = figure.subplots()
    for method in methods:
        own = dice[dice["method"] == method]
        colour, marker = method_style(method, methods)
        label = f"{capital(method)}, mean {own['value'].mean():.2f}"
        axis.scatter(
            own["case"].map(lumen), own["value"], s=16, color=colour, marker=marker, alpha=0.85, lw=0, label=label
        )
    axis.set_ylim(-0.03, 1.03)
    axis.set_xlabel("Median intensity of the lumen (HU)")
    axis.set_ylabel("Dice of the calcification")
    figure.legend(loc="outside upper left", ncols=1, frameon=False, handletextpad=0.2)
    caption = "Dice of the calcification in every case against the intensity of its contrast-filled lumen, by method."
    yield save(figure, folder, "dice_by_lumen", "Calcification and the intensity of the lumen", caption)


def _room(values: Any, top: float = 0.06) -> tuple[float, float]:
    """Give limits with some room around the values."""
    low, high = float(np.min(values)), float(np.max(values))
    span = (high - low) or 1.0
    return low - 0.06 * span, high + top * span


def _note(axis: Axes, text: str, below: bool = False) -> None:
    """Write figures into the upper left or the lower right corner, legible over points."""
    box = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 1.0}
    style: dict[str, Any] = {"transform": axis.transAxes, "fontsize": 6.5, "bbox": box, "zorder": 4}
    if below:
        axis.text(0.97, 0.04, text, ha="right", va="bottom", **style)
    else:
        axis.text(0.04, 0.97, text, va="top", **style)
