"""ctk widgets that hold numbers: slider with spin box, spin box, range."""

# ruff: noqa: N801, N802, N815 - names are ctk's

from __future__ import annotations

from typing import ClassVar

from PySide6 import QtCore, QtWidgets

from Testing.slicer.harness.widgets.registry import stand_in, stored, through


def _spin_box() -> QtWidgets.QDoubleSpinBox:
    box = QtWidgets.QDoubleSpinBox()
    box.setRange(0, 99)
    return box


@stand_in
class ctkSliderWidget(QtWidgets.QWidget):
    """A slider with a spin box for the same number."""

    valueChanged = QtCore.Signal(float)
    decimalsChanged = QtCore.Signal(int)
    ENUMS: ClassVar[dict[str, int]] = {
        "NoSynchronize": 0,
        "SynchronizeWidth": 1,
        "SynchronizeDecimals": 2,
        "SynchronizeSiblings": 3,
    }
    tracking = stored(bool, "tracking", True)
    spinBoxVisible = stored(bool, "spinBoxVisible", True, "_show_spin_box")
    prefix = through(str, "_spin", "prefix")
    suffix = through(str, "_spin", "suffix")
    value = through(float, "_spin", "value")
    decimals = through(int, "_spin", "decimals")

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._slider = QtWidgets.QSlider(QtCore.Qt.Orientation.Horizontal)
        self._spin = _spin_box()
        layout.addWidget(self._slider)
        layout.addWidget(self._spin)
        self._slider.sliderMoved.connect(lambda step: self._spin.setValue(step * self._spin.singleStep()))
        self._spin.valueChanged.connect(self._follow)
        self._fit_slider()

    def _follow(self, value: float) -> None:
        self._slider.setValue(round(value / self._spin.singleStep()))
        self.valueChanged.emit(value)

    def _fit_slider(self) -> None:
        step = self._spin.singleStep() or 1.0
        self._slider.setRange(round(self._spin.minimum() / step), round(self._spin.maximum() / step))
        self._slider.setValue(round(self._spin.value() / step))

    def setValue(self, value: float) -> None:
        self._spin.setValue(value)

    def setDecimals(self, decimals: int) -> None:
        self._spin.setDecimals(decimals)
        self.decimalsChanged.emit(decimals)

    def _show_spin_box(self) -> None:
        self._spin.setVisible(self.spinBoxVisible)

    def _minimum(self) -> float:
        return self._spin.minimum()

    def _set_minimum(self, value: float) -> None:
        self._spin.setMinimum(value)
        self._fit_slider()

    def _maximum(self) -> float:
        return self._spin.maximum()

    def _set_maximum(self, value: float) -> None:
        self._spin.setMaximum(value)
        self._fit_slider()

    def _step(self) -> float:
        return self._spin.singleStep()

    def _set_step(self, value: float) -> None:
        self._spin.setSingleStep(value)
        self._fit_slider()

    minimum = QtCore.Property(float, _minimum, _set_minimum)
    maximum = QtCore.Property(float, _maximum, _set_maximum)
    singleStep = QtCore.Property(float, _step, _set_step)


@stand_in
class ctkRangeWidget(QtWidgets.QWidget):
    """Two numbers, the lower never above the upper."""

    valuesChanged = QtCore.Signal(float, float)
    minimumValueChanged = QtCore.Signal(float)
    maximumValueChanged = QtCore.Signal(float)
    rangeChanged = QtCore.Signal(float, float)
    tracking = stored(bool, "tracking", True)
    suffix = through(str, "_low", "suffix")
    minimumValue = through(float, "_low", "value")
    maximumValue = through(float, "_high", "value")

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._low, self._high = _spin_box(), _spin_box()
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._low)
        layout.addWidget(self._high)
        self._high.setValue(99)
        self._low.valueChanged.connect(self._low_moved)
        self._high.valueChanged.connect(self._high_moved)

    def _low_moved(self, value: float) -> None:
        self._high.setValue(max(value, self._high.value()))
        self.minimumValueChanged.emit(value)
        self.valuesChanged.emit(value, self._high.value())

    def _high_moved(self, value: float) -> None:
        self._low.setValue(min(value, self._low.value()))
        self.maximumValueChanged.emit(value)
        self.valuesChanged.emit(self._low.value(), value)

    def setValues(self, low: float, high: float) -> None:
        self._high.setValue(high)
        self._low.setValue(low)

    def setRange(self, minimum: float, maximum: float) -> None:
        for box in (self._low, self._high):
            box.setRange(minimum, maximum)
        self.rangeChanged.emit(minimum, maximum)

    def setDecimals(self, decimals: int) -> None:
        for box in (self._low, self._high):
            box.setDecimals(decimals)

    def _minimum(self) -> float:
        return self._low.minimum()

    def _set_minimum(self, value: float) -> None:
        self.setRange(value, self._low.maximum())

    def _maximum(self) -> float:
        return self._low.maximum()

    def _set_maximum(self, value: float) -> None:
        self.setRange(self._low.minimum(), value)

    def _step(self) -> float:
        return self._low.singleStep()

    def _set_step(self, value: float) -> None:
        for box in (self._low, self._high):
            box.setSingleStep(value)

    def _decimals(self) -> int:
        return self._low.decimals()

    minimum = QtCore.Property(float, _minimum, _set_minimum)
    maximum = QtCore.Property(float, _maximum, _set_maximum)
    singleStep = QtCore.Property(float, _step, _set_step)
    decimals = QtCore.Property(int, _decimals, setDecimals)
