"""A CTA's scores, whoever labels it: the networks, another tool, a reader, a threshold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .anatomy import STRUCTURES, Territory
from .errors import naming
from .images.common_grid import aligned
from .images.coverage import Coverage
from .images.files import read_calcification, read_territories
from .images.geometry import Geometry, Image
from .inference.options import InferenceOptions
from .inference.protocol import Message, grid_of
from .inference.run import InferenceRun, Labelled
from .models import Model
from .pipeline import CaseParameters, score_masks
from .quality.codes import CodedWarning, WarningCode
from .quality.thresholds import adaptive_warnings
from .results import BurdenRange, CaseResult, ScoredCase
from .thresholding import Thresholding, ThresholdMethod, threshold

Calcium = Image | ThresholdMethod | float | None
"""A calcification map, `ThresholdMethod.ADAPTIVE`, a threshold in HU, or None: the network."""

WIDE_RANGE = 0.01
"""Folds disagree when their burdens span more than this, and more than half of the burden."""


@dataclass(frozen=True)
class FinishedRun:
    """What the networks left.

    Attributes
    ----------
    labelled : Labelled
        The label maps, and what the run said.
    models : sequence of Model
        The models that were run.
    """

    labelled: Labelled
    models: Sequence[Model]


def analyze(
    case: str,
    cta: Image | Callable[[], Image],
    models: Sequence[Model] = (),
    parameters: CaseParameters | None = None,
    options: InferenceOptions | None = None,
    interpreter: str | None = None,
    on_message: Callable[[Message], None] | None = None,
    inputs: Mapping[str, Path] | None = None,
    *,
    arteries: Image | None = None,
    calcification: Calcium = None,
) -> ScoredCase:
    """Label a CTA with the networks that are needed, if any, and score it; waits for the end.

    Parameters
    ----------
    case : str
        Name of the case.
    cta : Image or callable
        HU, or what reads it: that is called while the networks' process starts.
    models : sequence of Model
        The ensembles of what is not given otherwise; without one, nothing is started.
    parameters : CaseParameters, optional
        What to do with the label maps.
    options : InferenceOptions, optional
        How the ensembles are run.
    interpreter : str, optional
        Python with torch and nnunetv2; the running one by default.
    on_message : callable, optional
        Takes progress and notices as they come.
    inputs : mapping of str to Path, optional
        Files the images were read from, for the record.
    arteries : Image, optional
        Full-length territory map on the CTA's grid; the network's by default.
    calcification : Image, ThresholdMethod or float, optional
        See `Calcium`.

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
        image = cta() if callable(cta) else cta
        return score_sources(case, image, None, arteries, calcification, parameters, inputs)
    folders = {model.role.value: model.path for model in models}
    with InferenceRun(None, folders, options, interpreter, parameters.shortening) as run:
        run.start()
        image = cta() if callable(cta) else cta
        arteries = arteries and aligned(image, arteries, *_names(inputs))
        run.hand_over(image, arteries)
        run.wait(on_message)
        finished = FinishedRun(run.labelled, models)
        return score_sources(case, image, finished, arteries, calcification, parameters, inputs)


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
    case, inputs
        See `analyze`.
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

    Returns
    -------
    ScoredCase
        Scores and label maps on the CTA's grid.

    Raises
    ------
    InputError
        Grids that differ, or too little artery to apply a threshold in.
    """
    territories = aligned(cta, territories or _of_run(run, "territories", cta), *_names(inputs))
    found: Thresholding | None = None
    if calcification is None:
        source, labels = "network", _of_run(run, "calcification", cta)
    elif isinstance(calcification, Image):
        source, labels = "segment", calcification
    else:
        found = _thresholded(cta, territories, calcification, inputs)
        source, labels = found.method.value, found.calcification
    parameters = replace(parameters or CaseParameters(), calcification=source)
    scored = score_masks(case, territories, labels, parameters, cta, inputs)
    result = scored.result
    if found is not None:
        told = (*adaptive_warnings(found.adaptive), *result.warnings)
        result = replace(result, parameters={**result.parameters, **found.to_dict()}, warnings=told)
    return replace(scored, result=result if run is None else _labelled_by(run, result, cta.geometry))


def _thresholded(
    cta: Image, arteries: Image, calcium: ThresholdMethod | float, inputs: Mapping[str, Path] | None
) -> Thresholding:
    """Apply the adaptive threshold, or one in HU; raises InputError that names the file of the arteries, if any."""
    value = None if isinstance(calcium, ThresholdMethod) else calcium
    method = ThresholdMethod.ADAPTIVE if value is None else ThresholdMethod.FIXED
    with naming(inputs["arteries"]) if inputs and "arteries" in inputs else nullcontext():
        return threshold(cta, arteries, method, value)


def _names(inputs: Mapping[str, Path] | None) -> tuple[str, str]:
    """Give what a message calls the CTA and the arteries: the files, where they are known."""
    files = inputs or {}
    return str(files.get("cta", "the CTA")), str(files.get("arteries", "the arteries"))


def _of_run(run: FinishedRun | None, role: str, cta: Image) -> Image:
    """Read a label map of the networks onto the CTA's grid; raises InputError."""
    if run is None:
        raise ValueError(f"neither a run nor a map gives the {role}")
    file = run.labelled.folder / run.labelled.result.files[role]
    labels = (read_territories if role == "territories" else read_calcification)(file)
    return aligned(cta, labels, "the CTA", "the networks' label map")


