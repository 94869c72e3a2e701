"""The views show the CTA that is chosen, its segments only, and its arteries in 3-D."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import slicer
from CalcScoreLib.scene.case import SceneCase

from CalcScoreLogic.images.geometry import Image
from CalcScoreLogic.pipeline import score_masks
from Testing.slicer import harness
from Testing.slicer.panel import maps
from Testing.slicer.scene.scenes import add_volume

Analyzed = Callable[[], Any]


def backgrounds() -> list[Any]:
    """Give the volumes behind the slice views."""
    views = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    return [slicer.mrmlScene.GetNodeByID(view.GetBackgroundVolumeID() or "") for view in views]


def camera() -> Any:
    return slicer.util.getNodesByClass("vtkMRMLCameraNode")[0]


def shown(case: SceneCase) -> tuple[bool, bool]:
    nodes = (case.arteries, case.calcification)
    return bool(nodes[0].GetDisplayNode().GetVisibility()), bool(nodes[1].GetDisplayNode().GetVisibility())


def second_case() -> SceneCase:
    """Make a scored CTA 200 mm to the left of the first."""
    shift = maps.GRID.origin[0] + 200.0
    grid = type(maps.GRID)(maps.GRID.size, maps.GRID.spacing, (shift, *maps.GRID.origin[1:]))
    calcified = np.where(maps.calcified(), np.uint8(2), np.uint8(0))
    cta, territories = Image(maps.cta().array, grid), Image(maps.territories().array, grid)
    volume = add_volume(slicer.mrmlScene, cta, "second")
    return SceneCase.write(volume, score_masks("second", territories, Image(calcified, grid), cta=cta))


def test_choosing_a_cta_shows_it_and_hides_the_other_case(analyzed: Analyzed) -> None:
    panel = analyzed()
    first, second = panel.case, second_case()
    harness.settle(lambda: first.arteries.GetDisplayNode().GetVisibility())
    panel.parameters.cta = second.volume
    harness.rest()
    assert all(volume is second.volume for volume in backgrounds())
    assert (shown(first), shown(second)[1]) == ((False, False), True)
    panel.parameters.cta = first.volume
    assert all(volume is first.volume for volume in backgrounds())
    assert (shown(first), shown(second)) == ((True, True), (False, False))


def test_a_case_that_the_user_has_hidden_stays_hidden(analyzed: Analyzed) -> None:
    panel = analyzed()
    first, second = panel.case, second_case()
    first.calcification.GetDisplayNode().SetVisibility(False)
    panel.parameters.cta = second.volume
    panel.parameters.cta = first.volume
    assert shown(first)[1] is False


def test_a_plaque_is_shown_in_the_slices_of_its_own_cta(analyzed: Analyzed) -> None:
    panel = analyzed()
    other = add_volume(slicer.mrmlScene, maps.cta(), "other")
    red, green, _yellow = (slicer.app.layoutManager().sliceWidget(name) for name in ("Red", "Green", "Yellow"))
    for name in ("Green", "Yellow"):
        slicer.app.layoutManager().sliceWidget(name).mrmlSliceCompositeNode().SetBackgroundVolumeID(other.GetID())
    red.mrmlSliceCompositeNode().SetBackgroundVolumeID(panel.case.volume.GetID())
    before = green.mrmlSliceNode().GetSliceToRAS().GetElement(1, 3)
    panel.ui.plaquesTree.setCurrentItem(panel.ui.plaquesTree.topLevelItem(0))
    assert red.mrmlSliceNode().GetSliceToRAS().GetElement(2, 3) == pytest.approx(10 + 20 * 2)
    assert green.mrmlSliceNode().GetSliceToRAS().GetElement(1, 3) == before


def test_a_plaque_brings_its_cta_back_where_no_slice_shows_it(analyzed: Analyzed) -> None:
    panel = analyzed()
    other = add_volume(slicer.mrmlScene, maps.cta(), "other")
    slicer.util.setSliceViewerLayers(background=other)
    panel.ui.plaquesTree.setCurrentItem(panel.ui.plaquesTree.topLevelItem(0))
    assert all(volume is panel.case.volume for volume in backgrounds())


def assert_looks_at_the_arteries() -> None:
    """The full-length arteries reach from i = 10 to 67, j = 10 to 17, k = 2 to 55 in LPS voxels of 1 x 1 x 2 mm."""
    low, high = maps.GRID.to_physical((10 - 0.5, 10 - 0.5, 2 - 0.5)), maps.GRID.to_physical((67.5, 17.5, 55.5))
    centre = (np.asarray(low) + high) / 2 * (-1, -1, 1)
    np.testing.assert_allclose(camera().GetFocalPoint(), centre, atol=1.0)
    position, up = np.array(camera().GetPosition()), camera().GetViewUp()
    radius = np.linalg.norm(np.asarray(high) - low) / 2
    away = np.linalg.norm(position - centre)
    assert position[1] - centre[1] == pytest.approx(away), "from the front"
    assert radius <= away * np.sin(np.radians(camera().GetViewAngle() / 2)) + 2.0 <= 1.2 * radius
    assert up == (0.0, 0.0, 1.0)


def test_the_first_analysis_lets_the_3d_view_look_at_the_arteries_and_a_later_one_leaves_it(analyzed: Analyzed) -> None:
    panel = analyzed()
    assert_looks_at_the_arteries()
    camera().SetFocalPoint(1.0, 2.0, 3.0)
    panel.ui.analyzeButton.click()
    harness.settle(lambda: not panel.run.running)
    assert camera().GetFocalPoint() == (1.0, 2.0, 3.0)


def test_a_scene_saved_without_a_window_opens_with_slices_and_3d(panel: Any, tmp_path: Path) -> None:
    name = second_case().calcification.GetName()
    kinds = ("vtkMRMLSliceCompositeNode", "vtkMRMLSliceNode", "vtkMRMLViewNode", "vtkMRMLCameraNode")
    views = [node for kind in kinds for node in slicer.util.getNodesByClass(kind)]
    for node in views:
        node.SetSaveWithScene(False)
    assert slicer.util.saveScene(str(tmp_path / "case.mrb"))
    for node in views:
        node.SetSaveWithScene(True)
    slicer.mrmlScene.Clear(False)
    for view in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
        view.SetBackgroundVolumeID(None)
    slicer.util.loadScene(str(tmp_path / "case.mrb"))
    surfaces = slicer.util.getNode(name).GetSegmentation()
    harness.settle(lambda: surfaces.ContainsRepresentation("Closed surface"))
    assert all(volume is not None and volume.GetName() == "second" for volume in backgrounds())
    red = slicer.app.layoutManager().sliceWidget("Red").mrmlSliceNode()
    assert 10 <= red.GetSliceToRAS().GetElement(2, 3) <= 10 + 59 * 2
    assert camera().GetFocalPoint()[0] == pytest.approx(-(200 + 5 + 38.5), abs=1.0)


def test_a_saved_scene_keeps_its_own_views(analyzed: Analyzed, tmp_path: Path) -> None:
    panel = analyzed()
    add_volume(slicer.mrmlScene, maps.cta(), "other")
    slicer.util.setSliceViewerLayers(background=slicer.util.getNode("other"))
    camera().SetFocalPoint(1.0, 2.0, 3.0)
    assert slicer.util.saveScene(str(tmp_path / "case.mrb"))
    slicer.mrmlScene.Clear(False)
    slicer.util.loadScene(str(tmp_path / "case.mrb"))
    harness.rest()
    assert panel.parameters.cta.GetName() == "CTA"
    assert all(volume.GetName() == "other" for volume in backgrounds())
    assert camera().GetFocalPoint() == (1.0, 2.0, 3.0)
