"""Painting calcium with the real Segment Editor's logic in "overwrite all", as it opens from the toolbar."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from Testing.slicer import harness
from Testing.slicer.scene.scenes import voxels_of

BALL_IJK = np.argwhere(
    sum((axis - at) ** 2 * mm**2 for axis, at, mm in zip(np.ogrid[:80, :30, :60], (13, 13, 25), (1, 1, 2), strict=True))
    < 16
)
"""A ball of almost 8 mm in the middle of the aorta, away from the plaques."""


def paint_with_the_editor(case: Any, structure: str, voxels: np.ndarray) -> None:
    """Add voxels to a segment by the logic of the Segment Editor, all other segments giving way."""
    editor = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentEditorNode")
    editor.SetAndObserveSegmentationNode(case.segmentation(structure))
    editor.SetAndObserveSourceVolumeNode(case.volume)
    editor.SetOverwriteMode(editor.OverwriteAllSegments)
    logic = slicer.vtkSlicerSegmentEditorLogic()
    logic.SetMRMLScene(slicer.mrmlScene)
    logic.SetSegmentEditorNode(editor)
    modifier = slicer.vtkOrientedImageData()
    low, high = voxels.min(axis=0), voxels.max(axis=0)
    modifier.SetExtent([int(v) for n in range(3) for v in (low[n], high[n])])
    matrix = vtk.vtkMatrix4x4()
    case.volume.GetIJKToRASMatrix(matrix)
    modifier.SetImageToWorldMatrix(matrix)
    modifier.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
    array = vtk_to_numpy(modifier.GetPointData().GetScalars()).reshape(modifier.GetDimensions()[::-1])
    array[:] = 0
    array[tuple((voxels - low)[:, ::-1].T)] = 1
    name = case.segment_id(structure)
    logic.ModifySegmentByLabelmap(case.segmentation(structure), name, modifier, logic.ModificationModeAdd, False, False)
    logic.SetSegmentEditorNode(None)
    slicer.mrmlScene.RemoveNode(editor)


def test_a_ball_of_calcium_raises_the_burden_and_takes_no_artery(analyzed: Callable[[], Any]) -> None:
    panel = analyzed()
    case, before = panel.case, panel.case.result().scores.territories["aorta"]
    paint_with_the_editor(case, "calcification", BALL_IJK)
    # The stand-in would be no better than the test of it: the editor has really taken the aorta away.
    assert len(voxels_of(case.calcification, case.segment_id("aorta"))) == 1984 - len(BALL_IJK)
    harness.settle(lambda: panel.sections.corrections.stale)
    panel.ui.rescoreButton.click()
    harness.settle(lambda: not panel.sections.corrections.busy)
    after = case.result().scores.territories["aorta"]
    assert after.artery_volume_mm3 == before.artery_volume_mm3 == 3968.0
    assert after.calcified_volume_mm3 == before.calcified_volume_mm3 + 2.0 * len(BALL_IJK)
    assert len(voxels_of(case.calcification, case.segment_id("aorta"))) == 1984
    assert "Aorta" in panel.ui.warningsLabel.text
