"""The state says that segments which the scores were made from were painted since, and nothing once that is undone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import slicer

from Testing.slicer import harness
from Testing.slicer.panel import maps
from Testing.slicer.panel.conftest import analyze
from Testing.slicer.scene.scenes import paint, voxels_of

Analyzed = Callable[[], Any]

ARTERIES = "the segments of the arteries"
CALCIUM = "the segment of the calcium"


def assert_current(panel: Any) -> None:
    harness.rest()
    assert (panel.state.value, panel.ui.stateLabel.text) == ("done", "current ●")


def assert_told(panel: Any, name: str) -> None:
    line = f"○ Changed since these scores: {name}. Analyze applies it."
    harness.settle(lambda: panel.ui.caseLabel.text.splitlines()[1:] == [line])
    assert (panel.state.value, panel.ui.stateLabel.text) == ("out of date", "other inputs ○")


def some_voxels(node: Any, segment: str) -> np.ndarray:
    return voxels_of(node, segment)[:10]


@pytest.fixture
def calcium(cta: Any, arteries: Any) -> Any:
    """The calcification as a segment in the segmentation of the arteries."""
    segment = arteries.GetSegmentation().AddEmptySegment("calcium", "Calcification")
    slicer.util.updateSegmentBinaryLabelmapFromArray(maps.calcified().astype(np.uint8), arteries, segment, cta)
    return arteries


@pytest.fixture
def analyzed_segments(panel: Any, cta: Any, calcium: Any) -> Any:
    """The panel with scores that were made from segments alone."""
    panel.parameters.cta = cta
    panel.parameters.arteries_from = panel.parameters.calcification_from = "segments"
    panel.parameters.artery_segmentation = panel.parameters.calcification_segmentation = calcium
    analyze(panel)
    assert panel.parameters.calcification_segment == "calcium"
    assert_current(panel)
    return panel


def test_painted_arteries_are_told_until_it_is_undone(analyzed: Analyzed, arteries: Any) -> None:
    panel = analyzed()
    assert_current(panel)
    voxels = some_voxels(arteries, "renal")
    paint(arteries, "renal", voxels, False)
    assert_told(panel, ARTERIES)
    paint(arteries, "renal", voxels, True)
    harness.settle(lambda: panel.state.value == "done")
    assert_current(panel)


def test_a_segment_that_was_moved_within_its_segmentation_is_told(analyzed: Analyzed, arteries: Any) -> None:
    """The same voxels elsewhere are other ones."""
    panel = analyzed()
    image = arteries.GetBinaryLabelmapInternalRepresentation("renal")
    origin = image.GetOrigin()
    image.SetOrigin(origin[0], origin[1], origin[2] + 2.0)
    image.Modified()
    assert_told(panel, ARTERIES)
    image.SetOrigin(*origin)
    image.Modified()
    harness.settle(lambda: panel.state.value == "done")


def test_painted_calcium_is_told_until_it_is_undone(analyzed_segments: Any, calcium: Any) -> None:
    voxels = some_voxels(calcium, "calcium")
    paint(calcium, "calcium", voxels, False)
    assert_told(analyzed_segments, CALCIUM)
    paint(calcium, "calcium", voxels, True)
    harness.settle(lambda: analyzed_segments.state.value == "done")


def test_both_are_told(analyzed_segments: Any, calcium: Any) -> None:
    paint(calcium, "calcium", some_voxels(calcium, "calcium"), False)
    paint(calcium, "iliac", some_voxels(calcium, "iliac"), False)
    assert_told(analyzed_segments, f"{ARTERIES}, {CALCIUM}")


def test_a_new_analysis_applies_it(analyzed: Analyzed, arteries: Any) -> None:
    panel = analyzed()
    paint(arteries, "renal", some_voxels(arteries, "renal"), False)
    assert_told(panel, ARTERIES)
    analyze(panel)
    assert_current(panel)


def test_what_is_painted_during_a_run_is_told_at_its_end(analyzed: Analyzed, arteries: Any) -> None:
    panel = analyzed()
    stored = panel.run._storing

    def paint_late() -> None:
        paint(arteries, "renal", some_voxels(arteries, "renal"), False)
        stored()

    panel.run._storing = paint_late
    analyze(panel)
    assert_told(panel, ARTERIES)


def test_looks_and_surfaces_and_names_change_nothing(analyzed: Analyzed, arteries: Any) -> None:
    panel = analyzed()
    shown = arteries.GetDisplayNode()
    shown.SetVisibility(True)
    shown.SetSegmentVisibility("aorta", False)
    arteries.GetSegmentation().GetSegment("aorta").SetColor(0.1, 0.9, 0.1)
    arteries.GetSegmentation().GetSegment("aorta").SetName("The aorta")
    arteries.CreateClosedSurfaceRepresentation()
    assert_current(panel)
    arteries.RemoveClosedSurfaceRepresentation()
    assert_current(panel)


def test_a_segment_that_is_not_used_changes_nothing(analyzed: Analyzed, calcium: Any) -> None:
    panel = analyzed()
    paint(calcium, "calcium", some_voxels(calcium, "calcium"), False)
    assert_current(panel)


def test_a_segment_that_was_deleted_is_told_as_another_choice(analyzed: Analyzed, arteries: Any) -> None:
    panel = analyzed()
    arteries.GetSegmentation().RemoveSegment("renal")
    assert_told(panel, "which segment is which artery")


def test_a_saved_scene_knows_the_segments(analyzed: Analyzed, arteries: Any, tmp_path: Path) -> None:
    panel = analyzed()
    assert_current(panel)
    reopen(tmp_path / "as_scored.mrb")
    assert_current(panel)
    node = panel.parameters.artery_segmentation
    voxels = some_voxels(node, "aorta")
    paint(node, "aorta", voxels, False)
    assert_told(panel, ARTERIES)
    reopen(tmp_path / "painted.mrb")
    assert_told(panel, ARTERIES)
    paint(panel.parameters.artery_segmentation, "aorta", voxels, True)
    harness.settle(lambda: panel.state.value == "done")


def reopen(path: Path) -> None:
    """Save the scene and open it again."""
    assert slicer.util.saveScene(str(path))
    slicer.mrmlScene.Clear(False)
    slicer.util.loadScene(str(path))
    harness.rest()
