"""Notices when segments that scores were made from hold other voxels than then, and when they are back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from slicer.util import VTKObservationMixin

from CalcScoreLogic.errors import InputError

from ..background_work import InSteps, single_shot
from ..incremental_work import Steps
from ..scene.other_segmentations import Prints, print_steps
from ..scene.segment_voxels import LABELMAP, SegmentPrint, segment_state
from ..scene.segmentations import edits_of

_LOOK_MS = 300


class SourceContent(VTKObservationMixin):
    """Looks at segments in pieces, each again only when it may have changed.

    Parameters
    ----------
    found : callable
        Called when there is more to tell.
    """

    def __init__(self, found: Callable[[], None]) -> None:
        VTKObservationMixin.__init__(self)
        self._found = found
        self._watched: list[Any] = []
        self._wanted: list[tuple[Any, str]] = []
        self._known: dict[tuple[Any, str], tuple[object, SegmentPrint]] = {}
        self._work = InSteps(self._looked)
        self._timer = single_shot(_LOOK_MS, self._look)

    @property
    def busy(self) -> bool:
        """Whether segments are being looked at, or will be in a moment."""
        return self._work.busy or self._timer.isActive()

    def changed(self, scored: Mapping[str, tuple[Any, Prints]]) -> tuple[str, ...]:
        """Tell which segments hold other voxels, as far as that is known; looks again where it is not.

        Parameters
        ----------
        scored : mapping of str to (vtkMRMLSegmentationNode, Prints)
            Segments by what a reader calls them, and what was in them.

        Returns
        -------
        tuple of str
            Those that differ.
        """
        self._watch([node for node, _ in scored.values()])
        self._wanted = [(node, name) for node, prints in scored.values() for name in prints]
        self._known = {pair: known for pair, known in self._known.items() if pair in self._wanted}
        if self._unknown() and not self.busy:
            self._timer.start()
        return tuple(
            title
            for title, (node, prints) in scored.items()
            if any(self._differs(node, name, value) for name, value in prints.items())
        )

    def forget(self) -> None:
        """Look no more."""
        self.removeObservers()
        self._timer.stop()
        self._work.forget()
        self._watched, self._wanted = [], []
        self._known.clear()

    def _watch(self, nodes: list[Any]) -> None:
        """Learn of the edits of segmentations, and of no other."""
        if nodes == self._watched:
            return
        self.removeObservers()
        self._watched = nodes
        for node in {node.GetID(): node for node in nodes}.values():
            for thing, event in edits_of(node):
                self.addObserver(thing, event, self._edited)

    def _edited(self, caller: Any, event: Any) -> None:
        # Not restarted by the next event: a stroke that goes on must not hide that the scores are old.
        if not self._timer.isActive():
            self._timer.start()

    def _differs(self, node: Any, name: str, scored: SegmentPrint) -> bool:
        known = self._known.get((node, name))
        return known is not None and not known[1].same(scored)

    def _unknown(self) -> list[tuple[Any, str]]:
        """Give the segments that have not been looked at as they are."""
        return [pair for pair in self._wanted if _is_readable(*pair) and self._state_of(pair) != segment_state(*pair)]

    def _state_of(self, pair: tuple[Any, str]) -> object:
        return self._known[pair][0] if pair in self._known else None

    def _look(self) -> None:
        if not self._work.busy and self._unknown():
            self._work.start(self._steps())

    def _steps(self) -> Steps[None]:
        for pair in self._unknown():
            self._known[pair] = yield from print_steps(*pair)

    def _looked(self, nothing: None, error: BaseException | None) -> None:
        # Where a segment was removed meanwhile, others are chosen now.
        if error is not None and not isinstance(error, InputError):
            raise error
        self._found()


def _is_readable(node: Any, name: str) -> bool:
    """Tell whether a segment is there as voxels; what was made of a surface is looked at in the analysis only."""
    content = node.GetSegmentation()
    return content.GetSegment(name) is not None and bool(content.ContainsRepresentation(LABELMAP))
