"""The burdens as bars, in the territories' colours."""

from __future__ import annotations

from html import escape

from CalcScoreLogic.anatomy import COMBINED, STRUCTURES, Territory
from CalcScoreLogic.results import CaseResult

from ..scene.tables import row_title, status_text
from ..translation import _
from .number_format import percent

_LONGEST = 190
_COMBINED_COLOUR = (128, 128, 128)


def bars(result: CaseResult) -> str:
    """Draw the burdens as a table of rich text, which needs no view and follows the application's colours.

    Parameters
    ----------
    result : CaseResult
        The scores.

    Returns
    -------
    str
        Rich text: a bar in the territory's colour and its figure on each row, words where there is no figure.
    """
    rows = [(territory.key, STRUCTURES[territory].colour) for territory in Territory]
    rows.append((COMBINED, _COMBINED_COLOUR))
    burdens = {name: result.scores.territories[name].burden for name, _colour in rows}
    longest = max((burden or 0 for burden in burdens.values()), default=0) or 1
    lines = []
    for name, colour in rows:
        burden = burdens[name]
        if burden is None:
            drawn = escape(_(status_text(result.scores.territories[name])))
        else:
            drawn = _bar(colour, round(_LONGEST * burden / longest), f"{percent(burden)} %")
        lines.append(f"<tr><td>{escape(row_title(name))}&nbsp;&nbsp;</td><td>{drawn}</td></tr>")
    title = escape(_("Burden, % of the artery's volume"))
    return f"<p>{title}</p><table cellspacing='0' cellpadding='2'>{''.join(lines)}</table>"


def _bar(colour: tuple[int, int, int], width: int, text: str) -> str:
    hexadecimal = "#{:02x}{:02x}{:02x}".format(*colour)
    # A cell needs a character to be drawn at all; a burden of 0 gets no bar.
    bar = f"<td width='{width}' bgcolor='{hexadecimal}'>&nbsp;</td>" if width else ""
    return f"<table cellspacing='0' cellpadding='0'><tr>{bar}<td>&nbsp;{text}</td></tr></table>"
