"""MRML widgets that choose or show nodes of the real scene."""

# ruff: noqa: N801, N802, N815 - names are Slicer's

from __future__ import annotations

from typing import Any, ClassVar

from PySide6 import QtCore, QtWidgets

from Testing.slicer.harness.widgets.ctk_basic import ctkComboBox
from Testing.slicer.harness.widgets.registry import stand_in, stored

NODE_CHANGED = {
    "currentNodeChanged(vtkMRMLNode*)": "currentNodeChanged(PyObject)",
    "currentNodeChanged(bool)": "currentNodeChanged(bool)",
}


@stand_in
class qMRMLWidget(QtWidgets.QWidget):
    """Base of MRML widgets: knows the scene."""

    CPP_SIGNALS: ClassVar[dict[str, str]] = {"mrmlSceneChanged(vtkMRMLScene*)": "mrmlSceneChanged(PyObject)"}
    mrmlSceneChanged = QtCore.Signal(object)

    def mrmlScene(self) -> Any:
        return self.__dict__.get("_scene")

    def setMRMLScene(self, scene: object) -> None:
        if scene is not self.mrmlScene():
            self._scene = scene
            self.mrmlSceneChanged.emit(scene)


@stand_in
class qSlicerWidget(QtWidgets.QWidget):
    """Top widget of .ui files of modules."""

    CPP_SIGNALS: ClassVar[dict[str, str]] = qMRMLWidget.CPP_SIGNALS
    mrmlSceneChanged = QtCore.Signal(object)

    def setMRMLScene(self, scene: object) -> None:
        if scene is not self.__dict__.get("_scene"):
            self._scene = scene
            self.mrmlSceneChanged.emit(scene)


class NodeObserver:
    """Calls back at events of one node, as long as the widget lives."""

    def __init__(self, widget: QtWidgets.QWidget, events: tuple[Any, ...], update: Any) -> None:
        self.node: Any = None
        self._events, self._update, self._tags = events, update, []
        widget.destroyed.connect(lambda *_: self.observe(None))

    def observe(self, node: Any) -> None:
        for tag in self._tags:
            self.node.RemoveObserver(tag)
        self.node = node
        self._tags = [] if node is None else [node.AddObserver(event, self._on_event) for event in self._events]

    def _on_event(self, *_: object) -> None:
        self._update()


class SceneObserver:
    """Calls back when nodes of a scene come, go or change their name, once after a batch or an import."""

    def __init__(self, widget: QtWidgets.QWidget, update: Any, update_all: Any) -> None:
        self._update, self._update_all, self._scene, self._tags = update, update_all, None, []
        self._nodes: dict[Any, int] = {}
        widget.destroyed.connect(lambda *_: self.observe(None))

    def observe(self, scene: Any) -> None:
        for tag in self._tags:
            self._scene.RemoveObserver(tag)
        self.watch([])
        self._scene, self._tags = scene, []
        if scene is None:
            return
        events = (scene.NodeAddedEvent, scene.NodeRemovedEvent, scene.EndBatchProcessEvent)
        self._tags = [scene.AddObserver(event, self._on_scene) for event in events]
        for event in (scene.EndCloseEvent, scene.EndImportEvent):
            self._tags.append(scene.AddObserver(event, lambda *_: self._update_all()))

    def watch(self, nodes: list[Any]) -> None:
        for node, tag in self._nodes.items():
            node.RemoveObserver(tag)
        self._nodes = {node: node.AddObserver("ModifiedEvent", self._on_node) for node in nodes}

    def _on_scene(self, *_: object) -> None:
        if not (self._scene.IsBatchProcessing() or self._scene.IsImporting() or self._scene.IsClosing()):
            self._update()

    def _on_node(self, *_: object) -> None:
        self._update()


@stand_in
class qMRMLSortFilterProxyModel(QtCore.QSortFilterProxyModel):
    """Decides which nodes a selector lists; of what it can, the nodes that are named."""

    hiddenNodeIDs = stored("QStringList", "hiddenNodeIDs", [], "_tell")

    def _tell(self) -> None:
        self._changed()


