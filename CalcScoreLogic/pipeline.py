"""One case from its images to its scores: the one road that every program takes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .anatomy import STRUCTURES, Territory
from .artery_holes import Arteries, fill_holes
from .images.geometry import Image, aligned
from .quality.calcium import calcium_warnings
from .quality.codes import CodedWarning, WarningCode, coded
from .quality.ct import ct_warnings
from .quality.labels import artery_warnings, label_warning, row_warnings
from .results import BurdenRange, CaseResult, ScoredCase
from .scoring import composite_burden, score
from .shortening import Shortening, ShorteningParameters, shorten
from .version import __version__

if TYPE_CHECKING:
    from .inference.options import InferenceOptions
    from .inference.protocol import Message, Result
    from .models import Model

WIDE_RANGE = 0.01
"""Folds disagree when their burdens span more than this, and more than half of the burden."""


@dataclass(frozen=True)
class CaseParameters:
    """What a run does to a case.

    Attributes
    ----------
    shortening : ShorteningParameters or None
        Standard lengths; None scores the territory map as it is.
    calcification : str
        Where the calcification comes from, e.g. ``"mask"``, ``"fixed"`` or ``"network"``; for the record.
    weights : mapping of Territory to float, optional
        Weights of the composite score; none is made without them.
    not_given : tuple of str
        Keys of territories that the source of the arteries does not label, see `scoring.score`.
    """

    shortening: ShorteningParameters | None = field(default_factory=ShorteningParameters)
    calcification: str = "mask"
    weights: Mapping[Territory, float] | None = None
    not_given: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Give ``parameters`` of ``scores.json``."""
        lengths = self.shortening
        return {
            "length_mm": float(lengths.length_mm) if lengths else None,
            "aorta_margin_mm": float(lengths.margin_mm) if lengths else None,
            "method": lengths.method.value if lengths else "none",
            "calcification": self.calcification,
            **({"not_given": list(self.not_given)} if self.not_given else {}),
        }


def score_masks(
    case: str,
    territories: Image,
    calcification: Image,
    parameters: CaseParameters | None = None,
    cta: Image | None = None,
    inputs: Mapping[str, Path] | None = None,
    last: Arteries | None = None,
) -> ScoredCase:
    """Shorten a territory map and score the calcification in it.

    Parameters
    ----------
    case : str
        Name of the case.
    territories : Image
        Territory map, full length unless `parameters.shortening` is None.
    calcification : Image
        Calcification map on the same grid.
    parameters : CaseParameters, optional
        What to do; the paper's lengths by default.
    cta : Image, optional
        HU on the same grid, for the intensities of the clusters and the check for metal.
    inputs : mapping of str to Path, optional
        Files the images were read from, for the record.
    last : Arteries, optional
        The maps that the case was last scored with, see `artery_holes.fill_holes`.

    Returns
    -------
    ScoredCase
        The scores, the territory map with its holes filled, and that map shortened.

    Raises
    ------
    InputError
        The images lie on different grids, or the weights cannot be used.
    """
    parameters = parameters or CaseParameters()
    calcification = aligned(territories, calcification, "the territory map", "the calcification map")
    cta = cta and aligned(territories, cta, "the territory map", "the CTA")
    filled = fill_holes(Arteries(territories), calcification, last)
    territories = filled.arteries.full
    if parameters.shortening is None:
        shortening = Shortening(territories, ())
    else:
        shortening = shorten(territories, parameters.shortening)
    scores = score(
        shortening.territories, calcification, unshortened=territories, cta=cta, not_given=parameters.not_given
    )
    composite = None
    if parameters.weights is not None:
        composite = {
            "weights": {territory.key: weight for territory, weight in parameters.weights.items()},
            "burden": composite_burden(scores, parameters.weights),
        }
    swapped = label_warning(calcification, territories)
    # Where the field of view ends, the rows tell better than the volume's height.
    slices = () if cta is None else tuple(w for w in ct_warnings(cta) if w.code is not WarningCode.CUT_FIELD_OF_VIEW)
    warnings = (
        *calcium_warnings(filled),
        *slices,
        *coded(WarningCode.TRIMMING, shortening.warnings),
        *coded(WarningCode.VESSELS, scores.warnings),
        *([swapped] if swapped else []),
        *row_warnings(scores.territories, parameters.shortening, parameters.not_given),
        *(() if cta is None else artery_warnings(cta, territories, calcification)),
    )
    result = CaseResult(
        case=case,
        parameters=parameters.to_dict(),
        scores=scores,
        warnings=warnings,
        provenance=provenance(inputs or {}),
        composite=composite,
    )
    return ScoredCase(result, territories, shortening.territories, calcification)


