"""Keeps the widgets of the panel and the parameter node the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import qt


@dataclass(frozen=True)
class _Binding:
    name: str
    show: Callable[[Any], None]


class Bindings:
    """Widgets bound to parameters by name."""

    def __init__(self) -> None:
        self._parameters: Any = None
        self._bound: list[_Binding] = []
        self._showing = False

    def use(self, parameters: Any) -> None:
        """Take another parameter node (its wrapper, or None) and show what it holds."""
        self._parameters = parameters
        self.show()

    def show(self) -> None:
        """Bring the widgets up to date."""
        if self._parameters is None or self._showing:
            return
        self._showing = True
        try:
            for binding in self._bound:
                binding.show(getattr(self._parameters, binding.name))
        finally:
            self._showing = False

    def node(self, selector: Any, name: str) -> None:
        """Bind a node selector.

        Only what the user chooses counts: a selector whose node is deleted goes to another one by itself.
        """
        selector.connect("nodeActivated(vtkMRMLNode*)", lambda node: self._keep(name, node))
        selector.connect("currentNodeChanged(vtkMRMLNode*)", lambda node: qt.QTimer.singleShot(0, self.show))
        self._bound.append(_Binding(name, selector.setCurrentNode))

    def number(self, spin: Any, name: str) -> None:
        """Bind a spin box with decimals."""
        spin.connect("valueChanged(double)", lambda value: self._keep(name, float(value)))
        self._bound.append(_Binding(name, spin.setValue))

    def check(self, box: Any, name: str) -> None:
        """Bind a check box."""
        box.connect("toggled(bool)", lambda checked: self._keep(name, bool(checked)))
        self._bound.append(_Binding(name, box.setChecked))

    def text(self, edit: Any, name: str) -> None:
        """Bind a line of text."""

        def show(text: str) -> None:
            # Setting the same text would move the cursor.
            if edit.text != text:
                edit.setText(text)

        edit.connect("textChanged(QString)", lambda text: self._keep(name, text))
        self._bound.append(_Binding(name, show))

    def choice(self, buttons: Mapping[str, Any], name: str) -> None:
        """Bind radio buttons, one a value."""
        for value, button in buttons.items():
            button.connect("toggled(bool)", lambda checked, value=value: self._keep(name, value) if checked else None)

        def show(value: str) -> None:
            buttons.get(value, next(iter(buttons.values()))).setChecked(True)

        self._bound.append(_Binding(name, show))

    def combo(self, combo: Any, name: str) -> None:
        """Bind a combo box whose entries carry the values as data."""

        def keep(index: int) -> None:
            if index >= 0:
                self._keep(name, combo.itemData(index) or "")

        combo.connect("currentIndexChanged(int)", keep)
        self._bound.append(_Binding(name, lambda value: combo.setCurrentIndex(max(combo.findData(value), 0))))

    def _keep(self, name: str, value: Any) -> None:
        if self._parameters is not None and not self._showing:
            setattr(self._parameters, name, value)
