"""Pictures of what a 3-D view shows: the real displayable managers, without a window."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import vtk

_MANAGERS = (
    "vtkMRMLCameraDisplayableManager",
    "vtkMRMLViewDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager3D",
)

_CLOSEST, _FILLED = 1.3, 0.93
"""How much nearer than a sphere around all would ask for, and how much of the picture the arteries fill at most."""


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
    group = _managers_of_view(renderer)
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


def displayable_managers(factory: Any, names: Iterable[str], renderer: Any, node: Any) -> Any:
    """Let the application's displayable managers draw a view.

    Parameters
    ----------
    factory
        Of the managers of slice views, or of 3-D views.
    names
        The managers.
    renderer
        What they draw with.
    node
        The view's node.

    Returns
    -------
    vtkMRMLDisplayableManagerGroup
        The managers; they end with it.
    """
    import slicer

    factory.SetMRMLApplicationLogic(slicer.app.applicationLogic())
    for name in names:
        if not factory.IsDisplayableManagerRegistered(name):
            factory.RegisterDisplayableManager(name)
    group = factory.InstantiateDisplayableManagers(renderer)
    group.SetMRMLDisplayableNode(node)
    return group


def _managers_of_view(renderer: Any) -> Any:
    import slicer

    view = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLViewNode")
    # Box and letters would stand over the arteries.
    view.SetBoxVisible(False)
    view.SetAxisLabelsVisible(False)
    factory = slicer.vtkMRMLThreeDViewDisplayableManagerFactory.GetInstance()
    return displayable_managers(factory, _MANAGERS, renderer, view)


def _look_from_the_front(renderer: Any) -> None:
    """Point the camera at what is shown, a little from the right and from above."""
    low_x, high_x, low_y, high_y, low_z, high_z = renderer.ComputeVisiblePropBounds()
    centre = ((low_x + high_x) / 2, (low_y + high_y) / 2, (low_z + high_z) / 2)
    camera = renderer.GetActiveCamera()
    camera.SetFocalPoint(*centre)
    camera.SetPosition(centre[0] - 80, centre[1] + 600, centre[2] + 40)
    camera.SetViewUp(0, 0, 1)
    renderer.ResetCamera()
    # Until now a sphere around all of it fits; long arteries may fill more of the picture, but keep their ends.
    wide, tall = renderer.GetSize()
    sphere = math.dist((low_x, low_y, low_z), (high_x, high_y, high_z)) * max(1.0, tall / wide)
    camera.Zoom(min(_CLOSEST, _FILLED * sphere / max(high_z - low_z, (high_x - low_x) * tall / wide)))
    renderer.ResetCameraClippingRange()
