"""Quality: how much the networks do, and how long that takes on this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import qt

from CalcScoreLogic.errors import InputError
from CalcScoreLogic.inference.expected_time import forecast_seconds
from CalcScoreLogic.inference.profiles import Profile, profile_of
from CalcScoreLogic.inference.speed_history import expected
from CalcScoreLogic.models import Model

from .. import settings
from ..scene.grids import volume_geometry
from ..scene.volumes import check_volume
from ..translation import _
from .number_format import trouble
from .parameters import NETWORK, CalcScoreParameters, options_of

_CUSTOM = ""


class QualityView:
    """A list of profiles, and the time that the chosen one takes.

    The profile is no choice of its own: the list shows what the controls under Advanced are set to, and sets them.

    Parameters
    ----------
    ui : object
        Widgets of the panel by name.
    say : callable
        Shows a sentence.
    """

    def __init__(self, ui: Any, say: Callable[[str], None]) -> None:
        self._ui, self._say = ui, say
        self._parameters: CalcScoreParameters | None = None
        self._models: Sequence[Model] = ()
        for profile in Profile:
            ui.qualityCombo.addItem(_(profile.title), profile.value)
            ui.qualityCombo.setItemData(ui.qualityCombo.count - 1, _(profile.description), qt.Qt.ToolTipRole)
        ui.qualityCombo.connect("activated(int)", self._choose)

    def show(self, parameters: CalcScoreParameters, models: Sequence[Model], running: bool) -> None:
        """Show the profile, and the time before a run.

        Parameters
        ----------
        parameters : CalcScoreParameters
            What the panel is set to.
        models : sequence of Model
            The models that would be run; none where one is missing.
        running : bool
            A run goes on, which tells the time left itself.
        """
        self._parameters, self._models = parameters, models
        needed = NETWORK in (parameters.arteries_from, parameters.calcification_from)
        self._ui.qualityLabel.setVisible(needed)
        self._ui.qualityChoice.setVisible(needed)
        self._show_profile()
        self._ui.estimateLabel.setText("" if running or not models else self._time())

    def _show_profile(self) -> None:
        """Choose the profile that the controls amount to; where it is none, the list has one more entry."""
        combo, profile = self._ui.qualityCombo, None
        # Analyze tells what is wrong with the controls.
        with suppress(InputError):
            profile = profile_of(options_of(self._parameters, settings.device()), self._models)
        custom = combo.findData(_CUSTOM)
        if profile is None and custom < 0:
            combo.addItem(_("Custom"), _CUSTOM)
            combo.setItemData(combo.count - 1, _("As set under Advanced."), qt.Qt.ToolTipRole)
        elif profile is not None and custom >= 0:
            combo.removeItem(custom)
        combo.setCurrentIndex(combo.findData(profile.value if profile else _CUSTOM))

    def _time(self) -> str:
        """Say how long the run will take; empty where nobody can know."""
        volume = self._parameters.cta
        try:
            check_volume(volume)
            grid, options = volume_geometry(volume), options_of(self._parameters, settings.device())
            speeds = expected(options, self._models)
            if speeds is None:
                return ""
            return time_text(forecast_seconds(self._models, grid.size, grid.spacing, options, speeds))
        except InputError:
            # Analyze tells it.
            return ""

    def _choose(self, index: int) -> None:
        value, parameters = self._ui.qualityCombo.itemData(index), self._parameters
        if value == _CUSTOM or parameters is None:
            return
        try:
            options = Profile(value).options(self._models)
        except InputError as error:
            self._say(trouble(error))
            self._show_profile()
            return
        parameters.folds = ", ".join(map(str, options.folds or ()))
        parameters.mirroring = options.mirroring
        parameters.step_size = options.step_size


def time_text(seconds: float) -> str:
    """Write an expected time, as exactly as it deserves."""
    minutes, hours = round(seconds / 60), seconds / 3600
    if minutes < 1:
        return _("less than 1 min on this machine")
    if minutes < 90:
        return _("about {minutes} min on this machine").format(minutes=minutes)
    return _("about {hours} h on this machine").format(hours=f"{hours:.0f}" if hours >= 10 else f"{hours:.1f}")
