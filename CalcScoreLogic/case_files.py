"""The names of a case's files, the same in every folder."""

from __future__ import annotations

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

CASE_STEMS = {name.split(".")[0] for name in (CTA, TERRITORIES, CALCIFICATION, SHORTENED, SCORES, TRUTH, REPORT)}
"""Names of a case's files without their endings."""


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
    stem = path.name.split(".")[0] or path.resolve().name
    return path.resolve().parent.name if stem in CASE_STEMS else stem
