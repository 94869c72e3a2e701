"""The results of a case as they lie in its folder, and whose correction a file is."""

from __future__ import annotations

from pathlib import Path

from .. import case_files as files
from ..atomic import finish_folder
from ..errors import InputError
from ..images.common_grid import aligned
from ..images.files import read_calcification, read_territories
from ..images.segment_files import is_segment_file
from ..results import ScoredCase, read_scores
from .case_inputs import own_cta
from .state import CohortFolder


def case_of(corrected: Path, output: Path) -> Path:
    """Find the results that a correction belongs to.

    Parameters
    ----------
    corrected : Path
        A file or folder; in a cohort its name, or the name of the folder that it lies in, begins with the
        name of the case.
    output : Path
        A case's folder of results, or a cohort's.

    Returns
    -------
    Path
        The case's folder.

    Raises
    ------
    InputError
        No such results.
    """
    if (output / files.SCORES).is_file():
        return output
    if not output.is_dir():
        raise InputError(f"{output}: no such folder, give the folder with the results")
    cases = {path.name for path in output.iterdir() if (path / files.SCORES).is_file()}
    # A case that failed has no results, and its correction belongs to no case with a shorter name.
    known = sorted(cases | CohortFolder(output).records().keys())
    resolved = files.real_path(corrected)
    for name in (resolved.name, resolved.parent.name):
        case = max((case for case in known if _begins(name, case)), key=len, default=None)
        if case is not None and case not in cases:
            raise InputError(f"{corrected}: the case {case} has no results in {output}, analyze it first")
        if case is not None:
            return output / case
    raise InputError(
        f"{corrected}: neither its name nor that of its folder begins with the name of a case in {output}, "
        "give the folder of the case's results with -o"
    )


def is_in_place(corrected: Path, folder: Path) -> bool:
    """Tell whether a correction is the case's own label maps, overwritten."""
    own, given = files.real_path(folder), files.real_path(corrected)
    if given == own:
        return not any(map(is_segment_file, own.iterdir()))
    return given.parent == own and given.name in (files.TERRITORIES, files.SHORTENED, files.CALCIFICATION)


def read_scored(folder: Path) -> ScoredCase:
    """Read a case's folder of results.

    Parameters
    ----------
    folder : Path
        What ``calcscore analyze`` wrote.

    Returns
    -------
    ScoredCase
        Scores and label maps on one grid; what a killed program was replacing there is put in place first.

    Raises
    ------
    InputError
        A file is missing or cannot be read.
    CalcScoreError
        What a killed program left cannot be put in place.
    """
    finish_folder(folder)
    result = read_scores(folder / files.SCORES)
    territories = read_territories(folder / files.TERRITORIES)
    shortened = read_territories(folder / files.SHORTENED)
    calcification = read_calcification(folder / files.CALCIFICATION)
    shortened, calcification = (
        aligned(territories, image, str(folder / files.TERRITORIES), "another of the case's label maps")
        for image in (shortened, calcification)
    )
    return ScoredCase(result, territories, shortened, calcification)


def cta_of(corrected: Path, folder: Path) -> Path:
    """Find the CTA beside corrected segments or results; raises InputError where there is none."""
    for place in (corrected, corrected.parent, folder):
        if place.is_dir() and (found := own_cta(place)) is not None:
            return found
    raise InputError(f"{corrected}: give the case's CTA with --cta, the intensities and the picture come from it")


def _begins(name: str, case: str) -> bool:
    """Tell whether a file's name begins with a case's, and not with that of another such as case_1 in case_17."""
    rest = name[len(case) :]
    return name.startswith(case) and not rest[:1].isalnum()
