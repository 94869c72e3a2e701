"""Analyze, Cancel, progress and log: one run from the button to the nodes."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from enum import Enum
from typing import Any

import qt
import slicer

from CalcScoreLogic.errors import CalcScoreError
from CalcScoreLogic.inference.protocol import Notice, Progress
from CalcScoreLogic.inference.run import RunState

from ..analysis import Analysis
from ..background_work import Background, InSteps
from ..scene.case import SceneCase
from ..translation import _
from .number_format import progress_text, sentence

_INTERVAL_MS = 80
_YIELD_SECONDS = 0.005
_WHOLE = 1000


class Outcome(Enum):
    """What became of the last run."""

    NONE = "none"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class RunView:
    """The button, the bar and the log, and the run behind them.

    Parameters
    ----------
    ui : object
        Widgets of the panel by name.
    prepare : callable
        Gives the CTA and makes its analysis when Analyze is pressed; None where the user thought better of it.
    storing : callable
        Called before the result goes into the scene.
    stored : callable
        Called with the case, when its nodes are in the scene, and the analysis.
    changed : callable
        Called whenever the run starts or ends.
    """

    def __init__(
        self,
        ui: Any,
        prepare: Callable[[], tuple[Any, Analysis] | None],
        storing: Callable[[], None],
        stored: Callable[[SceneCase, Analysis], None],
        changed: Callable[[], None],
    ) -> None:
        self._ui, self._prepare, self._changed = ui, prepare, changed
        self._storing, self._stored = storing, stored
        self._analysis: Analysis | None = None
        self._reading = InSteps(self._read)
        self._scoring: Background | None = None
        self._volume: Any = None
        self._notes: list[str] = []
        self._logged = ""
        self.outcome = Outcome.NONE
        self._timer = qt.QTimer()
        self._timer.setInterval(_INTERVAL_MS)
        self._timer.connect("timeout()", self._look)
        ui.analyzeButton.connect("clicked()", self.press)
        ui.showLogButton.connect("clicked()", self._open_log)

    @property
    def running(self) -> bool:
        """Whether a run goes on."""
        return self._analysis is not None

    def press(self) -> None:
        """Start a run, or ask whether to cancel the one that goes on."""
        if self.running:
            self.ask_cancel()
        elif self._ui.analyzeButton.enabled:
            self.start()

    def start(self) -> None:
        """Start a run."""
        self._notes = []
        self.say("")
        self._show_log([])
        try:
            prepared = self._prepare()
            if prepared is None:
                return
            volume, analysis = prepared
        except Exception as error:
            self._fail(error)
            return
        self._analysis, self._volume = analysis, volume
        self.outcome = Outcome.NONE
        self._show_progress(0.0, _("Starting"))
        self._reading.start(analysis.read_steps())
        self._changed()

    def ask_cancel(self) -> None:
        """Cancel after asking; does nothing where no run goes on."""
        if self.running and slicer.util.confirmYesNoDisplay(
            _("Cancel the analysis? What it has done so far is lost."), _("CalcScore")
        ):
            # The run may have ended while the question stood.
            self.cancel()

    def cancel(self) -> None:
        """End the run at once; no process and no temporary file stays."""
        if self.running:
            self._end(Outcome.CANCELLED)
            self.say(_("Cancelled. The scene is as it was before the run."))

    def close(self) -> None:
        """End the run without a word."""
        if self.running:
            self._end(Outcome.CANCELLED)

    def say(self, text: str) -> None:
        """Show a sentence below the button, or nothing; a failure's log button goes."""
        self._ui.messageLabel.setText(text)
        self._ui.messageLabel.setVisible(bool(text))
        self._ui.showLogFrame.setVisible(False)

    def _read(self, nothing: None, error: BaseException | None) -> None:
        """Start the networks once the segments are read."""
        try:
            if error is not None:
                raise error
            if self._analysis is not None:
                self._analysis.start()
        except Exception as failed:
            self._fail(failed)
            return
        self._timer.start()

    def _look(self) -> None:
        """Take what the networks said; when they are done, score in a thread."""
        analysis = self._analysis
        if analysis is None or self._scoring is not None:
            return
        # The event loop may hold the interpreter: a moment lets the threads that talk to the worker have it.
        time.sleep(_YIELD_SECONDS)
        try:
            for message in analysis.poll():
                if isinstance(message, Progress):
                    self._show_progress(message.fraction, progress_text(message))
                elif isinstance(message, Notice):
                    self._notes.append(message.text)
            self._show_log([*self._notes, *analysis.log])
        except Exception as error:
            self._fail(error)
            return
        if analysis.state is RunState.FAILED:
            failure = analysis.failure
            self._fail(CalcScoreError(failure.text if failure else _("the run ended without a word")))
        elif analysis.state is RunState.DONE:
            self._show_progress(1.0, _("Trimming and scoring"))
            self._scoring = Background(analysis.score, self._scored)
            self._scoring.start()

    def _scored(self, scored: Any, error: BaseException | None) -> None:
        analysis = self._analysis
        if analysis is None:
            return
        if error is not None:
            self._fail(error)
            return
        if self._volume is None or not slicer.mrmlScene.IsNodePresent(self._volume):
            self._fail(CalcScoreError(_("The CTA was deleted during the run; load it and analyze again.")))
            return
        try:
            self._storing()
            case = analysis.store(scored)
        except Exception as failed:
            self._fail(failed)
            return
        self._end(Outcome.DONE)
        self._stored(case, analysis)

    def _end(self, outcome: Outcome) -> None:
        analysis, self._analysis = self._analysis, None
        self._timer.stop()
        self._reading.forget()
        if self._scoring is not None:
            self._scoring.forget()
        self._scoring = self._volume = None
        if analysis is not None:
            analysis.cancel() if outcome is Outcome.CANCELLED else analysis.close()
        self.outcome = outcome
        self._ui.progressBar.setVisible(False)
        self._changed()

    def _fail(self, error: BaseException) -> None:
        """Show one sentence; the log holds the last lines and the cause."""
        known = isinstance(error, CalcScoreError)
        last = self._analysis.log if self._analysis else []
        cause = [] if known else traceback.format_exception(type(error), error, error.__traceback__)
        self._end(Outcome.FAILED)
        if known:
            text = sentence(str(error))
        else:
            text = _("The analysis stopped with an error of its own ({kind}); the log says more.").format(
                kind=type(error).__name__
            )
        self.say("⚠ " + text)
        self._show_log([*self._notes, *last, *(line.rstrip() for line in cause), text])
        self._ui.showLogFrame.setVisible(True)

    def _show_log(self, lines: list[str]) -> None:
        text = "\n".join(lines)
        if text != self._logged:
            self._logged = text
            self._ui.logText.setPlainText(text)
            self._ui.logSection.setVisible(bool(text))

    def _open_log(self) -> None:
        ui = self._ui
        ui.logSection.collapsed = False
        bar = ui.logText.verticalScrollBar()
        bar.setValue(bar.maximum)

    def _show_progress(self, fraction: float, text: str) -> None:
        bar = self._ui.progressBar
        bar.setVisible(True)
        bar.setValue(int(_WHOLE * fraction))
        bar.setFormat(text)
