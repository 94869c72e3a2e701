"""What a cohort is made of: image files, case folders, a CSV list or a DICOM export."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..case_files import CASE_STEMS, case_name
from ..csv_files import read_csv
from ..errors import CalcScoreError, InputError
from ..images.dicom import read_dicom_series
from ..images.file_checks import image_suffix
from ..images.files import read_ct
from ..images.geometry import Image
from ..quality.codes import CodedWarning
from ..quality.ct import header_warnings
from .cta_rule import choose, why_not
from .dicom_series import find_series, identity, study_name, without_identifiers

LIST_COLUMNS = ("case", "path")
"""Columns that a CSV list must have; further ones but `ARTERIES_COLUMN` are passed over."""

ARTERIES_COLUMN = "arteries"
"""Column with the arteries of each case, where another tool has segmented them; relative to the list."""

_LIST_SUFFIXES = (".csv", ".tsv", ".txt")

_LABEL_WORDS = {"seg", "segmentation", "segmentations", "label", "labels", "labelmap", "mask", "masks"}
_MOST_LABELS = 64
_LONGEST_NAME = 80


@dataclass(frozen=True)
class CohortInput:
    """One case of a cohort.

    Attributes
    ----------
    name : str
        Name of the case, fit for a folder and unique in the cohort, whatever its case.
    path : Path or tuple of Path
        A file or folder that `image_io.read_ct` reads, or the files of one DICOM series.
    reason : str
        Why this is a CTA of the cohort, for the reader.
    warnings : tuple of CodedWarning
        What the DICOM headers give away and the image does not; they belong to the result's.
    arteries : Path or None
        Label map or folder of masks with its arteries; None where the networks find them.
    artery_files : tuple of Path
        Files that are read of it.
    problem : str
        Why this case cannot be run; empty where it can.
    """

    name: str
    path: Path | tuple[Path, ...]
    reason: str
    warnings: tuple[CodedWarning, ...] = ()
    arteries: Path | None = None
    artery_files: tuple[Path, ...] = ()
    problem: str = ""

    @property
    def is_dicom(self) -> bool:
        """Whether it is a DICOM series."""
        return isinstance(self.path, tuple) or self.path.is_dir()

    @property
    def files(self) -> tuple[Path, ...]:
        """Files that hold the image, sorted; those of a folder that are there now."""
        if isinstance(self.path, tuple):
            return self.path
        if self.path.is_dir():
            return tuple(sorted(path for path in self.path.iterdir() if path.is_file()))
        return (self.path,)

    @property
    def all_files(self) -> tuple[Path, ...]:
        """Files whose content decides the result: of the image, and of the arteries."""
        return (*self.files, *self.artery_files)


@dataclass(frozen=True)
class LeftOut:
    """Something that was found and is no case.

    Attributes
    ----------
    what : str
        The file or series, without a patient's name or number.
    reason : str
        Why it was left out.
    """

    what: str
    reason: str


@dataclass(frozen=True)
class Inputs:
    """What was found in a source.

    Attributes
    ----------
    cases : tuple of CohortInput
        In the order of their names, or of the list.
    left_out : tuple of LeftOut
        What is no case, each with its reason.
    """

    cases: tuple[CohortInput, ...]
    left_out: tuple[LeftOut, ...] = ()


def find_inputs(source: Path, keep_identifiers: bool = False) -> Inputs:
    """Find the cases of a cohort.

    Parameters
    ----------
    source : Path
        A folder with image files, with one folder a case (``cta.*`` in it) or with a DICOM export, at any
        depth; or a CSV list with the columns ``case`` and ``path``, relative to the list.
    keep_identifiers : bool
        Name DICOM cases by patient ID and study date in place of a hash of the study UID.

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
    found = _in_folder(source, keep_identifiers) if source.is_dir() else _in_list(source)
    if not found.cases:
        told = f" ({found.left_out[0].what}: {found.left_out[0].reason})" if found.left_out else ""
        raise InputError(f"{source}: no CTA was found{told}, give a folder with image files or DICOM series")
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
    series = find_series(file for file in path.iterdir() if file.is_file()).series
    if not series:
        return CohortInput(name, path, "given")
    first = series[0]
    if without_identifiers(name, first.files) != name:
        name = study_name(first.study)
    return CohortInput(name, first.files, "given", header_warnings(first.spacing_mm, first.thickness_mm))


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
        As `image_io.read_ct`; or the image looks like a label map.
    CalcScoreError
        The memory does not suffice.
    """
    image = _read_series(case.name, case.files) if case.is_dicom else read_ct(case.files[0])
    if image.array.min() >= 0 and len(np.unique(image.array[:: max(1, len(image.array) // 32)])) <= _MOST_LABELS:
        raise InputError(f"{case.name}: this looks like a label map and not like a CT, give the CTA")
    return image


def _read_series(name: str, files: tuple[Path, ...]) -> Image:
    """Read a DICOM series; what is wrong with it is told without the patient."""
    try:
        return read_dicom_series(files, name)
    except CalcScoreError as error:
        # File names can hold the patient's; the cause would show them again.
        raise type(error)(without_identifiers(str(error), files)) from None


def _in_folder(source: Path, keep_identifiers: bool) -> Inputs:
    """Find the cases in a folder tree."""
    named: list[_Named] = []
    left_out: list[LeftOut] = []
    others: list[Path] = []
    for folder, files in _walk(source):
        images = [path for path in files if image_suffix(path)]
        others += [path for path in files if not image_suffix(path)]
        own = [path for path in images if _stem(path) == "cta"]
        for path in images:
            place = path.relative_to(source)
            reason = _no_cta(path, own)
            if reason:
                left_out.append(LeftOut(place.as_posix(), reason))
            elif own:
                parts = folder.relative_to(source).parts or (folder.resolve().name,)
                named.append(_Named(parts[-1], "_".join(parts), path, "the CTA of its case folder"))
            else:
                named.append(_Named(_stem(path), "_".join((*place.parts[:-1], _stem(path))), path, "an image file"))
    series, rest = _in_dicom(others, keep_identifiers)
    return Inputs(tuple(_unique([*named, *series])), (*left_out, *rest))


def _in_dicom(files: Iterable[Path], keep_identifiers: bool) -> tuple[list[_Named], list[LeftOut]]:
    """Propose one series of each DICOM study, and say why not the others."""
    found = find_series(files)
    named, left_out = [], []
    for study, members in groupby(found.series, key=lambda series: series.study):
        reasons = {series: why_not(series) for series in members}
        candidates = [series for series, reason in reasons.items() if reason is None]
        if candidates:
            chosen, reason, behind = choose(candidates)
            name = "_".join(filter(None, identity(chosen.files[0]))) if keep_identifiers else ""
            told = header_warnings(chosen.spacing_mm, chosen.thickness_mm)
            named.append(_Named(name or study_name(study), study_name(study), chosen.files, reason, told))
            del reasons[chosen]
            reasons |= {series: behind[series.uid] for series in candidates if series is not chosen}
        left_out += [LeftOut(series.title, str(reason)) for series, reason in reasons.items()]
    if found.damaged:
        count = f"{found.damaged} DICOM file{'s' if found.damaged > 1 else ''}"
        left_out.append(LeftOut(count, "the header cannot be read or names no series, export again"))
    return named, left_out


def _in_list(source: Path) -> Inputs:
    """Read the cases of a CSV list; raises InputError."""
    if source.suffix.lower() not in _LIST_SUFFIXES:
        raise InputError(f"{source}: this is neither a folder nor a CSV list, give one of them")
    lines = read_csv(source, LIST_COLUMNS)
    if not lines:
        raise InputError(f"{source}: the list has no case, it needs at least one row below the first")
    cases = []
    for line in lines:
        name, place = (line.cells[column] for column in LIST_COLUMNS)
        if not name or not place:
            raise InputError(f"{source}: line {line.number} has no case or no path, fill it in or remove it")
        arteries = line.cells.get(ARTERIES_COLUMN, "")
        case = _listed(_folder_name(name), source.parent / place)
        cases.append(replace(case, arteries=source.parent / arteries) if arteries else case)
    counts = Counter(case.name.casefold() for case in cases)
    twice = [case.name for case in cases if counts[case.name.casefold()] > 1]
    if twice:
        raise InputError(f"{source}: the case {twice[0]} is there more than once, give each case its own name")
    return Inputs(tuple(cases))


def _listed(name: str, path: Path) -> CohortInput:
    """Give the case of a line: a file, the ``cta.*`` of a case folder, or the CTA series of a DICOM folder."""
    if path.is_dir():
        images = [file for file in sorted(path.iterdir()) if image_suffix(file) and _stem(file) == "cta"]
        if images:
            return CohortInput(name, images[0], "named in the list, the CTA of its case folder")
        series, _ = _in_dicom((file for _, files in _walk(path) for file in files), keep_identifiers=False)
        if len(series) == 1:
            return CohortInput(name, series[0].path, f"named in the list, {series[0].reason}", series[0].warnings)
    return CohortInput(name, path, "named in the list")


def _walk(source: Path) -> Iterator[tuple[Path, list[Path]]]:
    """Give every folder below a folder with its files, sorted; what is hidden is passed over."""
    for place, folders, files in os.walk(source):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield Path(place), [Path(place, name) for name in sorted(files) if not name.startswith(".")]


def _no_cta(path: Path, own: list[Path]) -> str | None:
    """Say why an image file is no CTA of the cohort, from its name."""
    stem = _stem(path)
    if path in own[:1]:
        return None
    if stem in CASE_STEMS and stem != "cta":
        return "a result or label map of CalcScore"
    if own:
        return f"the case folder's CTA is {own[0].name}"
    words = set(re.split(r"[^a-z]+", path.name.lower()))
    if words & _LABEL_WORDS:
        return "its name says that it is a label map"
    if _has_bytes(path):
        return "its voxels are bytes, which hold labels and not HU"
    return None


def _has_bytes(path: Path) -> bool:
    """Tell whether the voxels of an image file are bytes; a file that cannot be read fails when its turn comes."""
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError:
        return False
    return reader.GetPixelID() in (sitk.sitkUInt8, sitk.sitkInt8)


def _stem(path: Path) -> str:
    """Give a file's name without the ending of its format."""
    return path.name[: -len(image_suffix(path) or path.suffix)] or path.name


