"""The section Display: what of a case is shown, and how strongly."""

from __future__ import annotations

from typing import Any

from ..background_work import InSteps
from ..incremental_work import Steps
from ..scene import display, views
from ..scene.case import SceneCase
from .bindings import Bindings


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
        self._surfaces = InSteps(self._shown)
        bindings.check(ui.show3dCheck, "show_3d")
        ui.show3dCheck.connect("toggled(bool)", lambda checked: self._show_3d())
        ui.showCutCheck.connect("toggled(bool)", lambda checked: self._show_cut())
        ui.showFullCheck.connect("toggled(bool)", lambda checked: self._show_full())
        for slider, value in ((ui.opacity3dSlider, display.KEPT_OPACITY_3D), (ui.opacity2dSlider, 1.0)):
            slider.setValue(round(100 * value))
        ui.showCutCheck.setChecked(True)
        ui.opacity3dSlider.connect("valueChanged(int)", lambda value: self._set_opacity_3d())
        ui.opacity2dSlider.connect("valueChanged(int)", lambda value: self._set_opacity_2d())

    @property
    def busy(self) -> bool:
        """Whether surfaces are being made."""
        return self._surfaces.busy

    def use(self, case: SceneCase | None) -> None:
        """Act on another case."""
        self.close()
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

    def show_views(self, cta: Any, only_empty: bool = False) -> None:
        """Show a CTA in the slices, the segments of its case only, and its arteries in 3-D.

        Parameters
        ----------
        cta : vtkMRMLScalarVolumeNode
            The CTA.
        only_empty : bool
            Leave the views as they are where they show something.
        """
        views.show_only(self._case, cta)
        changed = views.show_volume(cta, only_empty)
        if self._case is not None and (changed or not only_empty):
            if self._ui.show3dCheck.checked and not display.has_surfaces(self._case):
                self._show_3d()
            views.look_at(self._case)

    def close(self) -> None:
        """Make no further surface."""
        self._surfaces.forget()

    def _show_3d(self) -> None:
        self.close()
        if self._case is None:
            return
        if not self._ui.show3dCheck.checked:
            display.show_3d(self._case, False)
            return
        self._surfaces.start(self._show_3d_steps(self._case, self._ui.showCutCheck.checked))

    @staticmethod
    def _show_3d_steps(case: SceneCase, cut: bool) -> Steps[None]:
        yield from display.show_3d_steps(case)
        if case.missing() is None:
            display.show_cut(case, cut)

    @staticmethod
    def _shown(result: None, error: BaseException | None) -> None:
        if error is not None:
            raise error

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
