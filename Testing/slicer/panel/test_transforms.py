"""A CTA that is moved takes its segments along: nothing was edited, and plaques are where they are seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import slicer

from Testing.slicer import harness
from Testing.slicer.scene.scenes import add_transform

Analyzed = Callable[[], Any]

# A quarter turn about the superior axis, and away.
QUARTER = np.array([[0.0, -1.0, 0.0, 30.0], [1.0, 0.0, 0.0, -20.0], [0.0, 0.0, 1.0, 7.0], [0.0, 0.0, 0.0, 1.0]])


def assert_current(panel: Any) -> None:
    harness.rest()
    assert (panel.sections.corrections.stale, panel.state.value, panel.ui.editsLabel.text) == ((), "done", "")


def transforms(case: Any) -> tuple[Any, Any]:
    return case.arteries.GetParentTransformNode(), case.calcification.GetParentTransformNode()


def bounds(node: Any) -> np.ndarray:
    found = [0.0] * 6
    node.GetRASBounds(found)
    return np.array(found)


def assert_lies_in_the_cta(case: Any) -> None:
    inner, outer = bounds(case.arteries), bounds(case.volume)
    assert (inner[::2] >= outer[::2] - 1e-3).all()
    assert (inner[1::2] <= outer[1::2] + 1e-3).all()


def test_segments_come_along_into_a_transform_and_out_of_it(analyzed: Analyzed) -> None:
    panel = analyzed()
    before = bounds(panel.case.arteries)
    transform = add_transform(slicer.mrmlScene, QUARTER, panel.case.volume)
    assert transforms(panel.case) == (transform, transform)
    assert_current(panel)
    assert_lies_in_the_cta(panel.case)
    panel.case.volume.SetAndObserveTransformNodeID(None)
    assert transforms(panel.case) == (None, None)
    assert_current(panel)
    np.testing.assert_allclose(bounds(panel.case.arteries), before, atol=1.0)  # of voxels, then of surfaces


def test_a_hardened_transform_is_hardened_for_the_segments(analyzed: Analyzed) -> None:
    panel = analyzed()
    add_transform(slicer.mrmlScene, QUARTER, panel.case.volume)
    harness.rest()
    panel.case.volume.HardenTransform()
    assert transforms(panel.case) == (None, None)
    assert_current(panel)
    assert_lies_in_the_cta(panel.case)


def test_a_plaque_is_shown_where_it_is_now(analyzed: Analyzed) -> None:
    panel = analyzed()
    tree = panel.ui.plaquesTree
    tree.setCurrentItem(tree.topLevelItem(0))
    x, y, z = panel.sections.plaques.selected()[0].position_ras
    add_transform(slicer.mrmlScene, QUARTER, panel.case.volume)
    moved = pytest.approx((30.0 - y, x - 20.0, z + 7.0))
    harness.settle(lambda: panel.sections.plaques.selected()[0].position_ras == moved)
    tree.setCurrentItem(tree.topLevelItem(1))
    tree.setCurrentItem(tree.topLevelItem(0))
    red = slicer.app.layoutManager().sliceWidget("Red").mrmlSliceNode()
    # k = 20, 2 mm a slice from 10 mm, and 7 mm further up.
    assert red.GetSliceToRAS().GetElement(2, 3) == pytest.approx(10 + 20 * 2 + 7)


def test_a_transform_that_is_changed_later_moves_the_plaques_too(analyzed: Analyzed) -> None:
    panel = analyzed()
    x, y, z = panel.case.plaques()[0].position_ras
    transform = add_transform(slicer.mrmlScene, np.eye(4), panel.case.volume)
    matrix = slicer.util.vtkMatrixFromArray(QUARTER)
    transform.SetMatrixTransformToParent(matrix)
    harness.rest()
    assert panel.case.plaques()[0].position_ras == pytest.approx((30.0 - y, x - 20.0, z + 7.0))
    assert_current(panel)


def test_a_cta_analyzed_under_a_transform_and_taken_out_keeps_its_segments(
    panel: Any, cta: Any, arteries: Any, analyzed: Analyzed
) -> None:
    transform = add_transform(slicer.mrmlScene, QUARTER, cta)
    arteries.SetAndObserveTransformNodeID(transform.GetID())
    analyzed()
    assert transforms(panel.case) == (transform, transform)
    cta.SetAndObserveTransformNodeID(None)
    assert_current(panel)
    assert_lies_in_the_cta(panel.case)


def test_a_cta_with_another_origin_is_told_in_words(analyzed: Analyzed) -> None:
    panel = analyzed()
    panel.case.volume.SetOrigin(100.0, 0.0, 0.0)
    harness.settle(lambda: panel.state.value == "out of date")
    assert panel.ui.editsLabel.text.startswith("⚠ The CTA was moved without its segments")


def test_a_segmentation_that_is_moved_away_is_out_of_date(analyzed: Analyzed) -> None:
    panel = analyzed()
    add_transform(slicer.mrmlScene, QUARTER, panel.case.calcification)
    harness.settle(lambda: panel.state.value == "out of date")
