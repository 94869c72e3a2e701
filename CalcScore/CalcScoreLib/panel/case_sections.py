"""The sections that are about a case: its scores and the files made of them, its plaques, corrections and display."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from CalcScoreLogic.errors import CalcScoreError, InputError
from CalcScoreLogic.report.method import method_text
from CalcScoreLogic.results import CaseResult

from ..scene.case import SceneCase
from ..scene.hand_edits import reassignment, removal
from ..translation import _
from . import attention, exports
from .bindings import Bindings
from .corrections import Corrections
from .dicom_export import DicomExport
from .display_view import DisplayView
from .editing_view import EditingView
from .number_format import trouble
from .parameters import CalcScoreParameters
from .plaque_listing import PlaqueListing
from .plaques_view import PlaqueActions, PlaquesView
from .results_view import ResultsView
from .segment_editor import SegmentEditorAccess


class CaseSections:
    """Scores, Plaques, Correct and Display of one case.

    Parameters
    ----------
    ui : object
        Widgets of the panel by name.
    bindings : Bindings
        Takes in the check boxes that are kept as parameters.
    say : callable
        Shows a sentence, or none.
    on_rescored : callable
        Called when a correction has led to new scores, before they are shown.
    refresh : callable
        Brings the whole panel up to date.

    Attributes
    ----------
    case : SceneCase or None
        The case; None where the CTA has none.
    result : CaseResult or None
        Its scores; None where they cannot be read too.
    """

    def __init__(
        self,
        ui: Any,
        bindings: Bindings,
        say: Callable[[str], None],
        on_rescored: Callable[[], None],
        refresh: Callable[[], None],
    ) -> None:
        self._ui, self._say, self._on_rescored, self._refresh = ui, say, on_rescored, refresh
        self.case: SceneCase | None = None
        self.result: CaseResult | None = None
        self.display = DisplayView(ui, bindings)
        bindings.check(ui.rescoreCheck, "rescore_after_edits")
        self.dicom = DicomExport(ui, say, refresh)
        self.report = exports.ReportExport(say, refresh, lambda path: attention.tell_saved(ui.savedLabel, path))
        self.results = ResultsView(ui, self._save_csv, lambda: self.report.start(self.case))
        self.editor = SegmentEditorAccess(self._complain)
        self.corrections = Corrections(ui, self._corrected, self._complain, refresh, self.editor.save_undo_state, say)
        self.editing = EditingView(ui, self.editor, self.corrections.apply, say)
        self.plaques = PlaquesView(ui, self._plaque_actions())
        self._listing = PlaqueListing(self._show_plaques, self._complain)

    def take(self, case: SceneCase | None) -> None:
        """Turn to another case, or to none."""
        self.case = case
        attention.tell_saved(self._ui.savedLabel, None)
        self.corrections.watch(case)
        self.display.use(case)
        self._show_case()

    def refresh(self, parameters: CalcScoreParameters, running: bool, other_inputs: Sequence[str]) -> None:
        """Bring the sections up to date.

        Parameters
        ----------
        parameters : CalcScoreParameters
            What the panel is set to.
        running : bool
            A run goes on: nothing can be corrected or saved.
        other_inputs : sequence of str
            What is chosen otherwise than for these scores, for a reader.
        """
        ui, busy = self._ui, running or self.corrections.busy
        self.corrections.show(parameters, running)
        intact = self.case is not None and self.case.missing() is None
        self.editing.show(self.case, parameters, intact and not busy)
        self.plaques.lock(running or not intact, self.corrections.can_undo)
        ui.reportButton.setEnabled(self.result is not None and not busy and not self.report.busy)
        current = self.result is not None and not self.corrections.stale
        self.dicom.show(self.case, current and not busy)
        self._show_state(running, other_inputs)

    def leave(self) -> None:
        """Another module is shown: what only previews goes from the slices."""
        self.editing.stop()
        self.plaques.hide_outline()

    def stop(self) -> None:
        """End unheard what is being written."""
        self.dicom.close()
        self.report.close()

    def forget_scene(self) -> None:
        """Let go of a scene that is about to close."""
        self.editor.forget()
        self.take(None)

    def close(self) -> None:
        """Let go of everything: the module goes away."""
        self._listing.forget()
        self.corrections.close()
        self.editor.close()
        self.display.close()

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
            self._on_rescored()
            self.display.refresh_3d()
        # A CTA under another transform has its plaques elsewhere.
        self._show_case()
        self._refresh()

    def _show_case(self) -> None:
        ui = self._ui
        self._read_result()
        self.results.show(self.result, not self.corrections.stale)
        self._show_plaques()
        for section in (ui.scoresSection, ui.correctSection, ui.plaquesSection, ui.displaySection):
            section.setVisible(self.result is not None)

    def _show_plaques(self) -> None:
        record, volume = (self.case.record, self.case.volume) if self.case is not None else (None, None)
        self.plaques.show(self._listing.plaques, record, volume, not self.corrections.stale)

    def _read_result(self) -> None:
        self.result = None
        try:
            self.result = self.case.result() if self.case is not None else None
            self._listing.list(self.case)
        except InputError as error:
            self._listing.list(None)
            self._complain(str(error))

    def _show_state(self, running: bool, other_inputs: Sequence[str]) -> None:
        """Say what was scored, whether that is still so, and what is chosen otherwise now."""
        if self.corrections.stale:
            text = _("out of date ○")
        elif running:
            text = _("last run ○")
        else:
            text = _("other inputs ○") if other_inputs else _("current ●")
        self._ui.stateLabel.setText(text)
        lines = [_(method_text(self.result))] if self.result is not None else []
        if other_inputs:
            names = ", ".join(other_inputs)
            lines.append(_("○ Changed since these scores: {names}. Analyze applies it.").format(names=names))
        self._ui.caseLabel.setText("\n".join(lines))

    def _save_csv(self) -> None:
        if self.case is None:
            return
        try:
            attention.tell_saved(self._ui.savedLabel, exports.save_csv(self.case))
        except CalcScoreError as error:
            self._complain(str(error))

    def _complain(self, text: str) -> None:
        self._say(trouble(text))
