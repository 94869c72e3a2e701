"""``--dicom`` of ``analyze``, ``batch`` and ``rescore``: what a user gets, and what is refused before any work."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from CalcScoreLogic.anatomy import Territory
from CalcScoreLogic.cli import main
from CalcScoreLogic.images.dicom_segments import read_dicom_segments
from CalcScoreLogic.images.files import read_territories, write_image, write_label_map
from CalcScoreLogic.images.geometry import Image
from Testing.logic.archive.ct_series import PATIENT, write_ct_series
from Testing.logic.archive.outside_tools import NEEDS_HIGHDICOM
from Testing.logic.archive.scored_cases import phantom_of

pytestmark = NEEDS_HIGHDICOM

OBJECTS = ["scores.dcm", "segmentation.dcm"]
HU = ("--calcification", 470)
"""In voxels of 4 mm there is no lumen core that a threshold could follow."""


@pytest.fixture
def series(tmp_path: Path) -> Path:
    """A CT series in a folder of its own, with its arteries beside it."""
    phantom = phantom_of("thick")
    write_label_map(tmp_path / "arteries.nii.gz", phantom.territories, Territory)
    return write_ct_series(tmp_path / "patients" / "one", phantom.cta)


def calcscore(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """Run a command; give its exit code and all that it printed."""
    code = main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return code, said.out + said.err


def objects_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.dcm"))


def test_analyze_writes_both_and_a_later_run_without_takes_them_away(series: Path, tmp_path: Path, capsys: Any) -> None:
    output, arteries = tmp_path / "out", tmp_path / "arteries.nii.gz"
    command = ("analyze", series, "-o", output, "--arteries", arteries, *HU)
    assert calcscore(capsys, *command, "--dicom")[0] == 0
    assert objects_in(output) == OBJECTS
    first = next(iter(series.iterdir()))
    source = pydicom.dcmread(first)
    references = set()
    for name in OBJECTS:
        data = pydicom.dcmread(output / name)
        for keyword in ("PatientName", "PatientID", "PatientBirthDate", "StudyInstanceUID", "AccessionNumber"):
            assert data[keyword].value == source[keyword].value, keyword
        assert data.SeriesDescription.startswith("CalcScore ")
        assert data.SeriesInstanceUID != source.SeriesInstanceUID
        references.add(data.SOPInstanceUID)
    assert len(references) == 2
    segmentation = pydicom.dcmread(output / "segmentation.dcm")
    assert segmentation.FrameOfReferenceUID == source.FrameOfReferenceUID
    (referenced,) = segmentation.ReferencedSeriesSequence
    assert {item.ReferencedSOPInstanceUID for item in referenced.ReferencedInstanceSequence} == {
        pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID for path in series.iterdir()
    }
    shortened = read_territories(output / "shortened.nii.gz")
    np.testing.assert_array_equal(read_dicom_segments(output / "segmentation.dcm").kept, shortened.array)
    report = pydicom.dcmread(output / "scores.dcm")
    (title,) = report.ConceptNameCodeSequence
    assert title.CodeValue == "126000"
    assert "research use only" in title.CodeMeaning
    assert calcscore(capsys, *command)[0] == 0
    assert objects_in(output) == []


def test_arteries_from_a_dicom_segmentation_give_the_same_scores(series: Path, tmp_path: Path, capsys: Any) -> None:
    arteries = tmp_path / "arteries.nii.gz"
    assert calcscore(capsys, "analyze", series, "-o", tmp_path / "a", "--arteries", arteries, *HU, "--dicom")[0] == 0
    again = ("analyze", series, "-o", tmp_path / "b", "--arteries", tmp_path / "a" / "segmentation.dcm", *HU)
    assert calcscore(capsys, *again)[0] == 0
    found = [json.loads((tmp_path / name / "scores.json").read_text()) for name in "ab"]
    for name, row in found[0]["territories"].items():
        # NIfTI holds the spacing in single precision.
        assert found[1]["territories"][name] == {
            key: pytest.approx(value, rel=1e-12) if isinstance(value, float) else value for key, value in row.items()
        }


@pytest.mark.parametrize("command", ["analyze", "rescore"])
def test_a_cta_that_is_no_dicom_is_refused_before_any_work(
    command: str, series: Path, tmp_path: Path, capsys: Any
) -> None:
    phantom, output = phantom_of("thick"), tmp_path / "out"
    write_image(tmp_path / "cta.nii.gz", phantom.cta)
    arteries = ("--arteries", tmp_path / "arteries.nii.gz", *HU)
    if command == "rescore":
        assert calcscore(capsys, "analyze", tmp_path / "cta.nii.gz", "-o", output, *arteries)[0] == 0
        code, said = calcscore(capsys, "rescore", output, "-o", output, "--cta", tmp_path / "cta.nii.gz", "--dicom")
    else:
        code, said = calcscore(capsys, "analyze", tmp_path / "cta.nii.gz", "-o", output, *arteries, "--dicom")
        assert not output.exists()
    assert code == 2
    assert "this is no DICOM series, which --dicom needs" in said


def test_headers_without_a_frame_of_reference_are_refused_before_any_work(tmp_path: Path, capsys: Any) -> None:
    phantom = phantom_of("thick")
    series = write_ct_series(tmp_path / "series", phantom.cta, FrameOfReferenceUID=None)
    write_label_map(tmp_path / "arteries.nii.gz", phantom.territories, Territory)
    command = ("analyze", series, "-o", tmp_path / "out", "--arteries", tmp_path / "arteries.nii.gz", *HU, "--dicom")
    code, said = calcscore(capsys, *command)
    assert code == 2
    assert "the DICOM headers lack FrameOfReferenceUID" in said
    assert not any(word in said for word in ("Quillfeather", "ZX4711Q"))
    assert not (tmp_path / "out").exists()


def test_without_highdicom_is_refused_before_any_work(
    series: Path, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "highdicom", None)
    command = ("analyze", series, "-o", tmp_path / "out", "--arteries", tmp_path / "arteries.nii.gz", *HU, "--dicom")
    code, said = calcscore(capsys, *command)
    assert code == 2
    assert "install it with: pip install highdicom" in said
    assert not (tmp_path / "out").exists()


def test_rescore_names_the_observer_only_when_asked(series: Path, tmp_path: Path, capsys: Any) -> None:
    output = tmp_path / "out"
    command = ("analyze", series, "-o", output, "--arteries", tmp_path / "arteries.nii.gz", *HU, "--dicom")
    assert calcscore(capsys, *command)[0] == 0
    shortened = read_territories(output / "shortened.nii.gz")
    edited = shortened.array.copy()
    edited[edited == Territory.RENAL] = 0
    (tmp_path / "edit").mkdir()
    for asked in ((), ("--observer", "Doe^Jane")):
        write_label_map(tmp_path / "edit" / "shortened.nii.gz", Image(edited, shortened.geometry), Territory)
        rescore = ("rescore", tmp_path / "edit", "-o", output, "--cta", series, "--dicom", *asked)
        assert calcscore(capsys, *rescore)[0] == 0
        text = str(pydicom.dcmread(output / "scores.dcm"))
        assert ("Doe^Jane" in text) == bool(asked)
        assert "EDITED" in text
    code, said = calcscore(
        capsys, "rescore", tmp_path / "edit", "-o", output, "--cta", series, "--observer", "Doe^Jane"
    )
    assert code == 2
    assert "give --dicom too" in said
    assert calcscore(capsys, "rescore", tmp_path / "edit", "-o", output, "--dicom")[0] == 2


def test_batch_writes_them_for_every_dicom_case_and_later_too(series: Path, tmp_path: Path, capsys: Any) -> None:
    phantom = phantom_of("thick")
    source, output = tmp_path / "patients", tmp_path / "out"
    write_ct_series(source / "two", phantom.cta, **{**PATIENT, "PatientID": "BB22"})
    (source / "three").mkdir()
    write_image(source / "three" / "cta.nii.gz", phantom.cta)
    command = ("batch", source, "-o", output, "--arteries", tmp_path / "arteries.nii.gz", *HU)
    assert calcscore(capsys, *command)[0] == 0
    assert [*output.glob("*/*.dcm")] == []
    before = {path: path.read_bytes() for path in output.glob("*/scores.json")}
    assert len(before) == 3
    code, said = calcscore(capsys, *command, "--dicom")
    assert code == 0, said
    assert "three did not come as DICOM and has no DICOM objects" in said
    assert {path: path.read_bytes() for path in output.glob("*/scores.json")} == before
    studies = sorted(output.glob("study_*"))
    assert [objects_in(folder) for folder in studies] == [OBJECTS, OBJECTS]
    fresh = tmp_path / "fresh"
    assert calcscore(capsys, *command[:3], fresh, *command[4:], "--dicom")[0] == 0
    assert [objects_in(folder) for folder in sorted(fresh.glob("study_*"))] == [OBJECTS, OBJECTS]
    patients = {pydicom.dcmread(folder / "scores.dcm").PatientID for folder in studies}
    assert patients == {"ZX4711Q", "BB22"}
    shutil.rmtree(source / "one")
    shutil.rmtree(source / "two")
    code, said = calcscore(capsys, *command[:3], tmp_path / "none", *command[4:], "--dicom")
    assert code == 2
    assert "no CTA came as DICOM" in said
