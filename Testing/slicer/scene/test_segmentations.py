"""Segments carry names, colours, codes and tags, and come back as the voxels they were."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import slicer
import vtk
from CalcScoreLib.incremental_work import run_through
from CalcScoreLib.scene import segment_voxels
from CalcScoreLib.scene.segment_voxels import SegmentMask, SegmentPrint, mask_steps, own_voxel_steps
from CalcScoreLib.scene.segmentations import tag
from vtk.util.numpy_support import numpy_to_vtk

from CalcScoreLogic.images.geometry import Geometry, Image
from Testing.slicer.scene.cases import small_maps, stored
from Testing.slicer.scene.scenes import add_segmentation, add_volume, paint, voxels_of


def test_segments_have_standard_looks_codes_and_tags(scene: Any) -> None:
    case, _ = stored(scene, small_maps())
    content = case.calcification.GetSegmentation()
    names = [content.GetSegment(name).GetName() for name in content.GetSegmentIDs()]
    assert names == ["Aorta", "Iliac", "Mesenteric", "Renal", "Calcification"]
    aorta = content.GetSegment(case.segment_id("aorta"))
    np.testing.assert_allclose(aorta.GetColor(), (213 / 255, 94 / 255, 0))
    assert tag(aorta, "CalcScore.Structure") == "aorta"
    assert tag(aorta, "TerminologyEntry") == (
        "Segmentation category and type - DICOM master list~SCT^123037004^Anatomical Structure"
        "~SCT^7832008^Abdominal aorta~^^~Anatomic codes - DICOM master list~^^~^^"
    )
    plaque = tag(content.GetSegment(case.segment_id("calcification")), "TerminologyEntry")
    assert "SCT^49755003^Morphologically Altered Structure~SCT^29483008^" in plaque


def test_names_and_sources_of_the_segmentations(scene: Any) -> None:
    case, _ = stored(scene, small_maps())
    assert (case.arteries.GetName(), case.calcification.GetName()) == ("CTA arteries", "CTA calcification")
    for node in (case.arteries, case.calcification):
        role = node.GetReferenceImageGeometryReferenceRole()
        assert node.GetNodeReference(role) is case.volume
    assert not case.arteries.GetDisplayNode().GetVisibility()


def test_what_overlaps_lies_in_layers_of_its_own(scene: Any) -> None:
    case, _ = stored(scene, small_maps())
    content = case.calcification.GetSegmentation()
    layers = [content.GetLayerIndex(name) for name in content.GetSegmentIDs()]
    assert layers == [0, 0, 0, 0, 1]
    maps = small_maps()
    plaque = voxels_of(case.calcification, case.segment_id("calcification"))
    np.testing.assert_array_equal(plaque[:, ::-1], np.argwhere(maps.calcification.array == 2))
    full = voxels_of(case.arteries, case.segment_id("full.aorta"))
    np.testing.assert_array_equal(full[:, ::-1], np.argwhere(maps.territories.array == 1))


def test_cut_is_what_trimming_took_away(scene: Any) -> None:
    case, _ = stored(scene, small_maps())
    images = case.scored_case()
    cut = np.zeros_like(images.territories.array, bool)
    cut[tuple(voxels_of(case.arteries, case.segment_id("cut"))[:, ::-1].T)] = True
    np.testing.assert_array_equal(cut, (images.territories.array > 0) & (images.shortened.array == 0))
    assert cut.any()


def test_a_segment_on_another_grid_is_resampled_to_the_nearest_voxel(scene: Any) -> None:
    """A voxel of 2 mm around RAS (-0.5, -0.5, 0.5) covers the two voxels of 1 mm on each axis."""
    volume = add_volume(scene, Image(np.zeros((6, 6, 6), np.int16), Geometry((6, 6, 6), (1.0, 1.0, 1.0))))
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "coarse")
    image = slicer.vtkOrientedImageData()
    image.SetExtent(0, 1, 0, 1, 0, 1)
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy((-2, 0, 0, -0.5, 0, -2, 0, -0.5, 0, 0, 2, 0.5, 0, 0, 0, 1))
    image.SetImageToWorldMatrix(matrix)
    image.GetPointData().SetScalars(numpy_to_vtk(np.array([1, 0, 0, 0, 0, 0, 0, 1], np.uint8), deep=True))
    name = node.AddSegmentFromBinaryLabelmapRepresentation(image, "coarse")
    mask = run_through(mask_steps(node, name, volume))
    found = np.zeros((6, 6, 6), bool)
    found[mask.box] = mask.inside
    expected = np.zeros((6, 6, 6), bool)
    expected[:2, :2, :2] = expected[2:4, 2:4, 2:4] = True
    np.testing.assert_array_equal(found, expected)


def test_a_segmentation_under_another_transform_is_read_where_it_is(scene: Any) -> None:
    volume = add_volume(scene, Image(np.zeros((6, 6, 6), np.int16), Geometry((6, 6, 6), (1.0, 1.0, 1.0))))
    inside = np.zeros((6, 6, 6), np.uint8)
    inside[1, 2, 3] = 1
    node = add_segmentation(scene, volume, {"a": inside})
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "up")
    matrix = vtk.vtkMatrix4x4()
    matrix.SetElement(2, 3, 2.0)
    transform.SetMatrixTransformToParent(matrix)
    node.SetAndObserveTransformNodeID(transform.GetID())
    assert run_through(mask_steps(node, "a", volume)).box == (slice(3, 4), slice(2, 3), slice(3, 4))


def test_fingerprints_tell_place_and_content() -> None:
    inside = np.ones((2, 3, 4), bool)
    mask = SegmentMask.of(inside, (5, 6, 7))
    padded = np.zeros((9, 9, 12), bool)
    padded[1:3, 2:5, 3:7] = True
    assert SegmentMask.of(padded, (4, 4, 4)).fingerprint == mask.fingerprint
    assert SegmentMask.of(inside, (5, 6, 8)).fingerprint != mask.fingerprint
    inside = inside.copy()
    inside[1, 1, 1] = False
    assert SegmentMask.of(inside, (5, 6, 7)).fingerprint != mask.fingerprint


@pytest.fixture
def thirds(monkeypatch: pytest.MonkeyPatch) -> tuple[int, int, int]:
    """The shape of segments that are read in three pieces, (k, j, i)."""
    monkeypatch.setattr(segment_voxels, "_PIECE_VOXELS", 4 * 5 * 2)
    return 6, 4, 5


def test_a_segment_is_read_in_pieces_as_it_is_in_one(scene: Any, thirds: tuple[int, int, int]) -> None:
    volume = add_volume(scene, Image(np.zeros(thirds, np.int16), Geometry(thirds[::-1], (1.0, 1.0, 1.0))))
    inside = np.random.default_rng(4).random(thirds) < 0.2
    inside[[0, 5]] = False
    node = add_segmentation(scene, volume, {"a": inside})
    assert sum(1 for _ in own_voxel_steps(node, "a")) == 3
    mask = run_through(mask_steps(node, "a", volume))
    found = np.zeros(thirds, bool)
    found[mask.box] = mask.inside
    np.testing.assert_array_equal(found, inside)
    assert mask.box[0] == slice(1, 5)


def test_a_segment_on_another_grid_is_resampled_in_pieces_as_in_one(
    scene: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    geometry = Geometry((9, 8, 7), (1.0, 1.0, 1.0))
    volume = add_volume(scene, Image(np.zeros((7, 8, 9), np.int16), geometry))
    coarse = add_volume(scene, Image(np.zeros((5, 6, 6), np.int16), Geometry((6, 6, 5), (1.6, 1.7, 1.8), (-1, 0, -1))))
    node = add_segmentation(scene, coarse, {"a": np.random.default_rng(7).random((5, 6, 6)) < 0.4})
    whole = run_through(mask_steps(node, "a", volume))
    monkeypatch.setattr(segment_voxels, "_PIECE_VOXELS", 150)
    pieces = run_through(mask_steps(node, "a", volume))
    assert whole.box == pieces.box
    np.testing.assert_array_equal(whole.inside, pieces.inside)
    assert 0 < whole.inside.sum() < whole.inside.size


def test_a_segment_that_is_edited_while_it_is_read_is_read_as_it_is_then(
    scene: Any, thirds: tuple[int, int, int]
) -> None:
    volume = add_volume(scene, Image(np.zeros(thirds, np.int16), Geometry(thirds[::-1], (1.0, 1.0, 1.0))))
    node = add_segmentation(scene, volume, {"a": np.ones(thirds)})
    steps = own_voxel_steps(node, "a")
    next(steps)
    paint(node, "a", np.array([[2, 1, 0]]), False)
    inside = run_through(steps).mask.inside
    assert np.argwhere(~inside).tolist() == [[0, 1, 2]]


def test_prints_are_the_same_within_what_a_file_keeps() -> None:
    made = SegmentPrint("a", (1.0, 2.0, 3.0))
    assert made.same(SegmentPrint("a", (1.0, 2.000001, 3.0)))
    assert not made.same(SegmentPrint("a", (1.0, 2.1, 3.0)))
    assert not made.same(SegmentPrint("b", (1.0, 2.0, 3.0)))
    assert not made.same(SegmentPrint(""))
