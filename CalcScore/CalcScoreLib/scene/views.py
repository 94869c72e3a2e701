"""What slice views and 3-D views look at: the CTA of the case that is chosen, and its arteries."""

from __future__ import annotations

import math
from typing import Any

import slicer

from .case_nodes import CaseNodes, records_in
from .scene_nodes import nodes_by_class

_SHOWN_BEFORE = "CalcScore.ShownBefore"
"""Attribute of a display node that was hidden because another case is chosen."""


def show_volume(volume: Any, only_empty: bool = False) -> bool:
    """Show a CTA in the slice views.

    Parameters
    ----------
    volume : vtkMRMLScalarVolumeNode
        The CTA.
    only_empty : bool
        Leave views as they are where one of them shows a volume.

    Returns
    -------
    bool
        Whether the views changed; never without a window.
    """
    if slicer.app.layoutManager() is None:
        return False
    shown = [view.GetBackgroundVolumeID() for view in _composites(volume.GetScene())]
    if all(known == volume.GetID() for known in shown) or (only_empty and any(shown)):
        return False
    slicer.util.setSliceViewerLayers(background=volume, fit=True)
    return True


def show_only(case: CaseNodes | None, volume: Any) -> None:
    """Show the segments of one case and hide those of all others, which remember what was shown of them.

    Parameters
    ----------
    case : CaseNodes or None
        The case; None where the CTA has none yet.
    volume : vtkMRMLScalarVolumeNode
        The CTA that is chosen.
    """
    own = case.record if case is not None else None
    for record in records_in(volume.GetScene()):
        for display in _displays(CaseNodes(record)):
            if record is not own and display.GetVisibility():
                display.SetAttribute(_SHOWN_BEFORE, "")
                display.SetVisibility(False)
            elif record is own and display.GetAttribute(_SHOWN_BEFORE) is not None:
                display.RemoveAttribute(_SHOWN_BEFORE)
                display.SetVisibility(True)


def jump_to(volume: Any, position_ras: tuple[float, float, float]) -> None:
    """Centre the views of a CTA on a place: its slice views, or all of them where none shows it, and 3-D views.

    Parameters
    ----------
    volume : vtkMRMLScalarVolumeNode
        The CTA.
    position_ras : tuple of float
        World RAS, mm.
    """
    scene = volume.GetScene()
    own = _layouts_of(volume)
    if not own and show_volume(volume):
        own = _layouts_of(volume)
    for view in nodes_by_class(scene, "vtkMRMLSliceNode"):
        if not own or view.GetLayoutName() in own:
            view.JumpSliceByCentering(*position_ras)
    for camera in nodes_by_class(scene, "vtkMRMLCameraNode"):
        moved = [
            p + target - focal
            for p, target, focal in zip(camera.GetPosition(), position_ras, camera.GetFocalPoint(), strict=True)
        ]
        camera.SetFocalPoint(*position_ras)
        camera.SetPosition(*moved)
        # What lies before and behind the new place is not cut off.
        camera.ResetClippingRange()


def look_at(case: CaseNodes) -> None:
    """Let the 3-D views look at the full-length arteries of a case, all of them, from the front."""
    bounds = [0.0] * 6
    case.arteries.GetRASBounds(bounds)
    sizes = [high - low for low, high in zip(bounds[::2], bounds[1::2], strict=True)]
    if min(sizes) <= 0:
        return
    centre = [(low + high) / 2 for low, high in zip(bounds[::2], bounds[1::2], strict=True)]
    radius = math.hypot(*sizes) / 2
    for camera in nodes_by_class(case.arteries.GetScene(), "vtkMRMLCameraNode"):
        distance = radius / math.sin(math.radians(camera.GetViewAngle() / 2))
        camera.SetFocalPoint(*centre)
        camera.SetPosition(centre[0], centre[1] + distance, centre[2])
        camera.SetViewUp(0.0, 0.0, 1.0)
        camera.ResetClippingRange()


def _composites(scene: Any) -> list[Any]:
    return nodes_by_class(scene, "vtkMRMLSliceCompositeNode")


def _layouts_of(volume: Any) -> set[str]:
    """Name the slice views that show a volume."""
    shown = (view for view in _composites(volume.GetScene()) if volume.GetID() in _volumes_of(view))
    return {view.GetLayoutName() for view in shown}


def _volumes_of(view: Any) -> tuple[str | None, str | None]:
    return view.GetBackgroundVolumeID(), view.GetForegroundVolumeID()


def _displays(case: CaseNodes) -> list[Any]:
    return [node.GetDisplayNode() for node in case.segmentations if node.GetDisplayNode() is not None]
