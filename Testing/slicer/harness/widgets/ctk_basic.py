"""ctk widgets: collapsible button and group box, path and directory choosers, combo boxes, message box."""

# ruff: noqa: N801, N802, N815 - names are ctk's

from __future__ import annotations

from typing import ClassVar

from PySide6 import QtCore, QtGui, QtWidgets

from Testing.slicer.harness.widgets.registry import stand_in, stored

_HEADER_HEIGHT = 24


@stand_in
class ctkCollapsibleButton(QtWidgets.QAbstractButton):
    """A titled section that folds; its children are hidden while it is collapsed."""

    contentsCollapsed = QtCore.Signal(bool)
    flat = stored(bool, "flat", False, "update")

    def __init__(self, *args: object) -> None:
        title = args[0] if args and isinstance(args[0], str) else ""
        super().__init__(next((a for a in args if isinstance(a, QtWidgets.QWidget)), None))
        self._hidden: list[QtWidgets.QWidget] = []
        self.setText(title)
        self.setCheckable(True)
        self.setChecked(True)
        self.setContentsMargins(0, _HEADER_HEIGHT, 0, 0)
        policy = QtWidgets.QSizePolicy.Policy
        self.setSizePolicy(policy.Preferred, policy.Preferred)
        self.toggled.connect(self._fold)

    def _is_collapsed(self) -> bool:
        return not self.isChecked()

    def _set_collapsed(self, collapsed: bool) -> None:
        self.setChecked(not collapsed)

    collapsed = QtCore.Property(bool, _is_collapsed, _set_collapsed)

    def _fold(self, opened: bool) -> None:
        if opened:
            for child in self._hidden:
                child.setVisible(True)
            self._hidden.clear()
        else:
            for child in self.findChildren(QtWidgets.QWidget, options=QtCore.Qt.FindDirectChildrenOnly):
                self._hide(child)
        self.setMaximumHeight(16777215 if opened else _HEADER_HEIGHT + 2)
        self.updateGeometry()
        self.contentsCollapsed.emit(not opened)

    def _hide(self, child: QtWidgets.QWidget) -> None:
        if not child.isHidden():
            child.setVisible(False)
            self._hidden.append(child)

    def childEvent(self, event: QtCore.QChildEvent) -> None:
        child = event.child()
        if event.polished() and not self.isChecked() and isinstance(child, QtWidgets.QWidget):
            self._hide(child)
        super().childEvent(event)

    def sizeHint(self) -> QtCore.QSize:
        layout, header = self.layout(), self._header_size()
        return header if layout is None or not self.isChecked() else layout.totalSizeHint().expandedTo(header)

    def minimumSizeHint(self) -> QtCore.QSize:
        layout, header = self.layout(), self._header_size()
        return header if layout is None or not self.isChecked() else layout.totalMinimumSize().expandedTo(header)

    def _header_size(self) -> QtCore.QSize:
        """The real one gets no narrower than its title."""
        return QtCore.QSize(self.fontMetrics().horizontalAdvance(self.text()) + 40, _HEADER_HEIGHT)

    def hitButton(self, position: QtCore.QPoint) -> bool:
        return position.y() < _HEADER_HEIGHT

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        painter = QtWidgets.QStylePainter(self)
        option = QtWidgets.QStyleOptionButton()
        option.initFrom(self)
        option.rect = QtCore.QRect(0, 0, self.width(), _HEADER_HEIGHT)
        style = QtWidgets.QStyle
        painter.drawControl(style.ControlElement.CE_PushButtonBevel, option)
        arrow = QtWidgets.QStyleOption()
        arrow.initFrom(self)
        arrow.rect = QtCore.QRect(6, 7, 10, 10)
        down = style.PrimitiveElement.PE_IndicatorArrowDown
        painter.drawPrimitive(down if self.isChecked() else style.PrimitiveElement.PE_IndicatorArrowRight, arrow)
        role = QtGui.QPalette.ColorRole.ButtonText
        text = option.rect.adjusted(22, 0, -4, 0)
        flags = int(QtCore.Qt.AlignmentFlag.AlignVCenter | QtCore.Qt.AlignmentFlag.AlignLeft)
        painter.drawItemText(text, flags, self.palette(), self.isEnabled(), self.text(), role)


@stand_in
class ctkPathLineEdit(QtWidgets.QWidget):
    """A path with a browse button."""

    currentPathChanged = QtCore.Signal(str)
    ENUMS: ClassVar[dict[str, int]] = {
        "Dirs": 0x001,
        "Files": 0x002,
        "Drives": 0x004,
        "Readable": 0x010,
        "Writable": 0x020,
        "Executable": 0x040,
    }
    filters = stored(int, "filters", 0x001 | 0x002)
    options = stored(int, "options", 0)
    label = stored(str, "label", "")
    showBrowseButton = stored(bool, "showBrowseButton", True, "_update_buttons")

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._combo = QtWidgets.QComboBox()
        self._combo.setEditable(True)
        self._combo.setSizePolicy(QtWidgets.QSizePolicy.Policy.Ignored, QtWidgets.QSizePolicy.Policy.Fixed)
        self._button = QtWidgets.QToolButton()
        self._button.setText("...")
        self._button.clicked.connect(self.browse)
        layout.addWidget(self._combo)
        layout.addWidget(self._button)
        self._combo.editTextChanged.connect(self.currentPathChanged)

    def _current_path(self) -> str:
        return self._combo.currentText()

    def setCurrentPath(self, path: str) -> None:
        self._combo.setEditText(path)

    currentPath = QtCore.Property(str, _current_path, setCurrentPath)

    def browse(self) -> None:
        from Testing.slicer.harness.dialogs import dialogs

        chosen = dialogs.choose_path("ctkPathLineEdit", self._label if "_label" in self.__dict__ else "")
        if isinstance(chosen, str) and chosen:
            self.setCurrentPath(chosen)

    def _update_buttons(self) -> None:
        self._button.setVisible(self.showBrowseButton)


@stand_in
class ctkComboBox(QtWidgets.QComboBox):
    """A combo box with a text for "nothing chosen", and a say in what the wheel does."""

    ENUMS: ClassVar[dict[str, int]] = {
        "NeverScroll": 0,
        "AlwaysScroll": 1,
        "ScrollWithFocus": 2,
        "ScrollWithNoVScrollBar": 3,
    }
    defaultText = stored(str, "defaultText", "", "_show_default")
    scrollWheelEffect = stored(int, "scrollWheelEffect", 1)

    def wheelEvent(self, event: QtGui.QWheelEvent) -> None:
        focused = self.scrollWheelEffect == self.ENUMS["ScrollWithFocus"] and self.hasFocus()
        if self.scrollWheelEffect == self.ENUMS["AlwaysScroll"] or focused:
            super().wheelEvent(event)
        else:
            event.ignore()

    def _show_default(self) -> None:
        self.setPlaceholderText(self.defaultText)

    def _user_data(self) -> str:
        return str(self.currentData() or "")

    def setCurrentUserDataAsString(self, data: str) -> None:
        self.setCurrentIndex(self.findData(data))

    currentUserDataAsString = QtCore.Property(str, _user_data, setCurrentUserDataAsString)


@stand_in
class ctkMessageBox(QtWidgets.QMessageBox):
    """A message box."""
