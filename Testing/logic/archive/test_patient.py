"""The patient is named inside the two DICOM objects and nowhere else."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from CalcScoreLogic.anatomy import Territory
from CalcScoreLogic.images.files import read_ct, write_label_map
from CalcScoreLogic.images.geometry import Image
from Testing.logic.archive.outside_tools import NEEDS_HIGHDICOM
from Testing.logic.patient_study import IDENTIFIERS, WORDS, calcscore, export, leaks

pytestmark = NEEDS_HIGHDICOM


def arteries_of(series: Path, target: Path) -> Path:
    """Write an aorta on the grid of a series."""
    cta = read_ct(series)
    array = np.zeros(cta.array.shape, np.uint8)
    array[2:8, 2:6, 2:6] = Territory.AORTA
    write_label_map(target, Image(array, cta.geometry), Territory)
    return target


def assert_named_in_the_objects_only(output: Path, printed: str, kept: Path) -> None:
    """Look into all that a command left; the two objects are moved to `kept`."""
    objects = sorted(output.rglob("*.dcm"))
    assert [path.name for path in objects] == ["scores.dcm", "segmentation.dcm"]
    for path in objects:
        content = path.read_bytes()
        assert [word for word in ("Quillfeather", "ZX4711Q", "19230417") if word.encode() not in content] == []
        path.replace(kept / path.name)
    assert leaks(output, printed) == []


@pytest.mark.parametrize("command", ["analyze", "batch"])
def test_only_the_two_objects_name_the_patient(command: str, tmp_path: Path) -> None:
    series = export(tmp_path / "in", FrameOfReferenceUID="1.2.10")
    arteries = arteries_of(series, tmp_path / "arteries.nii.gz")
    output, sources = tmp_path / "out", ("--arteries", arteries, "--calcification", 50)
    source = series if command == "analyze" else tmp_path / "in"
    code, printed = calcscore(command, source, "-o", output, *sources, "--dicom")
    assert code == 0, printed
    assert_named_in_the_objects_only(output, printed, tmp_path)
    if command == "analyze":
        segmentation = tmp_path / "segmentation.dcm"
        code, printed = calcscore("rescore", segmentation, "-o", output, "--cta", series, "--dicom")
        assert code == 0, printed
        assert_named_in_the_objects_only(output, printed, tmp_path)


@pytest.mark.parametrize(
    "spoilt", [{"PatientName": "Quillfeather\\Marmaduke"}, {"PatientSex": "ZX4711Q"}, {"StudyID": "ZX4711Q" * 9}]
)
def test_what_a_spoilt_header_holds_is_never_printed(spoilt: dict[str, str], tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        series = export(tmp_path / "in", FrameOfReferenceUID="1.2.10", **spoilt)
    arteries = arteries_of(series, tmp_path / "arteries.nii.gz")
    sources = ("--arteries", arteries, "--calcification", 50)
    code, printed = calcscore("analyze", series, "-o", tmp_path / "out", *sources, "--dicom")
    assert code in (0, 2)
    assert "Traceback" not in printed
    shown = printed.replace(str(tmp_path), "")
    assert [word for word in WORDS if word in shown] == []
    assert {*IDENTIFIERS} >= {"PatientName", "PatientID"}
