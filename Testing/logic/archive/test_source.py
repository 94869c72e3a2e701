"""Headers as archives really hold them: what is taken over, completed, passed over or refused."""

from __future__ import annotations

import shutil
import warnings
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import EnhancedCTImageStorage, generate_uid

from CalcScoreLogic.archive.objects import DicomOrder, write_objects
from CalcScoreLogic.archive.source import read_source
from CalcScoreLogic.case_files import files_of
from CalcScoreLogic.errors import InputError
from CalcScoreLogic.images.dicom_segments import read_dicom_segments
from CalcScoreLogic.images.files import read_ct
from CalcScoreLogic.images.geometry import Geometry, Image
from CalcScoreLogic.pipeline import score_masks
from CalcScoreLogic.results import ScoredCase
from Testing.logic.archive.ct_series import write_ct_series
from Testing.logic.archive.outside_tools import NEEDS_DCIODVFY, NEEDS_HIGHDICOM, errors_of_dciodvfy

pytestmark = NEEDS_HIGHDICOM

GRID = Geometry((9, 7, 12), (0.7, 0.8, 1.25), (-3.5, 2.25, 100.0))
OBJECTS = ("segmentation.dcm", "scores.dcm")


def scored(grid: Geometry = GRID) -> ScoredCase:
    """An aorta with a plaque; 63 pixels a slice, which is no multiple of 8."""
    territories = np.zeros(grid.shape, np.uint8)
    territories[2:10, 2:5, 3:6] = 1
    calcification = (territories > 0).astype(np.uint8)
    calcification[4:6, 2, 3:5] = 2
    return score_masks("case", Image(territories, grid), Image(calcification, grid))


def series(folder: Path, **changes: Any) -> Path:
    return write_ct_series(folder, Image(np.zeros(GRID.shape, np.int16), GRID), **changes)


def write(folder: Path, source: Path, case: ScoredCase | None = None) -> Path:
    folder.mkdir(exist_ok=True)
    write_objects(folder, case or scored(), DicomOrder(files_of(source), "case"))
    return folder


def test_progress_runs_to_its_end(tmp_path: Path) -> None:
    told: list[str] = []
    write_objects(tmp_path, scored(), DicomOrder(files_of(series(tmp_path / "series")), "case"), told.append)
    assert told[0] == "reading the DICOM headers"
    assert told[-3:] == [
        "making the DICOM segmentation, 100 %",
        "making the DICOM report",
        "writing the DICOM objects",
    ]
    shares = [int(text.split()[-2]) for text in told if text.endswith("%")]
    assert shares == sorted(shares)
    assert len(shares) > 20


def assert_right(folder: Path, case: ScoredCase) -> None:
    found = read_dicom_segments(folder / "segmentation.dcm", case.shortened.geometry)
    np.testing.assert_array_equal(found.kept, case.shortened.array)
    np.testing.assert_array_equal(found.calcified, case.calcification.array == 2)


