"""Pictures of panels, light and dark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6 import QtCore, QtGui, QtWidgets

_DARK = {
    "Window": 0x353535,
    "WindowText": 0xF0F0F0,
    "Base": 0x232323,
    "AlternateBase": 0x2D2D2D,
    "Text": 0xF0F0F0,
    "Button": 0x404040,
    "ButtonText": 0xF0F0F0,
    "ToolTipBase": 0x353535,
    "ToolTipText": 0xF0F0F0,
    "PlaceholderText": 0x909090,
    "Highlight": 0x2A82DA,
    "HighlightedText": 0xFFFFFF,
    "Link": 0x5AA9F0,
}
_DARK_DISABLED = 0x808080


def palette(dark: bool) -> QtGui.QPalette:
    """Return the application palette: Fusion's standard one or a dark one."""
    colours = QtWidgets.QStyleFactory.create("Fusion").standardPalette()
    if dark:
        for role, colour in _DARK.items():
            colours.setColor(QtGui.QPalette.ColorRole[role], QtGui.QColor(colour))
        for role in ("WindowText", "Text", "ButtonText"):
            group = QtGui.QPalette.ColorGroup.Disabled
            colours.setColor(group, QtGui.QPalette.ColorRole[role], QtGui.QColor(_DARK_DISABLED))
    return colours


def panel_screenshot(widget: Any, path: str | Path, width: int = 425, *, dark: bool = False) -> Path:
    """Save a picture of a widget.

    Parameters
    ----------
    widget
        A panel of ``load_module`` or any widget of ``qt``; a scroll area is made as high as its contents.
    path
        The PNG file.
    width
        Width in pixels; 425 is the module panel at 1366x768.
    dark
        Whether to use a dark palette.

    Returns
    -------
    Path
        The file.
    """
    native, application = widget._native, QtWidgets.QApplication.instance()
    before = QtGui.QPalette(application.palette())
    size = native.size()
    application.setPalette(palette(dark))
    try:
        native.resize(width, size.height())
        application.processEvents()
        if isinstance(native, QtWidgets.QScrollArea):
            inner = native.widget()
            height = max(inner.sizeHint().height(), inner.heightForWidth(width))
            native.resize(width, min(height + 4, 4000))
            application.processEvents()
            # What is hinted may be too little for texts that are broken into lines.
            native.resize(width, min(native.height() + native.verticalScrollBar().maximum(), 4000))
        for _ in range(3):
            application.processEvents(QtCore.QEventLoop.ProcessEventsFlag.AllEvents, 50)
        if not native.grab().save(str(path)):
            raise OSError(f"cannot write {path}")
    finally:
        application.setPalette(before)
        native.resize(size)
        application.processEvents()
    return Path(path)
