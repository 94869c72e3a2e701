"""Pictures of what a slice view shows of segmentations: the real displayable manager, without a window."""

from __future__ import annotations

import numpy as np
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from Testing.slicer.harness.view3d import displayable_managers

_MANAGER = "vtkMRMLSegmentationsDisplayableManager2D"
_PIXELS = 120


def slice_picture(view: str, position_ras: tuple[float, float, float]) -> np.ndarray:
    """Draw a slice view, a pixel a millimetre, black where no segment is.

    Parameters
    ----------
    view
        Name of the slice view, e.g. ``"Red"``.
    position_ras
        World RAS, mm: the centre of the picture.

    Returns
    -------
    ndarray of uint8, shape (120, 120, 3)
        RGB, rows from top to bottom.
    """
    import slicer

    node = slicer.app.layoutManager().sliceWidget(view).mrmlSliceNode()
    node.SetDimensions(_PIXELS, _PIXELS, 1)
    node.SetFieldOfView(_PIXELS, _PIXELS, 1)
    node.JumpSliceByCentering(*position_ras)
    renderer, window = vtk.vtkRenderer(), vtk.vtkRenderWindow()
    window.SetOffScreenRendering(1)
    window.SetSize(_PIXELS, _PIXELS)
    window.AddRenderer(renderer)
    interactor = vtk.vtkRenderWindowInteractor()
    interactor.SetRenderWindow(window)
    # Kept until the picture is taken: the manager ends with its group.
    factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance()
    group = displayable_managers(factory, [_MANAGER], renderer, node)
    window.Render()
    grabbed = vtk.vtkWindowToImageFilter()
    grabbed.SetInput(window)
    grabbed.ReadFrontBufferOff()
    grabbed.Update()
    pixels = vtk_to_numpy(grabbed.GetOutput().GetPointData().GetScalars())
    group.SetMRMLDisplayableNode(None)
    return pixels.reshape(_PIXELS, _PIXELS, -1)[::-1, :, :3].copy()
