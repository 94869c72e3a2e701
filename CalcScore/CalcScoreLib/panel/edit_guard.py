"""Keeps a new analysis from losing hand edits: asks before it, and keeps what was edited meanwhile."""

from __future__ import annotations

import slicer

from ..scene import structures
from ..scene.case import SceneCase
from ..scene.kept_edits import keep_copies
from ..translation import _


class EditGuard:
    """Looks after the segments of a case from the question before a run to the storing of its result."""

    def __init__(self) -> None:
        self._at_start: dict[str, str] | None = None
        self._kept: list[str] = []

    def may_replace(self, case: SceneCase | None) -> bool:
        """Ask where a new analysis loses hand edits; notes what the segments hold before the run."""
        self._at_start, self._kept = None, []
        if case is None or case.missing() is not None:
            return True
        edited = case.edited_structures()
        if edited:
            names = ", ".join(structures.title(key) for key in edited)
            question = _("Analyzing again replaces all segments and loses your edits of: {names}. Go on?")
            if not slicer.util.confirmYesNoDisplay(question.format(names=names), _("CalcScore")):
                return False
        self._at_start = case.snapshot()
        return True

    def keep(self, case: SceneCase | None) -> None:
        """Copy what was edited during the run, before its result is stored."""
        if case is None or self._at_start is None or case.missing() is not None:
            return
        edited = case.edited_since(self._at_start)
        if edited:
            copies = keep_copies(case, edited, _("edited during the run"))
            self._kept = [node.GetName() for node in copies]

    def note(self) -> str:
        """Say what was kept; empty where nothing was edited."""
        text = _("Segments were edited during the run; as edited they are kept in: {names}.")
        return text.format(names="; ".join(self._kept)) if self._kept else ""
