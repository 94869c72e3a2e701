"""The top of the panel: choosing the CTA and where arteries and calcification come from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import slicer

from Testing.slicer import harness
from Testing.slicer.panel import maps
from Testing.slicer.panel.conftest import rows_of


def choose(selector: Any, node: Any) -> None:
    """Choose a node in a selector, as a user does."""
    combo = selector._native._combo
    combo.setCurrentIndex(combo.findData(node.GetID()))
    combo.activated.emit(combo.currentIndex())


def combo_of(panel: Any, row: int) -> Any:
    return panel.ui.mappingTable.cellWidget(row, 1)


def test_the_only_volume_is_chosen_by_itself(panel: Any, cta: Any) -> None:
    slicer.util.selectModule("Data")
    slicer.util.selectModule("CalcScore")
    assert panel.parameters.cta is cta
    assert panel.ui.ctaSelector.currentNode() is cta


def test_the_first_volume_that_is_loaded_while_the_page_is_shown_is_chosen_and_shown(panel: Any) -> None:
    assert panel.state.value == "empty"
    volume = slicer.util.addVolumeFromArray(np.zeros((4, 4, 4), np.int16), name="Dropped")
    harness.rest()
    assert panel.parameters.cta is volume
    assert panel.ui.ctaSelector.currentNode() is volume
    assert panel.state.value == "ready"
    slicer.util.addVolumeFromArray(np.zeros((4, 4, 4), np.int16), name="Another")
    harness.rest()
    assert panel.parameters.cta is volume


def test_volumes_that_are_loaded_together_are_left_to_the_user(panel: Any) -> None:
    for name in ("One", "Two"):
        slicer.util.addVolumeFromArray(np.zeros((4, 4, 4), np.int16), name=name)
    harness.rest()
    assert panel.parameters.cta is None


def test_a_volume_without_voxels_is_not_chosen_by_itself(panel: Any) -> None:
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Empty")
    harness.rest()
    assert panel.parameters.cta is None
    assert not panel.ui.messageLabel.visible


def test_of_two_volumes_none_is_chosen(panel: Any, cta: Any) -> None:
    slicer.util.addVolumeFromArray(np.zeros((4, 4, 4), np.int16))
    slicer.util.selectModule("Data")
    slicer.util.selectModule("CalcScore")
    assert panel.parameters.cta is None
    assert panel.state.value == "empty"
    assert not panel.ui.analyzeButton.enabled


def test_a_volume_of_one_slice_is_refused_in_words(panel: Any) -> None:
    panel.parameters.cta = slicer.util.addVolumeFromArray(np.zeros((1, 20, 20), np.int16), name="Localizer")
    assert not panel.ui.analyzeButton.enabled
    assert panel.ui.messageLabel.text == "⚠ Localizer has 20 x 20 x 1 voxels, a CTA needs 2 slices or more."


def test_the_refusal_goes_with_the_volume(panel: Any, cta: Any) -> None:
    panel.parameters.cta = slicer.util.addVolumeFromArray(np.zeros((1, 20, 20), np.int16), name="Localizer")
    panel.parameters.cta = cta
    assert not panel.ui.messageLabel.visible


def test_segments_are_mapped_by_themselves_and_correctable(panel: Any, cta: Any, arteries: Any) -> None:
    arteries.GetSegmentation().GetSegment("renal").SetName("Gefäß 4")
    panel.parameters.cta = cta
    panel.ui.arteriesSegmentsRadio.click()
    choose(panel.ui.arterySegmentationSelector, arteries)
    table = panel.ui.mappingTable
    names = [table.item(row, 0).text() for row in range(table.rowCount)]
    assert names == ["Aorta", "Iliac", "Gefäß 4"]
    assert [combo_of(panel, row).currentText for row in range(3)] == ["Aorta", "Iliac", "not used"]
    combo_of(panel, 2).setCurrentIndex(4)
    panel.ui.calcificationThresholdRadio.click()
    panel.ui.analyzeButton.click()
    harness.settle(lambda: not panel.run.running)
    assert rows_of(panel.ui.scoresTree)["Renal"] == maps.FIGURES["Renal"]


def test_no_artery_among_the_segments_is_told(panel: Any, cta: Any, arteries: Any) -> None:
    panel.parameters.cta = cta
    panel.parameters.arteries_from, panel.parameters.artery_segmentation = "segments", arteries
    panel.parameters.calcification_from = "threshold"
    for row in range(3):
        combo_of(panel, row).setCurrentIndex(0)
    panel.ui.analyzeButton.click()
    harness.settle(lambda: not panel.run.running)
    assert panel.state.value == "failed"
    assert "no segment is chosen as an artery" in panel.ui.messageLabel.text


def test_reading_segments_can_be_cancelled(panel: Any, cta: Any, arteries: Any) -> None:
    panel.parameters.cta = cta
    panel.parameters.arteries_from, panel.parameters.artery_segmentation = "segments", arteries
    panel.parameters.calcification_from = "threshold"
    panel.ui.analyzeButton.click()
    assert panel.run.running
    panel.run.cancel()
    harness.rest()
    assert (panel.run.running, panel.case) == (False, None)
    assert slicer.util.getNodesByClass("vtkMRMLSegmentationNode") == [arteries]


def test_an_existing_calcification_segment_is_guessed_and_scored(panel: Any, cta: Any, arteries: Any) -> None:
    segment = arteries.GetSegmentation().AddEmptySegment("c", "Calcification by hand")
    mask = maps.calcified().astype(np.uint8)
    mask[20] = 0
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, arteries, segment, cta)
    panel.parameters.cta = cta
    panel.parameters.arteries_from, panel.parameters.artery_segmentation = "segments", arteries
    panel.ui.calcificationSegmentsRadio.click()
    choose(panel.ui.calcificationSegmentationSelector, arteries)
    assert panel.ui.calcificationSegmentCombo.currentText == "Calcification by hand"
    panel.ui.analyzeButton.click()
    harness.settle(lambda: not panel.run.running)
    assert panel.case.result().scores.territories["aorta"].calcified_volume_mm3 == 8.0


def test_the_threshold_decides(panel: Any, cta: Any, analyzed: Callable[[], Any]) -> None:
    panel.ui.thresholdSpin.setValue(800)
    # Only one voxel is above 700 HU.
    assert analyzed().case.result().scores.territories["aorta"].calcified_volume_mm3 == 2.0


def test_the_preview_covers_the_slices_and_goes(panel: Any, cta: Any) -> None:
    view = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")[0]
    panel.parameters.cta = cta
    panel.ui.calcificationThresholdRadio.click()
    panel.ui.adaptiveCheck.click()
    panel.ui.previewCheck.click()
    shown = slicer.mrmlScene.GetNodeByID(view.GetForegroundVolumeID())
    assert shown.GetImageData() is cta.GetImageData()
    assert shown.GetDisplayNode().GetLowerThreshold() == 470.0
    panel.ui.thresholdSpin.setValue(600)
    assert shown.GetDisplayNode().GetLowerThreshold() == 600.0
    assert not shown.GetSaveWithScene()
    slicer.util.selectModule("Data")
    assert view.GetForegroundVolumeID() is None
    assert len(slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")) == 1


def test_the_threshold_is_adaptive_unless_one_is_given(panel: Any, cta: Any, arteries: Any) -> None:
    panel.parameters.cta = cta
    panel.parameters.arteries_from, panel.parameters.artery_segmentation = "segments", arteries
    panel.ui.calcificationThresholdRadio.click()
    assert (panel.ui.adaptiveCheck.checked, panel.ui.thresholdSpin.visible) == (True, False)
    panel.ui.analyzeButton.click()
    harness.settle(lambda: not panel.run.running)
    result = panel.case.result()
    # The lumen has 300 HU everywhere, and its SD is taken as 1 HU.
    assert (result.parameters["calcification"], result.parameters["threshold_hu"]) == ("adaptive", 304.0)
    rows = rows_of(panel.ui.scoresTree)
    assert {title: rows[title] for title in maps.FIGURES} == maps.FIGURES
    assert panel.ui.caseLabel.text.startswith("Arteries: segmentation Other tool · calcium: adaptive 304 HU")


def test_the_preview_of_an_adaptive_threshold_needs_the_arteries(panel: Any, cta: Any, arteries: Any) -> None:
    view = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")[0]
    panel.parameters.cta = cta
    panel.ui.calcificationThresholdRadio.click()
    assert not panel.ui.previewCheck.enabled
    panel.parameters.arteries_from, panel.parameters.artery_segmentation = "segments", arteries
    assert panel.ui.previewCheck.enabled
    panel.ui.previewCheck.click()
    harness.settle(lambda: view.GetForegroundVolumeID())
    shown = slicer.mrmlScene.GetNodeByID(view.GetForegroundVolumeID())
    assert shown.GetDisplayNode().GetLowerThreshold() == 304.0
    assert panel.ui.previewCheck.text == "Preview on the slices: 304 HU"
    for row in range(3):
        combo_of(panel, row).setCurrentIndex(0)
    harness.settle(lambda: not view.GetForegroundVolumeID())
    assert view.GetForegroundVolumeID() is None
    assert "no segment is chosen as an artery" in panel.ui.previewCheck.toolTip


def test_choices_are_kept_in_the_scene(panel: Any, cta: Any) -> None:
    panel.parameters.cta = cta
    panel.ui.calcificationThresholdRadio.click()
    panel.ui.thresholdSpin.setValue(500)
    panel.ui.methodCombo.setCurrentIndex(1)
    panel.ui.lengthSpin.setValue(40)
    panel.ui.mirroringCheck.click()
    kept = panel.parameters
    assert (kept.calcification_from, kept.threshold_hu, kept.method) == ("threshold", 500.0, "geodesic")
    assert (kept.length_mm, kept.mirroring) == (40.0, False)


@pytest.mark.parametrize(("name", "lowest", "highest"), [("lengthSpin", 5.0, 100.0), ("marginSpin", 0.0, 100.0)])
def test_lengths_stay_in_their_range(panel: Any, name: str, lowest: float, highest: float) -> None:
    spin = getattr(panel.ui, name)
    assert (spin.minimum, spin.maximum) == (lowest, highest)


def test_a_scene_that_is_added_leaves_the_choices_as_they_are(
    panel: Any, cta: Any, arteries: Any, tmp_path: Path
) -> None:
    other = slicer.vtkMRMLScene()
    other.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Another CTA")
    other.SetURL(str(tmp_path / "other.mrml"))
    assert other.Commit()
    panel.parameters.cta = cta
    panel.parameters.arteries_from = "segments"
    panel.parameters.artery_segmentation = arteries
    slicer.mrmlScene.SetURL(str(tmp_path / "other.mrml"))
    assert slicer.mrmlScene.Import()
    harness.rest()
    assert slicer.util.getNode("Another CTA")
    assert panel.parameters.cta is cta
    assert panel.parameters.artery_segmentation is arteries
    assert panel.ui.ctaSelector.currentNode() is cta
    assert panel.ui.arterySegmentationSelector.currentNode() is arteries


def test_the_wheel_over_a_list_changes_nothing(panel: Any, cta: Any, arteries: Any) -> None:
    from PySide6 import QtCore, QtGui, QtWidgets

    panel.parameters.cta = cta
    panel.parameters.arteries_from, panel.parameters.artery_segmentation = "segments", arteries
    panel.parameters.calcification_from, panel.parameters.calcification_segmentation = "segments", arteries
    combos = panel.root._native.findChildren(QtWidgets.QComboBox)
    assert len([combo for combo in combos if combo.count() > 1]) >= 8, "node selectors and the mapping are there"
    before = [combo.currentIndex() for combo in combos]
    for combo in combos:
        for turn in (120, -120):
            here, nothing = QtCore.QPointF(combo.rect().center()), QtCore.QPoint()
            buttons, keys = QtCore.Qt.MouseButton.NoButton, QtCore.Qt.KeyboardModifier.NoModifier
            phase = QtCore.Qt.ScrollPhase.NoScrollPhase
            event = QtGui.QWheelEvent(here, here, nothing, QtCore.QPoint(0, turn), buttons, keys, phase, False)
            QtWidgets.QApplication.sendEvent(combo, event)
            assert [combo.currentIndex() for combo in combos] == before
    assert panel.parameters.cta is cta


def listed(panel: Any) -> list[str]:
    combo = panel.ui.ctaSelector._native._combo
    return [combo.itemText(n) for n in range(combo.count())]


def test_only_volumes_that_can_be_a_cta_are_listed(panel: Any, cta: Any) -> None:
    scene = slicer.mrmlScene
    for kind in ("vtkMRMLLabelMapVolumeNode", "vtkMRMLVectorVolumeNode"):
        scene.AddNewNodeByClass(kind, kind)
    browser = scene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", "browser")
    sequence = scene.AddNewNodeByClass("vtkMRMLSequenceNode", "four-dimensional")
    for value in "01":
        sequence.SetDataNodeAtValue(cta, value)
    browser.AddSynchronizedSequenceNode(sequence)
    proxy = browser.GetProxyNode(sequence)
    assert proxy is not None
    harness.rest()
    assert listed(panel) == ["Choose a volume", "CTA"]


def test_a_cta_that_is_deleted_leaves_no_choice(panel: Any, cta: Any) -> None:
    other = slicer.util.addVolumeFromArray(np.zeros((4, 4, 4), np.int16), name="Other")
    harness.rest()
    choose(panel.ui.ctaSelector, other)
    assert panel.parameters.cta is other
    slicer.mrmlScene.RemoveNode(other)
    harness.rest()
    assert panel.parameters.cta is None
    assert panel.ui.ctaSelector.currentNode() is None
    assert panel.state.value == "empty"


def test_segments_that_are_used_come_first(panel: Any, cta: Any, arteries: Any) -> None:
    content = arteries.GetSegmentation()
    for n in range(5):
        content.AddEmptySegment(f"rib {n}", f"Rib {n}")
        content.SetSegmentIndex(f"rib {n}", 0)
    panel.parameters.cta = cta
    panel.ui.arteriesSegmentsRadio.click()
    choose(panel.ui.arterySegmentationSelector, arteries)
    table = panel.ui.mappingTable
    names = [table.item(row, 0).text() for row in range(table.rowCount)]
    assert names[:3] == ["Aorta", "Iliac", "Renal"]
    combo_of(panel, 3).setCurrentIndex(4)
    harness.rest()
    # What is corrected stays where it is.
    assert [table.item(row, 0).text() for row in range(table.rowCount)] == names


def test_long_names_of_segments_take_one_line_and_are_told_whole(panel: Any, cta: Any, arteries: Any) -> None:
    long = "common iliac arteries of both sides with the internal ones as far as the scan goes"
    arteries.GetSegmentation().GetSegment("iliac").SetName(long)
    panel.parameters.cta = cta
    panel.parameters.arteries_from, panel.parameters.artery_segmentation = "segments", arteries
    harness.rest()
    table = panel.ui.mappingTable
    assert len({table.rowHeight(row) for row in range(table.rowCount)}) == 1
    assert long in [table.item(row, 0).toolTip() for row in range(table.rowCount)]


def test_the_source_hides_when_ours_is_shown(panel: Any, arteries: Any, analyzed: Callable[[], Any]) -> None:
    arteries.CreateDefaultDisplayNodes()
    analyzed()
    assert not arteries.GetDisplayNode().GetVisibility()
    assert panel.case.calcification.GetDisplayNode().GetVisibility()


def test_after_a_run_the_inputs_fold_and_the_scores_are_in_view(
    hosted: Any, panel: Any, cta: Any, analyzed: Callable[[], Any]
) -> None:
    hosted.panel._native.resize(425, 300)
    analyzed()
    harness.rest()
    assert panel.ui.inputsSection.collapsed
    assert panel.ui.inputsSection.text == "Input: CTA"
    top = panel.ui.scoresSection._native.mapTo(
        hosted.panel._native.viewport(), panel.ui.scoresSection._native.rect().topLeft()
    )
    assert abs(top.y()) <= 12
    panel.ui.inputsSection.collapsed = False
    assert panel.ui.inputsSection.text == "Input"
    panel.case.volume.SetName("A&B: ANGIO ABDOMEN arterial 1.0 Br36 iMAR (series 4)")
    panel.ui.inputsSection.collapsed = True
    assert panel.ui.inputsSection.text == "Input: A&&B: ANGIO ABDOMEN…6 iMAR (series 4)"
    assert panel.ui.inputsSection.toolTip == "A&B: ANGIO ABDOMEN arterial 1.0 Br36 iMAR (series 4)"
    panel.ui.inputsSection.collapsed = False
    panel.ui.inputsSection.collapsed = True
    panel.parameters.cta = slicer.util.addVolumeFromArray(np.zeros((4, 4, 4), np.int16), name="Other")
    assert not panel.ui.inputsSection.collapsed
