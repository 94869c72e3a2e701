"""The networks that are installed: chosen, installed from a zip, removed, and what to do without any."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import qt
import slicer

from CalcScoreLogic import models
from CalcScoreLogic.errors import CalcScoreError, InputError
from CalcScoreLogic.models import BrokenModel, Model, Role
from CalcScoreLogic.quality.codes import CodedWarning, WarningCode
from CalcScoreLogic.results import CaseResult

from ..background_work import Background
from ..install import ensure
from ..translation import _
from .keys_and_menus import menu_of
from .number_format import trouble
from .parameters import CalcScoreParameters, sources_of

_MEGABYTE = 1e6


class ModelsView:
    """Lists of models, and the buttons that change them.

    Parameters
    ----------
    ui : object
        Widgets of the panel by name.
    changed : callable
        Called when models came or went.
    say : callable
        Shows a sentence.
    """

    def __init__(self, ui: Any, changed: Callable[[], None], say: Callable[[str], None]) -> None:
        self._ui, self._changed, self._say = ui, changed, say
        self._found: list[Model | BrokenModel] = []
        self._trouble = ""
        self.lacks_packages = False
        self._installing: Background | None = None
        self._combos = {Role.TERRITORIES: ui.territoriesModelCombo, Role.CALCIFICATION: ui.calcificationModelCombo}
        for button in (ui.installModelsButton, ui.installZipButton):
            button.connect("clicked()", self.install)
        ui.removeModelButton.connect("clicked()", self.remove)

    def read(self) -> None:
        """Look for models, and list them."""
        self._found, self._trouble, self.lacks_packages = [], "", False
        try:
            self._found = models.list_models()
        except CalcScoreError as error:
            self._trouble = str(error)
        except ImportError:
            # Analyze asks to install what is missing; then one looks again.
            self.lacks_packages = True
        for role, combo in self._combos.items():
            combo.blockSignals(True)
            combo.clear()
            usable = self._of(role)
            combo.addItem(_("newest: {name}").format(name=usable[0].name) if usable else _("none installed"), "")
            for model in usable:
                combo.addItem(model.name, model.name)
            combo.setEnabled(bool(usable))
            combo.blockSignals(False)

    def show(self, parameters: CalcScoreParameters, locked: bool, result: CaseResult | None) -> None:
        """Say which models are used, and what to do where one is missing; `result` are the scores that are shown."""
        ui = self._ui
        hint = self._hint(parameters, _warns_of_demo(result))
        ui.modelsHint.setVisible(bool(hint) and not locked)
        ui.modelsHintLabel.setText(hint)
        lines = [_describe(model) for model in self._used(parameters).values()]
        lines += [f"⚠ {model.name}: {model.reason}" for model in self._found if isinstance(model, BrokenModel)]
        lines += [f"⚠ {self._trouble}"] if self._trouble else []
        ui.modelStateLabel.setText("\n".join(lines))
        ui.modelStateLabel.setVisible(bool(lines))
        idle = self._installing is None and not locked
        for button in (ui.installModelsButton, ui.installZipButton):
            button.setEnabled(idle)
        removable = [model for model in self._found if isinstance(model, BrokenModel) or not model.bundled]
        ui.removeModelButton.setEnabled(idle and bool(removable))

    def complete(self, parameters: CalcScoreParameters) -> bool:
        """Tell whether every network that is needed is there, as far as one can look."""
        return not self._missing(parameters)

    def chosen(self, parameters: CalcScoreParameters) -> list[Model]:
        """Give the models of the networks that are needed.

        Raises
        ------
        InputError
            One is missing.
        """
        missing = self._missing(parameters)
        if missing:
            raise InputError(_missing_text(missing))
        roles = sources_of(parameters).roles
        used = [model for role, model in self._used(parameters).items() if role in roles]
        gone = [model.name for model in used if not model.path.is_dir()]
        if gone:
            self.read()
            text = _("The networks {names} were removed from this computer; choose others under Advanced.")
            raise InputError(text.format(names=", ".join(gone)))
        return used

    def install(self) -> None:
        """Ask for a zip and install what is in it."""
        path = qt.QFileDialog.getOpenFileName(
            slicer.util.mainWindow(), _("Install trained networks"), "", _("Zip files (*.zip)")
        )
        if path and self._has_packages():
            self._say(_("Checking and installing the networks…"))
            self._installing = Background(lambda: models.install(Path(path)), self._installed)
            self._installing.start()
            self._changed()

    def _has_packages(self) -> bool:
        try:
            return ensure(networks=False)
        except CalcScoreError as error:
            self._say(trouble(error))
            return False

    def remove(self) -> None:
        """Ask which of the user's models goes, and remove it."""
        names = [m.name for m in self._found if isinstance(m, BrokenModel) or not m.bundled]
        menu = menu_of(self._ui.removeModelButton, ((name, name) for name in names), self.remove_named)
        menu.popup(qt.QCursor.pos())

    def remove_named(self, name: str) -> None:
        """Remove a model, after asking."""
        question = _("Remove the networks {name} from this computer?").format(name=name)
        if not slicer.util.confirmYesNoDisplay(question, _("CalcScore")):
            return
        try:
            models.remove(name)
        except InputError:
            self._say(_("⚠ The networks {name} are not there any more; the list was read again.").format(name=name))
        except CalcScoreError as error:
            self._say(trouble(error))
        self.read()
        self._changed()

    def close(self) -> None:
        """Let an installation end unheard."""
        if self._installing is not None:
            self._installing.forget()

    def _installed(self, found: Any, error: BaseException | None) -> None:
        self._installing = None
        if error is not None:
            known = isinstance(error, CalcScoreError)
            self._say(trouble(error if known else f"{type(error).__name__}: {error}"))
        else:
            names = ", ".join(model.name for model in found)
            self._say(_("Installed: {names}.").format(names=names))
        self.read()
        self._changed()

    def _of(self, role: Role) -> list[Model]:
        return [model for model in self._found if isinstance(model, Model) and model.role is role]

    def _used(self, parameters: CalcScoreParameters) -> dict[Role, Model]:
        """Give the model of each role: the chosen one, else the newest."""
        names = {
            Role.TERRITORIES: parameters.territories_model,
            Role.CALCIFICATION: parameters.calcification_model,
        }
        used = {}
        for role, name in names.items():
            usable = self._of(role)
            chosen = [model for model in usable if model.name == name] or usable
            if chosen:
                used[role] = chosen[0]
        return used

    def _hint(self, parameters: CalcScoreParameters, told: bool) -> str:
        """Say what is lacking for the scan of a patient; empty where nothing is."""
        missing = self._missing(parameters)
        if missing:
            return _missing_text(missing)
        try:
            chosen = self.chosen(parameters)
        except InputError:
            return ""
        if not any(model.demo for model in chosen):
            if not any(model.synthetic for model in chosen):
                return ""
            return _("Trained on synthetic CTA, on no patient's image: look at the labels before you use the scores.")
        if told:
            return ""
        return _(
            "The demo networks know synthetic phantoms, not patients. For a patient's CTA install trained networks, "
            "or take the arteries from a segmentation and the calcium from an HU threshold."
        )

    def _missing(self, parameters: CalcScoreParameters) -> list[Role]:
        if self.lacks_packages:
            return []
        try:
            roles: Sequence[Role] = sources_of(parameters).roles
        except InputError:
            return []
        return [role for role in roles if role not in self._used(parameters)]