@stand_in
class qMRMLNodeComboBox(QtWidgets.QWidget):
    """A list of the scene's nodes of some types, one of them current."""

    CPP_SIGNALS: ClassVar[dict[str, str]] = {
        **NODE_CHANGED,
        "nodeActivated(vtkMRMLNode*)": "nodeActivated(PyObject)",
        "nodeAdded(vtkMRMLNode*)": "nodeAdded(PyObject)",
        "nodeAddedByUser(vtkMRMLNode*)": "nodeAddedByUser(PyObject)",
        "nodeAboutToBeRemoved(vtkMRMLNode*)": "nodeAboutToBeRemoved(PyObject)",
        "nodeAboutToBeEdited(vtkMRMLNode*)": "nodeAboutToBeEdited(PyObject)",
    }
    currentNodeChanged = QtCore.Signal((object,), (bool,))
    currentNodeIDChanged = QtCore.Signal(str)
    nodeActivated = QtCore.Signal(object)
    nodeAdded = QtCore.Signal(object)
    nodeAddedByUser = QtCore.Signal(object)
    nodeAboutToBeRemoved = QtCore.Signal(object)
    nodeAboutToBeEdited = QtCore.Signal(object)
    nodeTypes = stored("QStringList", "nodeTypes", [], "_refresh")
    noneEnabled = stored(bool, "noneEnabled", False, "_refresh")
    noneDisplay = stored(str, "noneDisplay", "None", "_refresh")
    showHidden = stored(bool, "showHidden", False, "_refresh")
    showChildNodeTypes = stored(bool, "showChildNodeTypes", True, "_refresh")
    hideChildNodeTypes = stored("QStringList", "hideChildNodeTypes", [], "_refresh")
    addEnabled = stored(bool, "addEnabled", True)
    removeEnabled = stored(bool, "removeEnabled", True)
    selectNodeUponCreation = stored(bool, "selectNodeUponCreation", True)
    baseName = stored(str, "baseName", "")

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._scene: Any = None
        self._attributes: list[tuple[str, str, str | None]] = []
        self._current = ""
        self._filter = qMRMLSortFilterProxyModel()
        self._filter._changed = self._refresh
        self._combo = ctkComboBox()
        self._combo.setMinimumContentsLength(8)
        self._combo.setSizeAdjustPolicy(QtWidgets.QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._combo)
        policy = QtWidgets.QSizePolicy.Policy
        self.setSizePolicy(policy.Expanding, policy.Fixed)
        self.setFocusProxy(self._combo)
        self._observer = SceneObserver(self, self._refresh, self._refill)
        self._combo.currentIndexChanged.connect(self._chosen)
        self._combo.activated.connect(lambda _: self.nodeActivated.emit(self.currentNode()))

    def setMRMLScene(self, scene: object) -> None:
        self._scene = scene
        self._observer.observe(scene)
        self._refresh()

    def mrmlScene(self) -> Any:
        return self._scene

    def addAttribute(self, node_type: str, name: str, value: object = None) -> None:
        self._attributes.append((node_type, name, None if value is None else str(value)))
        self._refresh()

    def removeAttribute(self, node_type: str, name: str) -> None:
        self._attributes = [a for a in self._attributes if a[:2] != (node_type, name)]
        self._refresh()

    def sortFilterProxyModel(self) -> Any:
        return self._filter

    def currentNode(self) -> Any:
        return self._scene.GetNodeByID(self._current) if self._scene is not None and self._current else None

    def setCurrentNode(self, node: object) -> None:
        self.setCurrentNodeID("" if node is None else node.GetID())

    def setCurrentNodeID(self, node_id: str) -> None:
        self._combo.setCurrentIndex(self._combo.findData(node_id or ""))

    def nodeCount(self) -> int:
        return len(self._nodes())

    def _id(self) -> str:
        return self._current

    currentNodeID = QtCore.Property(str, _id, setCurrentNodeID)

    def _nodes(self) -> list[Any]:
        if self._scene is None:
            return []
        every = (self._scene.GetNthNode(i) for i in range(self._scene.GetNumberOfNodes()))
        return [node for node in every if self._is_listed(node)]

    def _is_listed(self, node: Any) -> bool:
        if node.GetHideFromEditors() and not self.showHidden:
            return False
        if node.GetID() in self._filter.hiddenNodeIDs:
            return False
        name = node.GetClassName()
        if name in self.hideChildNodeTypes:
            return False
        if not any(node.IsA(kind) if self.showChildNodeTypes else name == kind for kind in self.nodeTypes):
            return False
        wanted = [(key, value) for kind, key, value in self._attributes if node.IsA(kind)]
        return all(
            node.GetAttribute(key) is not None and (value is None or node.GetAttribute(key) == value)
            for key, value in wanted
        )

    def _refill(self) -> None:
        """Take all nodes out before they are listed anew: what was chosen is none, and the signal says so."""
        self._combo.setCurrentIndex(0 if self.noneEnabled else -1)
        self._refresh()

    def _refresh(self) -> None:
        nodes = self._nodes()
        listed = [(self.noneDisplay, "")] if self.noneEnabled else []
        listed += [(node.GetName() or "", node.GetID()) for node in nodes]
        shown = [(self._combo.itemText(i), self._combo.itemData(i)) for i in range(self._combo.count())]
        known = {node_id for _, node_id in shown}
        if listed == shown:
            return
        before = self._combo.currentIndex()
        self._combo.blockSignals(True)
        self._combo.clear()
        for text, node_id in listed:
            self._combo.addItem(text, node_id)
        kept = self._combo.findData(self._current)
        # Where the current node is deleted, the one above it takes its place, as in any combo box of Qt.
        self._combo.setCurrentIndex(kept if kept >= 0 else min(max(before - 1, 0), len(listed) - 1))
        self._combo.blockSignals(False)
        self._observer.watch(nodes)
        self._chosen()
        for node in nodes:
            if node.GetID() not in known:
                self.nodeAdded.emit(node)

    def _chosen(self, *_: object) -> None:
        node_id = self._combo.currentData() or ""
        if node_id == self._current:
            return
        self._current = node_id
        node = self.currentNode()
        self.currentNodeChanged[object].emit(node)
        self.currentNodeChanged[bool].emit(node is not None)
        self.currentNodeIDChanged.emit(node_id)
