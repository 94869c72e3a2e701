"""MRML widgets for segmentations: table of segments, selector, segment editor."""

# ruff: noqa: N801, N802, N815 - names are Slicer's

from __future__ import annotations

from typing import Any, ClassVar

import slicer
from PySide6 import QtCore, QtGui, QtWidgets

from Testing.slicer.harness.widgets.mrml_nodes import NodeObserver, qMRMLWidget
from Testing.slicer.harness.widgets.registry import stand_in, stored

_EFFECTS = (
    "Threshold",
    "Paint",
    "Draw",
    "Erase",
    "Level tracing",
    "Grow from seeds",
    "Fill between slices",
    "Margin",
    "Hollow",
    "Smoothing",
    "Scissors",
    "Islands",
    "Logical operators",
    "Mask volume",
)


def segment_ids(segmentation: Any) -> list[str]:
    """Return the segment identifiers of a segmentation node, or none."""
    return list(segmentation.GetSegmentation().GetSegmentIDs()) if segmentation is not None else []


class _SegmentList(QtWidgets.QTableWidget):
    """Colour, name and identifier of each segment, kept up to date."""

    def __init__(self) -> None:
        super().__init__()
        segmentation = slicer.vtkSegmentation
        events = (segmentation.SegmentAdded, segmentation.SegmentRemoved, segmentation.SegmentModified)
        self._observed = NodeObserver(self, events, self.fill)
        self.setSelectionBehavior(QtWidgets.QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QtWidgets.QAbstractItemView.EditTrigger.NoEditTriggers)
        self.verticalHeader().hide()
        self.horizontalHeader().setStretchLastSection(True)

    def show_segments(self, node: Any) -> None:
        self._observed.observe(node)
        self.fill()

    def fill(self) -> None:
        node = self._observed.node
        ids = segment_ids(node)
        self.setColumnCount(2)
        self.setHorizontalHeaderLabels(["", "Name"])
        self.setColumnWidth(0, 24)
        self.setRowCount(len(ids))
        for row, segment_id in enumerate(ids):
            segment = node.GetSegmentation().GetSegment(segment_id)
            colour = QtWidgets.QTableWidgetItem()
            colour.setBackground(QtGui.QColor.fromRgbF(*segment.GetColor()))
            name = QtWidgets.QTableWidgetItem(segment.GetName())
            name.setData(QtCore.Qt.ItemDataRole.UserRole, segment_id)
            self.setItem(row, 0, colour)
            self.setItem(row, 1, name)

    def selected(self) -> list[str]:
        rows = sorted(index.row() for index in self.selectionModel().selectedRows())
        return [self.item(row, 1).data(QtCore.Qt.ItemDataRole.UserRole) for row in rows]

    def select(self, ids: list[str]) -> None:
        self.clearSelection()
        for row in range(self.rowCount()):
            if self.item(row, 1).data(QtCore.Qt.ItemDataRole.UserRole) in ids:
                self.selectRow(row)


@stand_in
class qMRMLSegmentsTableView(qMRMLWidget):
    """A table of segments."""

    selectionChanged = QtCore.Signal(QtCore.QItemSelection, QtCore.QItemSelection)
    readOnly = stored(bool, "readOnly", False)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._list = _SegmentList()
        self._node: Any = None
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._list)
        self._list.selectionModel().selectionChanged.connect(self.selectionChanged)

    def _count(self) -> int:
        return self._list.rowCount()

    segmentCount = QtCore.Property(int, _count)

    def setSegmentationNode(self, node: object) -> None:
        self._node = node
        self._list.show_segments(node)

    def segmentationNode(self) -> Any:
        return self._node

    def selectedSegmentIDs(self) -> list[str]:
        return self._list.selected()

    def setSelectedSegmentIDs(self, ids: list) -> None:
        self._list.select(ids)

    def clearSelection(self) -> None:
        self._list.clearSelection()


@stand_in
class qMRMLSegmentEditorWidget(qMRMLWidget):
    """The segment editor: its node and selections are real, its effects are names only."""

    CPP_SIGNALS: ClassVar[dict[str, str]] = {
        **qMRMLWidget.CPP_SIGNALS,
        "segmentationNodeChanged(vtkMRMLSegmentationNode*)": "segmentationNodeChanged(PyObject)",
        "sourceVolumeNodeChanged(vtkMRMLVolumeNode*)": "sourceVolumeNodeChanged(PyObject)",
        "masterVolumeNodeChanged(vtkMRMLVolumeNode*)": "masterVolumeNodeChanged(PyObject)",
    }
    segmentationNodeChanged = QtCore.Signal(object)
    sourceVolumeNodeChanged = QtCore.Signal(object)
    masterVolumeNodeChanged = QtCore.Signal(object)
    currentSegmentIDChanged = QtCore.Signal(str)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._node: Any = None
        self._history = slicer.vtkSegmentationHistory()
        self._list = _SegmentList()
        layout = QtWidgets.QVBoxLayout(self)
        layout.addWidget(QtWidgets.QLabel("Segment Editor"))
        layout.addWidget(self._list)

    def setMRMLSegmentEditorNode(self, node: object) -> None:
        self._node = node
        self.updateWidgetFromMRML()

    def mrmlSegmentEditorNode(self) -> Any:
        return self._node

    def _needs_node(self) -> Any:
        if self._node is None:
            raise RuntimeError("the segment editor needs setMRMLSegmentEditorNode first")
        return self._node

    def setSegmentationNode(self, node: object) -> None:
        self._needs_node().SetAndObserveSegmentationNode(node)
        self._list.show_segments(node)
        self.segmentationNodeChanged.emit(node)

    def segmentationNode(self) -> Any:
        return None if self._node is None else self._node.GetSegmentationNode()

    def setSourceVolumeNode(self, node: object) -> None:
        self._needs_node().SetAndObserveSourceVolumeNode(node)
        self.sourceVolumeNodeChanged.emit(node)
        self.masterVolumeNodeChanged.emit(node)

    def setCurrentSegmentID(self, segment_id: str) -> None:
        self._needs_node().SetSelectedSegmentID(segment_id)
        self._list.select([segment_id])
        self.currentSegmentIDChanged.emit(segment_id)

    def currentSegmentID(self) -> str:
        return "" if self._node is None else self._node.GetSelectedSegmentID() or ""

    def setActiveEffectByName(self, name: str) -> None:
        if name and name not in _EFFECTS:
            raise ValueError(f"the segment editor has no effect {name!r}")
        self._needs_node().SetActiveEffectName(name)

    def saveStateForUndo(self) -> None:
        self._remember()
        self._history.SaveState()

    def undo(self) -> None:
        self._remember()
        self._history.RestorePreviousState()

    def _remember(self) -> None:
        """Start a new history where the segmentation is another one."""
        node = self.segmentationNode()
        content = node.GetSegmentation() if node is not None else None
        if content is not self._history.GetSegmentation():
            self._history.SetSegmentation(content)

    def setupViewObservations(self) -> None:
        """Nothing to observe: the views have no interactors."""

    def updateWidgetFromMRML(self) -> None:
        self._list.show_segments(self.segmentationNode())
