"""One page for a cohort: distributions, failures, outliers, and a link to each case."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from urllib.parse import quote

import numpy as np

from ..anatomy import COMBINED, Territory
from ..case_files import REPORT, SCORES_TABLE
from ..csv_files import read_csv
from ..report.page import MISSING, NOTICE, colour, number, swatch, write_page
from ..results import FIGURES_BEFORE_EDITS
from ..wording import counted
from .tables import CASES_TABLE

COHORT_PAGE = "cohort.html"
"""Name of the page in the cohort's folder."""

FEWEST_FOR_OUTLIERS = 8
"""With fewer cases the quartiles say too little to call one unusual."""

FENCE = 1.5
"""Outliers lie further from the quartiles than this many interquartile ranges (Tukey's fences)."""

_TERRITORIES = (*(territory.key for territory in Territory), COMBINED)
_FIGURES = (("burden", "Burden, %", 100.0, 1), ("artery_volume_mm3", "Artery, cm³", 1e-3, 1))
_SUMMED = ("calcified_volume_mm3", "artery_volume_mm3", "cluster_count")
_WIDTH, _HEIGHT = 300, 26
_STYLE = "svg { display: block; } .dots circle { fill-opacity: .45; }"


@dataclass(frozen=True)
class Spread:
    """Where the middle half of some values lies.

    Attributes
    ----------
    low, median, high : float
        Quartiles (linear interpolation).
    """

    low: float
    median: float
    high: float

    @property
    def fences(self) -> tuple[float, float]:
        """What lies outside of these is an outlier."""
        reach = FENCE * (self.high - self.low)
        return self.low - reach, self.high + reach


@dataclass(frozen=True)
class Outlier:
    """A value far from those of the other cases.

    Attributes
    ----------
    case, territory, figure : str
        Where it is; `figure` is a column of ``scores.csv``.
    value : float
        As in the table.
    spread : Spread
        Of all cases.
    """

    case: str
    territory: str
    figure: str
    value: float
    spread: Spread


def write_cohort_page(folder: Path) -> None:
    """Write ``cohort.html`` from the two tables of a cohort.

    Parameters
    ----------
    folder : Path
        The cohort's folder, with ``cases.csv``, ``scores.csv`` and a folder a case.

    Raises
    ------
    InputError
        A table is missing or lacks a column.
    """
    cases = _read(folder / CASES_TABLE, ("case", "state", "reason"))
    scores = _read(folder / SCORES_TABLE, ("case", "territory", "status", *(figure for figure, *_ in _FIGURES)))
    states = Counter(row["state"] for row in cases)
    told = f"{states['done']} done, {states['failed']} failed"
    title = f"Cohort of {counted(len(cases), 'case')}"
    body = (
        f"<h1>{title}</h1><p class='quiet'>{told}. Burden is calcified volume / artery volume.</p>",
        _distributions(scores),
        _corrections(scores),
        _failures(cases),
        _outliers(outliers(scores)),
        _codes(cases),
        _cases(cases, scores),
        f'<p class="quiet"><b>{NOTICE}</b></p>',
    )
    write_page(folder / COHORT_PAGE, title, body, _STYLE)


def outliers(scores: Sequence[Mapping[str, str]]) -> list[Outlier]:
    """Find values outside Tukey's fences.

    Parameters
    ----------
    scores : sequence of mapping
        Rows of ``scores.csv``. Rows that are not complete are left out: their figures are no measure of
        the artery.

    Returns
    -------
    list of Outlier
        Of burdens and artery volumes, by territory; none where a territory has fewer than 8 values.
    """
    found = []
    for territory in _TERRITORIES:
        for figure, *_ in _FIGURES:
            values = {
                row["case"]: float(row[figure])
                for row in scores
                if row["territory"] == territory and row["status"] == "ok" and row[figure]
            }
            if len(values) < FEWEST_FOR_OUTLIERS:
                continue
            spread = _spread(list(values.values()))
            low, high = spread.fences
            found += [
                Outlier(case, territory, figure, value, spread)
                for case, value in values.items()
                if not low <= value <= high
            ]
    return found


