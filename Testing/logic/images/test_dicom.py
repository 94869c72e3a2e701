"""A DICOM series is read slice by slice in its order in space; the refusals are in `test_refusals`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import CTImageStorage, SecondaryCaptureImageStorage

from CalcScoreLogic.cli import main
from CalcScoreLogic.errors import InputError
from CalcScoreLogic.images.files import read_ct, write_image
from CalcScoreLogic.images.geometry import Geometry, Image
from Testing.logic.dicom_files import (
    COLUMNS,
    COUNT,
    ORIGIN,
    PIXEL_SPACING,
    ROWS,
    STEP,
    modality_lut,
    pixels,
    write_multiframe,
    write_series,
    write_slice,
)

GRID = Geometry((COLUMNS, ROWS, COUNT), (PIXEL_SPACING[1], PIXEL_SPACING[0], STEP), (*ORIGIN, 100.0))
HU = np.stack([pixels(i).astype(int) - 1024 for i in range(COUNT)])


def test_slices_are_ordered_by_position_not_by_name(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    image = read_ct(write_series(tmp_path / "series"))
    np.testing.assert_array_equal(image.array, HU)
    assert image.array.dtype == np.int16
    assert not image.array.flags.writeable
    assert GRID.difference(image.geometry) is None
    assert capfd.readouterr() == ("", "")


def test_other_files_are_passed_over(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "series")
    (folder / "readme.txt").write_text("note")
    (folder / "sub").mkdir()
    (folder / ".DS_Store").write_bytes(b"")
    write_slice(folder / "DICOMDIR", 0, PixelData=None)
    content = (folder / "DICOMDIR").read_bytes()
    (folder / "DICOMDIR").write_bytes(
        content.replace(CTImageStorage.encode(), b"1.2.840.10008.1.3.10".ljust(25, b"\0"))
    )
    np.testing.assert_array_equal(read_ct(folder).array, HU)


def test_oblique_slices_keep_their_places(tmp_path: Path) -> None:
    angle = np.radians(20)
    row, column = np.array([1, 0, 0]), np.array([0, np.cos(angle), np.sin(angle)])
    normal = np.cross(row, column)
    (tmp_path / "series").mkdir()
    for i in range(COUNT):
        place = np.array([5.0, -6.0, 7.0]) + STEP * i * normal
        write_slice(
            tmp_path / "series" / f"{(7 * i) % COUNT}.dcm",
            i,
            ImageOrientationPatient=[f"{v:.8f}" for v in (*row, *column)],
            ImagePositionPatient=[f"{v:.6f}" for v in place],
        )
    image = read_ct(tmp_path / "series")
    np.testing.assert_array_equal(image.array, HU)
    expected = (
        np.array([5.0, -6.0, 7.0]) + 2 * PIXEL_SPACING[1] * row + 3 * PIXEL_SPACING[0] * column + 4 * STEP * normal
    )
    np.testing.assert_allclose(image.geometry.to_physical([2, 3, 4]), expected, atol=1e-5)


def test_rounded_positions_are_even_enough(tmp_path: Path) -> None:
    (tmp_path / "series").mkdir()
    for i in range(COUNT):
        wander = 0.004 * (-1) ** i
        write_slice(
            tmp_path / "series" / f"{i}.dcm",
            i,
            ImagePositionPatient=[ORIGIN[0] + wander, ORIGIN[1], 100 + STEP * i + wander],
        )
    image = read_ct(tmp_path / "series")
    assert image.geometry.spacing[2] == pytest.approx(STEP, abs=1e-3)


@pytest.mark.parametrize("tilt", [0.2, 1.0, 15.0])
def test_any_gantry_tilt_is_refused(tilt: float, tmp_path: Path) -> None:
    angle = np.radians(tilt)
    (tmp_path / "series").mkdir()
    for i in range(60):
        write_slice(
            tmp_path / "series" / f"{i}.dcm",
            i,
            ImageOrientationPatient=[1, 0, 0, 0, f"{np.cos(angle):.8f}", f"{np.sin(angle):.8f}"],
        )
    with pytest.raises(InputError, match="gantry tilt"):
        read_ct(tmp_path / "series")


def test_fractional_rescaling_is_kept(tmp_path: Path) -> None:
    image = read_ct(write_series(tmp_path / "series", RescaleSlope=0.5, RescaleIntercept=-100.25))
    assert image.array.dtype == np.float32
    np.testing.assert_array_equal(image.array, (HU + 1024) * 0.5 - 100.25)


def test_each_slice_has_its_own_rescaling(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "series", range(9))
    write_slice(folder / "last.dcm", 9, RescaleSlope=1.5, RescaleIntercept=0)
    array = read_ct(folder).array
    np.testing.assert_array_equal(array[:9], HU[:9])
    np.testing.assert_array_equal(array[9], pixels(9) * 1.5)


def test_a_slice_with_larger_values_than_the_first_is_kept(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "series", range(9))
    bright = (pixels(9) + 60000).astype("<u2")
    write_slice(folder / "last.dcm", 9, BitsStored=16, HighBit=15, PixelData=bright.tobytes())
    array = read_ct(folder).array
    np.testing.assert_array_equal(array[:9], HU[:9])
    np.testing.assert_array_equal(array[9], bright.astype(int) - 1024)


def test_several_gaps_are_all_named(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "series", [0, 1, 2, 4, 5, 6, 7, 8, 11, 12, 13, 14])
    with pytest.raises(InputError, match=r"missing \(1 between 102.5 and 105 mm, 2 between 110 and 113.75 mm\)"):
        read_ct(folder)


def test_patients_are_never_named(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "series")
    write_slice(folder / "b.dcm", 3, SeriesInstanceUID="1.2.3", SeriesDescription="A\x1b[31m\nB" + "x" * 50)
    with pytest.raises(InputError) as caught:
        read_ct(folder)
    message = str(caught.value)
    assert all(word not in message for word in ("Secret", "Name", "ID4711", "2024", "1.2.840"))
    assert message.isprintable()


def test_a_multiframe_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "series").mkdir()
    write_multiframe(tmp_path / "series" / "a.dcm", [100 + STEP * i for i in range(COUNT)])
    image = read_ct(tmp_path / "series")
    np.testing.assert_array_equal(image.array, HU)
    assert GRID.difference(image.geometry) is None


def test_two_multiframe_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "series").mkdir()
    for name in "ab":
        write_multiframe(tmp_path / "series" / f"{name}.dcm", [0, 1, 2])
    with pytest.raises(InputError, match="2 files of which some have several frames"):
        read_ct(tmp_path / "series")


def test_frames_have_rescalings_of_their_own(tmp_path: Path) -> None:
    heights = [100 + STEP * i for i in range(COUNT)]
    own = [(1.0 + i % 3, -1024.0 - 7 * i) for i in range(COUNT)]
    expected = np.stack([pixels(i) * slope + intercept for i, (slope, intercept) in enumerate(own)])
    for name, shared in (("without", None), ("beside", (2, -500))):
        (tmp_path / name).mkdir()
        write_multiframe(tmp_path / name / "a.dcm", heights, own, shared)
        np.testing.assert_array_equal(read_ct(tmp_path / name).array, expected)


def test_some_frames_follow_the_shared_rescaling(tmp_path: Path) -> None:
    own = [None] * 4 + [(0.5, -100.25)] + [None] * 5
    write_multiframe(tmp_path / "a.dcm", [100 + STEP * i for i in range(COUNT)], own)
    expected = HU.astype(np.float32)
    expected[4] = pixels(4) * 0.5 - 100.25
    np.testing.assert_array_equal(read_ct(tmp_path).array, expected)


@pytest.mark.parametrize("order", [list(range(COUNT))[::-1], [3, 0, 9, 1, 8, 2, 7, 4, 6, 5]])
def test_frames_are_put_in_order(order: list[int], tmp_path: Path) -> None:
    write_multiframe(tmp_path / "a.dcm", [100 + STEP * i for i in order])
    image = read_ct(tmp_path)
    np.testing.assert_array_equal(image.array, HU[np.argsort(order)])
    assert GRID.difference(image.geometry) is None


def test_a_modality_lut_is_applied(tmp_path: Path) -> None:
    # Neither a straight line nor without negative values, and some stored values beyond its ends.
    table = [-1024 + (3 * i if i < 500 else 1000 + i) for i in range(900)]
    changes = {"RescaleSlope": None, "RescaleIntercept": None, "ModalityLUTSequence": modality_lut(table, 20)}
    expected = np.array(table)[np.clip(HU + 1024 - 20, 0, 899)]
    np.testing.assert_array_equal(read_ct(write_series(tmp_path / "all", **changes)).array, expected)
    mixed = write_series(tmp_path / "mixed", range(9))
    write_slice(mixed / "last.dcm", 9, **changes)
    np.testing.assert_array_equal(read_ct(mixed).array, np.concatenate([HU[:9], expected[9:]]))


def test_a_padding_that_is_no_hu_becomes_air(tmp_path: Path) -> None:
    stored = [pixels(i) for i in range(COUNT)]
    (tmp_path / "series").mkdir()
    for index, plane in enumerate(stored):
        plane[:2] = 63536  # -2000 in an unsigned store
        path = write_slice(
            tmp_path / "series" / f"{index}.dcm", index, PixelData=plane.tobytes(), BitsStored=16, HighBit=15
        )
        data = dcmread(path)
        data.add_new("PixelPaddingValue", "US", 63536)
        data.save_as(path)
    array = read_ct(tmp_path / "series").array
    assert (array[:, :2] == -1024).all()
    np.testing.assert_array_equal(array[:, 2:], HU[:, 2:])


def test_signed_values_of_12_bits(tmp_path: Path) -> None:
    signed = np.arange(-36, 36).reshape(ROWS, COLUMNS) * 50
    folder = write_series(
        tmp_path / "series", PixelRepresentation=1, RescaleIntercept=0, PixelData=signed.astype("<i2").tobytes()
    )
    np.testing.assert_array_equal(read_ct(folder).array, np.stack([signed] * COUNT))


SCOUT = {
    "ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"],
    "ImageOrientationPatient": [1, 0, 0, 0, 0, -1],
    "Rows": COLUMNS,
    "Columns": ROWS,
}


@pytest.mark.parametrize(
    ("extra", "told"),
    [
        (SCOUT, "1 localizer"),
        ({**SCOUT, "SeriesInstanceUID": "1.2.840.1.9"}, "1 localizer"),
        ({"ImageOrientationPatient": [0, 1, 0, 0, 0, -1]}, "1 image across the others"),
        (
            {
                "SOPClassUID": SecondaryCaptureImageStorage,
                "ImagePositionPatient": None,
                "ImageOrientationPatient": None,
                "RescaleSlope": None,
                "RescaleIntercept": None,
            },
            "1 screen picture",
        ),
        (
            {"ImagePositionPatient": None, "ImageOrientationPatient": None, "Rows": 4, "Columns": 18},
            "1 picture without a place",
        ),
    ],
)
def test_scouts_and_pages_in_the_folder_are_left_out_and_told(
    extra: dict[str, object], told: str, tmp_path: Path
) -> None:
    folder = write_series(tmp_path / "series")
    write_slice(folder / "extra.dcm", 0, **extra)
    image = read_ct(folder)
    np.testing.assert_array_equal(image.array, HU)
    assert GRID.difference(image.geometry) is None
    assert image.notes == (f"Left out of the series: {told}; the CT slices beside are used.",)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"PhotometricInterpretation": "MONOCHROME1"}, "the file IM0090.dcm has inverted values (MONOCHROME1)"),
        ({"HighBit": 15}, "values that do not begin at the lowest bit (high bit 15, 12 bits stored)"),
    ],
)
def test_values_that_would_be_misread_are_refused(changes: dict[str, object], told: str, tmp_path: Path) -> None:
    folder = write_series(tmp_path / "series", **changes)
    with pytest.raises(InputError, match=re.escape(told)):
        read_ct(folder)
    # A scout may be stored as it likes.
    folder = write_series(tmp_path / "other")
    write_slice(folder / "extra.dcm", 0, **SCOUT, **changes)
    np.testing.assert_array_equal(read_ct(folder).array, HU)


def test_two_patients_in_one_series_are_no_volume(tmp_path: Path) -> None:
    """An anonymizer may give all series one UID; laid end to end, two scans look like one."""
    folder = write_series(tmp_path / "series", range(5))
    write_series(folder, range(5, COUNT), PatientID="ID4712", PatientName="Other^Name")
    with pytest.raises(InputError) as caught:
        read_ct(folder)
    assert str(caught.value) == f"{folder}: the files of the series name 2 patients, export each patient again"


def test_slices_that_were_sent_twice(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "series")
    (folder / "copy.dcm").write_bytes((folder / "IM0095.dcm").read_bytes())
    write_slice(folder / "again.dcm", 7)  # the same voxels with another UID
    image = read_ct(folder)
    np.testing.assert_array_equal(image.array, HU)
    assert image.notes == ("Left out of the series: 2 slices that are there twice.",)


@pytest.mark.parametrize("step", [0.625, 0.4, 0.75, 1.25, 2.5])
@pytest.mark.parametrize("digits", [1, 2])
def test_rounded_positions_are_even(step: float, digits: int, tmp_path: Path) -> None:
    for i in range(33):
        write_slice(tmp_path / f"{i}.dcm", i, ImagePositionPatient=[*ORIGIN, round(-7.03 + step * i, digits)])
    image = read_ct(tmp_path)
    assert image.geometry.spacing[2] == pytest.approx(step, abs=5e-3)
    # No slice is further from its true place than the rounding.
    assert image.geometry.to_physical([0, 0, 32])[2] == pytest.approx(-7.03 + 32 * step, abs=0.11)


def test_one_jitter_is_even_enough(tmp_path: Path) -> None:
    for i in range(20):
        write_slice(tmp_path / f"{i}.dcm", i, ImagePositionPatient=[*ORIGIN, 0.625 * i + 0.03 * (i == 11)])
    assert read_ct(tmp_path).geometry.spacing[2] == pytest.approx(0.625, abs=1e-3)


def test_a_missing_slice_is_told_among_rounded_positions(tmp_path: Path) -> None:
    for i in [*range(10), *range(11, 40)]:
        write_slice(tmp_path / f"{i}.dcm", i, ImagePositionPatient=[*ORIGIN, round(0.625 * i, 1)])
    with pytest.raises(InputError, match=r"slices are missing \(1 between 5.6 and 6.9 mm\)"):
        read_ct(tmp_path)


def test_files_without_a_preamble_are_read(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "series")
    for path in list(folder.iterdir()):
        raw = path.read_bytes()
        path.unlink()
        (folder / path.stem).write_bytes(raw[132:])
    np.testing.assert_array_equal(read_ct(folder).array, HU)


def test_what_was_left_out_is_told_with_the_scores(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_series(tmp_path / "series")
    write_slice(folder / "scout.dcm", 0, **SCOUT)
    labels = np.zeros(HU.shape, np.uint8)
    labels[:, 3:6, 3:6] = 1
    for name in ("territories", "calcification"):
        write_image(tmp_path / f"{name}.nii.gz", Image(labels, GRID))
    maps = ["--territories", str(tmp_path / "territories.nii.gz")]
    maps += ["--calcification", str(tmp_path / "calcification.nii.gz"), "--cta", str(folder)]
    assert main(["score", *maps, "-o", str(tmp_path / "scores.json")]) == 0
    assert "warning: Left out of the series: 1 localizer; the CT slices beside are used." in capsys.readouterr().err
    entries = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))["warning_codes"]
    assert "left_out" in {entry["code"] for entry in entries}


def test_a_slice_without_hu_refuses_every_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_series(tmp_path / "series", range(9))
    write_slice(folder / "last.dcm", 9, RescaleSlope=None, RescaleIntercept=None)
    write_image(tmp_path / "t.nii.gz", Image(np.ones(HU.shape, np.uint8), GRID))
    arteries = ["--arteries", str(tmp_path / "t.nii.gz")]
    for arguments in (
        ["threshold", str(folder), *arteries, "--method", "fixed", "-o", str(tmp_path / "out.nii.gz")],
        ["analyze", str(folder), *arteries, "--calcification", "470", "-o", str(tmp_path / "out")],
    ):
        assert main(arguments) == 2
        assert "1 of 10 slices have no rescale slope and intercept (first in last.dcm)" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "out.nii.gz").exists()