def _warns_of_demo(result: CaseResult | None) -> bool:
    """Tell whether scores warn of the demo networks: it is said once."""
    warnings = result.warnings if result is not None else ()
    return any(isinstance(w, CodedWarning) and w.code is WarningCode.DEMO_NETWORKS for w in warnings)


def _missing_text(missing: Sequence[Role]) -> str:
    if len(missing) == len(Role):
        return _(
            "No networks are installed. Install them, or take the arteries from a segmentation "
            "and the calcium from an HU threshold."
        )
    if Role.TERRITORIES in missing:
        return _("No artery network is installed. Install one, or take the arteries from a segmentation.")
    return _("No calcification network is installed. Install one, or take an HU threshold or a segment.")


def _describe(model: Model) -> str:
    """Say in one line what a model is."""
    roles = {Role.TERRITORIES: _("Arteries"), Role.CALCIFICATION: _("Calcium")}
    folds = _("{count} networks").format(count=len(model.folds)) if len(model.folds) != 1 else _("1 network")
    parts = [folds, f"{max(model.spacing_mm):g} mm", f"{model.size_bytes / _MEGABYTE:.0f} MB"]
    if model.demo:
        parts.append(_("demo"))
    if model.synthetic:
        parts.append(_("trained on synthetic CTA"))
    return f"{roles[model.role]}: {', '.join(parts)}"
