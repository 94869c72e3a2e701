"""Shows which plaques are selected: an outline on the slices and a white surface in 3-D."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import slicer

from .grids import index_to_ras
from .plaques import Plaque
from .segment_voxels import LABELMAP, padded_image, union

_NAME = "CalcScore selected plaques"
_SEGMENT = "selected"
_WHITE = (1.0, 1.0, 1.0)
_LINE_PIXELS = 3


class PlaqueOutline:
    """A hidden segmentation with the plaques that are selected; never saved."""

    def __init__(self) -> None:
        self._node: Any = None

    def show(self, volume: Any, plaques: Sequence[Plaque]) -> None:
        """Show the outline of plaques, and of no others.

        Parameters
        ----------
        volume : vtkMRMLScalarVolumeNode
            The CTA.
        plaques : sequence of Plaque
            The plaques.
        """
        mask = union([plaque.mask() for plaque in plaques])
        if not mask.inside.size:
            self.hide()
            return
        if self._node is None or self._node.GetScene() is None:
            self._node = _make_node(volume.GetScene())
        node = self._node
        node.SetAndObserveTransformNodeID(volume.GetTransformNodeID())
        segment = slicer.vtkSegment()
        segment.SetName(_NAME)
        segment.SetColor(*_WHITE)
        segment.AddRepresentation(LABELMAP, padded_image(mask, index_to_ras(volume)))
        content = node.GetSegmentation()
        content.RemoveAllSegments()
        content.AddSegment(segment, _SEGMENT)
        node.CreateClosedSurfaceRepresentation()

    def hide(self) -> None:
        """Take the outline away."""
        node, self._node = self._node, None
        if node is not None and node.GetScene() is not None:
            display = node.GetDisplayNode()
            slicer.mrmlScene.RemoveNode(node)
            slicer.mrmlScene.RemoveNode(display)


def _make_node(scene: Any) -> Any:
    node = scene.CreateNodeByClass("vtkMRMLSegmentationNode")
    node.UnRegister(None)
    node.SetName(_NAME)
    node.SetHideFromEditors(True)
    node.SetSaveWithScene(False)
    scene.AddNode(node)
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetSaveWithScene(False)
    display.SetVisibility2DFill(False)
    display.SetVisibility2DOutline(True)
    display.SetSliceIntersectionThickness(_LINE_PIXELS)
    return node
