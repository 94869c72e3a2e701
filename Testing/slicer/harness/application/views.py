"""Layout manager and views: real slice and view nodes with real slice logics, widgets without pictures."""

# ruff: noqa: N801, N802, N815 - names are Slicer's

from __future__ import annotations

from typing import Any

import slicer
import vtk
from PySide6 import QtCore, QtWidgets

from Testing.slicer.harness.widgets.mrml_nodes import qMRMLWidget
from Testing.slicer.harness.widgets.registry import stand_in, stored

_ORIENTATIONS = {"Red": "Axial", "Green": "Coronal", "Yellow": "Sagittal"}


class _View(QtWidgets.QWidget):
    def scheduleRender(self) -> None:
        """Nothing is drawn."""

    forceRender = pauseRender = resumeRender = scheduleRender

    def setMRMLScene(self, scene: object) -> None:
        """One scene only."""


@stand_in
class qMRMLSliceView(_View):
    """A slice view."""

    def mrmlSliceNode(self) -> Any:
        return self._node


@stand_in
class qMRMLThreeDView(_View):
    """A 3-D view; its camera is the node."""

    def mrmlViewNode(self) -> Any:
        return self._node

    def resetCamera(self) -> None:
        """No camera."""

    def rotateToViewAxis(self, axis: int) -> None:
        """No camera."""


@stand_in
class qMRMLSliceWidget(qMRMLWidget):
    """A slice view with its logic."""

    def mrmlSliceNode(self) -> Any:
        return self._logic.GetSliceNode()

    def mrmlSliceCompositeNode(self) -> Any:
        return self._logic.GetSliceCompositeNode()

    def sliceLogic(self) -> Any:
        return self._logic

    def sliceView(self) -> Any:
        return self._view

    def fitSliceToBackground(self) -> None:
        self._logic.FitSliceToBackground()


@stand_in
class qMRMLThreeDWidget(qMRMLWidget):
    """A 3-D view."""

    def mrmlViewNode(self) -> Any:
        return self._node

    def threeDView(self) -> Any:
        return self._view


@stand_in
class qSlicerLayoutManager(QtCore.QObject):
    """The views of the standard layouts: Red, Yellow, Green and one 3-D view."""

    layoutChanged = QtCore.Signal(int)

    def __init__(self, scene: Any, logic: Any) -> None:
        super().__init__()
        self._scene, self._slice_logics = scene, vtk.vtkCollection()
        slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene)
        self._layout_logic = slicer.vtkMRMLLayoutLogic()
        self._layout_logic.SetMRMLScene(scene)
        self._layout_logic.GetLayoutNode().SetViewArrangement(slicer.vtkMRMLLayoutNode.SlicerLayoutConventionalView)
        self._slices = {name: self._slice_widget(logic) for name in _ORIENTATIONS}
        logic.SetSliceLogics(self._slice_logics)
        self._three_d = qMRMLThreeDWidget()
        self._three_d._view = qMRMLThreeDView(self._three_d)
        self._find_nodes()
        for event in (scene.EndCloseEvent, scene.EndImportEvent, scene.EndRestoreEvent):
            scene.AddObserver(event, lambda *_: self._find_nodes())

    def _slice_widget(self, logic: Any) -> qMRMLSliceWidget:
        slice_logic = slicer.vtkMRMLSliceLogic()
        slice_logic.SetMRMLApplicationLogic(logic)
        slice_logic.SetMRMLScene(self._scene)
        self._slice_logics.AddItem(slice_logic)
        widget = qMRMLSliceWidget()
        widget._logic, widget._view = slice_logic, qMRMLSliceView(widget)
        return widget

    def _find_nodes(self) -> None:
        """Show the view nodes of the scene: loading a scene replaces them, closing one may remove them."""
        for name, widget in self._slices.items():
            node = self._scene.GetSingletonNode(name, "vtkMRMLSliceNode")
            if node is None:
                node = widget._logic.AddSliceNode(name)
                node.SetOrientation(_ORIENTATIONS[name])
                node.SetDimensions(400, 300, 1)
            if widget._logic.GetSliceNode() is not node:
                widget._logic.SetSliceNode(node)
            widget._view._node = node
        view = self._three_d._node = self._three_d._view._node = self._scene.GetFirstNodeByClass("vtkMRMLViewNode")
        if view is not None and self._scene.GetFirstNodeByClass("vtkMRMLCameraNode") is None:
            camera = self._scene.AddNewNodeByClass("vtkMRMLCameraNode", "Camera")
            camera.SetLayoutName(view.GetLayoutName())
            camera.SetPosition(0.0, 500.0, 0.0)

    def sliceViewNames(self) -> list[str]:
        return list(self._slices)

    def sliceWidget(self, name: str) -> Any:
        return self._slices.get(name)

    def mrmlSliceLogics(self) -> Any:
        return self._slice_logics

    def threeDWidget(self, index: int) -> Any:
        return self._three_d if index == 0 else None

    def mrmlScene(self) -> Any:
        return self._layout_logic.GetMRMLScene()

    def setLayout(self, layout: int) -> None:
        node = self._layout_logic.GetLayoutNode()
        if node.GetViewArrangement() != layout:
            node.SetViewArrangement(layout)
            self.layoutChanged.emit(layout)

    def _layout(self) -> int:
        return self._layout_logic.GetLayoutNode().GetViewArrangement()

    layout = QtCore.Property(int, _layout, setLayout)

    def _one(self) -> int:
        return 1

    threeDViewCount = QtCore.Property(int, _one)

    def resetSliceViews(self) -> None:
        for widget in self._slices.values():
            widget.fitSliceToBackground()

    def resetThreeDViews(self) -> None:
        """No camera."""

    pauseRender = resumeRender = resetThreeDViews


@stand_in
class qSlicerMainWindow(QtWidgets.QMainWindow):
    """The main window: a module selector and the status bar."""

    title = stored(str, "title", "")

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        # A style of its own: its standard palette is what the application shows, see `ui_loader`.
        self._style = QtWidgets.QProxyStyle()
        self.setStyle(self._style)

    def moduleSelector(self) -> Any:
        return self._selector
