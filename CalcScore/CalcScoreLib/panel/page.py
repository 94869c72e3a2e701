"""The whole panel: brings the sections together and decides what state the page is in."""

from __future__ import annotations

from enum import Enum
from typing import Any

import qt
import slicer
import vtk
from slicer.util import VTKObservationMixin

from CalcScoreLogic.errors import InputError
from CalcScoreLogic.models import Model

from .. import install, settings
from ..analysis import Analysis
from ..scene.case import SceneCase
from ..scene.volumes import only_volume
from ..translation import _
from . import attention, scored_inputs
from .advanced_view import AdvancedView
from .bindings import Bindings
from .case_sections import CaseSections
from .edit_guard import EditGuard
from .keys_and_menus import add_key, let_wheel_scroll
from .models_view import ModelsView
from .number_format import trouble
from .palette import take_palette
from .parameters import CalcScoreParameters, lengths_of, options_of, sources_of
from .quality_view import QualityView
from .run_view import Outcome, RunView
from .source_content import SourceContent
from .sources_view import SourcesView


class State(Enum):
    """What the page shows."""

    EMPTY = "empty"
    READY = "ready"
    RUNNING = "running"
    DONE = "done"
    OUT_OF_DATE = "out of date"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Panel(VTKObservationMixin):
    """The panel.

    Parameters
    ----------
    root : qSlicerWidget
        What the .ui file made.
    ui : object
        Its widgets by name.
    """

    def __init__(self, root: Any, ui: Any) -> None:
        VTKObservationMixin.__init__(self)
        self.root, self.ui = root, ui
        take_palette(root)
        self.parameters: CalcScoreParameters | None = None
        self._cta: Any = None
        self._edits = EditGuard()
        self._other_inputs: tuple[str, ...] = ()
        self._run_models: list[Model] = []
        for selector in (ui.ctaSelector, ui.arterySegmentationSelector, ui.calcificationSegmentationSelector):
            selector.setMRMLScene(slicer.mrmlScene)
        let_wheel_scroll(root)
        self._bindings = Bindings()
        self.sources = SourcesView(ui, self._bindings)
        self.advanced = AdvancedView(ui, self._bindings, self.refresh)
        self.content = SourceContent(self.refresh)
        self.run = RunView(ui, self._prepare, lambda: self._edits.keep(self.case), self._stored, self.refresh)
        self.models = ModelsView(ui, self.refresh, self.run.say)
        self.quality = QualityView(ui, self.run.say)
        self.sections = CaseSections(ui, self._bindings, self.run.say, self._forget_run, self.refresh)
        self._add_keys()
        ui.inputsSection.connect("contentsCollapsed(bool)", lambda collapsed: self._name_inputs())
        self.models.read()

    @property
    def case(self) -> SceneCase | None:
        """The case of the chosen CTA; None where it has none."""
        return self.sections.case

    @property
    def state(self) -> State:
        """What the page shows."""
        if self.run.running:
            return State.RUNNING
        if self.run.outcome is Outcome.FAILED:
            return State.FAILED
        if self.run.outcome is Outcome.CANCELLED:
            return State.CANCELLED
        if self.sections.result is not None:
            return State.OUT_OF_DATE if self.sections.corrections.stale or self._other_inputs else State.DONE
        return State.EMPTY if self.parameters is None or self.parameters.cta is None else State.READY

    def set_parameters(self, parameters: CalcScoreParameters | None) -> None:
        """Take another parameter node: a new scene, or one that was loaded."""
        if self.parameters is not None:
            self.removeObserver(self.parameters, vtk.vtkCommand.ModifiedEvent, self._parameters_changed)
        self.parameters = parameters
        if parameters is None:
            self._cta = None
            self._bindings.use(None)
            return
        if parameters.cta is None:
            parameters.cta = only_volume(slicer.mrmlScene)
        self._bindings.use(parameters)
        self.addObserver(parameters, vtk.vtkCommand.ModifiedEvent, self._parameters_changed)
        self._cta = parameters.cta
        self.sections.take(SceneCase.find(self._cta))
        self.refresh()
        # The selectors and the views learn of the nodes of a scene that was loaded only after this.
        qt.QTimer.singleShot(0, self._show_loaded)

    def hold(self) -> None:
        """Keep the choices while a scene is loaded: the selectors lose theirs for a moment, and that is no choice."""
        self._bindings.use(None)

    def restore(self) -> None:
        """Bring the tables of a scene that was loaded to full precision: files keep six digits."""
        for case in SceneCase.all():
            try:
                case.show_result()
            except InputError as error:
                self._complain(str(error))

    def refresh(self) -> None:
        """Bring every section up to date."""
        parameters = self.parameters
        if parameters is None:
            return
        running = self.run.running
        self.sources.show(parameters)
        self._other_inputs = () if running else self._changed_inputs(parameters)
        self.models.show(parameters, running, self.sections.result)
        self.quality.show(parameters, self._models_or_none(), running)
        for view in (self.sources, self.advanced):
            view.lock(running)
        self.sections.refresh(parameters, running, self._other_inputs)
        self._show_button(parameters)
        self._escape.setEnabled(running)

    def enter(self) -> None:
        """Look again: the models and the style may have changed while another module was shown."""
        take_palette(self.root)
        if not self.run.running:
            self.models.read()
            self._bindings.show()
            self.refresh()

    def leave(self) -> None:
        """Another module is shown: what only previews goes from the slices."""
        self.sources.hide_preview()
        self.sections.leave()

    def forget_scene(self) -> None:
        """End the run and let go of the nodes: the scene is about to close."""
        self._stop()
        self._forget_run()
        self.sections.forget_scene()
        self.set_parameters(None)

    def close(self) -> None:
        """Let go of everything: the module goes away."""
        self._stop()
        self.models.close()
        self.sections.close()
        self.removeObservers()
        self._bindings.use(None)
        self.parameters = self._cta = None

    def _stop(self) -> None:
        """End the run and what goes on beside it, unheard."""
        self.run.close()
        self.sections.stop()
        self.content.forget()
        self.leave()

    def _models_or_none(self) -> list[Model]:
        """Give the models of a run; none where one is missing or a source is not chosen."""
        try:
            return self.models.chosen(self.parameters)
        except InputError:
            return []

    def _changed_inputs(self, parameters: CalcScoreParameters) -> tuple[str, ...]:
        if self.case is None or self.sections.result is None:
            self.content.forget()
            return ()
        segments = self.content.changed(scored_inputs.scored_segments(self.case, parameters))
        return (*scored_inputs.changed(self.case, parameters, self._models_or_none()), *segments)

    def _show_button(self, parameters: CalcScoreParameters) -> None:
        """Let the button start a run, end the one that goes on, or say why it does nothing."""
        running, button, problem = self.run.running, self.ui.analyzeButton, self.sources.problem()
        ready = parameters.cta is not None and not problem and self.models.complete(parameters)
        button.setText(_("Cancel") if running else _("Analyze"))
        button.setEnabled(running or (ready and not self.sections.corrections.busy))
        button.toolTip = self._button_tip(parameters)
        if problem:
            self._complain(problem)

    def _button_tip(self, parameters: CalcScoreParameters) -> str:
        """Say what the button does, or why it cannot."""
        if self.run.running:
            return _("End the analysis; asks first")
        if self.sections.corrections.busy:
            return _("Wait for the scores")
        if parameters.cta is None:
            return _("Choose a CTA first")
        if not self.models.complete(parameters):
            return _("Install the networks, or choose sources that need none")
        return _("Label the arteries and the calcification, trim the arteries, and score")

    def _prepare(self) -> tuple[Any, Analysis] | None:
        """Make the analysis of the chosen CTA; asks to install what is missing."""
        parameters = self.parameters
        assert parameters is not None  # noqa: S101  the button is off without
        sources = sources_of(parameters)
        if not self._edits.may_replace(self.case) or (sources.roles and not install.ensure(networks=True)):
            return None
        if self.models.lacks_packages:
            self.models.read()
        self.sources.hide_preview()
        options = options_of(parameters, settings.device())
        chosen = self._run_models = self.models.chosen(parameters)
        return parameters.cta, Analysis(parameters.cta, sources, chosen, lengths_of(parameters), options)

    def _stored(self, case: SceneCase, analysis: Analysis) -> None:
        """Show the result that a run has put into the scene."""
        first = self.case is None
        self.run.say(_said(f"{self._edits.note()} {self.sources.note()}".strip()))
        if self.parameters is not None:
            scored_inputs.keep(case, self.parameters, self._run_models, analysis.source_prints)
        self.sections.take(case)
        self.sources.hide_segmentations()
        if first:
            self.sections.display.show_views(case.volume)
        self.sections.display.refresh_3d()
        self.refresh()
        attention.turn_to_scores(self.ui, case.volume.GetName())

    def _name_inputs(self) -> None:
        name = self._cta.GetName() if self._cta is not None else ""
        attention.name_inputs(self.ui, self.ui.inputsSection.collapsed, name)

    def _show_loaded(self) -> None:
        """Show what a scene that was loaded holds; one saved without a window has no views of its own."""
        self._bindings.show()
        if self._cta is not None:
            self.sections.display.show_views(self._cta, only_empty=True)

    def _parameters_changed(self, caller: Any, event: Any) -> None:
        # A scene that is being loaded makes no choice: it is taken as a whole at the end.
        if self.parameters is None or slicer.mrmlScene.IsImporting():
            return
        self._bindings.show()
        if self.parameters.cta is not self._cta:
            self._cta = self.parameters.cta
            self.run.outcome = Outcome.NONE
            self.run.say(_said(self.sources.note()))
            self.sections.take(SceneCase.find(self._cta))
            if self._cta is not None:
                self.sections.display.show_views(self._cta)
            if self.case is None:
                attention.turn_to_inputs(self.ui)
        self.refresh()

    def _forget_run(self) -> None:
        """Say no more of the last run: there are newer scores, or none."""
        self.run.outcome = Outcome.NONE
        self.run.say("")

    def _complain(self, text: str) -> None:
        self.run.say(trouble(text))

    def _add_keys(self) -> None:
        """Enter starts where the choices are made; Escape asks to cancel."""
        within = qt.Qt.WidgetWithChildrenShortcut
        for parent in (self.ui.inputsFrame, self.ui.analyzeButton):
            for key in ("Return", "Enter"):
                add_key(parent, key, self._start, within)
        self._escape = add_key(self.root, "Escape", self.run.ask_cancel, within)

    def _start(self) -> None:
        if not self.run.running:
            # Enter goes here and not to the box: what was typed into it counts.
            self.ui.thresholdSpin.interpretText()
            self.run.press()


def _said(note: str) -> str:
    return f"⚠ {note}" if note else ""
