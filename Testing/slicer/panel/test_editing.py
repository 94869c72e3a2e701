"""The Segment Editor set up for a task and put back, and branches grown between two clicks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import slicer
from CalcScoreLib.scene.editing import EditorState, editor_node

from Testing.slicer import harness
from Testing.slicer.panel import maps
from Testing.slicer.panel.loop_case import click_at

Analyzed = Callable[[], Any]
BRUSH = ("BrushSphere", "BrushAbsoluteDiameter", "BrushDiameterIsRelative")


def edit_plaques(panel: Any) -> Any:
    panel.ui.editPlaquesButton.click()
    harness.settle(lambda: slicer.util.selectedModule() == "SegmentEditor")
    return editor_node(slicer.mrmlScene)


def test_plaques_are_painted_inside_the_arteries_where_it_is_bright(analyzed: Analyzed) -> None:
    panel = analyzed()
    node = edit_plaques(panel)
    assert node.GetSegmentationNode() is panel.case.calcification
    assert node.GetSourceVolumeNode() is panel.case.volume
    assert node.GetSelectedSegmentID() == panel.case.segment_id("calcification")
    assert node.GetOverwriteMode() == node.OverwriteNone
    assert node.GetMaskMode() == slicer.vtkMRMLSegmentationNode.EditAllowedInsideAllSegments
    assert node.GetSourceVolumeIntensityMask()
    # The threshold in use, and the brightest voxel.
    assert tuple(node.GetSourceVolumeIntensityMaskRange()) == (470.0, 1240.0)
    assert node.GetActiveEffectName() == "Paint"
    assert [node.GetAttribute(name) for name in BRUSH] == ["1", "5", "0"]


def test_without_a_threshold_in_use_it_follows_the_lumen(analyzed: Analyzed, cta: Any) -> None:
    array = maps.cta().array.astype(float)
    noise = np.random.default_rng(1).normal(0, 10, array.shape)
    slicer.util.updateVolumeFromArray(cta, np.rint(array + noise).astype(np.int16))
    panel = analyzed()
    result = panel.case.result()
    from dataclasses import replace

    from CalcScoreLib.scene.records import write_record

    write_record(panel.case.record, replace(result, parameters={**result.parameters, "threshold_hu": None}))
    low = edit_plaques(panel).GetSourceVolumeIntensityMaskRange()[0]
    # Median 300 and four SD of 10; plaques in the core lift it a little.
    assert low == pytest.approx(340, abs=5)


def test_the_editor_is_put_back_when_another_module_is_shown(analyzed: Analyzed, arteries: Any) -> None:
    panel = analyzed()
    node = editor_node(slicer.mrmlScene)
    node.SetAndObserveSegmentationNode(arteries)
    node.SetSelectedSegmentID("aorta")
    node.SetOverwriteMode(node.OverwriteVisibleSegments)
    node.SetMaskMode(slicer.vtkMRMLSegmentationNode.EditAllowedOutsideAllSegments)
    node.SetSourceVolumeIntensityMaskRange(1.0, 2.0)
    node.SetAttribute("BrushSphere", "0")
    before = EditorState.of(node)
    edit_plaques(panel)
    assert EditorState.of(node) != before
    slicer.util.selectModule("Data")
    assert EditorState.of(node) == before
    panel.sections.editing.edit_arteries("full.aorta")
    panel.sections.editing.edit_arteries("aorta")
    slicer.util.selectModule("CalcScore")
    assert EditorState.of(node) == before


def test_an_editor_that_was_never_used_keeps_ours_for_its_undo(analyzed: Analyzed) -> None:
    panel = analyzed()
    node = edit_plaques(panel)
    slicer.util.selectModule("CalcScore")
    assert node.GetSegmentationNode() is panel.case.calcification
    assert node.GetOverwriteMode() == node.OverwriteAllSegments
    assert node.GetMaskMode() == slicer.vtkMRMLSegmentationNode.EditAllowedEverywhere
    assert not node.GetSourceVolumeIntensityMask()
    assert node.GetAttribute("BrushSphere") is None


def test_arteries_are_painted_anywhere(analyzed: Analyzed) -> None:
    panel = analyzed()
    panel.ui.editArteriesButton.click()
    node = editor_node(slicer.mrmlScene)
    assert slicer.util.selectedModule() == "SegmentEditor"
    assert node.GetSelectedSegmentID() == panel.case.segment_id("aorta")
    assert node.GetSegmentationNode() is panel.case.calcification
    assert node.GetOverwriteMode() == node.OverwriteNone
    assert not node.GetSourceVolumeIntensityMask()
    panel.sections.editing.edit_arteries("full.renal")
    assert node.GetSegmentationNode() is panel.case.arteries
    assert node.GetSelectedSegmentID() == panel.case.segment_id("full.renal")
    assert node.GetOverwriteMode() == node.OverwriteAllSegments
    assert panel.case.arteries.GetDisplayNode().GetSegmentVisibility(panel.case.segment_id("full.renal"))


@pytest.fixture
def missed(cta: Any) -> None:
    """A second artery, 6 x 6 mm, from the aorta's side at j = 18, 34 to 44 mm high, in the CTA only."""
    array = maps.cta().array.copy()
    array[14:17, 18:29, 11:17] = 300
    slicer.util.updateVolumeFromArray(cta, array)


