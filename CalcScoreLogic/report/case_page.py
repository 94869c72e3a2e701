"""One page to file: the scores of a case with pictures, plaques, warnings and what they were made with."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from ..anatomy import CALCIFICATION_STRUCTURES, COMBINED, STRUCTURES, VESSELS_OF, CalcificationLabel
from ..results import CaseResult
from ..scoring import Row, Status
from .method import method_text
from .page import MISSING, NOTICE, colour, css, number, swatch, write_page
from .projections import CUT_COLOUR, Projection

_STYLE = """
.top { display: flex; flex-wrap: wrap; gap: .6rem; align-items: flex-start; margin: .5rem 0; }
figure { margin: 0; position: relative; }
figure img { display: block; height: 22rem; max-width: 100%; object-fit: contain; background: #000; }
figure b { position: absolute; top: .2rem; left: .35rem; color: #fff; }
figure b.right { left: auto; right: .35rem; }
figcaption { color: #5d5d66; font-size: .86em; }
.bars { flex: 1 1 15rem; min-width: 13rem; }
.bars td { border: 0; padding: .1rem .3rem; } .bars td.words:nth-child(2) { width: 60%; }
.legend { display: flex; flex-wrap: wrap; gap: .1rem .9rem; margin: .3rem 0; }
.plaques { columns: 3 15rem; column-gap: 1.4rem; margin: .2rem 0; padding: 0; list-style: none; }
.plaques li { display: flex; justify-content: space-between; border-bottom: 1px dotted #ccc; margin: 0;
  gap: .5rem; break-inside: avoid; }
@media print { figure img { height: var(--picture); } .bars { flex-basis: 55mm; min-width: 50mm; } }
"""

_FOLDS = ("Folds", "burden, %")
_HEADER = (
    ("Territory", ""),
    ("Burden", "%"),
    ("Calcified", "mm³"),
    ("Artery", "cm³"),
    ("Plaques", ""),
    ("Mean plaque", "mm³"),
    _FOLDS,
    ("Status", ""),
)

_MOST_PLAQUES = 15
_LETTERS_A_LINE = 115
_LINE_MM, _PLAQUES_MM, _ROW_MM = 3.9, 4.5, 4.7
_FRAME_MM = 66.0
"""Title, legend, headings and margins of the printed sheet."""
_SHEET_MM = 266.0
_PICTURE_MM = (50.0, 96.0)
_PRINT_PT, _SMALLEST = 8.2, 0.65


def write_report(path: Path, result: CaseResult, pictures: Sequence[Projection] = ()) -> None:
    """Write the report of a case as one self-contained page that prints on one sheet of A4.

    Parameters
    ----------
    path : Path
        HTML file to write; it appears whole or not at all.
    result : CaseResult
        The scores.
    pictures : sequence of Projection, optional
        What `projections.projections` drew.
    """
    title = f"{result.case}: arterial calcification"
    how = f"{method_text(result)}. Burden is calcified volume / artery volume."
    body = (
        f'<h1>{escape(title)}</h1><p class="quiet">{escape(how)}</p>',
        f'<div class="top">{"".join(_figure(picture) for picture in pictures)}{_bars(result)}</div>',
        _legend() if pictures else "",
        _table(result),
        _plaques(result),
        _warnings(result),
        _record(result),
        f'<p class="quiet"><b>{NOTICE}</b></p>',
    )
    picture, scale = _fit_sheet(result)
    fitted = f":root {{ --picture: {picture:.0f}mm; --print: {_PRINT_PT * scale:.2f}pt; }}"
    write_page(path, title, body, _STYLE + fitted)


def _fit_sheet(result: CaseResult) -> tuple[float, float]:
    """Give the printed height of the pictures, mm, and the scale of the words, so that both fit one sheet."""
    lines = sum(1 + len(warning) // _LETTERS_A_LINE for warning in result.warnings)
    lines += len(result.provenance.get("models", {})) + len(result.provenance.get("inputs", {}))
    plaques = -(-min(len(result.scores.clusters), _MOST_PLAQUES) // 3)
    rows = len(result.scores.territories) + len(result.scores.vessels)
    words = _FRAME_MM + _LINE_MM * lines + _PLAQUES_MM * plaques + _ROW_MM * rows
    low, high = _PICTURE_MM
    return max(low, min(high, _SHEET_MM - words)), max(_SMALLEST, min(1.0, (_SHEET_MM - low) / words))


def _figure(picture: Projection) -> str:
    """Place a projection with the patient's sides at its edges."""
    data = base64.b64encode(picture.png).decode("ascii")
    return (
        f'<figure><b>{picture.left}</b><b class="right">{picture.right}</b>'
        f'<img alt="{picture.title} projection of the CTA with arteries and calcification" '
        f'src="data:image/png;base64,{data}"><figcaption>{picture.title}</figcaption></figure>'
    )


def _legend() -> str:
    """Explain the colours of the projections."""
    entries = [(css(structure.colour), structure.title) for structure in STRUCTURES.values()]
    plaque = CALCIFICATION_STRUCTURES[CalcificationLabel.CALCIFICATION]
    entries += [(css(CUT_COLOUR), "cut off"), (css(plaque.colour), plaque.title)]
    spans = "".join(f"<span>{swatch(background)}{escape(title)}</span>" for background, title in entries)
    return f'<p class="quiet legend"><span>Maximum intensity projections.</span>{spans}</p>'


def _bars(result: CaseResult) -> str:
    """Draw the burdens as bars; the scale ends at the largest one."""
    rows = result.scores.territories
    top = max((row.burden or 0 for row in rows.values()), default=0) or 1.0
    lines = []
    for name, row in rows.items():
        drawn = ""
        if row.burden is not None:
            width = f"width:{100 * row.burden / top:.1f}%;background:{colour(name)}"
            drawn = f'<span class="track"><span class="bar" style="{width}"></span></span>'
        told = f"{number(row.burden, 100, 1)} %" if row.burden is not None else row.status.value.replace("_", " ")
        lines.append(f'<tr><td>{name.capitalize()}</td><td class="words">{drawn}</td><td>{told}</td></tr>')
    return f'<div class="bars"><h2>Burden</h2><table>{"".join(lines)}</table></div>'


def _table(result: CaseResult) -> str:
    """Lay out the rows, vessels below their territory."""
    # One fold, or no network: a column of nothing says nothing.
    header = [column for column in _HEADER if column is not _FOLDS or result.burden_ranges]
    last = len(header) - 1
    head = "".join(
        f"<th{' class=words' if n == last else ''}>{title}{f'<br><small>{unit}</small>' if unit else ''}</th>"
        for n, (title, unit) in enumerate(header)
    )
    parts = {territory.key: [vessel.value for vessel in pair] for territory, pair in VESSELS_OF.items()}
    rows = []
    for name, row in result.scores.territories.items():
        edited = name in result.edited
        rows.append(_row(name.capitalize(), row, _range(result, name), "total" if name == COMBINED else "", edited))
        for vessel in parts.get(name, ()):
            if vessel in result.scores.vessels:
                span = "" if result.burden_ranges else None
                told = vessel.replace("_", " ")
                rows.append(_row(told, result.scores.vessels[vessel], span, "part", vessel in result.edited))
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def _row(title: str, row: Row, span: str | None, kind: str, edited: bool) -> str:
    # Where there is no artery nothing was measured, and a zero would read as healthy.
    figures = (MISSING,) * 5
    if row.burden is not None:
        figures = (
            number(row.burden, 100, 1),
            number(row.calcified_volume_mm3),
            number(row.artery_volume_mm3, 1e-3, 1),
            str(row.cluster_count),
            number(row.mean_cluster_volume_mm3),
        )
    cells = (title, *figures, *([] if span is None else [span]))
    told = "complete" if row.status is Status.OK else row.status.value.replace("_", " ")
    status = told + (", edited by hand" if edited else "")
    figures_told = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    return f'<tr class="{kind}">{figures_told}<td class="words">{escape(status)}</td></tr>'


def _range(result: CaseResult, name: str) -> str | None:
    """Write the range of the folds; None where there is no such column."""
    if not result.burden_ranges:
        return None
    span = result.burden_ranges.get(name)
    if span is None or span.lowest is None or span.highest is None:
        return ""
    return f"{number(span.lowest, 100, 1)} to {number(span.highest, 100, 1)}"


def _plaques(result: CaseResult) -> str:
    """List the largest calcifications."""
    clusters = result.scores.clusters
    if not clusters:
        return ""
    shown = clusters[:_MOST_PLAQUES]
    lines = []
    for count, cluster in enumerate(shown, start=1):
        place = cluster.vessel.value.replace("_", " ") if cluster.vessel else STRUCTURES[cluster.territory].title
        peak = "" if cluster.max_hu is None else f", {number(cluster.max_hu)} HU"
        name = f"{count} {swatch(colour(cluster.territory.key))}{escape(place.lower())}"
        lines.append(f"<li><span>{name}</span><span>{number(cluster.volume_mm3)} mm³{peak}</span></li>")
    more = f"; the {len(shown)} largest of {len(clusters)}" if len(clusters) > len(shown) else ""
    return f'<h2>Calcifications by volume, with their highest HU{more}</h2><ol class="plaques">{"".join(lines)}</ol>'


def _warnings(result: CaseResult) -> str:
    if not result.warnings:
        return ""
    return "<h2>Warnings</h2><ul>" + "".join(f"<li>{escape(warning)}</li>" for warning in result.warnings) + "</ul>"


def _record(result: CaseResult) -> str:
    """List versions, models and inputs."""
    record: dict[str, Any] = result.provenance
    lines = [f"CalcScore {record.get('calcscore', '')}, {record.get('created', '')}"]
    for role, entry in record.get("inputs", {}).items():
        lines.append(f"{role}: {entry['file']}" + (f", SHA-256 {entry['sha256'][:12]}…" if entry["sha256"] else ""))
    for role, model in record.get("models", {}).items():
        folds = record.get("inference", {}).get("folds", {}).get(role, [])
        told = f"{role} networks: {model['name']}, folds {', '.join(map(str, folds)) or MISSING}"
        lines.append(f"{told}, SHA-256 {model['sha256'][:12]}…")
    if "inference" in record:
        lines.append(f"Networks ran on {record['inference']['device']} in {record['inference']['seconds']:g} s")
    if "rescored" in record:
        segments = ", ".join(record["rescored"]["edited_segments"]) or "none"
        lines.append(f"Scored again {record['rescored']['created']}; segments edited by hand: {segments}")
    return '<h2>Made with</h2><p class="quiet">' + "<br>".join(escape(line) for line in lines) + "</p>"
