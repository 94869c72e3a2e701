"""The section Display: what of a case is shown, and how strongly."""

from __future__ import annotations

from typing import Any

from . import display
from .bindings import Bindings
from .case import SceneCase


class DisplayView:
    """Check boxes and sliders that act on a case's display nodes.

    Parameters
    ----------
    ui : object
        Widgets of the panel by name.
    bindings : Bindings
        Takes the check box of the 3-D view in.
    """

    def __init__(self, ui: Any, bindings: Bindings) -> None:
        self._ui = ui
        self._case: SceneCase | None = None
        bindings.check(ui.show3dCheck, "show_3d")
        ui.show3dCheck.connect("toggled(bool)", lambda checked: self._show_3d())
        ui.showCutCheck.connect("toggled(bool)", lambda checked: self._show_cut())
        ui.showFullCheck.connect("toggled(bool)", lambda checked: self._show_full())
        for slider, value in ((ui.opacity3dSlider, display.KEPT_OPACITY_3D), (ui.opacity2dSlider, 1.0)):
            slider.setValue(round(100 * value))
        ui.showCutCheck.setChecked(True)
        ui.opacity3dSlider.connect("valueChanged(int)", lambda value: self._set_opacity_3d())
        ui.opacity2dSlider.connect("valueChanged(int)", lambda value: self._set_opacity_2d())

    def use(self, case: SceneCase | None) -> None:
        """Act on another case."""
        self._case = case if case is not None and case.missing() is None else None
        for widget in (
            self._ui.show3dCheck,
            self._ui.showCutCheck,
            self._ui.showFullCheck,
            self._ui.opacity3dSlider,
            self._ui.opacity2dSlider,
        ):
            widget.setEnabled(self._case is not None)

    def refresh_3d(self) -> None:
        """Make the surfaces anew after a run, or leave the 3-D view empty."""
        self._show_3d()

    def _show_3d(self) -> None:
        if self._case is not None:
            shown = self._ui.show3dCheck.checked
            display.show_3d(self._case, shown)
            display.show_cut(self._case, shown and self._ui.showCutCheck.checked)

    def _show_cut(self) -> None:
        if self._case is not None:
            display.show_cut(self._case, self._ui.showCutCheck.checked and self._ui.show3dCheck.checked)

    def _show_full(self) -> None:
        if self._case is not None:
            display.show_full_arteries(self._case, self._ui.showFullCheck.checked)

    def _set_opacity_3d(self) -> None:
        if self._case is not None:
            display.set_opacity_3d(self._case, self._ui.opacity3dSlider.value / 100)

    def _set_opacity_2d(self) -> None:
        if self._case is not None:
            opacity = self._ui.opacity2dSlider.value / 100
            display.set_opacity_2d(self._case, opacity, opacity)
