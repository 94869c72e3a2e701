"""Every file below a folder: the cases among them, and what the others are, so that nothing is lost unseen."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import SimpleITK as sitk

from ..case_files import CASE_STEMS, CTA_STEM, image_suffix, real_path, without_ending
from ..images.dicom_identifiers import without_identifiers
from ..wording import counted
from .case_inputs import Inputs, LeftOut, Named, unique
from .dicom_series import find_series
from .dicom_studies import propose

_LABEL_WORDS = {"seg", "segmentation", "segmentations", "label", "labels", "labelmap", "mask", "masks"}
_FEW = 3
"""So many files of a kind are named; more are counted."""

_DAMAGED = "the header cannot be read or names no series, export again"
_DETACHED = (".mhd", ".nhdr")

_Reasons = list[tuple[Path, str]]


def search(source: Path, keep_identifiers: bool = False, results: Path | None = None) -> Inputs:
    """Find the cases in a folder tree.

    Parameters
    ----------
    source : Path
        The folder.
    keep_identifiers : bool
        Name DICOM cases by patient ID and study date.
    results : Path, optional
        Folder of results; where it lies in the source, it is not searched.

    Returns
    -------
    Inputs
        The cases, and every other file with its reason.
    """
    named: list[Named] = []
    images_left: _Reasons = []
    passed_over: _Reasons = []
    others: list[Path] = []
    unread: _Reasons = []
    count = 0
    for folder, files in walk(source, unread, results):
        count += len(files)
        unfit = {path: reason for path in files if (reason := _unfit(path, source))}
        passed_over += unfit.items()
        images = [path for path in files if path not in unfit and image_suffix(path)]
        others += [path for path in files if path not in unfit and not image_suffix(path)]
        found, left = _cases_among(images, folder, source)
        named += found
        images_left += left
    dicom = find_series(others)
    series, left_out = propose(dicom, keep_identifiers)
    hidden = frozenset[str]().union(*(one.hidden for one in dicom.series))
    passed_over += [(path, "a DICOMDIR, which lists other files") for path in dicom.directories]
    passed_over += [(path, _other_kind(path)) for path in dicom.others]
    if dicom.damaged:
        # Nothing tells whose these are, and their names can be the patient's.
        left_out.append(LeftOut(counted(len(dicom.damaged), "DICOM file"), _DAMAGED, dicom.damaged))
    left_out += _each(images_left, source, hidden)
    left_out += _grouped(passed_over, source, hidden)
    left_out += [replace(left, paths=()) for left in _each(unread, source, hidden)]
    return Inputs(tuple(unique([*named, *series])), tuple(left_out), count)


def walk(
    source: Path, unread: _Reasons | None = None, results: Path | None = None
) -> Iterator[tuple[Path, list[Path]]]:
    """Give every folder below a folder with its files, sorted.

    Parameters
    ----------
    source : Path
        The folder.
    unread : list, optional
        Takes the folders that are not searched, each with the reason: those that cannot be read, and links.
    results : Path, optional
        A folder below that is passed over, for what lies in it has been made from the rest.

    Yields
    ------
    tuple of Path and list of Path
        A folder and its files, hidden ones too.
    """
    unread = [] if unread is None else unread
    own = real_path(results) if results is not None else None

    def tell(error: OSError) -> None:
        unread.append((Path(error.filename), f"the folder cannot be read ({error.strerror})"))

    for place, folders, files in os.walk(source, onerror=tell):
        folders[:] = sorted(name for name in folders if results is None or real_path(Path(place, name)) != own)
        links = [Path(place, name) for name in folders if Path(place, name).is_symlink()]
        unread += [(link, "a link to a folder, which is not followed") for link in links]
        yield Path(place), [Path(place, name) for name in sorted(files)]


def _unfit(path: Path, source: Path) -> str | None:
    """Say why a file is not looked into."""
    if any(part.startswith(".") for part in path.relative_to(source).parts):
        return "hidden"
    return None if path.is_file() else "no file that can be read"


def _cases_among(images: Sequence[Path], folder: Path, source: Path) -> tuple[list[Named], _Reasons]:
    """Tell the cases among the image files of a folder, and why others are none."""
    own = [path for path in images if without_ending(path) == CTA_STEM]
    named, left = [], []
    for path in images:
        place = path.relative_to(source)
        reason = _no_cta(path, own)
        if reason:
            left.append((path, reason))
        elif own:
            parts = folder.relative_to(source).parts or (real_path(folder).name,)
            named.append(Named(parts[-1], "_".join(parts), path, "the CTA of its case folder"))
        else:
            named.append(
                Named(without_ending(path), "_".join((*place.parts[:-1], without_ending(path))), path, "an image file")
            )
    return named, left


def _no_cta(path: Path, own: list[Path]) -> str | None:
    """Say why an image file is no CTA of the cohort, from its name."""
    if path in own[:1]:
        return None
    if without_ending(path) in CASE_STEMS - {CTA_STEM}:
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


def _other_kind(path: Path) -> str:
    """Say what a file is that is neither an image file nor DICOM."""
    if any(path.with_suffix(suffix).is_file() for suffix in _DETACHED):
        return "the voxel data of the header file beside it"
    if not os.access(path, os.R_OK):
        return "permission to read it is denied"
    return "neither a DICOM file nor an image file"


def _each(reasons: Iterable[tuple[Path, str]], source: Path, hidden: Iterable[str]) -> list[LeftOut]:
    """Name files one by one, without the patient."""
    told = []
    for path, reason in reasons:
        what, why = (without_identifiers(text, hidden) for text in (path.relative_to(source).as_posix(), reason))
        told.append(LeftOut(what, why, (path,)))
    return told


def _grouped(reasons: _Reasons, source: Path, hidden: Iterable[str]) -> list[LeftOut]:
    """Name a few files of a kind one by one, and count more."""

    def kind(row: tuple[Path, str]) -> tuple[str, str]:
        return row[1], row[0].suffix.lower()

    told: list[LeftOut] = []
    for (reason, suffix), rows in groupby(sorted(reasons, key=kind), key=kind):
        group = list(rows)
        if len(group) > _FEW:
            told.append(
                LeftOut(f"{len(group)} files ({suffix or 'no ending'})", reason, tuple(path for path, _ in group))
            )
        else:
            told += _each(group, source, hidden)
    return told
