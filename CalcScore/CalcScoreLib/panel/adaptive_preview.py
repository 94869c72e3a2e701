"""Finds the adaptive threshold of the chosen arteries for the preview, without blocking."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..analysis import SegmentsSource, adaptive_steps
from ..background_work import InSteps
from .parameters import SEGMENTS, CalcScoreParameters, mapping_of


class AdaptivePreview:
    """The adaptive threshold of one choice of CTA and arteries, found once.

    Parameters
    ----------
    found : callable
        Called when a threshold has been found, or why there is none.
    """

    def __init__(self, found: Callable[[], None]) -> None:
        self._found = found
        self._of: tuple[Any, ...] = ()
        self._work = InSteps(self._take)
        self.threshold_hu: float | None = None
        self.problem = ""

    def look_at(self, parameters: CalcScoreParameters) -> None:
        """Find the threshold of what is chosen, unless that is done or on its way."""
        node = parameters.artery_segmentation
        if not can_preview(parameters):
            self.forget()
            return
        mapping = mapping_of(parameters)
        # The times tell edited segments and another image.
        times = (node.GetSegmentation().GetMTime(), parameters.cta.GetImageData().GetMTime())
        chosen = (parameters.cta.GetID(), node.GetID(), tuple(mapping.items()), times)
        if chosen == self._of:
            return
        self.forget()
        self._of = chosen
        self._work.start(adaptive_steps(parameters.cta, SegmentsSource(node, mapping)))

    def forget(self) -> None:
        """Let go of what was found; what is on its way ends unheard."""
        self._work.forget()
        self._of, self.threshold_hu, self.problem = (), None, ""

    def _take(self, threshold_hu: float | None, error: BaseException | None) -> None:
        self.threshold_hu, self.problem = threshold_hu, "" if error is None else str(error)
        self._found()


def can_preview(parameters: CalcScoreParameters) -> bool:
    """Tell whether the arteries that the threshold is found in are there before the analysis."""
    return bool(
        parameters.cta is not None
        and parameters.arteries_from == SEGMENTS
        and parameters.artery_segmentation is not None
    )
