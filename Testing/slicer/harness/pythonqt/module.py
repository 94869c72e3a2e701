"""The ``qt`` module: every Qt class on first use, dialogs recorded."""

from __future__ import annotations

import types
from typing import Any

from PySide6 import QtCore, QtGui, QtNetwork, QtPrintSupport, QtSvg, QtUiTools, QtWidgets, QtXml

from Testing.slicer.harness.dialogs import dialogs, statics
from Testing.slicer.harness.pythonqt import classes, members, signals, timers

_SOURCES = (QtCore, QtGui, QtWidgets, QtNetwork, QtUiTools, QtPrintSupport, QtSvg, QtXml)
# of PySide alone, or not in the Qt of the application
_NOT_IN_PYTHONQT = {"Signal", "Slot", "Property", "SignalInstance", "ClassInfo", "QEnum", "QFlag", "QtMsgType"}


class QtModule(types.ModuleType):
    """Module object that makes the Qt classes when they are asked for."""

    def __getattr__(self, name: str) -> Any:
        native = next((getattr(m, name) for m in _SOURCES if hasattr(m, name)), None)
        if not isinstance(native, type) or not name.startswith("Q") or name in _NOT_IN_PYTHONQT:
            raise AttributeError(f"module 'qt' has no attribute '{name}'")
        cls = classes.wrapper_class(native)
        _replace_blocking(cls, native)
        setattr(self, name, cls)
        return cls

    def __dir__(self) -> list[str]:
        names = {n for m in _SOURCES for n in dir(m) if n.startswith("Q") and isinstance(getattr(m, n), type)}
        return sorted(names - _NOT_IN_PYTHONQT)


def build() -> types.ModuleType:
    """Return a new ``qt`` module."""
    module = QtModule("qt")
    own = {"singleShot": _single_shot_member(), "start": members.Slot("start", timers.start)}
    module.QTimer = _with_members(QtCore.QTimer, own)
    return module


def _replace_blocking(cls: type, native: type) -> None:
    for base, functions in statics().items():
        if issubclass(native, base):
            _with_members(native, {n: members.Slot(n, f, static=True) for n, f in functions.items()})
    replace_exec(cls, native)


def replace_exec(cls: type, native: type) -> None:
    """Let ``exec`` of a dialog class record and answer instead of waiting."""
    if issubclass(native, QtWidgets.QDialog):
        for name in ("exec", "exec_"):
            type.__setattr__(cls, name, members.Slot(name, _run_dialog))


def _run_dialog(self: QtWidgets.QDialog) -> Any:
    return dialogs.run(self)


def _with_members(native: type, table: dict[str, Any]) -> type:
    cls = classes.wrapper_class(native)
    for name, member in table.items():
        type.__setattr__(cls, name, member)
    return cls


def _single_shot_member() -> members.Property:
    """``QTimer.singleShot`` is a property of timers and a static function of the class."""
    return members.Property("singleShot", QtCore.QTimer, members.Slot("singleShot", _single_shot, static=True))


def _single_shot(milliseconds: int, target: Any, *slot: str) -> None:
    if slot:
        target = getattr(target, slot[0].partition("(")[0])
    timers.single_shot(milliseconds, signals.deliver(target, "QTimer.singleShot"))
