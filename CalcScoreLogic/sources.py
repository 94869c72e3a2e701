"""Scores where the arteries, the calcification, or both come from elsewhere than the networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .images.geometry import Image
from .inference.protocol import Result
from .models import Model
from .pipeline import CaseParameters, labelled_by, read_prediction, score_masks, score_prediction
from .results import ScoredCase
from .shortening import ShorteningParameters
from .thresholding import ThresholdMethod, threshold


@dataclass(frozen=True)
class FinishedRun:
    """What the networks left.

    Attributes
    ----------
    folder : Path
        The run's folder, with the label maps.
    outcome : Result
        What the run said at its end.
    models : sequence of Model
        The models that were run.
    """

    folder: Path
    outcome: Result
    models: Sequence[Model]


def score_sources(
    case: str,
    cta: Image,
    run: FinishedRun | None = None,
    territories: Image | None = None,
    calcification: Image | float | None = None,
    parameters: ShorteningParameters | None = None,
) -> ScoredCase:
    """Score a CTA with arteries and calcification from networks, segmentations or a threshold.

    Parameters
    ----------
    case : str
        Name of the case.
    cta : Image
        HU.
    run : FinishedRun, optional
        The networks' run, for what is not given otherwise.
    territories : Image, optional
        Full-length territory map on the CTA's grid; the network's by default.
    calcification : Image or float, optional
        Calcification map on the CTA's grid, or a threshold in HU that acts inside the arteries; the
        network's by default.
    parameters : ShorteningParameters, optional
        Standard lengths; the paper's by default.

    Returns
    -------
    ScoredCase
        Scores and label maps on the CTA's grid.

    Raises
    ------
    InputError
        Grids that differ, or no artery to apply a threshold in.
    """
    lengths = parameters or ShorteningParameters()
    if run is not None and territories is None and calcification is None:
        return score_prediction(case, cta, run.folder, run.outcome, run.models, CaseParameters(lengths))
    if territories is None:
        territories = _of_run(run, "territories", cta)
    extra: dict[str, float] = {}
    if calcification is None:
        source, labels = "network", _of_run(run, "calcification", cta)
    elif isinstance(calcification, Image):
        source, labels = "segment", calcification
    else:
        found = threshold(cta, territories, ThresholdMethod.FIXED, calcification)
        source, labels, extra = "fixed", found.calcification, {"threshold_hu": found.threshold_hu}
    scored = score_masks(case, territories, labels, CaseParameters(lengths, source), cta)
    result = replace(scored.result, parameters={**scored.result.parameters, **extra})
    if run is None:
        return replace(scored, result=result)
    return replace(scored, result=labelled_by(result, run.models, run.outcome))


def _of_run(run: FinishedRun | None, role: str, cta: Image) -> Image:
    """Read a label map of the networks onto the CTA's grid."""
    if run is None:
        raise ValueError(f"neither a run nor a map gives the {role}")
    return read_prediction(run.folder / run.outcome.files[role], role, cta)
