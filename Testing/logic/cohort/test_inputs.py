"""The cases of a cohort: found in folders, lists and DICOM exports, named without the patient."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from CalcScoreLogic.cohort.case_inputs import CohortInput, Inputs, folder_name
from CalcScoreLogic.cohort.inputs import find_inputs, read_input, single_input
from CalcScoreLogic.errors import InputError
from CalcScoreLogic.images.files import read_ct, write_image
from CalcScoreLogic.images.geometry import Geometry, Image
from CalcScoreLogic.quality.codes import WarningCode
from Testing.logic.dicom_files import pixels, write_multiframe, write_series, write_slice

GRID = Geometry((4, 5, 6), (1.0, 1.0, 2.0))
CT = np.arange(120, dtype=np.int16).reshape(6, 5, 4) - 100


def tall(folder: Path, indices: Any = range(10), prefix: str = "", **changes: Any) -> Path:
    """Write a series tall enough to be an abdomen, its files against the order of its slices."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in indices:
        place = {"ImagePositionPatient": [-3.5, 2.25, 100 + 12.5 * index], "SliceThickness": 12.5}
        write_slice(folder / f"{prefix}IM{99 - index:04d}.dcm", index, **{**place, **changes})
    return folder


def image(path: Path, array: np.ndarray = CT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, Image(array, GRID))
    return path


def names(found: Inputs) -> list[str]:
    return [case.name for case in found.cases]


def study(uid: str) -> str:
    return f"study_{hashlib.sha256(uid.encode()).hexdigest()[:10]}"


def reasons(found: Inputs) -> dict[str, str]:
    """Reasons of what was left out by the description of its series."""
    return {left.what.split(": ")[1].split(" [")[0]: left.reason for left in found.left_out}


def test_image_files_and_case_folders(tmp_path: Path) -> None:
    image(tmp_path / "loose.nrrd")
    image(tmp_path / "group" / "p1" / "cta.nii.gz")
    image(tmp_path / "group" / "p1" / "territories.nii.gz")
    image(tmp_path / "group" / "p1" / "other.nii.gz")
    image(tmp_path / "flat" / "a.nii.gz")
    image(tmp_path / "flat" / "a_seg.nii.gz")
    image(tmp_path / "flat" / "bytes.nii.gz", (CT > 0).astype(np.uint8))
    image(tmp_path / ".hidden" / "b.nii.gz")
    (tmp_path / "notes.txt").write_text("nothing")
    found = find_inputs(tmp_path)
    assert names(found) == ["a", "loose", "p1"]
    assert {left.what for left in found.left_out} == {
        "group/p1/territories.nii.gz",
        "group/p1/other.nii.gz",
        "flat/a_seg.nii.gz",
        "flat/bytes.nii.gz",
        ".hidden/b.nii.gz",
        "notes.txt",
    }
    assert found.files == len(found.cases) + len(found.left_out) == 9
    np.testing.assert_array_equal(read_input(found.cases[2]).array, CT)


def test_names_are_unique_and_fit_for_folders(tmp_path: Path) -> None:
    for place in ("x/scan.nii.gz", "y/scan.nii.gz", "SCAN.nrrd", "z/odd: name?.nii.gz", "x/v1.5 mm.nii.gz"):
        image(tmp_path / place)
    assert names(find_inputs(tmp_path)) == ["SCAN", "odd_name", "v1.5_mm", "x_scan", "y_scan"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        # A letter and its accent apart, as a Mac stores them.
        ("Mu\u0308ller", "M\u00fcller"),
        ("CON", "CON_"),
        ("nul.txt", "nul.txt_"),
        ("com1", "com1_"),
        ("console", "console"),
        ("a/b\\c", "a_b_c"),
        ("..", "case"),
    ],
)
def test_names_that_some_file_system_does_not_take(text: str, name: str) -> None:
    assert folder_name(text) == name


def test_a_list_names_its_cases(tmp_path: Path) -> None:
    image(tmp_path / "data" / "x.nii.gz")
    image(tmp_path / "data" / "folder" / "cta.nrrd")
    tall(tmp_path / "data" / "dicom" / "deep")
    rows = [
        "case,path,note",
        "first,data/x.nii.gz,",
        '"second, b",data/folder,x',
        "third,data/dicom,",
        "gone,none.nii,",
    ]
    (tmp_path / "list.csv").write_bytes("\r\n".join(rows).encode("utf-8-sig"))
    found = find_inputs(tmp_path / "list.csv")
    assert names(found) == ["first", "second_b", "third", "gone"]
    assert [read_input(case).geometry.size for case in found.cases[:3]] == [(4, 5, 6), (4, 5, 6), (8, 9, 10)]
    assert "axial CT, 10 slices" in found.cases[2].reason
    # It fails when its turn comes, so that the others run.
    with pytest.raises(InputError, match=r"none\.nii: no such file"):
        read_input(found.cases[3])


