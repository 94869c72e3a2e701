"""What is shown by default, in 3-D and after a click on a plaque."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from CalcScoreLib.incremental_work import run_through
from CalcScoreLib.scene import display, structures, surfaces, views
from CalcScoreLib.scene.case import SceneCase
from CalcScoreLib.scene.surfaces import SURFACE, surface_steps
from scipy import spatial
from vtk.util.numpy_support import vtk_to_numpy

from CalcScoreLogic.pipeline import score_masks
from Testing.slicer.scene.cases import small_maps, stored


@pytest.fixture
def case(scene: Any) -> SceneCase:
    return stored(scene, small_maps())[0]


def test_plaques_are_bright_and_the_full_length_is_hidden(case: SceneCase) -> None:
    shown, hidden = case.calcification.GetDisplayNode(), case.arteries.GetDisplayNode()
    assert shown.GetVisibility()
    assert not hidden.GetVisibility()
    aorta, plaque = case.segment_id("aorta"), case.segment_id("calcification")
    assert shown.GetSegmentOpacity3D(plaque) == 1.0 > shown.GetSegmentOpacity3D(aorta)
    assert shown.GetSegmentOpacity2DFill(plaque) > shown.GetSegmentOpacity2DFill(aorta)


def test_3d_shows_kept_arteries_plaques_and_translucent_what_was_cut(case: SceneCase) -> None:
    display.show_3d(case)
    for node in (case.calcification, case.arteries):
        assert node.GetSegmentation().ContainsRepresentation(SURFACE)
    for key in (*structures.TRIMMED_KEYS, "cut"):
        node = case.segmentation(key)
        surface = node.GetSegmentation().GetSegment(case.segment_id(key)).GetRepresentation(SURFACE)
        assert (surface.GetNumberOfPoints() > 0) is (key != "mesenteric")
    shown = case.arteries.GetDisplayNode()
    cut = case.segment_id("cut")
    assert shown.GetVisibility()
    assert shown.GetSegmentVisibility(cut)
    assert shown.GetSegmentOpacity3D(cut) == display.CUT_OPACITY_3D
    assert not shown.GetSegmentVisibility2DFill(cut)
    assert not shown.GetSegmentVisibility(case.segment_id("full.aorta"))
    assert tuple(case.arteries.GetSegmentation().GetSegment(cut).GetColor()) == (150 / 255,) * 3
    display.show_3d(case, False)
    assert not case.calcification.GetSegmentation().ContainsRepresentation(SURFACE)
    assert not shown.GetVisibility()


@pytest.mark.parametrize("faces", [1, 30, 10**6])
def test_surfaces_made_in_parts_are_those_made_at_once(
    case: SceneCase, monkeypatch: pytest.MonkeyPatch, faces: int
) -> None:
    monkeypatch.setattr(surfaces, "_PIECE_FACES", faces)
    for node in (case.calcification, case.arteries):
        content = node.GetSegmentation()
        run_through(surface_steps(node))
        parts = {name: points_of(content, name) for name in content.GetSegmentIDs()}
        node.RemoveClosedSurfaceRepresentation()
        node.CreateClosedSurfaceRepresentation()
        assert sum(len(points) for points in parts.values()) > 100
        for name, points in parts.items():
            whole = points_of(content, name)
            assert len(points) == len(whole)
            if len(points):
                assert spatial.KDTree(whole).query(points)[0].max() < 1e-3
                assert spatial.KDTree(points).query(whole)[0].max() < 1e-3


def points_of(content: Any, name: str) -> np.ndarray:
    surface = content.GetSegment(name).GetRepresentation(SURFACE)
    return vtk_to_numpy(surface.GetPoints().GetData()) if surface.GetNumberOfPoints() else np.zeros((0, 3))


def test_the_full_length_can_be_shown_and_hidden(case: SceneCase) -> None:
    shown = case.arteries.GetDisplayNode()
    display.show_full_arteries(case, True)
    assert shown.GetVisibility()
    assert shown.GetSegmentVisibility(case.segment_id("full.renal"))
    display.show_full_arteries(case, False)
    assert not shown.GetVisibility()


def test_a_later_analysis_keeps_what_the_user_chose(case: SceneCase) -> None:
    display.set_opacity_2d(case, 0.3, 0.9)
    display.set_opacity_3d(case, 0.8)
    case.calcification.GetDisplayNode().SetVisibility(False)
    maps = small_maps()
    again = SceneCase.write(case.volume, score_masks("CTA", maps.territories, maps.calcification, cta=maps.cta))
    shown = again.calcification.GetDisplayNode()
    assert not shown.GetVisibility()
    assert (shown.GetOpacity2DFill(), shown.GetOpacity2DOutline()) == (0.3, 0.9)
    assert shown.GetSegmentOpacity3D(again.segment_id("iliac")) == 0.8


def test_slices_and_cameras_go_to_a_plaque(scene: Any, case: SceneCase) -> None:
    slices = [scene.AddNewNodeByClass("vtkMRMLSliceNode", name) for name in ("Red", "Green")]
    slices[0].SetOrientationToAxial()
    slices[1].SetOrientationToCoronal()
    camera = scene.AddNewNodeByClass("vtkMRMLCameraNode", "camera")
    camera.SetFocalPoint(0, 0, 0)
    camera.SetPosition(0, 500, 0)
    clipped: list[Any] = []
    camera.AddObserver(camera.ResetCameraClippingEvent, lambda *_: clipped.append(camera.GetFocalPoint()))
    views.jump_to(case.volume, (-17.0, -7.0, 50.0))
    assert clipped[-1:] == [(-17.0, -7.0, 50.0)]
    for view in slices:
        matrix = view.GetSliceToRAS()
        assert [matrix.GetElement(row, 3) for row in range(3)] == [-17.0, -7.0, 50.0]
    assert tuple(camera.GetFocalPoint()) == (-17.0, -7.0, 50.0)
    assert tuple(camera.GetPosition()) == (-17.0, 493.0, 50.0)
