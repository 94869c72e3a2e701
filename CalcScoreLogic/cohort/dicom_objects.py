"""DICOM objects of cases that were scored before they were asked for."""

from __future__ import annotations

from collections.abc import Iterable

from .. import case_files as files
from ..archive.objects import write_objects
from ..errors import CalcScoreError
from .case_inputs import CohortInput
from .case_outcome import reason_of
from .case_results import read_scored
from .recipe import Recipe
from .state import CohortFolder


def add_missing(cases: Iterable[CohortInput], recipe: Recipe, cohort: CohortFolder) -> tuple[str, ...]:
    """Write the DICOM objects that cases lack, from their results.

    Parameters
    ----------
    cases : iterable of CohortInput
        Cases that are done.
    recipe : Recipe
        Whether DICOM objects are wanted.
    cohort : CohortFolder
        Where the results are.

    Returns
    -------
    tuple of str
        Why a case has none, one sentence each.
    """
    problems = []
    for case in cases:
        order, folder = recipe.order(case), cohort.case_folder(case.name)
        if recipe.dicom and not case.is_dicom:
            problems.append(f"{case.name} did not come as DICOM and has no DICOM objects")
        if order is None or all((folder / name).is_file() for name in files.DICOM_OBJECTS):
            continue
        try:
            write_objects(folder, read_scored(folder), order)
        except CalcScoreError as error:
            problems.append(f"{case.name} has no DICOM objects: {reason_of(error, case)}")
    return tuple(problems)
