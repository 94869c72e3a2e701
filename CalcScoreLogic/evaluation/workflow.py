"""A study from its folders to its tables, figures and page."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..atomic import atomic_folder
from ..csv_files import as_cell
from ..errors import CalcScoreError, InputError
from ..images.file_checks import open_layout
from ..images.files import read_calcification, read_ct, read_territories
from ..thresholding import ThresholdMethod, threshold
from .cases import Matching, StudyParameters
from .measure import examine
from .pool import Progress, map_cases, worker_count
from .study import Study

if TYPE_CHECKING:
    from ..training import TrainingCase

CASES, TABLE2, TABLE3, TESTS, PHASES = "cases.csv", "table2.csv", "table3.csv", "tests.csv", "phases.csv"
FIGURES_FOLDER, PAGE = "figures", "study.html"

_PACKAGES = ("pandas", "seaborn", "matplotlib", "statsmodels", "monai")


def check_packages() -> None:
    """Refuse to start without the libraries of a study; raises InputError."""
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(
            f'a study needs {", ".join(missing)}, install all it needs with: pip install "CalcScoreLogic[evaluation]"'
        )


def run_study(
    matching: Matching, parameters: StudyParameters, on_progress: Progress = lambda done, total, left: None
) -> Study:
    """Measure all cases and make the tables.

    Parameters
    ----------
    matching : Matching
        The cases.
    parameters : StudyParameters
        What to do with each.
    on_progress : callable
        Told how far it is.

    Returns
    -------
    Study
        The tables rest on the cases that did not fail.

    Raises
    ------
    CalcScoreError
        No case could be measured.
    """
    from .measure import LUMEN_HU
    from .phases import phase_table
    from .tables import accuracy_table, agreement_table, cases_table, comparison_table

    workers = worker_count(len(matching.cases), max(_voxels(case.reference.territories) for case in matching.cases))
    outcomes = map_cases(partial(examine, parameters=parameters), matching.cases, workers, on_progress)
    if all(outcome.reason for outcome in outcomes):
        raise CalcScoreError(f"no case could be measured, e.g. {outcomes[0].case}: {outcomes[0].reason}")
    cases = cases_table(outcomes)
    tables = accuracy_table(cases), agreement_table(cases), comparison_table(cases), phase_table(cases, LUMEN_HU)
    return Study(parameters, matching, tuple(outcomes), cases, *tables)


def write_study(folder: Path, study: Study) -> None:
    """Write tables, figures and the page; they appear together or not at all.

    Parameters
    ----------
    folder : Path
        The folder to fill; its parent must be there.
    study : Study
        What to write.

    Raises
    ------
    CalcScoreError
        A file could not be written.
    """
    from .figures import draw_figures
    from .page import study_page
    from .renderings import draw_renderings

    with atomic_folder(folder) as part:
        pictures = part / FIGURES_FOLDER
        pictures.mkdir()
        figures = [*draw_renderings(study, pictures), *draw_figures(study, pictures)]
        (part / PAGE).write_text(study_page(study, figures), encoding="utf-8")
        tables = {CASES: study.cases, TABLE2: study.accuracy, TABLE3: study.agreement, TESTS: study.tests}
        if len(study.phases):
            tables[PHASES] = study.phases
        for name, table in tables.items():
            table.map(as_cell).to_csv(part / name, index=False, lineterminator="\r\n")


@dataclass(frozen=True)
class FixedThreshold:
    """A site's own fixed threshold.

    Attributes
    ----------
    hu : float
        Mean of the ideal thresholds.
    ideal : dict of str to float
        Ideal threshold of each training case, HU, by name.
    left_out : dict of str to str
        Why other cases have none, by name.
    """

    hu: float
    ideal: Mapping[str, float]
    left_out: Mapping[str, str]


def find_fixed_threshold(folder: Path, on_progress: Progress = lambda done, total, left: None) -> FixedThreshold:
    """Find the fixed threshold on a training set.

    Parameters
    ----------
    folder : Path
        With one folder a case, each with ``cta``, ``territories`` and ``calcification``.
    on_progress : callable
        Told how far it is.

    Returns
    -------
    FixedThreshold
        The mean of the ideal thresholds.

    Raises
    ------
    InputError
        A case lacks a file, or no case has an ideal threshold.
    """
    from ..training import find_cases

    cases = find_cases(folder)
    workers = worker_count(len(cases), max(_voxels(case.territories) for case in cases))
    found = map_cases(_ideal_threshold, cases, workers, on_progress)
    ideal = {case.name: hu for case, hu in zip(cases, found, strict=True) if isinstance(hu, float)}
    left_out = {case.name: reason for case, reason in zip(cases, found, strict=True) if isinstance(reason, str)}
    if not ideal:
        name, reason = next(iter(left_out.items()))
        raise InputError(f"{folder}: no case has an ideal threshold, e.g. {name}: {reason}")
    return FixedThreshold(sum(ideal.values()) / len(ideal), ideal, left_out)


def _ideal_threshold(case: TrainingCase) -> float | str:
    """Give the ideal threshold of a case, or why it has none."""
    try:
        arteries, reference = read_territories(case.territories), read_calcification(case.calcification)
        return threshold(read_ct(case.cta), arteries, ThresholdMethod.IDEAL, reference=reference).threshold_hu
    except CalcScoreError as error:
        return str(error)


def _voxels(path: Path) -> int:
    """Count the voxels of a label map by its header; 0 where it cannot be told."""
    try:
        return open_layout(path).expected or 0
    except InputError:
        return 0
