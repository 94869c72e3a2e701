"""The whole panel: brings the sections together and decides what state the page is in."""

from __future__ import annotations

from enum import Enum
from typing import Any

import ctk
import qt
import slicer
import vtk
from slicer.util import VTKObservationMixin

from CalcScoreLogic.errors import CalcScoreError, InputError
from CalcScoreLogic.models import Model
from CalcScoreLogic.report.method import method_text
from CalcScoreLogic.results import CaseResult

from .. import install, settings
from ..analysis import Analysis
from ..scene.case import SceneCase
from ..scene.hand_edits import reassignment, removal
from ..scene.volumes import only_volume
from ..translation import _
from . import attention, exports, scored_inputs
from .advanced_view import AdvancedView
from .bindings import Bindings
from .corrections import Corrections
from .dicom_export import DicomExport
from .display_view import DisplayView
from .edit_guard import EditGuard
from .editing_view import EditingView
from .keys_and_menus import add_key
from .models_view import ModelsView
from .number_format import trouble
from .palette import take_palette
from .parameters import CalcScoreParameters, lengths_of, options_of, sources_of
from .plaque_listing import PlaqueListing
from .plaques_view import PlaqueActions, PlaquesView
from .quality_view import QualityView
from .results_view import ResultsView
from .run_view import Outcome, RunView
from .segment_editor import SegmentEditorAccess
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
        self.case: SceneCase | None = None
        self._result: CaseResult | None = None
        self._cta: Any = None
        self._edits = EditGuard()
        self._other_inputs: tuple[str, ...] = ()
        self._run_models: list[Model] = []
        for selector in (ui.ctaSelector, ui.arterySegmentationSelector, ui.calcificationSegmentationSelector):
            selector.setMRMLScene(slicer.mrmlScene)
        for combo in (
            *(ui.qualityCombo, ui.methodCombo, ui.deviceCombo, ui.calcificationSegmentCombo),
            *(ui.territoriesModelCombo, ui.calcificationModelCombo),
        ):
            # The page scrolls under the wheel, and a list below it changes nothing.
            combo.scrollWheelEffect = ctk.ctkComboBox.NeverScroll
        self._bindings = Bindings()
        self.sources = SourcesView(ui, self._bindings)
        self.advanced = AdvancedView(ui, self._bindings, self.refresh)
        self.content = SourceContent(self.refresh)
        self.display = DisplayView(ui, self._bindings)
        self._bindings.check(ui.rescoreCheck, "rescore_after_edits")
        self.run = RunView(ui, self._prepare, lambda: self._edits.keep(self.case), self._stored, self.refresh)
        self.models = ModelsView(ui, self.refresh, self.run.say)
        self.quality = QualityView(ui, self.run.say)
        self.dicom = DicomExport(ui, self.run.say, self.refresh)
        self.report = exports.ReportExport(
            self.run.say, self.refresh, lambda path: attention.tell_saved(ui.savedLabel, path)
        )
        self.results = ResultsView(ui, self._save_csv, lambda: self.report.start(self.case))
        self.editor = SegmentEditorAccess(self._complain)
        self.corrections = Corrections(
            ui, self._corrected, self._complain, self.refresh, self.editor.save_undo_state, self.run.say
        )
        self.editing = EditingView(ui, self.editor, self.corrections.apply, self.run.say)
        self.plaques = PlaquesView(ui, self._plaque_actions())
        self._listing = PlaqueListing(self._show_plaques, self._complain)
        self._add_keys()
        ui.inputsSection.connect("contentsCollapsed(bool)", lambda collapsed: self._name_inputs())
        self.models.read()

    @property
    def state(self) -> State:
        """What the page shows."""
        if self.run.running:
            return State.RUNNING
        if self.run.outcome is Outcome.FAILED:
            return State.FAILED
        if self.run.outcome is Outcome.CANCELLED:
            return State.CANCELLED
        if self._result is not None:
            return State.OUT_OF_DATE if self.corrections.stale or self._other_inputs else State.DONE
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
        self._take_case(SceneCase.find(self._cta))
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
        busy = running or self.corrections.busy
        self.sources.show(parameters)
        self._other_inputs = () if running else self._changed_inputs(parameters)
        self.models.show(parameters, running, self._result)
        self.quality.show(parameters, self._models_or_none(), running)
        for view in (self.sources, self.advanced):
            view.lock(running)
        self.corrections.show(parameters, running)
        intact = self.case is not None and self.case.missing() is None
        self.editing.show(self.case, parameters, intact and not busy)
        self.plaques.lock(running or not intact, self.corrections.can_undo)
        self.ui.analyzeButton.setText(_("Cancel") if running else _("Analyze"))
        problem = self.sources.problem()
        ready = parameters.cta is not None and not problem and self.models.complete(parameters)
        ready = ready and not self.corrections.busy
        self.ui.analyzeButton.setEnabled(running or ready)
        self.ui.analyzeButton.toolTip = self._button_tip()
        if problem:
            self._complain(problem)
        self._escape.setEnabled(running)
        self.ui.reportButton.setEnabled(self._result is not None and not busy and not self.report.busy)
        current = self._result is not None and not self.corrections.stale
        self.dicom.show(self.case, current and not busy)
        self._show_state()

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
        self.editing.stop()
        self.plaques.hide_outline()

    def forget_scene(self) -> None:
        """End the run and let go of the nodes: the scene is about to close."""
        self._stop()
        self.editor.forget()
        self.run.say("")
        self.run.outcome = Outcome.NONE
        self._take_case(None)
        self.set_parameters(None)

    def close(self) -> None:
        """Let go of everything: the module goes away."""
        self._stop()
        self.models.close()
        self._listing.forget()
        self.corrections.close()
        self.editor.close()
        self.display.close()
        self.removeObservers()
        self._bindings.use(None)
        self.parameters = self._cta = None

    def _stop(self) -> None:
        """End the run and what goes on beside it, unheard."""
        for work in (self.run, self.dicom, self.report):
            work.close()
        self.content.forget()
        self.leave()

    def _models_or_none(self) -> list[Model]:
        """Give the models of a run; none where one is missing or a source is not chosen."""
        try:
            return self.models.chosen(self.parameters)
        except InputError:
            return []

    def _changed_inputs(self, parameters: CalcScoreParameters) -> tuple[str, ...]:
        if self.case is None or self._result is None:
            self.content.forget()
            return ()
        segments = self.content.changed(scored_inputs.scored_segments(self.case, parameters))
        return (*scored_inputs.changed(self.case, parameters, self._models_or_none()), *segments)

    def _button_tip(self) -> str:
        """Say what the button does, or why it cannot."""
        if self.run.running:
            return _("End the analysis; asks first")
        if self.corrections.busy:
            return _("Wait for the scores")
        if self.parameters is None or self.parameters.cta is None:
            return _("Choose a CTA first")
        if not self.models.complete(self.parameters):
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
        self._take_case(case)
        self.sources.hide_segmentations()
        if first:
            self.display.show_views(case.volume)
        self.display.refresh_3d()
        self.refresh()
        attention.turn_to_scores(self.ui, case.volume.GetName())

    def _name_inputs(self) -> None:
        name = self._cta.GetName() if self._cta is not None else ""
        attention.name_inputs(self.ui, self.ui.inputsSection.collapsed, name)

    def _show_loaded(self) -> None:
        """Show what a scene that was loaded holds; one saved without a window has no views of its own."""
        self._bindings.show()
        if self._cta is not None:
            self.display.show_views(self._cta, only_empty=True)

    def _plaque_actions(self) -> PlaqueActions:
        apply = self.corrections.apply
        return PlaqueActions(
            lambda plaques: apply(removal(plaques)),
            lambda plaques, territory: apply(reassignment(plaques, territory)),
            self.corrections.undo,
        )

    def _corrected(self, scored: bool) -> None:
        """Segments were edited, or scored again."""
        if scored:
            self.run.outcome = Outcome.NONE
            self.run.say("")
            self.display.refresh_3d()
        # A CTA under another transform has its plaques elsewhere.
        self._show_case()
        self.refresh()

    def _parameters_changed(self, caller: Any, event: Any) -> None:
        # A scene that is being loaded makes no choice: it is taken as a whole at the end.
        if self.parameters is None or slicer.mrmlScene.IsImporting():
            return
        self._bindings.show()
        if self.parameters.cta is not self._cta:
            self._cta = self.parameters.cta
            self.run.outcome = Outcome.NONE
            self.run.say(_said(self.sources.note()))
            self._take_case(SceneCase.find(self._cta))
            if self._cta is not None:
                self.display.show_views(self._cta)
            if self.case is None:
                attention.turn_to_inputs(self.ui)
        self.refresh()

    def _take_case(self, case: SceneCase | None) -> None:
        self.case = case
        attention.tell_saved(self.ui.savedLabel, None)
        self.corrections.watch(case)
        self.display.use(case)
        self._show_case()

    def _show_case(self) -> None:
        """Show the case's scores."""
        self._read_result()
        self.results.show(self._result, not self.corrections.stale)
        self._show_plaques()
        for section in (self.ui.scoresSection, self.ui.correctSection, self.ui.plaquesSection, self.ui.displaySection):
            section.setVisible(self._result is not None)

    def _show_plaques(self) -> None:
        record = self.case.record if self.case is not None else None
        self.plaques.show(self._listing.plaques, record, self._cta, not self.corrections.stale)

    def _read_result(self) -> None:
        self._result = None
        try:
            self._result = self.case.result() if self.case is not None else None
            self._listing.list(self.case)
        except InputError as error:
            self._listing.list(None)
            self._complain(str(error))

    def _show_state(self) -> None:
        """Say what was scored, whether that is still so, and what is chosen otherwise now."""
        if self.corrections.stale:
            text = _("out of date ○")
        elif self.run.running:
            text = _("last run ○")
        else:
            text = _("other inputs ○") if self._other_inputs else _("current ●")
        self.ui.stateLabel.setText(text)
        lines = [_(method_text(self._result))] if self._result is not None else []
        if self._other_inputs:
            names = ", ".join(self._other_inputs)
            lines.append(_("○ Changed since these scores: {names}. Analyze applies it.").format(names=names))
        self.ui.caseLabel.setText("\n".join(lines))

    def _save_csv(self) -> None:
        if self.case is None:
            return
        try:
            attention.tell_saved(self.ui.savedLabel, exports.save_csv(self.case))
        except CalcScoreError as error:
            self._complain(str(error))

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
