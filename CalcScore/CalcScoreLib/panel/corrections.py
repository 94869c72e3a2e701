"""Rescore, Trim again, corrections by key: learns of edits, says what they did to the scores, and scores again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import slicer
import vtk
from slicer.util import VTKObservationMixin

from CalcScoreLogic.errors import CalcScoreError, InputError
from CalcScoreLogic.results import CaseResult

from ..background_work import InSteps, single_shot
from ..incremental_work import Steps
from ..scene import frames, structures
from ..scene.case import SceneCase
from ..scene.hand_edits import HandEdit
from ..translation import _
from .edit_guard import may_lose
from .parameters import CalcScoreParameters, lengths_of
from .scored_inputs import lengths_differ

_CHECK_MS = 300
_RESCORE_MS = 1200


class Corrections(VTKObservationMixin):
    """The section Correct.

    Parameters
    ----------
    ui : object
        Widgets of the panel by name.
    changed : callable
        Called when the scores went out of date, or are new; the argument tells the latter.
    say : callable
        Shows a sentence of trouble.
    refresh : callable
        Brings the panel up to date when scoring starts or ends without new scores.
    before_change : callable
        Called with each segmentation that a correction is about to change.
    tell : callable
        Shows what a correction did.
    """

    def __init__(
        self,
        ui: Any,
        changed: Callable[[bool], None],
        say: Callable[[str], None],
        refresh: Callable[[], None],
        before_change: Callable[[Any], None],
        tell: Callable[[str], None],
    ) -> None:
        VTKObservationMixin.__init__(self)
        self._ui, self._changed, self._say, self._refresh = ui, changed, say, refresh
        self._before_change, self._tell = before_change, tell
        self._work = InSteps(self._scored)
        self._looking = InSteps(self._looked)
        self._case: SceneCase | None = None
        self._parameters: CalcScoreParameters | None = None
        self._locked = False
        self._making: HandEdit | None = None
        self._undoing = False
        self._waiting: deque[HandEdit | None] = deque()
        self._made: list[HandEdit] = []
        self.stale: tuple[str, ...] = ()
        self._check_timer = single_shot(_CHECK_MS, self.check)
        self._rescore_timer = single_shot(_RESCORE_MS, self._rescore_by_itself)
        ui.rescoreButton.connect("clicked()", self.rescore)
        ui.trimButton.connect("clicked()", self.trim_again)

    @property
    def busy(self) -> bool:
        """Whether segments are being scored."""
        return self._work.busy

    @property
    def can_undo(self) -> bool:
        """Whether there is a correction to take back."""
        return bool(self._made or self._making or any(self._waiting))

    def watch(self, case: SceneCase | None) -> None:
        """Learn of the edits of a case, and of no other; what is being scored is dropped."""
        self._making = None
        self._waiting.clear()
        self._made.clear()
        if self.busy:
            self._work.forget()
            self._say(_("Another case was chosen, or the scene was closed; the new scores were dropped"))
        self.removeObservers()
        self._stop_looking()
        self._rescore_timer.stop()
        self._case, self.stale = case, ()
        if case is not None:
            for thing, event in case.observed():
                self.addObserver(thing, event, self._edited)
            if case.volume is not None:
                moved = slicer.vtkMRMLTransformableNode.TransformModifiedEvent
                self.addObserver(case.volume, moved, self._moved)
                # Another origin, for instance, is no other transform.
                self.addObserver(case.volume, vtk.vtkCommand.ModifiedEvent, self._edited)
                self._follow()
            if self._is_read():
                self._find_changes()
            else:
                # The list of plaques, which is made now, reads the same segments.
                self._check_timer.start()

    def show(self, parameters: CalcScoreParameters, locked: bool) -> None:
        """Bring the section up to date."""
        self._parameters, self._locked = parameters, locked
        usable = self._case is not None and self._case.missing() is None and not locked and not self.busy
        for widget in (self._ui.rescoreButton, self._ui.trimButton):
            widget.setEnabled(usable)
        if usable and self.stale and parameters.rescore_after_edits and not self._rescore_timer.isActive():
            self._rescore_timer.start()
        text = self._text()
        self._ui.editsLabel.setText(text)
        self._ui.editsLabel.setVisible(bool(text))

    def check(self) -> None:
        """Look whether segments differ from what was scored."""
        if self._locked or self.busy or self._looking.busy:
            # The run, or the scoring, goes first: reading the segments takes a moment.
            self._check_timer.start()
            return
        self._find_changes()
        if not self._looking.busy:
            self._changed(False)

    def apply(self, edit: HandEdit) -> None:
        """Make a correction and score; it waits its turn where another one is being made."""
        if self._case is not None and not self._locked:
            self._waiting.append(edit)
            self._make_next()

    def undo(self) -> None:
        """Take the last correction back, or the one that waits."""
        if self._case is None or self._locked or not self.can_undo:
            return
        if self._waiting and self._waiting[-1] is not None:
            self._waiting.pop()
        else:
            self._waiting.append(None)
        self._make_next()

    def rescore(self) -> None:
        """Score the trimmed segments as they are."""
        if self._case is not None and not self.busy:
            self._score(self._case.rescore_steps())

    def trim_again(self) -> None:
        """Trim the full-length arteries again and score; asks where that loses edits."""
        case, parameters = self._case, self._parameters
        if case is None or parameters is None or self.busy:
            return
        question = _("Trimming again replaces the trimmed arteries and loses your edits of: {names}. Go on?")
        if not may_lose(case.lost_edits(), question):
            return
        # A correction is undone voxel by voxel, and the voxels it was made in go.
        self._made.clear()
        self._score(case.trim_steps(lengths_of(parameters)))

    def close(self) -> None:
        """Stop listening."""
        self.watch(None)

    def _find_changes(self) -> None:
        if self._case is None or self._case.missing() is not None:
            self.stale = ()
            return
        if not self._is_read():
            self._looking.start(self._case.changed_steps())
            return
        try:
            self.stale = self._case.changed_structures()
        except InputError as error:
            self._say(str(error))

    def _is_read(self) -> bool:
        """Tell whether nothing takes time that asks for the segments, be it that they cannot be read."""
        try:
            return self._case is None or self._case.missing() is not None or self._case.is_read()
        except InputError:
            return True

    def _looked(self, changed: tuple[str, ...] | None, error: BaseException | None) -> None:
        if changed is not None:
            self.stale = changed
        elif isinstance(error, InputError):
            self._say(str(error))
        elif error is not None:
            raise error
        self._changed(False)

    def _stop_looking(self) -> None:
        """Look at the segments no further: they are scored, or of no interest any more."""
        self._check_timer.stop()
        self._looking.forget()

    def _edited(self, caller: Any, event: Any) -> None:
        # Not restarted by the next event: a stroke that goes on must not hide that the scores are old.
        if not self._check_timer.isActive():
            self._check_timer.start()

    def _moved(self, caller: Any, event: Any) -> None:
        self._follow()
        self._edited(caller, event)

    def _follow(self) -> None:
        if self._case is not None and self._case.missing() is None:
            frames.follow(self._case)

    def _rescore_by_itself(self) -> None:
        if self.stale and not self._locked and self._parameters and self._parameters.rescore_after_edits:
            self.rescore()

    def _make_next(self) -> None:
        """Make the correction that has waited longest; None stands for an undo."""
        if self.busy or not self._waiting or self._case is None:
            return
        edit = self._waiting.popleft()
        self._undoing = edit is None
        if edit is None:
            if not self._made:
                return
            edit = self._made.pop().undo()
        self._making = edit
        self._score(self._case.edit_steps(edit, self._before_change))

    def _score(self, work: Steps[CaseResult]) -> None:
        self._rescore_timer.stop()
        self._stop_looking()
        self._work.start(work)
        self._refresh()

    def _scored(self, result: CaseResult | None, error: BaseException | None) -> None:
        made, self._making = self._making, None
        if made is not None and made.changes and not self._undoing:
            self._made.append(made)
        if error is not None:
            self._waiting.clear()
            self._check_timer.start()
            self._refresh()
            if not isinstance(error, CalcScoreError):
                raise error
            self._say(str(error))
            return
        self._check_timer.stop()
        self._find_changes()
        self._changed(True)
        if made is not None and made.note:
            self._tell(made.note)
        self._make_next()

    def _text(self) -> str:
        """Say what was edited, and what that means for the scores."""
        if self._case is None:
            return ""
        missing = self._case.missing()
        if missing:
            return f"⚠ {missing}"
        lines = [_("Scoring …")] if self.busy else []
        if self.stale and frames.was_moved(self._case):
            lines.append(_("⚠ The CTA was moved without its segments; move it back, or analyze again."))
        elif self.stale:
            text = _("✎ {names} edited by hand · scores are out of date")
            lines.append(text.format(names=structures.titles(self.stale)))
        if self._parameters is not None and lengths_differ(self._case, self._parameters):
            lines.append(_("The lengths were changed: Trim again applies them."))
        return "\n".join(lines)
