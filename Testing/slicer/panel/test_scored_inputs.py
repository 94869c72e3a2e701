"""The state says which input differs from the one that was scored, and nothing once it is as before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import slicer

from Testing.slicer import harness
from Testing.slicer.panel import maps
from Testing.slicer.scene.scenes import add_segmentation

Analyzed = Callable[[], Any]


def assert_current(panel: Any) -> None:
    assert (panel.state.value, panel.ui.stateLabel.text) == ("done", "current ●")
    assert "○" not in panel.ui.caseLabel.text


def assert_differs(panel: Any, *names: str) -> None:
    assert (panel.state.value, panel.ui.stateLabel.text) == ("out of date", "other inputs ○")
    line = panel.ui.caseLabel.text.splitlines()[1]
    assert line == f"○ Changed since these scores: {', '.join(names)}. Analyze applies it."


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("threshold_hu", 150.0, "the HU threshold"),
        ("adaptive", True, "the HU threshold"),
        ("length_mm", 35.0, "the lengths"),
        ("margin_mm", 20.0, "the lengths"),
        ("method", "geodesic", "the lengths"),
        ("calcification_from", "network", "where the calcium comes from"),
        ("arteries_from", "network", "where the arteries come from"),
    ],
)
def test_a_choice_that_differs_is_named(analyzed: Analyzed, name: str, value: Any, told: str) -> None:
    panel = analyzed()
    assert_current(panel)
    before = getattr(panel.parameters, name)
    setattr(panel.parameters, name, value)
    assert_differs(panel, told)
    setattr(panel.parameters, name, before)
    assert_current(panel)


def test_a_segment_that_is_another_artery_now_is_named(analyzed: Analyzed) -> None:
    panel = analyzed()
    combo = panel.ui.mappingTable.cellWidget(2, 1)
    assert combo.currentText == "Renal"
    combo.setCurrentIndex(combo.findText("Mesenteric"))
    assert_differs(panel, "which segment is which artery")


def test_another_segmentation_is_named(analyzed: Analyzed) -> None:
    panel = analyzed()
    masks = {"Aorta": maps.territories().array == 1}
    panel.parameters.artery_segmentation = add_segmentation(slicer.mrmlScene, panel.case.volume, masks, "Third tool")
    assert_differs(panel, "the segmentation of the arteries")


def test_what_is_not_used_changes_nothing(analyzed: Analyzed) -> None:
    panel = analyzed()
    panel.parameters.folds, panel.parameters.mirroring = "0", False
    panel.parameters.calcification_segmentation = panel.parameters.artery_segmentation
    assert_current(panel)


def test_a_new_analysis_is_current_again(analyzed: Analyzed) -> None:
    panel = analyzed()
    panel.parameters.threshold_hu = 250.0
    panel.ui.analyzeButton.click()
    harness.settle(lambda: not panel.run.running)
    assert_current(panel)
    assert "calcium: fixed 250 HU" in panel.ui.caseLabel.text


def test_a_saved_scene_knows_what_was_scored(analyzed: Analyzed, tmp_path: Path) -> None:
    panel = analyzed()
    panel.parameters.threshold_hu = 150.0
    assert slicer.util.saveScene(str(tmp_path / "case.mrb"))
    slicer.mrmlScene.Clear(False)
    slicer.util.loadScene(str(tmp_path / "case.mrb"))
    harness.rest()
    assert_differs(panel, "the HU threshold")
    panel.parameters.threshold_hu = 470.0
    assert_current(panel)
