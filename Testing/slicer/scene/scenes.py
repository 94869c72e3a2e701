"""Scenes, volumes and edits for the tests."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import slicer
import vtk
from CalcScoreLib.scene.scene_nodes import nodes_by_class
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from CalcScoreLogic.images.geometry import Array, Image

_LOGICS = (
    "vtkSlicerVolumesLogic",
    "vtkSlicerSegmentationsModuleLogic",
    "vtkSlicerTablesLogic",
    "vtkSlicerTextsLogic",
    "vtkSlicerTransformLogic",
    "vtkSlicerSequencesLogic",
    "vtkSlicerSubjectHierarchyModuleLogic",
)


class LoadedScene:
    """A scene with the logics that register nodes and their files."""

    def __init__(self) -> None:
        self.scene = slicer.vtkMRMLScene()
        folder = tempfile.mkdtemp(prefix="calcscore-scene-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._cache, self._io = slicer.vtkCacheManager(), slicer.vtkDataIOManager()
        self._cache.SetRemoteCacheDirectory(folder)
        self._cache.SetMRMLScene(self.scene)
        self._io.SetCacheManager(self._cache)
        self.scene.SetCacheManager(self._cache)
        self.scene.SetDataIOManager(self._io)
        self.scene.SetRootDirectory(folder)
        self._application = slicer.vtkSlicerApplicationLogic()
        self._application.SetMRMLScene(self.scene)
        self._application.SetTemporaryPath(folder)
        self._logics = []
        for name in _LOGICS:
            logic = getattr(slicer, name)()
            logic.SetMRMLApplicationLogic(self._application)
            logic.SetMRMLScene(self.scene)
            self._logics.append(logic)


def add_volume(scene: Any, image: Image, name: str = "CTA", kind: str = "vtkMRMLScalarVolumeNode") -> Any:
    """Put an image into the scene as Slicer would hold it: RAS, axes as they are."""
    node = scene.AddNewNodeByClass(kind, name)
    data = vtk.vtkImageData()
    data.SetDimensions(*image.geometry.size)
    flat = np.ascontiguousarray(image.array).ravel()
    data.GetPointData().SetScalars(numpy_to_vtk(flat, deep=True))
    node.SetAndObserveImageData(data)
    node.SetSpacing(*image.geometry.spacing)
    x, y, z = image.geometry.origin
    node.SetOrigin(-x, -y, z)
    directions = np.diag([-1.0, -1.0, 1.0]) @ image.geometry.matrix
    node.SetIJKToRASDirections(*directions.ravel())
    return node


def save(scene: Any, path: Path) -> None:
    """Save a scene as .mrb."""
    for node in nodes_by_class(scene, "vtkMRMLStorableNode"):
        if node.GetSaveWithScene() and node.GetStorageNode() is None:
            node.AddDefaultStorageNode()
    assert scene.WriteToMRB(str(path))


def save_and_load(scene: Any, path: Path) -> LoadedScene:
    """Save a scene as .mrb and load it into a new one; keep that, or its nodes go with it."""
    save(scene, path)
    loaded = LoadedScene()
    assert loaded.scene.ReadFromMRB(str(path), True)
    return loaded


def paint(segmentation: Any, segment_id: str, voxels: Array, value: bool) -> None:
    """Paint or erase voxels of one segment, as the segment editor does.

    `voxels` holds (i, j, k), shape (n, 3). The editor hands a modifier label map to the same call.
    """
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    own = segmentation.GetBinaryLabelmapInternalRepresentation(segment_id)
    modifier = slicer.vtkOrientedImageData()
    low, high = voxels.min(axis=0), voxels.max(axis=0)
    modifier.SetExtent([int(v) for n in range(3) for v in (low[n], high[n])])
    matrix = vtk.vtkMatrix4x4()
    own.GetImageToWorldMatrix(matrix)
    modifier.SetImageToWorldMatrix(matrix)
    modifier.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
    array = vtk_to_numpy(modifier.GetPointData().GetScalars()).reshape(modifier.GetDimensions()[::-1])
    # Erasing takes the lower value, so 255 leaves a voxel, also one of another segment of the layer, as it is.
    array[:] = 0 if value else 255
    array[tuple((voxels - low)[:, ::-1].T)] = 1 if value else 0
    mode = logic.MODE_MERGE_MASK if value else logic.MODE_MERGE_MIN
    assert logic.SetBinaryLabelmapToSegment(modifier, segmentation, segment_id, mode, modifier.GetExtent())


def voxels_of(segmentation: Any, segment_id: str) -> Array:
    """Give the voxels (i, j, k) of a segment on the CTA's grid, shape (n, 3), in the order they are stored."""
    image = segmentation.GetBinaryLabelmapInternalRepresentation(segment_id)
    label = segmentation.GetSegmentation().GetSegment(segment_id).GetLabelValue()
    array = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])
    extent = image.GetExtent()
    return np.argwhere(array == label)[:, ::-1] + [extent[0], extent[2], extent[4]]


def add_segmentation(scene: Any, volume: Any, segments: dict[str, Array], name: str = "foreign") -> Any:
    """Make a segmentation as another tool would: each mask, on the volume's grid, a segment of that name."""
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    for title, mask in segments.items():
        image = slicer.vtkOrientedImageData()
        image.SetExtent(0, mask.shape[2] - 1, 0, mask.shape[1] - 1, 0, mask.shape[0] - 1)
        image.SetImageToWorldMatrix(matrix)
        image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(mask, np.uint8).ravel(), deep=True))
        assert node.AddSegmentFromBinaryLabelmapRepresentation(image, title, (1, 0, 0), title) == title
    return node


def add_transform(scene: Any, matrix: Array, node: Any) -> Any:
    """Put a node under a linear transform."""
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "moved")
    made = vtk.vtkMatrix4x4()
    made.DeepCopy(np.asarray(matrix, float).ravel().tolist())
    transform.SetMatrixTransformToParent(made)
    node.SetAndObserveTransformNodeID(transform.GetID())
    return transform


def cells_of(table: Any) -> dict[str, dict[str, str]]:
    """Give the texts of a table's cells, by the first column and the column's name."""
    names = [table.GetColumnName(n) for n in range(table.GetNumberOfColumns())]
    rows = [[table.GetCellText(r, c) for c in range(len(names))] for r in range(table.GetNumberOfRows())]
    return {row[0]: dict(zip(names, row, strict=True)) for row in rows}
