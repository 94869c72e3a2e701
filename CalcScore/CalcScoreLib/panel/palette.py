"""The colours of the page."""

from __future__ import annotations

from typing import Any

import qt
import slicer


def take_palette(root: Any) -> None:
    """Give the page the colours of the application's style: from a .ui file it has light ones even in a dark style."""
    window = slicer.util.mainWindow()
    if window is None:
        return
    palette, group, role = window.style().standardPalette(), qt.QPalette.Active, qt.QPalette.Window
    if root.palette.color(group, role).name() != palette.color(group, role).name():
        root.setPalette(palette)


def pale_brush(widget: Any) -> Any:
    """Give what draws the text of a widget that is switched off; for rows that are out of date or beside the point."""
    return qt.QBrush(widget.palette.color(qt.QPalette.Disabled, qt.QPalette.Text))
