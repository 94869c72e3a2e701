"""Pictures of what a 3-D view shows: the real displayable managers, without a window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import vtk

_MANAGERS = (
    "vtkMRMLCameraDisplayableManager",
    "vtkMRMLViewDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager3D",
)


def view3d_screenshot(path: str | Path, width: int, height: int) -> Path:
    """Save a picture of the scene in 3-D, from the front.

    Parameters
    ----------
    path
        The PNG file.
    width, height
        Pixels.

    Returns
    -------
    Path
        The file.
    """
    renderer, window = vtk.vtkRenderer(), vtk.vtkRenderWindow()
    window.SetOffScreenRendering(1)
    window.SetMultiSamples(8)
    window.SetSize(width, height)
    window.AddRenderer(renderer)
    interactor = vtk.vtkRenderWindowInteractor()
    interactor.SetRenderWindow(window)
    # Kept until the picture is taken: the managers end with their group.
    group = _managers(renderer)
    _look_from_the_front(renderer)
    window.Render()
    grabbed = vtk.vtkWindowToImageFilter()
    grabbed.SetInput(window)
    grabbed.ReadFrontBufferOff()
    writer = vtk.vtkPNGWriter()
    writer.SetFileName(str(path))
    writer.SetInputConnection(grabbed.GetOutputPort())
    writer.Write()
    group.SetMRMLDisplayableNode(None)
    return Path(path)


def _managers(renderer: Any) -> Any:
    import slicer

    view = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLViewNode")
    # Box and letters would stand over the arteries.
    view.SetBoxVisible(False)
    view.SetAxisLabelsVisible(False)
    factory = slicer.vtkMRMLThreeDViewDisplayableManagerFactory.GetInstance()
    factory.SetMRMLApplicationLogic(slicer.app.applicationLogic())
    for name in _MANAGERS:
        if not factory.IsDisplayableManagerRegistered(name):
            factory.RegisterDisplayableManager(name)
    group = factory.InstantiateDisplayableManagers(renderer)
    group.SetMRMLDisplayableNode(view)
    return group


def _look_from_the_front(renderer: Any) -> None:
    """Point the camera at what is shown, a little from the right and from above."""
    low_x, high_x, low_y, high_y, low_z, high_z = renderer.ComputeVisiblePropBounds()
    centre = ((low_x + high_x) / 2, (low_y + high_y) / 2, (low_z + high_z) / 2)
    camera = renderer.GetActiveCamera()
    camera.SetFocalPoint(*centre)
    camera.SetPosition(centre[0] - 80, centre[1] + 600, centre[2] + 40)
    camera.SetViewUp(0, 0, 1)
    renderer.ResetCamera()
    camera.Zoom(1.3)
    renderer.ResetCameraClippingRange()
