"""The page of the module Segment Editor, as far as other modules notice it."""

from __future__ import annotations

from typing import Any

import slicer

from Testing.slicer.harness.widgets.mrml_segments import segment_ids


class SegmentEditorPage:
    """Takes the editor's node when it is entered, and selects the first segment where the segmentation is new to it."""

    def __init__(self) -> None:
        self._shown: Any = None
        self.editor = slicer.qMRMLSegmentEditorWidget()

    def enter(self) -> None:
        node = slicer.mrmlScene.GetSingletonNode("SegmentEditor", "vtkMRMLSegmentEditorNode")
        self.editor.setMRMLSegmentEditorNode(node)
        segmentation = node.GetSegmentationNode() if node is not None else None
        if segmentation is not self._shown and segment_ids(segmentation):
            node.SetSelectedSegmentID(segment_ids(segmentation)[0])
        self._shown = segmentation


def add_page(module: Any) -> None:
    """Give a module the page."""
    page = slicer.qSlicerScriptedLoadableModuleWidget()
    page._native._python_side = SegmentEditorPage()
    module._native._widget = page._native
