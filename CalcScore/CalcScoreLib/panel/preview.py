"""Shows on the slices what a threshold takes, without touching the CTA or its display."""

from __future__ import annotations

from typing import Any

import slicer

_YELLOW = "vtkMRMLColorTableNodeYellow"
_OPACITY = 0.6


class ThresholdPreview:
    """A second view of the CTA's voxels that shows those at or above a value, in the foreground of the slices."""

    def __init__(self) -> None:
        self._node: Any = None
        self._before: list[tuple[Any, str | None, float]] = []

    @property
    def shown(self) -> bool:
        """Whether the preview is on the slices."""
        return self._node is not None

    def show(self, volume: Any, threshold_hu: float) -> None:
        """Show the voxels of a CTA at or above a value.

        Parameters
        ----------
        volume : vtkMRMLScalarVolumeNode
            The CTA.
        threshold_hu : float
            The value, HU.
        """
        if self._node is None or self._node.GetImageData() is not volume.GetImageData():
            self.hide()
            self._node = _make_node(volume)
            self._cover()
        shown = self._node.GetDisplayNode()
        modified = shown.StartModify()
        shown.SetThreshold(threshold_hu, max(volume.GetImageData().GetScalarRange()[1], threshold_hu))
        # All that is left is brighter than the window: one colour.
        shown.SetWindowLevelMinMax(threshold_hu - 2, threshold_hu - 1)
        shown.EndModify(modified)

    def hide(self) -> None:
        """Take the preview away; the slices show what they showed before."""
        node, self._node = self._node, None
        if node is None:
            return
        for view, foreground, opacity in self._before:
            if view.GetForegroundVolumeID() == node.GetID():
                view.SetForegroundVolumeID(foreground)
                view.SetForegroundOpacity(opacity)
        self._before = []
        if node.GetScene() is not None:
            # The display first: a volume that has left the scene would tell its observers of the loss.
            slicer.mrmlScene.RemoveNode(node.GetDisplayNode())
            slicer.mrmlScene.RemoveNode(node)

    def _cover(self) -> None:
        for view in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
            self._before.append((view, view.GetForegroundVolumeID(), view.GetForegroundOpacity()))
            view.SetForegroundVolumeID(self._node.GetID())
            view.SetForegroundOpacity(_OPACITY)


def _make_node(volume: Any) -> Any:
    """Make a hidden volume that shares the voxels of another and is not saved."""
    scene = slicer.mrmlScene
    display = scene.AddNewNodeByClass("vtkMRMLScalarVolumeDisplayNode")
    display.SetAndObserveColorNodeID(_YELLOW)
    display.SetAutoWindowLevel(False)
    display.SetInterpolate(False)
    display.SetApplyThreshold(True)
    node = scene.CreateNodeByClass("vtkMRMLScalarVolumeNode")
    node.UnRegister(None)
    node.SetName("CalcScore threshold preview")
    node.SetHideFromEditors(True)
    node.CopyOrientation(volume)
    node.SetAndObserveImageData(volume.GetImageData())
    node.SetAndObserveTransformNodeID(volume.GetTransformNodeID())
    for made in (node, display):
        made.SetSaveWithScene(False)
    scene.AddNode(node)
    node.SetAndObserveDisplayNodeID(display.GetID())
    return node
