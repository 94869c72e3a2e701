"""Which widgets show which parameters, by exact class as in Slicer."""

from __future__ import annotations

import enum
import pathlib
from collections.abc import Callable
from typing import Any, NamedTuple

import ctk
import qt
import slicer

from Testing.slicer.harness.slicer_python.parameter_node.annotations import (
    Choice,
    Decimals,
    Maximum,
    Minimum,
    SingleStep,
    WithinRange,
)
from Testing.slicer.harness.slicer_python.parameter_node.parameters import Parameter


class Connector(NamedTuple):
    """A widget bound to a parameter."""

    widget: Any
    signal: str
    read: Callable[[], Any]
    write: Callable[[Any], None]


def connector(widget: Any, parameter: Parameter) -> Connector:
    """Bind a widget to a parameter.

    Raises
    ------
    RuntimeError
        When this class of widget cannot show this type of parameter.
    """
    kind = type(widget)
    if parameter.is_node:
        if kind is slicer.qMRMLNodeComboBox:
            return Connector(widget, "currentNodeChanged", widget.currentNode, widget.setCurrentNode)
    elif (kind, parameter.kinds[0]) in _BY_CLASS:
        prepare, signal, name = _BY_CLASS[kind, parameter.kinds[0]]
        prepare(widget, parameter)
        return _attribute(widget, signal, name)
    elif kind is qt.QComboBox:
        return _combo_box(widget, parameter)
    elif kind is ctk.ctkPathLineEdit and parameter.kinds[0] is pathlib.Path:
        return Connector(
            widget,
            "currentPathChanged",
            lambda: pathlib.Path(widget.currentPath),
            lambda value: setattr(widget, "currentPath", str(value)),
        )
    raise RuntimeError(f"a {kind.__name__} cannot show parameter {parameter.name!r} of type {parameter.type}")


def _attribute(widget: Any, signal: str, name: str) -> Connector:
    return Connector(widget, signal, lambda: getattr(widget, name), lambda value: setattr(widget, name, value))


def _nothing(widget: Any, parameter: Parameter) -> None:
    pass


def _make_checkable(widget: Any, parameter: Parameter) -> None:
    widget.checkable = True


def _limit(widget: Any, parameter: Parameter) -> None:
    decimals, step = parameter.find(Decimals), parameter.find(SingleStep)
    if decimals is not None:
        widget.decimals = decimals.value
    if step is not None:
        widget.singleStep = step.value
    within = parameter.find(WithinRange)
    low, high = within or parameter.find(Minimum), within or parameter.find(Maximum)
    if (low is None or high is None) and type(widget) in (qt.QSlider, ctk.ctkSliderWidget):
        raise RuntimeError(f"the slider of {parameter.name!r} needs a range: annotate it WithinRange")
    unlimited = 2**31 - 1 if parameter.kinds[0] is int else float("inf")
    widget.minimum = -unlimited if low is None else low.minimum
    widget.maximum = unlimited if high is None else high.maximum


def _combo_box(widget: Any, parameter: Parameter) -> Connector:
    kind, choice = parameter.kinds[0], parameter.find(Choice)
    if issubclass(kind, enum.Enum):
        values = list(kind)
        labels = [value.label() if hasattr(value, "label") else value.name for value in values]
    elif choice is not None:
        values = list(choice.choices)
        labels = [str(value) for value in values]
    else:
        raise RuntimeError(f"the combo box of {parameter.name!r} needs an Enum, or the annotation Choice")
    widget.clear()
    for label in labels:
        widget.addItem(label)

    def write(value: Any) -> None:
        widget.currentIndex = values.index(value)

    return Connector(widget, "currentIndexChanged", lambda: values[widget.currentIndex], write)


_BY_CLASS: dict[tuple[Any, type], tuple[Callable[[Any, Parameter], None], str, str]] = {
    (qt.QCheckBox, bool): (_nothing, "stateChanged", "checked"),
    (qt.QPushButton, bool): (_make_checkable, "toggled", "checked"),
    (qt.QSlider, int): (_limit, "valueChanged", "value"),
    (qt.QSpinBox, int): (_limit, "valueChanged", "value"),
    (qt.QDoubleSpinBox, float): (_limit, "valueChanged", "value"),
    (ctk.ctkSliderWidget, float): (_limit, "valueChanged", "value"),
    (qt.QLineEdit, str): (_nothing, "textChanged", "text"),
    (qt.QTextEdit, str): (_nothing, "textChanged", "plainText"),
}