def _read(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Read a table; raises InputError."""
    return [line.cells for line in read_csv(path, columns)]


def _spread(values: Sequence[float]) -> Spread:
    low, median, high = (float(v) for v in np.quantile(values, (0.25, 0.5, 0.75)))
    return Spread(low, median, high)


def _distributions(scores: Sequence[Mapping[str, str]]) -> str:
    """Show the burdens of each territory as dots with their quartiles, and who has none."""
    rows = []
    top = max((100 * float(row["burden"]) for row in scores if row["burden"]), default=0.0) or 1.0
    for name in _TERRITORIES:
        own = [row for row in scores if row["territory"] == name]
        values = [100 * float(row["burden"]) for row in own if row["burden"]]
        others = Counter(row["status"].replace("_", " ") for row in own if row["status"] != "ok")
        told = ", ".join(f"{count} {status}" for status, count in sorted(others.items())) or MISSING
        figures = (MISSING, MISSING, MISSING)
        if values:
            spread = _spread(values)
            figures = (
                number(spread.median, 1, 1),
                f"{number(spread.low, 1, 1)} to {number(spread.high, 1, 1)}",
                f"{number(min(values), 1, 1)} to {number(max(values), 1, 1)}",
            )
        cells = "".join(f"<td>{cell}</td>" for cell in (str(len(values)), *figures))
        rows.append(
            f"<tr><td>{swatch(colour(name))}{name.capitalize()}</td>{cells}"
            f'<td class="words">{_dots(values, top, colour(name))}</td><td class="words">{told}</td></tr>'
        )
    head = (
        "<th>Territory</th><th>Cases</th><th>Median<br><small>%</small></th><th>Quartiles<br><small>%</small></th>"
        f'<th>Range<br><small>%</small></th><th class="words">0 to {number(top, 1, 1)} %</th>'
        '<th class="words">Not complete</th>'
    )
    return _table("Burden", head, rows)


def _corrections(scores: Sequence[Mapping[str, str]]) -> str:
    """Tell how much edits by hand have changed; empty where there were none."""
    rows = []
    for name in _TERRITORIES:
        edited = [row for row in scores if row["territory"] == name and row.get("edited") == "yes"]
        if not edited:
            continue
        known = [row for row in edited if row.get("calcified_volume_mm3_before_edits")]
        changes = {
            figure: [
                float(row[figure]) - float(row[f"{figure}_before_edits"])
                for row in known
                if row[figure] and row[f"{figure}_before_edits"]
            ]
            for figure in FIGURES_BEFORE_EDITS
        }
        cells = [str(len(edited)), MISSING, MISSING, *(_sum_of(changes[figure]) for figure in _SUMMED)]
        if changes["burden"]:
            spread = _spread(changes["burden"])
            cells[1] = _signed(100 * spread.median, 1)
            cells[2] = f"{_signed(100 * min(changes['burden']), 1)} to {_signed(100 * max(changes['burden']), 1)}"
        unknown = len(edited) - len(known)
        told = f"{unknown} trimmed to other lengths since: not known" if unknown else MISSING
        figures = "".join(f"<td>{cell}</td>" for cell in cells)
        title = f"{swatch(colour(name))}{name.capitalize()}"
        rows.append(f'<tr><td>{title}</td>{figures}<td class="words">{told}</td></tr>')
    head = (
        "<th>Territory</th><th>Cases</th><th>Burden, median change<br><small>percentage points</small></th>"
        "<th>Range<br><small>percentage points</small></th><th>Calcified, all cases<br><small>mm³</small></th>"
        '<th>Artery, all cases<br><small>mm³</small></th><th>Plaques, all cases</th><th class="words">Left out</th>'
    )
    return _table("Corrected by hand: after minus before", head, rows) if rows else ""


def _sum_of(changes: Sequence[float]) -> str:
    return _signed(sum(changes), 0) if changes else MISSING


def _signed(value: float, digits: int) -> str:
    """Write a difference with its sign; a minus, not a hyphen."""
    text = f"{value:+.{digits}f}".replace("-", "\N{MINUS SIGN}")
    return text if any(digit in text for digit in "123456789") else text[1:]


def _dots(values: Sequence[float], top: float, fill: str) -> str:
    """Draw values as dots on a line, with a box from quartile to quartile."""
    if not values:
        return ""

    def x(value: float) -> float:
        return 5 + (_WIDTH - 10) * value / top

    spread, middle = _spread(values), _HEIGHT / 2
    box = (
        f'<rect x="{x(spread.low):.1f}" y="{middle - 8}" width="{x(spread.high) - x(spread.low):.1f}" height="16" '
        f'fill="none" stroke="#777"/><path d="M{x(spread.median):.1f} {middle - 8}v16" stroke="#000" stroke-width="2"/>'
    )
    # Neighbours in rank lie at different heights, so that equal values can be told apart.
    dots = "".join(
        f'<circle cx="{x(value):.1f}" cy="{middle + (n % 5 - 2) * 3}" r="2.5" fill="{fill}"/>'
        for n, value in enumerate(sorted(values))
    )
    return f'<svg class="dots" width="{_WIDTH}" height="{_HEIGHT}" role="img">{dots}{box}</svg>'


def _failures(cases: Sequence[Mapping[str, str]]) -> str:
    rows = [
        f'<tr><td>{escape(row["case"])}</td><td class="words long">{escape(row["reason"])}</td></tr>'
        for row in cases
        if row["state"] == "failed"
    ]
    return _table("Failed", '<th>Case</th><th class="words">Reason</th>', rows) if rows else ""


def _outliers(found: Sequence[Outlier]) -> str:
    titles = {figure: (title, factor, digits) for figure, title, factor, digits in _FIGURES}
    rows = []
    for one in found:
        title, factor, digits = titles[one.figure]
        value, low, high = (number(v, factor, digits) for v in (one.value, one.spread.low, one.spread.high))
        rows.append(
            f'<tr><td>{_link(one.case)}</td><td class="words">{one.territory.capitalize()}</td>'
            f'<td class="words">{title}</td><td>{value}</td><td>{low} to {high}</td></tr>'
        )
    head = (
        '<th>Case</th><th class="words">Territory</th><th class="words">Figure</th><th>Value</th>'
        "<th>Quartiles of all</th>"
    )
    return (
        _table(f"Outliers: further than {FENCE:g} interquartile ranges from the quartiles", head, rows) if rows else ""
    )


def _codes(cases: Sequence[Mapping[str, str]]) -> str:
    """Count the cases that have each kind of warning."""
    counts = Counter(code for row in cases for code in (row.get("warning_codes") or "").split(";") if code)
    rows = [
        f"<tr><td>{escape(code.replace('_', ' '))}</td><td>{count}</td></tr>" for code, count in counts.most_common()
    ]
    return _table("Warnings", "<th>Kind</th><th>Cases</th>", rows) if rows else ""


def _cases(cases: Sequence[Mapping[str, str]], scores: Sequence[Mapping[str, str]]) -> str:
    """List all cases with their burdens."""
    burdens = {(row["case"], row["territory"]): row["burden"] for row in scores}
    rows = []
    for row in cases:
        name = row["case"]
        found = [burdens.get((name, territory), "") for territory in _TERRITORIES]
        cells = "".join(f"<td>{number(float(text) if text else None, 100, 1)}</td>" for text in found)
        done = row["state"] == "done"
        codes = escape((row.get("warning_codes") or "").replace(";", ", ").replace("_", " ")) if done else "failed"
        rows.append(
            f'<tr><td>{_link(name) if done else escape(name)}</td>{cells}<td class="words long">{codes}</td></tr>'
        )
    heads = "".join(f"<th>{name.capitalize()}<br><small>%</small></th>" for name in _TERRITORIES)
    return _table("Cases", f'<th>Case</th>{heads}<th class="words">Warnings</th>', rows)


def _table(title: str, head: str, rows: Iterable[str]) -> str:
    body = "".join(rows)
    return f'<h2>{title}</h2><div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _link(case: str) -> str:
    return f'<a href="{quote(case)}/{REPORT}">{escape(case)}</a>'
