"""Everything that is measured in one case of a study."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .. import case_files as files_of_case
from ..anatomy import COMBINED, VESSELS_OF, CalcificationLabel, Territory
from ..artery_holes import Arteries, fill_holes
from ..errors import CalcScoreError, InputError
from ..images.boxes import nonzero_box
from ..images.common_grid import aligned
from ..images.coverage import coverage_of
from ..images.files import read_calcification, read_ct, read_territories
from ..images.geometry import Array, Image
from ..notices import held_notices
from ..quality.calcium import calcium_warnings
from ..quality.labels import label_warning
from ..scoring import Row, Scores, score
from ..shortening import shorten
from ..thresholding import Thresholding, ThresholdMethod, threshold
from ..vessels import separate_vessels
from .accuracy import accuracy
from .cases import ADAPTIVE, FIXED, IDEAL, REFERENCE, LabelFiles, StudyCase, StudyParameters
from .phases import threshold_figures

_DIVIDED = (Territory.MESENTERIC, Territory.RENAL)
"""Territories of whose single vessels the overlap is measured, where they can be told apart on both sides."""

TERRITORY_ROWS = (*(territory.key for territory in Territory), COMBINED)
CALCIFICATION = CalcificationLabel.CALCIFICATION.key
STRUCTURES = (*TERRITORY_ROWS, *(v.value for t in _DIVIDED for v in VESSELS_OF[t]), CALCIFICATION)
FIGURES = ("burden", "cluster_count", "mean_cluster_volume_mm3")
LUMEN_HU = "lumen_hu"
THRESHOLD_HU = "threshold_hu"


@dataclass(frozen=True)
class Measurement:
    """One value of one case.

    Attributes
    ----------
    method : str
        Whose value it is.
    structure : str
        One of `STRUCTURES`.
    measure : str
        One of `accuracy.METRICS`, one of `FIGURES`, `LUMEN_HU`, `THRESHOLD_HU`, or one of those of `phases`.
    value : float or None
        None where it is not defined.
    reference : float or None
        The reference's own score; None for all that is no score.
    status, reference_status : str
        Status of the row a score was read from, on both sides.
    """

    method: str
    structure: str
    measure: str
    value: float | None
    reference: float | None = None
    status: str = ""
    reference_status: str = ""


@dataclass(frozen=True)
class CaseOutcome:
    """What became of a case.

    Attributes
    ----------
    case : str
        Its name.
    seconds : float
        Time it took.
    reason : str
        Why it failed; empty where it did not.
    warnings : tuple of str
        What a reader should know.
    measurements : tuple of Measurement
        Nothing where it failed.
    """

    case: str
    seconds: float
    reason: str = ""
    warnings: tuple[str, ...] = ()
    measurements: tuple[Measurement, ...] = field(default=(), repr=False)


def examine(case: StudyCase, parameters: StudyParameters) -> CaseOutcome:
    """Measure a case; whatever goes wrong with it is its outcome and stops no other case.

    Parameters
    ----------
    case : StudyCase
        The case.
    parameters : StudyParameters
        What to do.

    Returns
    -------
    CaseOutcome
        Measurements, or the reason why there are none.
    """
    start = time.perf_counter()
    try:
        with held_notices() as notices:
            warnings, measurements = measure_case(case, parameters)
    except CalcScoreError as error:
        return CaseOutcome(case.name, time.perf_counter() - start, str(error))
    except MemoryError:
        return CaseOutcome(case.name, time.perf_counter() - start, "the memory of this machine does not suffice")
    except Exception as error:
        return CaseOutcome(case.name, time.perf_counter() - start, f"{type(error).__name__}: {error}")
    return CaseOutcome(case.name, time.perf_counter() - start, "", (*notices, *warnings), tuple(measurements))


@dataclass(frozen=True)
class _Side:
    """Label maps of one side, its territory map shortened, where calcification was looked for, and what is told."""

    territories: Image
    calcification: Image
    shortened: Image
    looked: Array | None
    warnings: tuple[str, ...]

    @property
    def plaques(self) -> Array:
        return np.asarray(self.calcification.array == CalcificationLabel.CALCIFICATION)

    def scores(self, calcification: Image | None = None) -> Scores:
        return score(self.shortened, calcification or self.calcification, unshortened=self.territories)


def measure_case(case: StudyCase, parameters: StudyParameters) -> tuple[list[str], list[Measurement]]:
    """Measure accuracy and scores of every method in one case.

    Parameters
    ----------
    case, parameters
        See `examine`.

    Returns
    -------
    warnings : list of str
        What a reader should know.
    measurements : list of Measurement
        All values.

    Raises
    ------
    InputError
        A file cannot be used, or grids differ.

    Notes
    -----
    The territories are compared after shortening both sides, the calcification as it was labelled, in the part of
    the volume that the network was run on where ``scores.json`` beside it says so (thresholds: as the first). The ideal
    threshold acts inside the reference's arteries; the adaptive and the fixed one, which know no reference, inside
    those of the first prediction. The scores of all rest on the first prediction's shortened arteries, as the paper's
    do. Thresholds are compared by themselves inside the reference's arteries (`phases`).
    """
    truth = _read_side(case.reference, REFERENCE, parameters)
    expected, warnings = truth.scores(), [*truth.warnings]
    first: _Side | None = None
    found: list[Measurement] = []
    for method, files in case.predictions.items():
        side = _read_side(files, method, parameters, like=truth)
        warnings += side.warnings
        found += _artery_accuracy(method, side.shortened, truth.shortened)
        found += _calcification_accuracy(method, side.plaques, truth, side.looked)
        found += _scores(method, side.scores(), expected)
        first = first or side
    if case.cta is not None and first is not None:
        cta = read_ct(case.cta)
        cta = aligned(truth.territories, cta, str(case.reference.territories), str(case.cta))
        found += _lumen(cta, truth)
        told, measured = _thresholds(cta, truth, first, expected, parameters)
        warnings += told
        found += measured
        compared = threshold_figures(cta, truth.territories, truth.shortened, truth.calcification)
        found += [Measurement(*figure) for figure in compared]
    return warnings, found


def _read_side(files: LabelFiles, name: str, parameters: StudyParameters, like: _Side | None = None) -> _Side:
    """Read the label maps of one side and shorten its territories."""
    territories, calcification = read_maps(files, None if like is None else like.territories)
    filled = fill_holes(Arteries(territories), calcification)
    territories = filled.arteries.full
    shortening = shorten(territories, parameters.shortening)
    doubt = label_warning(calcification, territories)
    told = (*calcium_warnings(filled), *shortening.warnings, *([doubt] if doubt else []))
    warnings = tuple(f"{name}: {text}" for text in told)
    looked = _looked(files.calcification.parent / files_of_case.SCORES)
    return _Side(territories, calcification, shortening.territories, looked, warnings)


def read_maps(files: LabelFiles, reference: Image | None = None) -> tuple[Image, Image]:
    """Read the label maps of one side.

    Parameters
    ----------
    files : LabelFiles
        The two files.
    reference : Image, optional
        The reference's territory map, onto whose grid a prediction's maps are brought; None for the reference itself.

    Returns
    -------
    territories, calcification : Image
        On one grid. 3D Slicer stores the part with segments only: it is laid into the reference's grid.

    Raises
    ------
    InputError
        A file cannot be used, or grids differ.
    """
    grid = None if reference is None else reference.geometry
    territories = read_territories(files.territories, grid)
    calcification = read_calcification(files.calcification, grid)
    if reference is not None:
        territories = aligned(reference, territories, f"the {REFERENCE}", str(files.territories))
    return territories, aligned(territories, calcification, str(files.territories), str(files.calcification))


def _looked(scores: Path) -> Array | None:
    """Give the voxels that a network's calcification map is about; None for all of them."""
    if not scores.is_file():
        return None
    try:
        found = coverage_of(json.loads(scores.read_text(encoding="utf-8"))["provenance"])
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{scores}: the scores cannot be read, analyze the case again or remove them") from error
    return None if found is None else found.mask()


