"""Keeps hand edits from being lost: asks before what replaces them, and keeps what was edited during a run."""

from __future__ import annotations

from collections.abc import Sequence

import slicer

from ..scene import structures
from ..scene.case import SceneCase
from ..scene.kept_edits import keep_copies
from ..translation import _


def may_lose(edited: Sequence[str], question: str) -> bool:
    """Ask whether hand edits may be lost.

    Parameters
    ----------
    edited : sequence of str
        Keys of the structures that were edited; without any nothing is asked.
    question : str
        With ``{names}`` for what they are called.

    Returns
    -------
    bool
        Whether to go on.
    """
    if not edited:
        return True
    text = question.format(names=structures.titles(edited))
    return bool(slicer.util.confirmYesNoDisplay(text, _("CalcScore")))


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
        question = _("Analyzing again replaces all segments and loses your edits of: {names}. Go on?")
        if not may_lose(case.edited_structures(), question):
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
