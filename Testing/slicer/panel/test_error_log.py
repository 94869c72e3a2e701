"""A whole drive leaves the application's error log empty: every line of it fails the test that caused it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import slicer
import vtk
from CalcScoreLib.scene import terminology
from CalcScoreLib.scene.case import SceneCase
from CalcScoreLib.scene.segmentations import TERMINOLOGY_TAG, tag

from CalcScoreLogic.anatomy import CALCIFICATION_STRUCTURES, STRUCTURES, CalcificationLabel
from CalcScoreLogic.images.geometry import Image
from CalcScoreLogic.images.segments import OWN_LIST
from CalcScoreLogic.pipeline import score_masks
from Testing.slicer import harness
from Testing.slicer.panel import maps
from Testing.slicer.scene.scenes import add_transform, add_volume, paint


def analyze(panel: Any) -> None:
    panel.ui.analyzeButton.click()
    harness.settle(lambda: not panel.run.running)
    harness.rest()


def test_a_whole_drive(analyzed: Callable[[], Any], dialogs: harness.Dialogs, tmp_path: Path) -> None:
    panel = analyzed()
    panel.ui.previewCheck.click()
    harness.rest()
    panel.ui.previewCheck.click()
    paint(panel.case.calcification, panel.case.segment_id("calcification"), maps.PLAQUE_IJK, False)
    harness.settle(lambda: panel.sections.corrections.stale)
    panel.ui.rescoreButton.click()
    harness.settle(lambda: not panel.sections.corrections.busy)
    panel.ui.trimButton.click()
    harness.settle(lambda: not panel.sections.corrections.busy)
    harness.rest()
    assert slicer.util.saveScene(str(tmp_path / "case.mrb"))
    slicer.mrmlScene.Clear(False)
    slicer.util.loadScene(str(tmp_path / "case.mrb"))
    harness.rest()
    add_transform(slicer.mrmlScene, np.eye(4), panel.case.volume)
    slicer.mrmlScene.RemoveNode(panel.case.volume)
    harness.rest()


def test_no_calcium_at_all_is_shown_in_3d(analyzed: Callable[[], Any]) -> None:
    panel = analyzed()
    panel.parameters.threshold_hu = 2000.0
    analyze(panel)
    surfaces = panel.case.calcification.GetSegmentation()
    harness.settle(lambda: surfaces.ContainsRepresentation("Closed surface"))
    assert panel.case.result().scores.territories["combined"].cluster_count == 0


def test_a_plaque_of_one_voxel_has_a_surface(panel: Any) -> None:
    calcified = np.zeros(maps.GRID.shape, np.uint8)
    calcified[20, 12, 12] = CalcificationLabel.CALCIFICATION
    volume = add_volume(slicer.mrmlScene, maps.cta(), "CTA")
    scored = score_masks("CTA", maps.territories(), Image(calcified, maps.GRID), cta=maps.cta())
    case = SceneCase.write(volume, scored)
    case.calcification.CreateClosedSurfaceRepresentation()
    plaque = case.calcification.GetSegmentation().GetSegment(case.segment_id("calcification"))
    assert plaque.GetRepresentation("Closed surface").GetNumberOfPoints() > 0


def test_the_display_of_the_preview_never_stands_for_a_volume_that_has_left_the_scene(panel: Any, cta: Any) -> None:
    """Slicer asks a display node for its volume's scene, and logs where that is none."""
    from CalcScoreLib.panel.preview import ThresholdPreview

    left: list[str] = []

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def removed(scene: Any, event: str, node: Any) -> None:
        left.append(node.GetClassName())

    preview = ThresholdPreview()
    preview.show(cta, 470.0)
    observer = slicer.mrmlScene.AddObserver(slicer.mrmlScene.NodeRemovedEvent, removed)
    preview.hide()
    slicer.mrmlScene.RemoveObserver(observer)
    assert left == ["vtkMRMLScalarVolumeDisplayNode", "vtkMRMLScalarVolumeNode"]


def test_the_codes_of_our_segments_are_those_of_our_terminology() -> None:
    content = json.loads(terminology.FILE.read_text(encoding="utf-8"))
    assert content["SegmentationCategoryTypeContextName"] == OWN_LIST
    categories = content["SegmentationCodes"]["Category"]
    found = [(t["CodeValue"], t["CodeMeaning"], t["recommendedDisplayRGBValue"]) for c in categories for t in c["Type"]]
    known = [*STRUCTURES.values(), *CALCIFICATION_STRUCTURES.values()]
    assert found == [(s.concept.code, s.concept.meaning, list(s.colour)) for s in known]


def test_slicer_finds_the_code_of_a_plaque(analyzed: Callable[[], Any]) -> None:
    case = analyzed().case
    segment = case.calcification.GetSegmentation().GetSegment(case.segment_id("calcification"))
    logic, entry = slicer.modules.terminologies.logic(), slicer.vtkSlicerTerminologyEntry()
    names = vtk.vtkStringArray()
    logic.GetLoadedTerminologyNames(names)
    assert OWN_LIST in [names.GetValue(n) for n in range(names.GetNumberOfValues())]
    assert logic.DeserializeTerminologyEntry(tag(segment, TERMINOLOGY_TAG), entry)
    assert logic.UpdateEntryFromLoadedTerminologies(entry, [], [])
    assert entry.GetTypeObject().GetRecommendedDisplayRGBValue() == (240, 228, 66)
