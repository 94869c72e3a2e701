"""Scores where the arteries, the calcification, or both come from elsewhere than the networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .images.geometry import Image, aligned
from .inference.options import InferenceOptions
from .inference.protocol import Message, Result
from .inference.run import InferenceRun
from .models import Model
from .pipeline import CaseParameters, labelled_by, read_prediction, score_masks, score_prediction
from .quality.thresholds import adaptive_warnings
from .results import ScoredCase
from .thresholding import ThresholdMethod, threshold

Calcium = Image | ThresholdMethod | float | None
"""A calcification map, `ThresholdMethod.ADAPTIVE`, a threshold in HU, or None: the network."""


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


def analyze_sources(
    case: str,
    cta: Callable[[], Image],
    models: Sequence[Model] = (),
    arteries: Image | None = None,
    calcification: Calcium = None,
    parameters: CaseParameters | None = None,
    options: InferenceOptions | None = None,
    interpreter: str | None = None,
    on_message: Callable[[Message], None] | None = None,
    inputs: Mapping[str, Path] | None = None,
) -> ScoredCase:
    """Label a CTA with the networks that are needed, if any, and score it; waits for the end.

    Parameters
    ----------
    case : str
        Name of the case.
    cta : callable
        Reads the CTA, HU; it is called while the networks' process starts.
    models : sequence of Model
        The ensembles of what is not given otherwise; without one, nothing is started.
    arteries : Image, optional
        Full-length territory map on the CTA's grid; the network's by default.
    calcification : Image, ThresholdMethod or float, optional
        See `Calcium`.
    parameters : CaseParameters, optional
        What to do with the label maps.
    options, interpreter, on_message
        See `pipeline.analyze`.
    inputs : mapping of str to Path, optional
        Files the images were read from, for the record.

    Returns
    -------
    ScoredCase
        Scores and label maps on the CTA's grid.

    Raises
    ------
    InputError
        Models or images cannot be used, or grids differ.
    CalcScoreError
        The run failed.
    """
    parameters = parameters or CaseParameters()
    if not models:
        image = cta()
        arteries = arteries and aligned(image, arteries, "the CTA", "the arteries")
        return score_sources(case, image, None, arteries, calcification, parameters, inputs)
    folders = {model.role.value: model.path for model in models}
    with InferenceRun(None, folders, options, interpreter, parameters.shortening) as run:
        run.start()
        image = cta()
        arteries = arteries and aligned(image, arteries, "the CTA", "the arteries")
        run.hand_over(image, arteries)
        outcome = run.wait(on_message)
        assert run.folder is not None  # noqa: S101
        finished = FinishedRun(run.folder, outcome, models)
        scored = score_sources(case, image, finished, arteries, calcification, parameters, inputs)
    return replace(scored, result=replace(scored.result, warnings=(*run.notices, *scored.result.warnings)))


def score_sources(
    case: str,
    cta: Image,
    run: FinishedRun | None = None,
    territories: Image | None = None,
    calcification: Calcium = None,
    parameters: CaseParameters | None = None,
    inputs: Mapping[str, Path] | None = None,
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
    calcification : Image, ThresholdMethod or float, optional
        See `Calcium`; a threshold acts inside the arteries.
    parameters : CaseParameters, optional
        What to do with the label maps; where the calcification comes from is put in.
    inputs : mapping of str to Path, optional
        Files the images were read from, for the record.

    Returns
    -------
    ScoredCase
        Scores and label maps on the CTA's grid.

    Raises
    ------
    InputError
        Grids that differ, or too little artery to apply a threshold in.
    """
    parameters = parameters or CaseParameters()
    if run is not None and territories is None and calcification is None:
        return score_prediction(case, cta, run.folder, run.outcome, run.models, parameters, inputs)
    if territories is None:
        territories = _of_run(run, "territories", cta)
    territories = aligned(cta, territories, "the CTA", "the arteries")
    extra: dict[str, Any] = {}
    told: tuple[str, ...] = ()
    if calcification is None:
        source, labels = "network", _of_run(run, "calcification", cta)
    elif isinstance(calcification, Image):
        source, labels = "segment", calcification
    else:
        value = None if isinstance(calcification, ThresholdMethod) else calcification
        found = threshold(cta, territories, ThresholdMethod.ADAPTIVE if value is None else ThresholdMethod.FIXED, value)
        source, labels, extra = found.method.value, found.calcification, found.to_dict()
        told = adaptive_warnings(found.adaptive)
    scored = score_masks(case, territories, labels, replace(parameters, calcification=source), cta, inputs)
    result = replace(
        scored.result,
        parameters={**scored.result.parameters, **extra},
        warnings=(*told, *scored.result.warnings),
    )
    if run is not None:
        result = labelled_by(result, run.models, run.outcome)
    return replace(scored, result=result)


def _of_run(run: FinishedRun | None, role: str, cta: Image) -> Image:
    """Read a label map of the networks onto the CTA's grid."""
    if run is None:
        raise ValueError(f"neither a run nor a map gives the {role}")
    return read_prediction(run.folder / run.outcome.files[role], role, cta)
