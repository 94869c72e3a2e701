"""The section Advanced: lengths, and how the networks are run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ctk

from CalcScoreLogic.inference.options import DEVICES
from CalcScoreLogic.shortening import LENGTH_RANGE_MM, MARGIN_RANGE_MM, ShorteningMethod

from .. import settings
from ..translation import _
from .bindings import Bindings

_METHODS = {
    ShorteningMethod.PAPER: _("steps along the axes (published)"),
    ShorteningMethod.GEODESIC: _("true length in any direction"),
}
_DEVICES = {
    "auto": _("automatic"),
    "cpu": _("processor (CPU)"),
    "cuda": _("NVIDIA graphics card"),
    "mps": _("Apple graphics"),
}


class AdvancedView:
    """Spin boxes and lists with good defaults.

    Parameters
    ----------
    ui : object
        Widgets of the panel by name.
    bindings : Bindings
        Takes the widgets in.
    changed : callable
        Called when another device is chosen, which the parameter node does not hold.
    """

    def __init__(self, ui: Any, bindings: Bindings, changed: Callable[[], None]) -> None:
        self._ui, self._changed = ui, changed
        for spin, (lowest, highest) in ((ui.lengthSpin, LENGTH_RANGE_MM), (ui.marginSpin, MARGIN_RANGE_MM)):
            spin.setRange(lowest, highest)
        for method, text in _METHODS.items():
            ui.methodCombo.addItem(text, method.value)
        for device in DEVICES:
            ui.deviceCombo.addItem(_DEVICES[device], device)
        bindings.number(ui.lengthSpin, "length_mm")
        bindings.number(ui.marginSpin, "margin_mm")
        bindings.combo(ui.methodCombo, "method")
        bindings.combo(ui.territoriesModelCombo, "territories_model")
        bindings.combo(ui.calcificationModelCombo, "calcification_model")
        bindings.text(ui.foldsEdit, "folds")
        bindings.check(ui.mirroringCheck, "mirroring")
        bindings.number(ui.stepSpin, "step_size")
        bindings.check(ui.wholeVolumeCheck, "whole_volume")
        ui.deviceCombo.setCurrentIndex(max(ui.deviceCombo.findData(settings.device()), 0))
        ui.deviceCombo.connect("currentIndexChanged(int)", self._keep_device)
        ui.interpreterEdit.filters = ctk.ctkPathLineEdit.Files
        ui.interpreterEdit.currentPath = settings.chosen_interpreter()
        ui.interpreterEdit.connect("currentPathChanged(QString)", settings.set_interpreter)

    def lock(self, locked: bool) -> None:
        """Let nothing be chosen while a run goes on."""
        self._ui.advancedFrame.setEnabled(not locked)

    def _keep_device(self, index: int) -> None:
        settings.set_device(self._ui.deviceCombo.itemData(index))
        self._changed()
