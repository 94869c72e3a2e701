"""One page to file: the scores of a case with picture, warnings and what they were made with."""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path
from typing import Any

from .anatomy import VESSELS_OF
from .atomic import write_text
from .results import CaseResult
from .scoring import Row

_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.45 system-ui, sans-serif; color: #1c1c1f; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin: 0 0 .2rem; } h2 { font-size: 1.05rem; margin: 1.4rem 0 .4rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .25rem .5rem; border-bottom: 1px solid #ddd; }
th { font-weight: 600; vertical-align: bottom; } th small { font-weight: 400; color: #666; }
th:first-child, td:first-child, td:last-child, th:last-child { text-align: left; }
tr.part td:first-child { padding-left: 1.4rem; color: #555; } tr.part td { color: #555; }
tr.total td { border-top: 2px solid #888; font-weight: 600; }
img { max-width: 100%; } .quiet { color: #666; font-size: .9em; } li { margin: .2rem 0; }
@page { size: A4; margin: 14mm; } @media print { body { margin: 0; font-size: 11px; max-width: none; } }
"""

_FOLDS = ("Folds", "burden, %")
_HEADER = (
    ("Territory", ""),
    ("Burden", "%"),
    ("Calcified", "mm³"),
    ("Artery", "cm³"),
    ("Clusters", ""),
    ("Mean cluster", "mm³"),
    _FOLDS,
    ("Status", ""),
)
_MISSING = "–"


def write_report(path: Path, result: CaseResult, picture: bytes | None = None) -> None:
    """Write the report of a case as one self-contained page.

    Parameters
    ----------
    path : Path
        HTML file to write; it appears whole or not at all.
    result : CaseResult
        The scores.
    picture : bytes, optional
        PNG of the case.
    """
    figure = ""
    if picture:
        data = base64.b64encode(picture).decode("ascii")
        figure = f'<img alt="CTA, arteries kept and cut, calcification, burdens" src="data:image/png;base64,{data}">'
    page = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{escape(result.case)}: arterial calcification</title><style>{_STYLE}</style></head><body>
<h1>{escape(result.case)}: arterial calcification</h1>
<p class="quiet">{escape(_how(result))}</p>
{figure}
{_table(result)}
{_warnings(result)}
{_record(result)}
<p class="quiet">CalcScore is research software, not a medical device.</p>
</body></html>
"""
    write_text(path, page)


def _how(result: CaseResult) -> str:
    """Say in one sentence what was measured."""
    parameters = result.parameters
    if parameters["length_mm"] is None:
        trimmed = "Arteries as segmented, not trimmed"
    else:
        trimmed = (
            f"Side branches trimmed to {parameters['length_mm']:g} mm ({parameters['method']} method), "
            f"aorta to {parameters['aorta_margin_mm']:g} mm above the highest branch"
        )
    return f"{trimmed}; calcification from: {parameters['calcification']}. Burden is calcified volume / artery volume."


def _table(result: CaseResult) -> str:
    """Lay out the rows, vessels below their territory."""
    # One fold, or no network: a column of nothing says nothing.
    header = [column for column in _HEADER if column is not _FOLDS or result.burden_ranges]
    head = "".join(f"<th>{title}{f'<br><small>{unit}</small>' if unit else ''}</th>" for title, unit in header)
    parts = {territory.key: [vessel.value for vessel in pair] for territory, pair in VESSELS_OF.items()}
    rows = []
    for name, row in result.scores.territories.items():
        rows.append(_row(name.capitalize(), row, _range(result, name), "total" if name == "combined" else ""))
        for vessel in parts.get(name, ()):
            if vessel in result.scores.vessels:
                span = "" if result.burden_ranges else None
                rows.append(_row(vessel.replace("_", " "), result.scores.vessels[vessel], span, "part"))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _row(title: str, row: Row, span: str | None, kind: str) -> str:
    cells = (
        title,
        _number(row.burden, 100, 1),
        _number(row.calcified_volume_mm3, 1, 0),
        _number(row.artery_volume_mm3, 1e-3, 1),
        str(row.cluster_count),
        _number(row.mean_cluster_volume_mm3, 1, 0),
        *([] if span is None else [span]),
        row.status.value.replace("_", " "),
    )
    return f'<tr class="{kind}">' + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"


def _range(result: CaseResult, name: str) -> str | None:
    """Write the range of the folds; None where there is no such column."""
    if not result.burden_ranges:
        return None
    span = result.burden_ranges.get(name)
    if span is None or span.lowest is None or span.highest is None:
        return ""
    return f"{100 * span.lowest:.1f} to {100 * span.highest:.1f}"


def _number(value: float | None, factor: float, digits: int) -> str:
    """Write a figure with thousands apart; an en dash for one that is not defined."""
    return _MISSING if value is None else f"{value * factor:,.{digits}f}".replace(",", "\u202f")


def _warnings(result: CaseResult) -> str:
    if not result.warnings:
        return ""
    return "<h2>Warnings</h2><ul>" + "".join(f"<li>{escape(warning)}</li>" for warning in result.warnings) + "</ul>"


def _record(result: CaseResult) -> str:
    """List versions, models and inputs."""
    record: dict[str, Any] = result.provenance
    lines = [f"CalcScore {record.get('calcscore', '')}, {record.get('created', '')}"]
    lines += [f"{role}: {entry['file']}" for role, entry in record.get("inputs", {}).items()]
    for role, model in record.get("models", {}).items():
        folds = record.get("inference", {}).get("folds", {}).get(role, [])
        told = f"{role} networks: {model['name']}, folds {', '.join(map(str, folds))}"
        lines.append(f"{told}, SHA-256 {model['sha256'][:12]}…")
    if "inference" in record:
        lines.append(f"Networks ran on {record['inference']['device']} in {record['inference']['seconds']:g} s")
    return '<h2>Made with</h2><p class="quiet">' + "<br>".join(escape(line) for line in lines) + "</p>"
