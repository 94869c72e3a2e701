"""The names of a case's files, the same in every folder, and what a name tells of a file."""

from __future__ import annotations

import os
from pathlib import Path

CTA = "cta.nii.gz"
TERRITORIES = "territories.nii.gz"
CALCIFICATION = "calcification.nii.gz"
SHORTENED = "shortened.nii.gz"
SCORES = "scores.json"
SCORES_TABLE = "scores.csv"
TRUTH = "truth.json"
REPORT = "report.html"
OVERVIEW = "overview.png"
DICOM_SEGMENTATION = "segmentation.dcm"
DICOM_REPORT = "scores.dcm"
DICOM_OBJECTS = (DICOM_SEGMENTATION, DICOM_REPORT)

RESULTS = (TERRITORIES, SHORTENED, CALCIFICATION, SCORES, SCORES_TABLE, REPORT)
"""What every analysis leaves in a case's folder."""

IMAGE_SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".seg.nrrd", ".mha", ".mhd")
"""Endings of the image files that are read."""

_ENDINGS = (*IMAGE_SUFFIXES, ".dcm", ".json", ".csv", ".html", ".png")


def real_path(path: Path) -> Path:
    """Follow the links of a path, and give it as far as they lead where they run in a circle.

    Parameters
    ----------
    path : Path
        A path, which need not exist.

    Returns
    -------
    Path
        Absolute. ``Path.resolve`` raises for a circle on some versions of Python.
    """
    return Path(os.path.realpath(path))


def without_ending(path: Path) -> str:
    """Give the name of a file without its ending.

    Parameters
    ----------
    path : Path
        A file, which need not exist, or a folder.

    Returns
    -------
    str
        Only endings of files that CalcScore knows are cut, so that ``P.001.nii.gz`` and ``P.002.nii.gz`` stay two
        cases; a folder keeps its whole name.
    """
    name = path.name or real_path(path).name
    ending = max((e for e in _ENDINGS if name.lower().endswith(e)), key=len, default="")
    return name if path.is_dir() else name[: len(name) - len(ending)] or name


def image_suffix(path: str | os.PathLike[str]) -> str | None:
    """Give the ending of an image file's name, e.g. ``".nii.gz"``, or None when it is none of `IMAGE_SUFFIXES`."""
    name = Path(path).name.lower()
    return max((s for s in IMAGE_SUFFIXES if name.endswith(s)), key=len, default=None)


CTA_STEM = without_ending(Path(CTA))
"""Name of a case's CTA without its ending."""

CASE_STEMS = {
    without_ending(Path(name)) for name in (CTA, TERRITORIES, CALCIFICATION, SHORTENED, SCORES, TRUTH, REPORT)
}
"""Names of a case's files without their endings."""


def has_results(folder: Path) -> bool:
    """Tell whether all files are in a case's folder that an analysis leaves there."""
    return all((folder / name).is_file() for name in RESULTS)


def case_name(path: Path) -> str:
    """Name a case after its folder where the file has a standard name, else after the file.

    Parameters
    ----------
    path : Path
        A file of the case, or a folder with its DICOM series.

    Returns
    -------
    str
        Name of the case.
    """
    stem = without_ending(path)
    return real_path(path).parent.name if stem in CASE_STEMS else stem


def files_of(path: Path) -> tuple[Path, ...]:
    """Give the files of an image: those in a folder, sorted, where it is one."""
    return tuple(sorted(file for file in path.iterdir() if file.is_file())) if path.is_dir() else (path,)


def case_images(case: Path, stem: str) -> list[Path]:
    """List what could be a file of a case.

    Parameters
    ----------
    case : Path
        The case's folder.
    stem : str
        Standard name of the file, without its ending.

    Returns
    -------
    list of Path
        Image files of this name, sorted; for a CTA also a folder, which can be that of a DICOM series.
    """
    named = sorted(path for path in case.iterdir() if without_ending(path) == stem)
    return [path for path in named if (image_suffix(path) if path.is_file() else stem == path.name == CTA_STEM)]