def _labelled_by(run: FinishedRun, result: CaseResult, grid: Geometry) -> CaseResult:
    """Record the networks that a result rests on, the range of their folds, and what to be warned of."""
    record = {
        **result.provenance,
        "models": {model.role.value: model_record(model) for model in run.models},
        "inference": _record_on(grid, run),
    }
    ranges = _burden_ranges(run.labelled.result.fold_burdens)
    own = (*run.labelled.notices, *_network_warnings(run.models))
    warnings = (*own, *result.warnings, *_disagreement(result, ranges))
    return replace(result, provenance=record, warnings=warnings, burden_ranges=ranges)


def _record_on(grid: Geometry, run: FinishedRun) -> dict[str, Any]:
    """Give what the run says of itself, with where it looked in the voxels of the CTA's grid."""
    record, given = dict(run.labelled.result.provenance), run.labelled.result.grid
    if record.get("coverage") and given:
        looked = Coverage.from_dict(record["coverage"])
        record["coverage"] = looked.stored_as(grid_of(given), grid).to_dict()
    return record


def _burden_ranges(folds: Sequence[Mapping[str, float | None]]) -> dict[str, BurdenRange]:
    """Give the lowest and highest burden of each row."""
    ranges = {}
    for name in folds[0] if len(folds) > 1 else ():
        found = [burden for fold in folds if (burden := fold[name]) is not None]
        ranges[name] = BurdenRange(min(found, default=None), max(found, default=None))
    return ranges


def _disagreement(result: CaseResult, ranges: Mapping[str, BurdenRange]) -> list[CodedWarning]:
    """Warn where the folds' burdens span a wide range."""
    warnings = []
    for territory in Territory:
        span, burden = ranges.get(territory.key), result.scores.territories[territory.key].burden
        if span is None or span.lowest is None or span.highest is None:
            continue
        if span.highest - span.lowest > max(WIDE_RANGE, 0.5 * (burden or 0)):
            told = (
                f"{STRUCTURES[territory].title}: the folds disagree, their burdens run from {100 * span.lowest:.1f} "
                f"to {100 * span.highest:.1f} %; check the labels of this artery."
            )
            warnings.append(CodedWarning(WarningCode.FOLDS_DISAGREE, told, territory.key))
    return warnings


def model_record(model: Model) -> dict[str, Any]:
    """Name a model for the record, without the place where it lies."""
    record = {"name": model.name, "sha256": model.fingerprint, "trained_on": model.trained_on, "demo": model.demo}
    return {**record, "spacing_mm": list(model.spacing_mm), "patch_size": list(model.patch_size)}


def _network_warnings(models: Sequence[Model]) -> list[str]:
    """Say it where a model knows phantoms only, or has seen no patient's image."""
    if any(model.demo for model in models):
        told = "The demo networks know synthetic phantoms only; on the CT of a patient their labels mean nothing."
        return [CodedWarning(WarningCode.DEMO_NETWORKS, told)]
    synthetic = [model.name for model in models if model.synthetic]
    if not synthetic:
        return []
    told = f"{' and '.join(synthetic)}: trained on synthetic CTA only; check the labels before you use the scores."
    return [CodedWarning(WarningCode.SYNTHETIC_NETWORKS, told)]