def _artery_accuracy(method: str, prediction: Image, reference: Image) -> Iterator[Measurement]:
    """Compare shortened territories, all of them as one, and the vessels that both sides tell apart."""
    maps, grid = [image.canonical().array for image in (prediction, reference)], reference.canonical().geometry
    box = nonzero_box(np.asarray((maps[0] > 0) | (maps[1] > 0))) or (slice(0, 1),) * 3
    spacing = grid.spacing[::-1]
    found, true = (array[box] for array in maps)
    for territory in Territory:
        yield from _metrics(method, territory.key, found == territory, true == territory, spacing)
    yield from _metrics(method, COMBINED, found > 0, true > 0, spacing)
    (found, found_untold), (true, true_untold) = (separate_vessels(array, spacing) for array in (found, true))
    for territory in _DIVIDED:
        for vessel in VESSELS_OF[territory] if territory not in (*found_untold, *true_untold) else ():
            yield from _metrics(method, vessel.value, found == vessel.number, true == vessel.number, spacing)


def _calcification_accuracy(method: str, plaques: Array, truth: _Side, looked: Array | None) -> Iterator[Measurement]:
    """Compare calcification as it was labelled, where it was looked for."""
    spacing = truth.calcification.geometry.spacing[::-1]
    true = truth.plaques if looked is None else truth.plaques & looked
    return _metrics(method, CALCIFICATION, plaques if looked is None else plaques & looked, true, spacing)


