"""Finds the plaques of a case in pieces: that of a scene just opened has its segments still to be read."""

from __future__ import annotations

from collections.abc import Callable

from CalcScoreLogic.errors import InputError

from ..background_work import InSteps
from ..scene.case import SceneCase
from ..scene.plaques import Plaque


class PlaqueListing:
    """The plaques of one case at a time.

    Parameters
    ----------
    listed : callable
        Called when they are found.
    say : callable
        Shows a sentence of trouble.

    Attributes
    ----------
    plaques : list of Plaque or None
        The plaques, largest first; None as long as they are looked for.
    """

    def __init__(self, listed: Callable[[], None], say: Callable[[str], None]) -> None:
        self._listed, self._say = listed, say
        self._case: SceneCase | None = None
        self._work = InSteps(self._found)
        self.plaques: list[Plaque] | None = []

    def list(self, case: SceneCase | None) -> None:
        """Find the plaques of a case; those that are known already are there at once.

        Raises
        ------
        InputError
            The CTA lies under a transform that is not rigid.
        """
        self.forget()
        same, self._case = case is self._case, case
        if case is None or case.missing() is not None:
            self.plaques = []
        elif case.knows_plaques():
            self.plaques = case.plaques()
        else:
            # Until then those of the same case stay: it was moved, for instance.
            self.plaques = self.plaques if same else None
            self._work.start(case.plaque_steps())

    def forget(self) -> None:
        """Look no further."""
        self._work.forget()

    def _found(self, plaques: list[Plaque] | None, error: BaseException | None) -> None:
        self.plaques = plaques or []
        if isinstance(error, InputError):
            self._say(str(error))
        elif error is not None:
            raise error
        self._listed()
