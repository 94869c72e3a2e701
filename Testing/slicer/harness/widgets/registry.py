"""Registers stand-ins and helps to write them."""

from __future__ import annotations

from typing import Any, TypeVar

from PySide6 import QtCore, QtGui, QtWidgets

from Testing.slicer.harness.api_lists import class_names
from Testing.slicer.harness.pythonqt import classes, module

Native = TypeVar("Native", bound=type)

STAND_INS: dict[str, type] = {}
NATIVES: dict[str, type] = {}


def stand_in(native_class: Native) -> Native:
    """Class decorator: show this PySide class to Python as the ctk or Slicer class of the same name."""
    name = native_class.__name__
    names = class_names(name)
    qt_base = next(getattr(m, names.qt_base) for m in (QtCore, QtGui, QtWidgets) if hasattr(m, names.qt_base))
    if not issubclass(native_class, qt_base):
        raise TypeError(f"{name} derives from {names.qt_base} in Slicer, so must its stand-in")
    kinds = {"props": names.props, "callables": names.callables, "signals": names.signals}
    STAND_INS[name] = classes.register_stand_in(native_class, qt_base, kinds)
    NATIVES[name] = native_class
    module.replace_exec(STAND_INS[name], native_class)
    return native_class


def stored(kind: Any, name: str, default: Any, after: str | None = None) -> QtCore.Property:
    """Return a property that keeps its value, and calls the method named ``after`` when it changes."""
    key = "_" + name

    def get(self: Any) -> Any:
        return self.__dict__.get(key, default)

    def put(self: Any, value: Any) -> None:
        if self.__dict__.get(key, default) != value:
            self.__dict__[key] = value
            if after is not None:
                getattr(self, after)()

    return QtCore.Property(kind, get, put)


def through(kind: Any, child: str, name: str) -> QtCore.Property:
    """Return a property that a child widget keeps."""
    setter = "set" + name[0].upper() + name[1:]

    def get(self: Any) -> Any:
        return getattr(getattr(self, child), name)()

    def put(self: Any, value: Any) -> None:
        getattr(getattr(self, child), setter)(value)

    return QtCore.Property(kind, get, put)