def analyze(
    case: str,
    cta: Image | Callable[[], Image],
    models: Sequence[Model],
    parameters: CaseParameters | None = None,
    options: InferenceOptions | None = None,
    interpreter: str | None = None,
    on_message: Callable[[Message], None] | None = None,
    inputs: Mapping[str, Path] | None = None,
) -> ScoredCase:
    """Label a CTA with both ensembles and score it; waits for the end.

    Parameters
    ----------
    case : str
        Name of the case.
    cta : Image or callable
        HU, or what reads it: that is called while the networks' process starts.
    models : sequence of Model
        The territory ensemble and the calcification ensemble.
    parameters : CaseParameters, optional
        What to do with the label maps.
    options : InferenceOptions, optional
        How the ensembles are run.
    interpreter : str, optional
        Python with torch and nnunetv2; the running one by default.
    on_message : callable, optional
        Takes progress and notices as they come.
    inputs : mapping of str to Path, optional
        Files the CTA was read from, for the record.

    Returns
    -------
    ScoredCase
        Scores and label maps on the CTA's grid.

    Raises
    ------
    InputError
        Models or CTA cannot be used.
    CalcScoreError
        The run failed.
    """
    from .inference.run import InferenceRun

    parameters = parameters or CaseParameters()
    folders = {model.role.value: model.path for model in models}
    with InferenceRun(None, folders, options, interpreter, parameters.shortening) as run:
        run.start()
        image = cta() if callable(cta) else cta
        run.hand_over(image)
        outcome = run.wait(on_message)
        assert run.folder is not None  # noqa: S101
        scored = score_prediction(case, image, run.folder, outcome, models, parameters, inputs)
    return replace(scored, result=replace(scored.result, warnings=(*run.notices, *scored.result.warnings)))


def score_prediction(
    case: str,
    cta: Image,
    folder: Path,
    outcome: Result,
    models: Sequence[Model],
    parameters: CaseParameters | None = None,
    inputs: Mapping[str, Path] | None = None,
) -> ScoredCase:
    """Score what the ensembles made of a CTA.

    Parameters
    ----------
    case : str
        Name of the case.
    cta : Image
        HU.
    folder : Path
        The run's folder, with the label maps.
    outcome : Result
        What the run said at its end.
    models : sequence of Model
        The models that were run, for the record.
    parameters : CaseParameters, optional
        What to do with the label maps.
    inputs : mapping of str to Path, optional
        Files the CTA was read from, for the record.

    Returns
    -------
    ScoredCase
        Scores with the range of the single folds, and label maps on the CTA's grid.
    """
    parameters = replace(parameters or CaseParameters(), calcification="network")
    territories, calcification = _prediction(folder, outcome.files, cta)
    scored = score_masks(case, territories, calcification, parameters, cta, inputs)
    ranges = _burden_ranges(outcome.fold_burdens)
    result = labelled_by(scored.result, models, outcome)
    warnings = (*result.warnings, *_disagreement(result, ranges))
    return replace(scored, result=replace(result, warnings=warnings, burden_ranges=ranges))


def labelled_by(result: CaseResult, models: Sequence[Model], outcome: Result) -> CaseResult:
    """Record the networks that a result rests on, and warn where they know phantoms only.

    Parameters
    ----------
    result : CaseResult
        Scores of what the networks labelled.
    models : sequence of Model
        The models that were run.
    outcome : Result
        What the run said at its end.

    Returns
    -------
    CaseResult
        The same scores.
    """
    record = {
        **result.provenance,
        "models": {model.role.value: model_record(model) for model in models},
        "inference": outcome.provenance,
    }
    return replace(result, provenance=record, warnings=(*_network_warnings(models), *result.warnings))


def _prediction(folder: Path, files: Mapping[str, str], cta: Image) -> tuple[Image, Image]:
    """Read the two label maps of a run onto the CTA's grid."""
    return (
        read_prediction(folder / files["territories"], "territories", cta),
        read_prediction(folder / files["calcification"], "calcification", cta),
    )


def read_prediction(path: Path, role: str, cta: Image) -> Image:
    """Read a label map of a run onto the CTA's grid.

    Parameters
    ----------
    path : Path
        The label map.
    role : str
        ``"territories"`` or ``"calcification"``.
    cta : Image
        The CTA.

    Returns
    -------
    Image
        Label values, in the CTA's own geometry.

    Raises
    ------
    InputError
        The label map lies on another grid, or is none.
    """
    from .images.files import read_calcification, read_territories

    labels = (read_territories if role == "territories" else read_calcification)(path)
    return aligned(cta, labels, "the CTA", "the networks' label map")


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


def provenance(inputs: Mapping[str, Path]) -> dict[str, Any]:
    """Record what a result was made with.

    Parameters
    ----------
    inputs : mapping of str to Path
        Input files by role; a folder (DICOM) is recorded without name and checksum.

    Returns
    -------
    dict
        ``provenance`` of ``scores.json``: file names without their folders, SHA-256, version, UTC time.
    """
    return {
        "calcscore": __version__,
        "models": {},
        "inputs": {
            role: {"file": path.name, "sha256": _sha256(path)}
            if path.is_file()
            # The name of a DICOM folder can be the patient's.
            else {"file": "DICOM folder", "sha256": None}
            for role, path in inputs.items()
        },
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
