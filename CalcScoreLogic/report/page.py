"""What the pages of CalcScore share: their look, numbers, bars, and how a page is written."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path

from ..anatomy import COMBINED, STRUCTURES, Territory
from ..atomic import write_text

MISSING = "–"
"""What stands for a figure that is not defined."""

NOTICE = "Research use only. Not a medical device."

_COMBINED_COLOUR = (115, 115, 122)

_STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { font: 14px/1.4 system-ui, -apple-system, "Segoe UI", Arial, sans-serif; color: #1c1c1f; background: #fff;
  max-width: 62rem; margin: 1.2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.35rem; margin: 0 0 .1rem; } h2 { font-size: 1rem; margin: .9rem 0 .25rem; }
p { margin: .2rem 0; } ul { margin: .2rem 0; padding-left: 1.1rem; } li { margin: .1rem 0; }
.quiet { color: #5d5d66; font-size: .86em; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .16rem .45rem; border-bottom: 1px solid #ddd; white-space: nowrap; }
th { font-weight: 600; vertical-align: bottom; } th small { font-weight: 400; color: #5d5d66; }
th:first-child, td:first-child, th.words, td.words { text-align: left; }
td.words.long { white-space: normal; min-width: 14rem; }
tr.part td { color: #5d5d66; border-bottom-style: dotted; } tr.part td:first-child { padding-left: 1.3rem; }
tr.total td { border-top: 2px solid #888; font-weight: 600; }
.colour { display: inline-block; width: .75em; height: .75em; margin-right: .4em; border-radius: 2px; }
.bar { display: block; height: .8em; border-radius: 2px; min-width: 1px; }
.track { display: block; background: #eee; border-radius: 2px; }
@page { size: A4; margin: 12mm; }
@media (max-width: 34rem) { body { padding: 0 .6rem; } th, td { padding: .16rem .2rem; font-size: 12px; } }
@media print { html { font-size: var(--print, 8.2pt); } body { margin: 0; padding: 0; max-width: none; font-size: 1rem;
  line-height: 1.3; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  a { color: inherit; text-decoration: none; } .wide { overflow: visible; } h2 { margin: .55rem 0 .15rem; }
  th, td { padding: .08rem .45rem; } tr, li, figure { break-inside: avoid; } }
"""


def write_page(path: Path, title: str, body: Iterable[str], style: str = "") -> None:
    """Write a self-contained page.

    Parameters
    ----------
    path : Path
        HTML file to write; it appears whole or not at all.
    title : str
        Its title, any text.
    body : iterable of str
        HTML, part by part.
    style : str
        CSS of this page's own.
    """
    content = "\n".join(part for part in body if part)
    page = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title><style>{_STYLE}{style}</style></head><body>
{content}
</body></html>
"""
    write_text(path, page)


def number(value: float | None, factor: float = 1.0, digits: int = 0) -> str:
    """Write a figure for a reader.

    Parameters
    ----------
    value : float or None
        The figure.
    factor : float
        What it is multiplied with, e.g. 100 for percent.
    digits : int
        Decimals.

    Returns
    -------
    str
        Thousands apart by narrow spaces; an en dash where it is not defined.
    """
    return MISSING if value is None else f"{value * factor:,.{digits}f}".replace(",", "\u202f")


def colour(name: str) -> str:
    """Give the colour of a row as CSS, the same as in pictures and segments."""
    rgb = _COMBINED_COLOUR if name == COMBINED else STRUCTURES[Territory[name.upper()]].colour
    return css(rgb)


def css(rgb: tuple[int, int, int]) -> str:
    """Write an sRGB colour for CSS."""
    return f"rgb({rgb[0]}, {rgb[1]}, {rgb[2]})"


def swatch(background: str) -> str:
    """Draw a small square of a colour."""
    return f'<span class="colour" style="background:{background}"></span>'
