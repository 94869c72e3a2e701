"""Subject hierarchy items appear by themselves, as the application's plugins make them."""

from __future__ import annotations

from typing import Any

import slicer
import vtk

from Testing.slicer.harness.errors import complain

_SHOWN = (
    "vtkMRMLVolumeNode",
    "vtkMRMLSegmentationNode",
    "vtkMRMLModelNode",
    "vtkMRMLTransformNode",
    "vtkMRMLTableNode",
    "vtkMRMLTextNode",
    "vtkMRMLMarkupsNode",
    "vtkMRMLPlotChartNode",
    "vtkMRMLPlotSeriesNode",
    "vtkMRMLSequenceNode",
    "vtkMRMLSequenceBrowserNode",
)


class SubjectHierarchyFiller:
    """Adds an item for every data node, removes it with the node."""

    def __init__(self, scene: Any) -> None:
        self._scene = scene
        for event, reaction in (
            (scene.NodeAddedEvent, self._added),
            (scene.NodeAboutToBeRemovedEvent, self._about_to_be_removed),
        ):
            scene.AddObserver(event, _with_node(reaction))
        for event in (scene.EndImportEvent, scene.EndRestoreEvent, scene.EndCloseEvent):
            scene.AddObserver(event, lambda *_: self._add_missing())

    def hierarchy(self) -> Any:
        return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(self._scene)

    def _added(self, node: Any) -> None:
        if not (self._scene.IsImporting() or self._scene.IsRestoring() or self._scene.IsClosing()):
            self._add(node)

    def _add(self, node: Any) -> None:
        if node.GetHideFromEditors() or not any(node.IsA(kind) for kind in _SHOWN):
            return
        hierarchy = self.hierarchy()
        if not hierarchy.GetItemByDataNode(node):
            hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)
        if node.IsA("vtkMRMLSegmentationNode"):
            node.AddObserver(slicer.vtkSegmentation.SegmentAdded, self._segment_added)

    def _segment_added(self, node: Any, event: str) -> None:
        hierarchy = self.hierarchy()
        if hierarchy is None or not hierarchy.GetItemByDataNode(node):
            complain(f"error log: no item in the subject hierarchy for the segmentation {node.GetName()}")

    def _about_to_be_removed(self, node: Any) -> None:
        if self._scene.IsClosing() or node.IsA("vtkMRMLSubjectHierarchyNode"):
            return
        hierarchy = self.hierarchy()
        item = hierarchy.GetItemByDataNode(node) if hierarchy is not None else 0
        if item:
            hierarchy.RemoveItem(item, False, False)

    def _add_missing(self) -> None:
        for index in range(self._scene.GetNumberOfNodes()):
            node = self._scene.GetNthNode(index)
            if node is not None:
                self._add(node)


def _with_node(reaction: Any) -> Any:
    @vtk.calldata_type(vtk.VTK_OBJECT)
    def receive(caller: object, event: str, node: Any) -> None:
        reaction(node)

    return receive
