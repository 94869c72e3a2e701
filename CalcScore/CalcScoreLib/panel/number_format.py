"""Figures as the panel writes them: rounded to what they are worth, thousands apart, a dash where undefined."""

from __future__ import annotations

import re

from CalcScoreLogic.csv_files import to_csv
from CalcScoreLogic.inference.protocol import Progress
from CalcScoreLogic.results import CSV_COLUMNS, CaseResult
from CalcScoreLogic.scoring import Row

from ..scene.tables import status_text
from ..translation import _

MISSING = "–"
_THIN_SPACE = "\u202f"
_MINUS = "\N{MINUS SIGN}"

_STAGES = {
    "starting": _("Starting"),
    "loading": _("Loading the networks"),
    "loading territories": _("Loading the artery network"),
    "loading calcification": _("Loading the calcification network"),
    "territories": _("Arteries"),
    "territories, putting together": _("Arteries, putting together"),
    "calcification": _("Calcification"),
    "calcification, putting together": _("Calcification, putting together"),
}


def number(value: float | None, digits: int = 0) -> str:
    """Write a number with thousands apart; `MISSING` for None, and never 0 for what is more than nothing."""
    if value is None:
        return MISSING
    smallest = 10.0**-digits
    if 0 < value < smallest / 2:
        return f"<{smallest:.{digits}f}"
    return f"{value:,.{digits}f}".replace(",", _THIN_SPACE)


def signed(value: float | None, digits: int = 0) -> str:
    """Write a difference with its sign, a minus and no hyphen; `MISSING` for None."""
    if value is None:
        return MISSING
    text = f"{abs(value):,.{digits}f}".replace(",", _THIN_SPACE)
    if text == number(0.0, digits):
        return text
    return ("+" if value > 0 else _MINUS) + text


def percent(share: float | None) -> str:
    """Write a share of 1 as percent with one decimal."""
    return number(None if share is None else 100 * share, 1)


def figures_of(row: Row) -> tuple[str, ...]:
    """Write a row's figures: burden %, calcified mm³, artery cm³, plaques, mean plaque mm³."""
    return (
        percent(row.burden),
        number(row.calcified_volume_mm3),
        number(row.artery_volume_mm3 / 1000, 1),
        number(row.cluster_count),
        number(row.mean_cluster_volume_mm3),
    )


def changes_of(row: Row, before: Row) -> tuple[str, ...]:
    """Write what has changed in a row, in the order of `figures_of`."""

    def change(name: str) -> float | None:
        after, earlier = getattr(row, name), getattr(before, name)
        return None if after is None or earlier is None else after - earlier

    burden = change("burden")
    return (
        signed(None if burden is None else 100 * burden, 1),
        signed(change("calcified_volume_mm3")),
        signed((row.artery_volume_mm3 - before.artery_volume_mm3) / 1000, 1),
        signed(change("cluster_count")),
        signed(change("mean_cluster_volume_mm3")),
    )


def why_missing(row: Row) -> str:
    """Say why a row has a figure that is not defined."""
    if row.burden is None:
        return _("Not defined: {status}.").format(status=_(status_text(row)))
    return _("Not defined: there is no plaque.")


def has_artery(row: Row) -> bool:
    """Tell whether there is anything that figures could stand for."""
    return row.burden is not None


def fold_range(result: CaseResult) -> str:
    """Write the range of the combined burden over the folds; empty where there is none."""
    span = result.burden_ranges.get("combined")
    if span is None or span.lowest is None or span.highest is None:
        return ""
    return _("single networks {low} – {high} %").format(low=percent(span.lowest), high=percent(span.highest))


def clipboard_text(result: CaseResult) -> str:
    """Write the table of ``scores.csv``, with the vessels, as a spreadsheet takes it from the clipboard: with tabs."""
    return to_csv(result.csv_rows(vessels=True), CSV_COLUMNS, "\t")


def unbroken(text: str) -> str:
    """Keep numbers and their units on one line."""
    return re.sub(r"(?<=\d) (?=(?:%|[cm]?m[²³]?|HU)(?!\w))", "\N{NO-BREAK SPACE}", text)


def shortened(text: str, longest: int) -> str:
    """Leave out the middle of a text of more characters than `longest`: names of series differ at their ends too."""
    if len(text) <= longest:
        return text
    kept = longest - 1
    return f"{text[: (kept + 1) // 2].rstrip()}…{text[len(text) - kept // 2 :].lstrip()}"


def sentence(text: str) -> str:
    """Begin with a capital and end with a stop."""
    text = text.strip()
    whole = text[:1].upper() + text[1:]
    return whole if whole.endswith((".", "!", "?", "…")) else f"{whole}."


def trouble(text: object) -> str:
    """Write what went wrong, an error or words, as a sentence behind a warning sign."""
    return f"⚠ {sentence(str(text))}"


def progress_text(progress: Progress) -> str:
    """Write how far a run is, e.g. "Calcification, network 2 of 5 · 2 min left"."""
    text = _STAGES.get(progress.stage, progress.stage.capitalize())
    if progress.fold and progress.folds:
        text = _("{stage}, network {fold} of {folds}").format(stage=text, fold=progress.fold, folds=progress.folds)
    left = time_left(progress.seconds_left)
    return f"{text} · {left}" if left else text


def time_left(seconds: float | None) -> str:
    """Write an expected time; empty where nothing is known."""
    if seconds is None:
        return ""
    minutes = round(seconds / 60)
    if minutes < 1:
        return _("less than 1 min left")
    if minutes < 90:
        return _("{minutes} min left").format(minutes=minutes)
    return _("{hours} h {minutes} min left").format(hours=minutes // 60, minutes=minutes % 60)
