"""Where the voxels of nodes lie, as `CalcScoreLogic.images.geometry` says it: from Slicer's RAS to LPS."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from CalcScoreLogic.errors import InputError
from CalcScoreLogic.images.boxes import Box
from CalcScoreLogic.images.geometry import Array, Geometry

_RIGID_TOLERANCE = 1e-4
RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def to_array(matrix: Any) -> Array:
    """Give a vtkMatrix4x4 as an array, shape (4, 4)."""
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])


def to_vtk(matrix: Array) -> Any:
    """Give an array, shape (4, 4), as a vtkMatrix4x4."""
    made = vtk.vtkMatrix4x4()
    made.DeepCopy(np.asarray(matrix, float).ravel().tolist())
    return made


def transform_to_world(node: Any) -> Array:
    """Give the rigid transform that a node lies under.

    Parameters
    ----------
    node : vtkMRMLTransformableNode
        A volume or a segmentation.

    Returns
    -------
    ndarray, shape (4, 4)
        From the node's own RAS to the world's; identity where there is none.

    Raises
    ------
    InputError
        The transform bends, scales, shears or mirrors.
    """
    transform = node.GetParentTransformNode()
    if transform is None:
        return np.eye(4)
    matrix = vtk.vtkMatrix4x4()
    if not transform.IsTransformToWorldLinear() or not transform.GetMatrixTransformToWorld(matrix):
        raise InputError(
            f"{node.GetName()} lies under the transform {transform.GetName()}, which is not linear; "
            "harden the transform first"
        )
    found = to_array(matrix)
    turn = found[:3, :3]
    rigid = np.allclose(turn.T @ turn, np.eye(3), rtol=0, atol=_RIGID_TOLERANCE) and np.linalg.det(turn) > 0
    if not rigid:
        raise InputError(
            f"{node.GetName()} lies under the transform {transform.GetName()}, which scales, shears or mirrors; "
            "harden the transform first"
        )
    return found


def index_to_ras(volume: Any) -> Any:
    """Give the vtkMatrix4x4 from a volume's indices (i, j, k) to its own RAS."""
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    return matrix


def own_matrix(volume: Any) -> Array:
    """Give the matrix from a volume's indices (i, j, k) to its own RAS, shape (4, 4)."""
    return to_array(index_to_ras(volume))


def volume_to_world(volume: Any) -> Array:
    """Give the matrix from a volume's indices (i, j, k) to world RAS, shape (4, 4)."""
    return np.asarray(transform_to_world(volume) @ own_matrix(volume))


def matrix_between(segmentation: Any, volume: Any) -> Array:
    """Give the matrix from a segmentation's own RAS to a volume's own RAS, shape (4, 4).

    Raises
    ------
    InputError
        They lie under different transforms, one of which is not rigid.
    """
    if segmentation.GetParentTransformNode() is volume.GetParentTransformNode():
        return np.eye(4)
    return np.asarray(np.linalg.inv(transform_to_world(volume)) @ transform_to_world(segmentation))


def volume_geometry(volume: Any) -> Geometry:
    """Give the grid of a volume in the world.

    Parameters
    ----------
    volume : vtkMRMLVolumeNode
        A volume with image data.

    Returns
    -------
    Geometry
        The grid in LPS; a rigid transform is composed in.

    Raises
    ------
    InputError
        Sheared axes, or a transform that is not rigid.
    """
    return _geometry(volume, transform_to_world(volume))


def own_geometry(volume: Any) -> Geometry:
    """Give the grid of a volume as it was loaded, in LPS, whatever transform it lies under; raises InputError."""
    return _geometry(volume, np.eye(4))


def _geometry(volume: Any, to_world: Array) -> Geometry:
    """Give the grid of a volume, seen through a transform from its own RAS."""
    size = volume.GetImageData().GetDimensions()
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASDirectionMatrix(matrix)
    world = RAS_TO_LPS @ to_world
    direction = world[:3, :3] @ to_array(matrix)[:3, :3]
    origin = world @ [*volume.GetOrigin(), 1.0]
    try:
        return Geometry(size, volume.GetSpacing(), tuple(origin[:3]), tuple(direction.ravel())).on_grain()
    except InputError as error:
        raise InputError(f"{volume.GetName()}: {error}") from None


def image_array(image: Any) -> Array:
    """Look into the memory of a vtkImageData with one component, axes (k, j, i); no copy."""
    return np.asarray(vtk_to_numpy(image.GetPointData().GetScalars())).reshape(image.GetDimensions()[::-1])


def oriented_image(array: Array, box: Box, to_ras: Any) -> Any:
    """Make the image data of segments that fill a part of a volume.

    Parameters
    ----------
    array : ndarray, shape (k, j, i)
        Label values, at most 255.
    box : tuple of slice
        Where it lies in the volume.
    to_ras : vtkMatrix4x4
        From the volume's indices to its own RAS.

    Returns
    -------
    vtkOrientedImageData
        With a copy of the values.
    """
    image = slicer.vtkOrientedImageData()
    image.SetExtent([end for part in reversed(box) for end in (part.start, part.stop - 1)])
    image.SetImageToWorldMatrix(to_ras)
    flat = np.ascontiguousarray(array, np.uint8).ravel()
    scalars = numpy_to_vtk(flat, deep=True, array_type=vtk.VTK_UNSIGNED_CHAR)
    scalars.SetName("ImageScalars")
    image.GetPointData().SetScalars(scalars)
    return image


def lps_to_ras(position: Any) -> tuple[float, float, float]:
    """Turn a position from LPS to RAS."""
    x, y, z = position
    return -float(x), -float(y), float(z)