@NEEDS_DCIODVFY
@pytest.mark.parametrize(
    ("charset", "name"),
    [
        ("ISO_IR 100", "Müller^Jürgen"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        (None, "Li^Na"),
    ],
)
def test_names_of_every_character_set_are_taken_over(charset: Any, name: str, tmp_path: Path) -> None:
    source = series(tmp_path / "series", SpecificCharacterSet=charset, PatientName=name, StudyDescription="Bauch")
    folder = write(tmp_path / "out", source)
    for file in OBJECTS:
        data = pydicom.dcmread(folder / file)
        assert str(data.PatientName) == name
        assert data.SpecificCharacterSet == "ISO_IR 192"
        assert data.StudyDescription == "Bauch"
        assert errors_of_dciodvfy(folder / file) == []


def test_attributes_that_a_header_lacks_or_spoils_are_empty(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    lacking = dict.fromkeys(("PatientSex", "StudyID", "StudyTime", "AccessionNumber", "ReferringPhysicianName"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        source = series(tmp_path / "series", **lacking, PatientBirthDate="19230000", PatientName="Quill Feather^")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        folder = write(tmp_path / "out", source)
    for file in OBJECTS:
        data = pydicom.dcmread(folder / file)
        assert [data[keyword].value or "" for keyword in lacking] == [""] * len(lacking)
        assert not data.PatientBirthDate
        assert data.PatientID == "ZX4711Q"
    assert [str(warning.message) for warning in told if "Quill" in str(warning.message)] == []
    assert capfd.readouterr() == ("", "")


def test_a_scout_and_a_slice_sent_twice_are_passed_over(tmp_path: Path) -> None:
    source = series(tmp_path / "series")
    one = sorted(source.iterdir())[3]
    shutil.copy(one, source / "again")
    scout = pydicom.dcmread(one)
    scout.ImageOrientationPatient, scout.SOPInstanceUID = [1, 0, 0, 0, 0, -1], generate_uid()
    scout.save_as(source / "scout", enforce_file_format=True)
    (source / "notes.txt").write_text("no DICOM")
    folder = write(tmp_path / "out", source)
    assert_right(folder, scored())
    (referenced,) = pydicom.dcmread(folder / "segmentation.dcm").ReferencedSeriesSequence
    assert len(referenced.ReferencedInstanceSequence) == 12


def test_another_series_in_the_same_place_is_passed_over(tmp_path: Path) -> None:
    source = series(tmp_path / "series")
    uids = {pydicom.dcmread(path).SOPInstanceUID for path in source.iterdir()}
    for path in sorted(source.iterdir())[:7]:
        data = pydicom.dcmread(path)
        data.SeriesInstanceUID, data.SOPInstanceUID = "1.2.3", generate_uid()
        data.save_as(source / f"A{path.name}", enforce_file_format=True)
    headers = read_source(files_of(source), GRID, "case").headers
    assert {header.SOPInstanceUID for header in headers} == uids


def test_positions_rounded_to_a_tenth_of_a_millimetre_are_on_the_grid(tmp_path: Path) -> None:
    source = series(tmp_path / "series")
    for path in source.iterdir():
        data = pydicom.dcmread(path)
        data.ImagePositionPatient = [round(float(v), 1) for v in data.ImagePositionPatient]
        data.save_as(path)
    assert len(read_source(files_of(source), GRID, "case").headers) == 12


@pytest.mark.parametrize("flipped", [0, 1, 2])
def test_label_maps_stored_in_another_order_are_written_where_they_lie(flipped: int, tmp_path: Path) -> None:
    straight = scored()
    origin = [0, 0, 0]
    origin[flipped] = GRID.size[flipped] - 1
    direction = np.eye(3)
    direction[flipped, flipped] = -1
    grid = Geometry(
        GRID.size, GRID.spacing, tuple(map(float, GRID.to_physical(origin))), tuple(map(float, direction.ravel()))
    )
    maps = (
        Image(np.flip(image.array, 2 - flipped), grid)
        for image in (straight.territories, straight.shortened, straight.calcification)
    )
    folder = write(tmp_path / "out", series(tmp_path / "series"), ScoredCase(straight.result, *maps))
    assert_right(folder, straight)


def test_a_multi_frame_cta_is_referred_to(tmp_path: Path) -> None:
    source = series(tmp_path / "series")
    slices = sorted(
        (pydicom.dcmread(path) for path in source.iterdir()), key=lambda s: float(s.ImagePositionPatient[2])
    )
    data = _enhanced(slices)
    folder = tmp_path / "enhanced"
    folder.mkdir()
    data.save_as(folder / "enhanced", enforce_file_format=True)
    assert GRID.difference(read_ct(folder).geometry) is None
    assert_right(write(tmp_path / "out", folder), scored())


def _enhanced(slices: list[Any]) -> Any:
    """Put the slices of a series into one multi-frame instance."""
    data = deepcopy(slices[0])
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    data.NumberOfFrames = len(slices)
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness"):
        del data[keyword]
    shared, measures, plane, values = Dataset(), Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = slices[0].PixelSpacing, slices[0].SliceThickness
    plane.ImageOrientationPatient = slices[0].ImageOrientationPatient
    values.RescaleSlope, values.RescaleIntercept, values.RescaleType = 1, 0, "HU"
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = Sequence([measures]), Sequence([plane])
    shared.PixelValueTransformationSequence = Sequence([values])
    data.SharedFunctionalGroupsSequence = Sequence([shared])
    frames = []
    for one in slices:
        frame, place = Dataset(), Dataset()
        place.ImagePositionPatient = one.ImagePositionPatient
        frame.PlanePositionSequence = Sequence([place])
        frames.append(frame)
    data.PerFrameFunctionalGroupsSequence = Sequence(frames)
    data.PixelData = b"".join(one.PixelData for one in slices)
    return data


@pytest.mark.parametrize("gone", [0, 5, 11])
def test_a_slice_that_is_gone_is_refused(gone: int, tmp_path: Path) -> None:
    source = series(tmp_path / "series")
    sorted(source.iterdir())[gone].unlink()
    with pytest.raises(InputError, match="do not hold every slice"):
        write(tmp_path / "out", source)
    assert [*(tmp_path / "out").iterdir()] == []


def test_another_series_is_refused(tmp_path: Path) -> None:
    shifted = Geometry(GRID.size, GRID.spacing, (-3.5, 2.75, 100.0))
    source = write_ct_series(tmp_path / "series", Image(np.zeros(GRID.shape, np.int16), shifted))
    with pytest.raises(InputError, match="do not hold every slice"):
        write(tmp_path / "out", source)