def click(index: tuple[float, float, float]) -> None:
    """Click on a voxel."""
    click_at(maps.GRID.to_physical(index))


def start(panel: Any, territory: str = "Mesenteric") -> Any:
    actions = {action.text: action for action in panel.ui.branchButton.menu().actions()}
    assert list(actions) == ["Iliac", "Mesenteric", "Renal"]
    actions[territory].trigger()
    return slicer.app.applicationLogic().GetInteractionNode()


def test_two_clicks_add_a_missed_branch(missed: None, analyzed: Analyzed) -> None:
    panel = analyzed()
    assert panel.case.result().scores.territories["mesenteric"].status.value == "absent"
    interaction = start(panel)
    assert interaction.GetCurrentInteractionMode() == interaction.Place
    assert (
        panel.ui.messageLabel.text == "Click where the branch leaves its artery, on any slice (a right click ends it)."
    )
    click((14.0, 16.0, 15.0))
    assert panel.ui.messageLabel.text == "Now click where the branch ends."
    click((13.5, 27.0, 15.0))
    assert interaction.GetCurrentInteractionMode() == interaction.ViewTransform
    assert slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode") == []
    harness.settle(lambda: not panel.sections.corrections.busy)
    row = panel.case.result().scores.territories["mesenteric"]
    # A round branch of 6 mm from the aorta, at j = 18, to the second click: 3.14 * 9 mm² * 10 mm.
    assert row.artery_volume_mm3 == pytest.approx(283, rel=0.15)
    assert set(panel.case.result().edited) >= {"mesenteric", "combined"}
    assert panel.ui.messageLabel.text.startswith("Mesenteric: a branch of ")
    assert panel.state.value == "done"
    panel.ui.undoButton.click()
    harness.settle(lambda: not panel.sections.corrections.busy)
    assert panel.case.result().scores.territories["mesenteric"].status.value == "absent"
    assert panel.case.result().edited == ()


def test_placing_that_is_ended_leaves_nothing(missed: None, analyzed: Analyzed) -> None:
    panel = analyzed()
    interaction = start(panel)
    click((14.0, 16.0, 15.0))
    interaction.SwitchToViewTransformMode()
    harness.rest()
    assert slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode") == []
    assert not panel.ui.messageLabel.visible
    start(panel)
    slicer.util.selectModule("Data")
    assert slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode") == []
    assert interaction.GetCurrentInteractionMode() == interaction.ViewTransform


def test_a_way_that_is_not_bright_is_told(analyzed: Analyzed) -> None:
    panel = analyzed()
    start(panel)
    click((40.0, 4.0, 45.0))
    click((70.0, 26.0, 45.0))
    harness.settle(lambda: not panel.sections.corrections.busy)
    assert panel.ui.messageLabel.text.startswith("⚠ No bright way leads from the first click to the second")
    assert panel.case.changed_structures() == ()
    assert not panel.ui.undoButton.enabled


def test_edits_of_trimmed_arteries_are_asked_for_before_a_branch_is_trimmed(
    missed: None, analyzed: Analyzed, dialogs: harness.Dialogs
) -> None:
    from Testing.slicer.scene.scenes import paint

    panel = analyzed()
    case = panel.case
    paint(case.segmentation("renal"), case.segment_id("renal"), np.array([(40, 13, 30)]), False)
    harness.settle(lambda: panel.sections.corrections.stale)
    dialogs.answer("No")
    start(panel)
    click((14.0, 16.0, 15.0))
    click((13.5, 27.0, 15.0))
    assert "loses your edits of: Renal" in dialogs.shown[-1].text
    assert not panel.sections.corrections.busy
    assert case.lost_edits() == ("renal",)