@dataclass(frozen=True)
class _Named:
    """A case before its name is made unique: a short name, and a longer one where short ones meet."""

    short: str
    long: str
    path: Path | tuple[Path, ...]
    reason: str
    warnings: tuple[CodedWarning, ...] = ()


def _unique(found: Iterable[_Named]) -> list[CohortInput]:
    """Name the cases: by the short name, by the long one where short ones meet, with a number where those meet."""
    rows = sorted(found, key=lambda row: (row.long, str(row.path)))
    count = Counter(_folder_name(row.short).casefold() for row in rows)
    cases: list[CohortInput] = []
    taken: set[str] = set()
    for row in rows:
        single = count[_folder_name(row.short).casefold()] == 1
        name = free = _folder_name(row.short if single or isinstance(row.path, tuple) else row.long)
        number = 1
        while free.casefold() in taken:
            number += 1
            free = f"{name}_{number}"
        taken.add(free.casefold())
        cases.append(CohortInput(free, row.path, row.reason, row.warnings))
    return sorted(cases, key=lambda case: case.name)


def _folder_name(text: str) -> str:
    """Turn a name into one that every file system takes."""
    name = re.sub(r"[^\w.+-]+", "_", text).strip("._ ")[:_LONGEST_NAME]
    return name or "case"
