"""Two clicks on the slices: where a missed branch begins, and where it ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
import slicer
from slicer.util import VTKObservationMixin

from ..scene.grids import lps_to_ras
from ..translation import _

_CLASS = "vtkMRMLMarkupsFiducialNode"
_CLICKS = 2


class BranchClicks(VTKObservationMixin):
    """Takes two clicks.

    Parameters
    ----------
    asked : callable
        Called with what to click next; empty when nothing is asked any more.
    done : callable
        Called with the two places, LPS mm.
    """

    def __init__(self, asked: Callable[[str], None], done: Callable[[list[tuple[float, float, float]]], None]) -> None:
        VTKObservationMixin.__init__(self)
        self._asked, self._done = asked, done
        self._points: Any = None

    def start(self) -> None:
        """Wait for two clicks on the slices."""
        self.stop()
        scene, logic = slicer.mrmlScene, slicer.app.applicationLogic()
        points = scene.CreateNodeByClass(_CLASS)
        points.UnRegister(None)
        points.SetName(_("Missed branch"))
        points.SetSaveWithScene(False)
        self._points = points = scene.AddNode(points)
        points.CreateDefaultDisplayNodes()
        points.GetDisplayNode().SetSaveWithScene(False)
        selection, interaction = logic.GetSelectionNode(), logic.GetInteractionNode()
        selection.SetReferenceActivePlaceNodeClassName(_CLASS)
        selection.SetActivePlaceNodeID(points.GetID())
        interaction.SwitchToPersistentPlaceMode()
        self.addObserver(points, points.PointPositionDefinedEvent, self._clicked)
        self.addObserver(interaction, interaction.InteractionModeChangedEvent, self._mode_changed)
        self._asked(_("Click where the branch leaves its artery, on any slice (a right click ends it)."))

    def stop(self) -> None:
        """Wait no longer; the points go."""
        points, self._points = self._points, None
        if points is None:
            return
        self.removeObservers()
        slicer.app.applicationLogic().GetInteractionNode().SwitchToViewTransformMode()
        if points.GetScene() is not None:
            display = points.GetDisplayNode()
            slicer.mrmlScene.RemoveNode(points)
            slicer.mrmlScene.RemoveNode(display)
        self._asked("")

    def _clicked(self, caller: Any, event: Any) -> None:
        if self._points.GetNumberOfDefinedControlPoints() < _CLICKS:
            self._asked(_("Now click where the branch ends."))
            return
        # The view that took the click still holds the points.
        qt.QTimer.singleShot(0, self._finish)

    def _finish(self) -> None:
        """Hand the two places over, unless placing was ended meanwhile."""
        if self._points is None or self._points.GetNumberOfDefinedControlPoints() < _CLICKS:
            return
        places = []
        for number in range(_CLICKS):
            place = [0.0, 0.0, 0.0]
            self._points.GetNthControlPointPositionWorld(number, place)
            # The way from RAS to LPS is the way back.
            places.append(lps_to_ras(place))
        self.stop()
        self._done(places)

    def _mode_changed(self, caller: Any, event: Any) -> None:
        if caller.GetCurrentInteractionMode() != caller.Place:
            qt.QTimer.singleShot(0, self._stop_where_ended)

    def _stop_where_ended(self) -> None:
        interaction = slicer.app.applicationLogic().GetInteractionNode()
        if interaction.GetCurrentInteractionMode() != interaction.Place:
            self.stop()
