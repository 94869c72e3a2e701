"""Loads .ui files with the stand-ins in the place of ctk and Slicer widgets."""

from __future__ import annotations

import functools
import xml.etree.ElementTree as ET
from typing import Any

from PySide6 import QtCore, QtGui, QtUiTools, QtWidgets

from Testing.slicer.harness.errors import HarnessError
from Testing.slicer.harness.pythonqt import classes, members, signals
from Testing.slicer.harness.widgets.registry import NATIVES


class _Loader(QtUiTools.QUiLoader):
    """Creates stand-ins by class name; refuses classes nobody knows."""

    def __init__(self) -> None:
        super().__init__()
        self.unknown: list[str] = []
        self._known = set(self.availableWidgets())

    def createWidget(  # noqa: N802 - name is Qt's
        self, class_name: str, parent: QtWidgets.QWidget | None = None, name: str = ""
    ) -> QtWidgets.QWidget:
        if class_name in NATIVES:
            widget = NATIVES[class_name](parent)
            widget.setObjectName(name)
            return widget
        if class_name not in self._known:
            self.unknown.append(class_name)
        return super().createWidget(class_name, parent, name)


@functools.cache
def _loader() -> _Loader:
    """One loader for ever: PySide lets the widgets die with it."""
    return _Loader()


def load(self: QtUiTools.QUiLoader, device: QtCore.QIODevice, parent: object = None) -> QtWidgets.QWidget:
    """Stand in for ``QUiLoader.load``: connections with MRML types are made in Python."""
    root = ET.fromstring(bytes(device.readAll().data()))  # noqa: S314 - the module's own file
    section = root.find("connections")
    wires = [] if section is None else list(section)
    if section is not None:
        root.remove(section)
    buffer = QtCore.QBuffer()
    buffer.setData(ET.tostring(root))
    buffer.open(QtCore.QIODevice.OpenModeFlag.ReadOnly)
    loader = _loader()
    loader.unknown.clear()
    widget = loader.load(buffer, parent)
    if widget is None or loader.unknown:
        raise HarnessError(f"the .ui file does not load: {loader.errorString()} unknown classes: {loader.unknown}")
    named = {child.objectName(): child for child in widget.findChildren(QtCore.QObject)}
    named[widget.objectName()] = widget
    for wire in wires:
        _wire(named, {part.tag: part.text or "" for part in wire})
    light = QtWidgets.QStyleFactory.create("Fusion").standardPalette()
    window = QtGui.QPalette.ColorRole.Window
    if widget.palette().color(window) != light.color(window):
        # As in the application: the page does not take the colours of a dark style by itself.
        widget.setPalette(light)
    return widget


def _wire(named: dict[str, Any], wire: dict[str, str]) -> None:
    receiver, slot = named[wire["receiver"]], wire["slot"].partition("(")[0]
    if not signals.connect(named[wire["sender"]], wire["signal"], getattr(receiver, slot)):
        raise HarnessError(f"the .ui file connects a signal that is not there: {wire}")


def install() -> None:
    """Let ``qt.QUiLoader`` load with stand-ins."""
    cls = classes.wrapper_class(QtUiTools.QUiLoader)
    type.__setattr__(cls, "load", members.Slot("load", load))
    style = classes.wrapper_class(QtWidgets.QProxyStyle)
    type.__setattr__(style, "standardPalette", members.Slot("standardPalette", _palette))


def _palette(self: QtWidgets.QProxyStyle) -> QtGui.QPalette:
    """Stand in for the standard palette of the application's style, light or dark."""
    return QtWidgets.QApplication.palette()
