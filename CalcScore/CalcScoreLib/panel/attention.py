"""Where the reader looks: the inputs fold after a run and the scores scroll into view; what was saved is told."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import qt

from ..translation import _
from .number_format import shortened

_TITLE_CHARACTERS = 36


def turn_to_scores(ui: Any, case_name: str) -> None:
    """Fold the inputs, whose title then names the CTA, and scroll to the scores."""
    ui.inputsSection.collapsed = True
    name_inputs(ui, True, case_name)
    # The sections find their places first.
    qt.QTimer.singleShot(0, lambda: _scroll_to(ui.scoresSection))


def turn_to_inputs(ui: Any) -> None:
    """Open the inputs."""
    ui.inputsSection.collapsed = False


def name_inputs(ui: Any, collapsed: bool, case_name: str) -> None:
    """Name the CTA in the title of the inputs as long as they are folded."""
    named = collapsed and bool(case_name)
    # A title with an ampersand would underline what follows, and one of any length would widen the page.
    short = shortened(case_name, _TITLE_CHARACTERS).replace("&", "&&")
    ui.inputsSection.text = _("Input: {name}").format(name=short) if named else _("Input")
    ui.inputsSection.toolTip = case_name if named else ""


def tell_saved(label: Any, path: Path | None) -> None:
    """Say where a file was saved, with a link that opens it; nothing where none was."""
    label.setVisible(path is not None)
    if path is not None:
        link = f'<a href="{escape(qt.QUrl.fromLocalFile(str(path)).toString())}">{escape(path.name)}</a>'
        label.setText(_("Saved {link} in {folder}").format(link=link, folder=escape(str(path.parent))))


def tell_copied(label: Any) -> None:
    """Say that the table is on the clipboard: nothing else shows that the button did something."""
    label.setVisible(True)
    label.setText(_("Copied, with all digits; paste it into a spreadsheet."))


def _scroll_to(widget: Any) -> None:
    """Put the top of a widget at the top of the area that it scrolls in."""
    inner = widget
    while inner and inner.parent():
        area = inner.parent().parent()
        if area and area.inherits("QScrollArea"):
            area.verticalScrollBar().setValue(widget.mapTo(inner, qt.QPoint(0, 0)).y())
            return
        inner = inner.parent()
