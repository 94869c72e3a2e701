"""What a cohort is made of: image files, case folders, a CSV list or a DICOM export."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

from ..case_files import case_name
from ..csv_files import read_csv
from ..errors import CalcScoreError, InputError
from ..images.dicom import read_dicom_series
from ..images.dicom_identifiers import without_identifiers
from ..images.files import read_ct, refuse_label_map
from ..images.geometry import Image
from .case_inputs import CohortInput, Inputs, LeftOut, folder_name, own_cta
from .dicom_series import find_series, study_name
from .dicom_studies import propose, series_warnings
from .folder_search import search, walk

LIST_COLUMNS = ("case", "path")
"""Columns that a CSV list must have; further ones but `ARTERIES_COLUMN` are passed over."""

ARTERIES_COLUMN = "arteries"
"""Column with the arteries of each case, where another tool has segmented them; relative to the list."""

_LIST_SUFFIXES = (".csv", ".tsv", ".txt")


def find_inputs(source: Path, keep_identifiers: bool = False, results: Path | None = None) -> Inputs:
    """Find the cases of a cohort.

    Parameters
    ----------
    source : Path
        A folder with image files, with one folder a case (``cta.*`` in it) or with a DICOM export, at any
        depth; or a CSV list with the columns ``case`` and ``path``, relative to the list.
    keep_identifiers : bool
        Name DICOM cases by patient ID and study date in place of a hash of the study UID.
    results : Path, optional
        Folder of results; where it lies in the source, it is not searched.

    Returns
    -------
    Inputs
        The cases, and what was left out with the reasons.

    Raises
    ------
    InputError
        No such source, no case in it, or a list that cannot be read.
    """
    if not source.exists():
        raise InputError(f"{source}: no such file or folder, check the path")
    found = search(source, keep_identifiers, results) if source.is_dir() else _in_list(source)
    if not found.cases:
        told = f" ({found.left_out[0].what}: {found.left_out[0].reason})" if found.left_out else ""
        raise InputError(
            f"{source}: no CTA was found{told}, give a folder with image files or DICOM series, or a CSV list "
            "(columns case and path) that names the folder of the series to take"
        )
    return found


def names_arteries(source: Path) -> bool:
    """Tell whether a source is a list with the arteries of its cases."""
    if not source.is_file():
        return False
    try:
        read_csv(source, (*LIST_COLUMNS, ARTERIES_COLUMN))
    except InputError:
        # What is wrong with a list is told where its cases are read.
        return False
    return True


def single_input(path: Path) -> CohortInput:
    """Name a single CTA.

    Parameters
    ----------
    path : Path
        An image file, or a folder with a DICOM series.

    Returns
    -------
    CohortInput
        Named after the file or folder; after a hash of the study UID where the folder's name holds an
        identifier of the patient.

    Raises
    ------
    InputError
        The folder cannot be read, or pydicom is not installed.
    """
    name = case_name(path)
    if not path.is_dir():
        return CohortInput(name, path, "given")
    try:
        files = [file for file in path.iterdir() if file.is_file()]
    except OSError as error:
        raise InputError(f"{path}: the folder cannot be read ({error.strerror})") from error
    series = find_series(files).series
    if not series:
        return CohortInput(name, path, "given")
    # Scouts and dose pages can be series of their own.
    first = max(series, key=lambda one: len(one.files))
    if any(without_identifiers(name, one.hidden) != name for one in series):
        name = study_name(first.study)
    return CohortInput(name, path, "given", series_warnings(first))


def read_input(case: CohortInput) -> Image:
    """Read the CTA of a case.

    Parameters
    ----------
    case : CohortInput
        What `find_inputs` found.

    Returns
    -------
    Image
        HU, shape (k, j, i), integer or float32, not writeable.

    Raises
    ------
    InputError
        As `images.files.read_ct`; or the image looks like a label map.
    CalcScoreError
        The memory does not suffice.
    """
    image = _read_series(case) if case.is_dicom else read_ct(case.files[0])
    refuse_label_map(image, case.name)
    return image


def _read_series(case: CohortInput) -> Image:
    """Read a DICOM series; what is wrong with it is told without the files' own names."""
    try:
        return read_dicom_series(case.files, case.name)
    except CalcScoreError as error:
        # File names can hold the patient's; the cause would show them again.
        raise type(error)(str(error)) from None


def _in_list(source: Path) -> Inputs:
    """Read the cases of a CSV list; raises InputError."""
    if source.suffix.lower() not in _LIST_SUFFIXES:
        raise InputError(f"{source}: this is neither a folder nor a CSV list, give one of them")
    lines = read_csv(source, LIST_COLUMNS)
    if not lines:
        raise InputError(f"{source}: the list has no case, it needs at least one row below the first")
    cases: list[CohortInput] = []
    left_out: list[LeftOut] = []
    for line in lines:
        name, place = (line.cells[column] for column in LIST_COLUMNS)
        if not name or not place:
            raise InputError(f"{source}: line {line.number} has no case or no path, fill it in or remove it")
        arteries = line.cells.get(ARTERIES_COLUMN, "")
        case, rest = _listed(folder_name(name), source.parent / place)
        cases.append(replace(case, arteries=source.parent / arteries) if arteries else case)
        left_out += rest
    counts = Counter(case.name.casefold() for case in cases)
    twice = [case.name for case in cases if counts[case.name.casefold()] > 1]
    if twice:
        raise InputError(f"{source}: the case {twice[0]} is there more than once, give each case its own name")
    return Inputs(tuple(cases), tuple(left_out))


def _listed(name: str, path: Path) -> tuple[CohortInput, list[LeftOut]]:
    """Give the case of a line (a file, a case folder's ``cta.*``, a DICOM folder's CTA), and what is left out."""
    if path.is_dir():
        cta = own_cta(path)
        if cta is not None:
            return CohortInput(name, cta, "named in the list, the CTA of its case folder"), []
        files = [file for _, files in walk(path) for file in files if file.is_file()]
        series, left_out = propose(find_series(files))
        if len(series) == 1:
            (only,) = series
            return CohortInput(name, only.path, f"named in the list, {only.reason}", only.warnings), left_out
    return CohortInput(name, path, "named in the list"), []