def test_a_list_as_a_spreadsheet_writes_it(tmp_path: Path) -> None:
    image(tmp_path / "data" / "x.nii.gz")
    content = "sep=;\r\nNote, free;CASE ;Path\r\na;'-P1; data/x.nii.gz\r\nb, c;Müller 2;data/x.nii.gz\r\n;;\r\n;;\r\n"
    for name, encoding in (("a.csv", "utf-8-sig"), ("b.txt", "utf-16")):
        (tmp_path / name).write_bytes(content.encode(encoding))
        found = find_inputs(tmp_path / name)
        assert names(found) == ["-P1", "Müller_2"]
        assert found.cases[0].path.samefile(tmp_path / "data" / "x.nii.gz")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name,path\na,b\n", "no column case"),
        (b"case,path\n", "at least one row"),
        (b"case,path\na,x\nA,y\n", "more than once"),
        (b"case,path\n,x\n", "line 2 has no case"),
        (b"case,path\n\xff,x\n", "UTF-8"),
    ],
)
def test_lists_that_are_refused(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_bytes(content)
    with pytest.raises(InputError, match=message):
        find_inputs(tmp_path / "list.csv")


def test_sources_that_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        find_inputs(tmp_path / "nowhere")
    with pytest.raises(InputError, match="no CTA was found"):
        find_inputs(tmp_path)
    with pytest.raises(InputError, match="neither a folder nor a CSV list"):
        find_inputs(image(tmp_path / "a.nii.gz"))


def test_a_label_map_is_told_when_it_is_read(tmp_path: Path) -> None:
    image(tmp_path / "plain.nii.gz", np.abs(CT) % 5)
    (case,) = find_inputs(tmp_path).cases
    with pytest.raises(InputError, match="plain: this looks like a label map"):
        read_input(case)


def test_an_export_of_two_patients_in_one_folder(tmp_path: Path) -> None:
    folder = tall(tmp_path / "export", SeriesDescription="Abdomen CTA")
    tall(folder, prefix="B", StudyInstanceUID="9.1", SeriesInstanceUID="9.1.1", PatientID="X2", PatientName="Other^One")
    (folder / "readme.txt").write_text("note")
    found = find_inputs(tmp_path)
    assert names(found) == sorted([study("1.2.840.1"), study("9.1")])
    hu = np.stack([pixels(i).astype(int) - 1024 for i in range(10)])
    for case in found.cases:
        assert len(case.files) == 10
        np.testing.assert_array_equal(read_input(case).array, hu)


def test_the_cta_is_chosen_and_the_others_have_reasons(tmp_path: Path) -> None:
    folder = tall(tmp_path / "export", SeriesDescription="CTA abdomen", SeriesNumber=3)
    other = {"SeriesInstanceUID": None}
    for number, (uid, changes) in enumerate(
        [
            ("1", {"SeriesDescription": "Native", "SeriesNumber": 4}),
            ("2", {"SeriesDescription": "Venous", "SeriesNumber": 5, "ContrastBolusAgent": "Iomeron"}),
            ("3", {"SeriesDescription": "MR", "Modality": "MR"}),
            ("4", {"SeriesDescription": "Cor MPR", "ImageOrientationPatient": [1, 0, 0, 0, 0, -1]}),
            ("5", {"SeriesDescription": "CTA MIP thick"}),
            ("6", {"SeriesDescription": "CTA lung", "ConvolutionKernel": "B70f", "SeriesNumber": 6}),
            ("7", {"SeriesDescription": "Loc", "ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}),
        ]
    ):
        tall(folder, prefix=f"S{number}", **{**other, **changes, "SeriesInstanceUID": f"1.2.840.1.5{uid}"})
    write_series(folder, prefix="short", SeriesInstanceUID="1.2.840.1.8", SeriesDescription="Piece")
    found = find_inputs(tmp_path)
    (case,) = found.cases
    assert case.name == study("1.2.840.1")
    assert "arterial by its description (CTA abdomen)" in case.reason
    assert len(case.files) == 10
    assert all(path.name.startswith("IM") for path in case.files)
    told = reasons(found)
    assert told["Native"] == "its description says 'Native': no contrast"
    assert "more surely the arterial phase" in told["Venous"]
    assert told["MR"] == "the modality is MR, not CT"
    assert told["Cor MPR"] == "its slices are coronal or oblique, not axial"
    assert told["CTA MIP thick"] == "its description says 'MIP'"
    assert "kernel B70f is sharp" in told["CTA lung"]
    assert told["Loc"] == "its image type says localizer"
    assert told["Piece"].startswith("it covers 11 mm")


def test_a_whole_series_is_taken_before_one_with_a_missing_slice(tmp_path: Path) -> None:
    tall(tmp_path, [0, 1, 2, 4, 5, 6, 7, 8, 9], SeriesNumber=1, SeriesDescription="CTA thin")
    tall(tmp_path, prefix="B", SeriesInstanceUID="1.2.840.1.2", SeriesNumber=2, SeriesDescription="plane")
    found = find_inputs(tmp_path)
    assert all(path.name.startswith("B") for path in found.cases[0].files)
    assert "slices are missing (1 between 125 and 150 mm)" in reasons(found)["CTA thin"]


def test_a_missing_slice_is_refused_with_its_place(tmp_path: Path) -> None:
    tall(tmp_path, [0, 1, 2, 4, 5, 6, 7, 8, 9])
    (case,) = find_inputs(tmp_path).cases
    with pytest.raises(InputError, match=rf"^{case.name}: slices are missing \(1 between 125 and 150 mm\)"):
        read_input(case)


def test_two_patients_in_one_series_are_refused(tmp_path: Path) -> None:
    tall(tmp_path, range(9))
    write_slice(tmp_path / "last.dcm", 9, ImagePositionPatient=[-3.5, 2.25, 212.5], PatientID="OTHER7")
    with pytest.raises(InputError, match="its files name 2 patients"):
        find_inputs(tmp_path)


def test_files_that_are_damaged_are_counted(tmp_path: Path) -> None:
    tall(tmp_path)
    (tmp_path / "broken.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\x02\x00")
    found = find_inputs(tmp_path)
    assert len(found.cases) == 1
    assert found.left_out[-1].what == "1 DICOM file"


def test_a_multiframe_series_is_found(tmp_path: Path) -> None:
    write_multiframe(tmp_path / "a.dcm", [100 + 12.5 * i for i in range(10)])
    (case,) = find_inputs(tmp_path).cases
    assert read_input(case).array.shape == (10, 9, 8)


def test_thick_overlapping_slices_are_told_by_the_header(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    for index in range(60):
        place = [-3.5, 2.25, 2.0 * index]
        write_slice(tmp_path / "s" / f"{index}.dcm", 0, ImagePositionPatient=place, SliceThickness=5)
    (case,) = find_inputs(tmp_path).cases
    assert [warning.code for warning in case.warnings] == [WarningCode.THICK_SLICES]


def test_identifiers_stay_out_unless_they_are_kept(tmp_path: Path) -> None:
    folder = tall(tmp_path / "Secret_Name_ID4711", SeriesDescription="CTA Secret 4711 ID4711")
    tall(
        folder, range(9), prefix="Secret", SeriesInstanceUID="1.2.840.1.7", Modality="MR", SeriesDescription="for name"
    )
    found = find_inputs(tmp_path)
    told = [found.cases[0].name, found.cases[0].reason, *(f"{left.what} {left.reason}" for left in found.left_out)]
    assert not any(word in text for text in told for word in ("Secret", "secret", "name", "ID4711"))
    assert names(find_inputs(tmp_path, keep_identifiers=True)) == ["ID4711_20240229"]


def test_what_is_wrong_with_a_series_is_told_without_the_patient(tmp_path: Path) -> None:
    tall(tmp_path, prefix="SECRET-name-")
    (case,) = find_inputs(tmp_path).cases
    last = case.files[-1]
    last.write_bytes(last.read_bytes()[:-30])
    with pytest.raises(InputError) as caught:
        read_input(case)
    assert "cut short or damaged" in str(caught.value) or "pixel data" in str(caught.value)
    assert "secret" not in str(caught.value).lower()
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(("folder", "name"), [("case_7", "case_7"), ("Secret^Name", study("1.2.840.1"))])
def test_a_single_series_is_named_by_its_folder_unless_it_names_the_patient(
    folder: str, name: str, tmp_path: Path
) -> None:
    assert single_input(tall(tmp_path / folder)).name == name


def test_a_single_file_is_named_as_ever(tmp_path: Path) -> None:
    assert single_input(image(tmp_path / "patient 7" / "cta.nii.gz")) == CohortInput(
        "patient 7", tmp_path / "patient 7" / "cta.nii.gz", "given"
    )
    np.testing.assert_array_equal(read_ct(tmp_path / "patient 7" / "cta.nii.gz").array, CT)
