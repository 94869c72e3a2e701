"""CTA volumes as images: exact grids, and refusals in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import slicer
import vtk
from CalcScoreLib.scene.volumes import check_volume, volume_image, volume_warnings
from vtk.util.numpy_support import numpy_to_vtk

from CalcScoreLogic.errors import InputError
from CalcScoreLogic.images.geometry import Geometry, Image
from Testing.slicer.scene.scenes import add_transform, add_volume
from Testing.trees import rotation

GRID = Geometry((4, 3, 2), (0.7, 0.8, 1.25), (-31.5, 12.25, 7.0))
ARRAY = np.arange(24, dtype=np.int16).reshape(2, 3, 4)


def ct(scene: Any, geometry: Geometry = GRID) -> Any:
    return add_volume(scene, Image(ARRAY, geometry))


def test_ras_becomes_lps(scene: Any) -> None:
    """Slicer's usual axial volume: i to the Right's left, j to the back, k up; the origin changes two signs."""
    volume = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "CTA")
    data = vtk.vtkImageData()
    data.SetDimensions(4, 3, 2)
    data.GetPointData().SetScalars(numpy_to_vtk(ARRAY.ravel(), deep=True))
    volume.SetAndObserveImageData(data)
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy((-0.5, 0, 0, 100, 0, -0.5, 0, 80, 0, 0, 2, -300, 0, 0, 0, 1))
    volume.SetIJKToRASMatrix(matrix)
    image = volume_image(volume)
    assert image.geometry == Geometry((4, 3, 2), (0.5, 0.5, 2.0), (-100.0, -80.0, -300.0))
    # Voxel (i, j, k) = (3, 1, 1): RAS (98.5, 79.5, -298).
    np.testing.assert_allclose(image.geometry.to_physical((3, 1, 1)), (-98.5, -79.5, -298))
    assert image.array[1, 1, 3] == ARRAY[1, 1, 3]


def test_oblique_grids_come_through_exactly(scene: Any) -> None:
    turned = rotation((20, -35, 10)) @ np.diag([1.0, -1.0, -1.0])
    geometry = Geometry(GRID.size, GRID.spacing, GRID.origin, tuple(turned.ravel()))
    found = volume_image(ct(scene, geometry)).geometry
    assert found.difference(geometry) is None
    np.testing.assert_allclose(found.direction, geometry.direction, rtol=0, atol=1e-7)
    assert found.spacing == geometry.spacing
    assert found.origin == geometry.origin


def test_voxels_are_not_copied(scene: Any) -> None:
    volume = ct(scene)
    image = volume_image(volume)
    volume.GetImageData().GetPointData().GetScalars().SetValue(0, 999)
    assert image.array[0, 0, 0] == 999


def test_rigid_transforms_are_composed(scene: Any) -> None:
    volume = ct(scene)
    inner = np.eye(4)
    inner[:3, 3] = [1, 2, 3]
    outer = np.eye(4)
    outer[:3, :3] = [[1, 0, 0], [0, 0, -1], [0, 1, 0]]
    above = add_transform(scene, outer, add_transform(scene, inner, volume))
    assert above.IsTransformToWorldLinear()
    # RAS origin (31.5, -12.25, 7), moved (32.5, -10.25, 10), turned (32.5, -10, -10.25), in LPS:
    geometry = volume_image(volume).geometry
    np.testing.assert_allclose(geometry.origin, (-32.5, 10, -10.25))
    # In LPS j points along +y, RAS -y; the turn sends RAS -y to -z.
    np.testing.assert_allclose(geometry.matrix[:, 1], (0, 0, -1), atol=1e-15)
    assert geometry.spacing == GRID.spacing


def scaled(scene: Any, volume: Any) -> None:
    add_transform(scene, np.diag([1, 1, 2, 1]), volume)


def mirrored(scene: Any, volume: Any) -> None:
    add_transform(scene, np.diag([-1, 1, 1, 1]), volume)


def bent(scene: Any, volume: Any) -> None:
    transform = scene.AddNewNodeByClass("vtkMRMLTransformNode", "bent")
    spline = vtk.vtkThinPlateSplineTransform()
    points, moved = vtk.vtkPoints(), vtk.vtkPoints()
    for n in range(5):
        points.InsertNextPoint(n, n * n, 3 * n)
        moved.InsertNextPoint(n + n * n, n * n, 3 * n)
    spline.SetSourceLandmarks(points)
    spline.SetTargetLandmarks(moved)
    spline.SetBasisToR()
    transform.SetAndObserveTransformToParent(spline)
    volume.SetAndObserveTransformNodeID(transform.GetID())


def sheared(scene: Any, volume: Any) -> None:
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy((1, 0.2, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1))
    volume.SetIJKToRASMatrix(matrix)


def emptied(scene: Any, volume: Any) -> None:
    volume.SetAndObserveImageData(None)


def one_slice(scene: Any, volume: Any) -> None:
    data = vtk.vtkImageData()
    data.SetDimensions(4, 3, 1)
    data.AllocateScalars(vtk.VTK_SHORT, 1)
    volume.SetAndObserveImageData(data)


def coloured(scene: Any, volume: Any) -> None:
    data = vtk.vtkImageData()
    data.SetDimensions(4, 3, 2)
    data.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 3)
    volume.SetAndObserveImageData(data)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (scaled, "scales, shears or mirrors; harden the transform first"),
        (mirrored, "scales, shears or mirrors; harden the transform first"),
        (bent, "not linear; harden the transform first"),
        (sheared, "CTA: the axes are sheared"),
        (emptied, "has no voxels"),
        (one_slice, "4 x 3 x 1 voxels, a CTA needs 2 slices or more"),
        (coloured, "3 values a voxel"),
    ],
)
def test_what_cannot_be_analyzed_is_refused(scene: Any, spoil: Callable[[Any, Any], None], words: str) -> None:
    volume = ct(scene)
    check_volume(volume)
    spoil(scene, volume)
    with pytest.raises(InputError, match=words):
        check_volume(volume)


def test_other_nodes_are_refused(scene: Any) -> None:
    label_map = add_volume(scene, Image(ARRAY, GRID), kind="vtkMRMLLabelMapVolumeNode")
    with pytest.raises(InputError, match="label map, choose the CTA itself"):
        check_volume(label_map)
    with pytest.raises(InputError, match="no CTA is chosen"):
        check_volume(None)
    with pytest.raises(InputError, match="no voxels of a scalar volume"):
        check_volume(scene.AddNewNodeByClass("vtkMRMLModelNode", "model"))


def test_voxels_that_are_no_numbers_are_refused(scene: Any) -> None:
    array = ARRAY.astype(np.float32)
    assert volume_image(add_volume(scene, Image(array, GRID))).array.dtype == np.float32
    array[1, 2, 3] = np.nan
    with pytest.raises(InputError, match="no numbers"):
        volume_image(add_volume(scene, Image(array, GRID)))


def test_a_frame_of_a_sequence_is_named(scene: Any) -> None:
    sequence = scene.AddNewNodeByClass("vtkMRMLSequenceNode", "phases")
    for n in range(3):
        frame = slicer.vtkMRMLScalarVolumeNode()
        frame.Copy(ct(scene))
        sequence.SetDataNodeAtValue(frame, str(n))
    browser = scene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", "browser")
    browser.SetAndObserveMasterSequenceNodeID(sequence.GetID())
    proxy = browser.AddProxyNode(ct(scene), sequence, False)
    browser.SetSelectedItemNumber(1)
    (warning,) = volume_warnings(proxy)
    assert "is frame 2 of 3 of the sequence phases; the scores are those of this frame only." in warning
    assert volume_warnings(ct(scene)) == ()