def _metrics(
    method: str, structure: str, prediction: Array, reference: Array, spacing: tuple[float, ...]
) -> Iterator[Measurement]:
    for name, value in accuracy(prediction, reference, spacing).items():
        yield Measurement(method, structure, name, value)


def _scores(method: str, found: Scores, expected: Scores) -> Iterator[Measurement]:
    """Put the scores of the five rows beside the reference's."""
    for name in TERRITORY_ROWS:
        row, true = found.territories[name], expected.territories[name]
        for figure in FIGURES:
            values = (_figure(row, figure), _figure(true, figure))
            yield Measurement(method, name, figure, *values, row.status.value, true.status.value)


def _figure(row: Row, figure: str) -> float | None:
    """Read a score; an artery that is not there has no clusters to count, not 0 of them."""
    value = getattr(row, figure)
    return None if value is None or not row.artery_volume_mm3 else float(value)


def _lumen(cta: Image, truth: _Side) -> Iterator[Measurement]:
    """Give the median intensity of the reference's arteries without their calcification."""
    lumen = cta.array[(truth.territories.array > 0) & ~truth.plaques]
    yield Measurement(REFERENCE, COMBINED, LUMEN_HU, float(np.median(lumen)) if lumen.size else None)


def _thresholds(
    cta: Image, truth: _Side, first: _Side, expected: Scores, parameters: StudyParameters
) -> tuple[list[str], list[Measurement]]:
    """Measure the thresholds; one that cannot be used in this case is left out with a warning."""
    warnings: list[str] = []
    found: list[Measurement] = []
    for method, result in apply_thresholds(
        cta, truth.territories, truth.calcification, first.territories, parameters.fixed_hu
    ):
        if isinstance(result, InputError):
            warnings.append(f"{method}: left out in this case, {result}")
            continue
        found.append(Measurement(method, CALCIFICATION, THRESHOLD_HU, result.threshold_hu))
        plaques = np.asarray(result.calcification.array == CalcificationLabel.CALCIFICATION)
        found += _calcification_accuracy(method, plaques, truth, first.looked)
        found += _scores(method, first.scores(result.calcification), expected)
    return warnings, found


def apply_thresholds(
    cta: Image, true_arteries: Image, true_calcification: Image, arteries: Image, fixed_hu: float
) -> Iterator[tuple[str, Thresholding | InputError]]:
    """Apply the three thresholds of a study.

    Parameters
    ----------
    cta : Image
        HU.
    true_arteries, true_calcification : Image
        The reference's, for the ideal threshold.
    arteries : Image
        The first prediction's, in which the other two act.
    fixed_hu : float
        The fixed threshold, HU.

    Yields
    ------
    method : str
        One of `cases.THRESHOLDS`, in their order.
    result : Thresholding or InputError
        The calcification, or why this threshold cannot be used in this case.
    """
    thresholds = (
        (IDEAL, true_arteries, ThresholdMethod.IDEAL, None, true_calcification),
        (ADAPTIVE, arteries, ThresholdMethod.ADAPTIVE, None, None),
        (FIXED, arteries, ThresholdMethod.FIXED, fixed_hu, None),
    )
    for method, inside, rule, value, reference in thresholds:
        try:
            yield method, threshold(cta, inside, rule, value, reference)
        except InputError as error:
            yield method, error
