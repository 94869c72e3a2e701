"""DICOM exports as hospitals make them: no patient is lost or named, and the CTA is found among what lies beside it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from CalcScoreLogic.cli import main
from CalcScoreLogic.cohort.case_inputs import Inputs
from CalcScoreLogic.cohort.inputs import find_inputs, read_input, single_input
from CalcScoreLogic.errors import InputError
from CalcScoreLogic.quality.codes import WarningCode
from Testing.logic.cohort.test_inputs import names, reasons, study, tall
from Testing.logic.dicom_files import pixels, write_slice

HU = np.stack([pixels(i).astype(int) - 1024 for i in range(10)])
SCOUT = {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"], "ImageOrientationPatient": [1, 0, 0, 0, 0, -1]}
OTHER = {"StudyInstanceUID": "9.1", "SeriesInstanceUID": "9.1.1", "PatientID": "X2", "PatientName": "Other^One"}


def without_preamble(folder: Path, meta: bool) -> None:
    """Take preamble, ending and perhaps the meta header from the files of a folder, as some PACS send them."""
    for path in list(folder.iterdir()):
        raw = path.read_bytes()
        start = 132 if meta else raw.index(b"\x08\x00\x16\x00UI")
        path.unlink()
        (folder / path.stem).write_bytes(raw[start:])


def counted(found: Inputs) -> int:
    """Count the files that the cases and the list of what was left out account for."""
    return sum(len(case.files) for case in found.cases) + sum(left.files for left in found.left_out)


@pytest.mark.parametrize("meta", [True, False])
def test_a_patient_without_a_preamble_is_found(meta: bool, tmp_path: Path) -> None:
    tall(tmp_path / "one")
    tall(tmp_path / "two", **OTHER)
    without_preamble(tmp_path / "two", meta)
    found = find_inputs(tmp_path)
    assert names(found) == sorted([study("1.2.840.1"), study("9.1")])
    for case in found.cases:
        np.testing.assert_array_equal(read_input(case).array, HU)
    assert (found.files, found.left_out) == (20, ())


def test_every_file_that_was_not_taken_is_told(tmp_path: Path) -> None:
    tall(tmp_path / "Secret Name" / "CTA")
    tall(tmp_path / "Secret Name" / "CTA", [3], "scout", **SCOUT)
    tall(tmp_path / "Secret Name" / "MR", range(4), "M", Modality="MR", SeriesInstanceUID="1.2.7")
    (tmp_path / "Secret Name" / "report.pdf").write_bytes(b"%PDF")
    (tmp_path / "broken.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\2\0")
    # It begins like DICOM without a preamble, and is none.
    (tmp_path / "table.bin").write_bytes(b"\x08\x00\x01\x00\x10\x00\x00\x00" + bytes(range(200)))
    (tmp_path / "jpeg").mkdir()
    for number in range(7):
        (tmp_path / "jpeg" / f"{number}.JPG").write_bytes(b"\xff\xd8")
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "x").write_text("x")
    (tmp_path / "elsewhere").symlink_to(tmp_path / "jpeg", target_is_directory=True)
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    found = find_inputs(tmp_path)
    assert found.files == counted(found) == 27
    assert len(found.cases[0].files) == 11
    np.testing.assert_array_equal(read_input(found.cases[0]).array, HU)
    told = {left.what: (left.reason, left.files) for left in found.left_out}
    assert told["7 files (.jpg)"] == ("neither a DICOM file nor an image file", 7)
    assert told["1 DICOM file"][0].startswith("the header cannot be read")
    assert told["table.bin"] == ("neither a DICOM file nor an image file", 1)
    assert told["… …/report.pdf"] == ("neither a DICOM file nor an image file", 1)
    assert told[".cache/x"] == ("hidden", 1)
    assert told["gone"] == ("no file that can be read", 1)
    assert told["elsewhere"] == ("a link to a folder, which is not followed", 0)
    assert not [what for what in told if "secret" in what.lower() or "name" in what.lower()]


def test_a_pipe_in_the_folder_is_not_waited_for(tmp_path: Path) -> None:
    tall(tmp_path)
    os.mkfifo(tmp_path / "scan.nii")
    found = find_inputs(tmp_path)
    assert [(left.what, left.reason) for left in found.left_out] == [("scan.nii", "no file that can be read")]


def test_a_patient_whose_series_is_not_taken_is_told_by_the_program(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tall(tmp_path / "in", Modality="MR")
    assert main(["batch", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--folds", "0"]) == 2
    told = capsys.readouterr().err
    assert "the modality is MR, not CT" in told
    assert "CSV list (columns case and path)" in told
    assert not (tmp_path / "out").exists()


WRITINGS = [
    (
        "山田太郎",
        {"SpecificCharacterSet": ["", "ISO 2022 IR 87"], "PatientName": "Yamada^Tarou=山田^太郎=やまだ^たろう"},
    ),
    (
        "やまだ たろう 2024",
        {"SpecificCharacterSet": ["", "ISO 2022 IR 87"], "PatientName": "Y^T=山田^太郎=やまだ^たろう"},
    ),
    ("吴仪", {"SpecificCharacterSet": "GB18030", "PatientName": "Wu^Yi=吴^仪"}),
    ("仪_CTA", {"SpecificCharacterSet": "GB18030", "PatientName": "Wu^Yi=吴^仪"}),
    ("김민", {"SpecificCharacterSet": ["", "ISO 2022 IR 149"], "PatientName": "Kim^Min=김^민=김^민"}),
    ("Li_Na", {"PatientName": "Li^Na"}),
    ("LiNa2024", {"PatientName": "Li^Na"}),
    ("na li", {"PatientName": "Li^Na"}),
    ("Ng 1", {"PatientName": "Ng^A"}),
    ("MUELLER", {"SpecificCharacterSet": "ISO_IR 100", "PatientName": "Müller^Jo"}),
    ("Mu\u0308ller", {"SpecificCharacterSet": "ISO_IR 192", "PatientName": "Müller^Jo"}),
    ("Иван", {"SpecificCharacterSet": "ISO_IR 144", "PatientName": "Иван^Ли"}),
    ("علي", {"SpecificCharacterSet": "ISO_IR 192", "PatientName": "علي^من"}),
]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("preamble", [True, False])
@pytest.mark.parametrize(("folder", "header"), WRITINGS)
def test_a_folder_that_names_the_patient_names_no_case(
    folder: str, header: dict[str, Any], preamble: bool, tmp_path: Path
) -> None:
    place = tall(tmp_path / folder, range(3), PatientID="P0815", **header)
    if not preamble:
        without_preamble(place, meta=True)
    assert single_input(place).name == study("1.2.840.1")


@pytest.mark.parametrize(
    ("folder", "patient"),
    [("Lily_Nathan", "Li^Na"), ("case_7", "Secret^Name^7"), ("CTA Abdomen", "Do^An"), ("P_Ann", "An^A B")],
)
def test_a_folder_that_only_holds_the_letters_keeps_its_name(folder: str, patient: str, tmp_path: Path) -> None:
    assert single_input(tall(tmp_path / folder, range(3), PatientID="7", PatientName=patient)).name == folder


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_lists_of_what_is_left_out_name_no_patient(tmp_path: Path) -> None:
    header = {"SpecificCharacterSet": "ISO_IR 192", "PatientName": "Li^Na=李^娜"}
    tall(tmp_path / "李娜" / "a", SeriesDescription="CTA Li Na 李娜", **header)
    tall(tmp_path / "李娜", prefix="B", SeriesDescription="李 MR", Modality="MR", SeriesInstanceUID="1.2.7", **header)
    (tmp_path / "李娜" / "Li_Na.txt").write_text("note")
    found = find_inputs(tmp_path)
    told = [found.cases[0].reason, *(f"{left.what}: {left.reason}" for left in found.left_out)]
    assert len(told) == 3
    assert not [text for text in told if "李" in text or "娜" in text or "Li" in text or "Na" in text]


def choice(folder: Path, *others: dict[str, Any], **cta: Any) -> Inputs:
    """Write a CTA and series beside it, all of one study, and look for the cases."""
    tall(folder, SeriesNumber=1, **{"SeriesDescription": "CTA abdomen", **cta})
    for number, changes in enumerate(others, start=2):
        uid = f"1.2.840.1.6{number}"
        tall(folder, prefix=f"S{number}", **{"SeriesInstanceUID": uid, "SeriesNumber": number, **changes})
    return find_inputs(folder)


THIN = {"SliceThickness": 0.6}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"SeriesDescription": "Iodine", "RescaleType": "MGML"}, "its values are MGML, not HU (rescale type)"),
        ({"SeriesDescription": "CTA", "RescaleType": "HU_MOD"}, "its values are HU_MOD, not HU (rescale type)"),
        ({"ImageType": ["DERIVED", "PRIMARY", "AXIAL", "IODINE_NO_WATER"]}, "its image type says iodine_no_water"),
        ({"ImageType": ["DERIVED", "SECONDARY", "AXIAL", "VNC"]}, "its image type says vnc"),
        ({"ImageType": ["DERIVED", "SECONDARY", "AXIAL", "EFF_ATOMIC_NUM"]}, "its image type says eff_atomic_num"),
        ({"ImageType": ["DERIVED", "SECONDARY", "AXIAL", "Z_EFF"]}, "its image type says z_eff"),
        ({"ImageType": ["DERIVED", "SECONDARY", "AXIAL", "PERFUSION"]}, "its image type says perfusion"),
        ({"SeriesDescription": "CTA Iodine map"}, "its description says 'Iodine map'"),
        ({"SeriesDescription": "CTA virtual non contrast"}, "its description says 'virtual non'"),
        ({"SeriesDescription": "CTA Z-effective"}, "its description says 'Z-eff'"),
        ({"SeriesDescription": "CTA MonoE 40 keV"}, "it is mono-energetic (40 keV)"),
        ({"SeriesDescription": "CTA", "ImageType": ["DERIVED", "SECONDARY", "AXIAL", "VMI"]}, "it is mono-energetic"),
        ({"SeriesDescription": "CTA bone removed"}, "it is a series without bone"),
    ],
)
def test_spectral_and_derived_series_do_not_win_although_thinner(
    changes: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    found = choice(tmp_path, {**THIN, **changes})
    (case,) = found.cases
    assert all(path.name.startswith("IM") for path in case.files)
    assert WarningCode.SERIES_CHOICE not in {warning.code for warning in case.warnings}
    (told,) = [left.reason for left in found.left_out]
    assert reason in told


def test_the_mono_energetic_series_nearest_to_a_ct_stands_in(tmp_path: Path) -> None:
    found = choice(
        tmp_path,
        {"SeriesDescription": "CTA MonoE 70 keV"},
        {"SeriesDescription": "CTA Iodine", "RescaleType": "MGML"},
        {"SeriesDescription": "venous", "ContrastBolusAgent": "Iomeron"},
        SeriesDescription="CTA MonoE 40 keV",
        **THIN,
    )
    (case,) = found.cases
    assert all(path.name.startswith("S2") for path in case.files)
    (warning,) = [w for w in case.warnings if w.code is WarningCode.SERIES_CHOICE]
    assert "mono-energetic (70 keV)" in warning
    assert "CSV list" in warning


@pytest.mark.parametrize(
    "description",
    [
        "CTA low dose",
        "CTA 1.0 for 3D",
        "CTA 0.6 thin for MIP/MPR",
        "CTA 3D",
        "AAA screening CTA",
        "CTA with monitoring",
        "CTA ABD WITH AND WITHOUT",
        "CTA abd W/WO",
        "CTA late arterial",
        "CTA alternative kernel",
        "Iliaca scan CTA",
        "CTA intravenous contrast",
        "",
    ],
)
def test_words_that_mean_something_else_exclude_no_cta(description: str, tmp_path: Path) -> None:
    found = choice(
        tmp_path,
        {"SeriesDescription": "portal venous"},
        SeriesDescription=description,
        ProtocolName="CTA_Abdomen_BolusTracking",
    )
    (case,) = found.cases
    assert all(path.name.startswith("IM") for path in case.files)
    assert WarningCode.SERIES_CHOICE not in {warning.code for warning in case.warnings}


def test_what_tracks_a_bolus_and_tells_the_dose_is_no_volume(tmp_path: Path) -> None:
    place = {"ImagePositionPatient": [-3.5, 2.25, 100]}
    found = choice(
        tmp_path,
        {"SeriesDescription": "BolusTracking", **place},
        {"SeriesDescription": "Dose Report", **SCOUT},
        SeriesDescription="Abdomen 1.0",
    )
    assert all(path.name.startswith("IM") for path in found.cases[0].files)
    told = reasons(found)
    assert told["BolusTracking"] == "it covers 0 mm, an abdominal CTA needs at least 100 mm"
    assert told["Dose Report"] == "its image type says localizer"


@pytest.mark.parametrize(
    ("changes", "doubt"),
    [
        ({"SeriesDescription": "Abdomen native"}, "'native': no contrast"),
        ({"SeriesDescription": "CTA MIP"}, "'MIP'"),
        ({"RescaleType": "US"}, "leaves the unit of its values open"),
    ],
)
def test_a_doubtful_series_is_proposed_with_a_warning_where_nothing_else_is(
    changes: dict[str, Any], doubt: str, tmp_path: Path
) -> None:
    found = choice(tmp_path, {"SeriesDescription": "Loc", **SCOUT}, **changes)
    (case,) = found.cases
    (warning,) = [w for w in case.warnings if w.code is WarningCode.SERIES_CHOICE]
    assert doubt in warning
    assert "CSV list (columns case and path)" in warning
    np.testing.assert_array_equal(read_input(case).array, HU)


def test_a_refusal_names_the_list_as_the_way_out(tmp_path: Path) -> None:
    tall(tmp_path / "iodine", RescaleType="MGML")
    with pytest.raises(InputError, match=r"its values are MGML.*CSV list \(columns case and path\)"):
        find_inputs(tmp_path)


def test_a_list_takes_what_the_rule_does_not(tmp_path: Path) -> None:
    tall(tmp_path / "series" / "a", SeriesDescription="CTA MIP")
    tall(tmp_path / "series" / "b", SeriesDescription="CTA", SeriesInstanceUID="1.2.840.1.7")
    (tmp_path / "list.csv").write_text("case,path\nmine,series/a\n", encoding="utf-8")
    (case,) = find_inputs(tmp_path / "list.csv").cases
    assert {path.parent.name for path in case.files} == {"a"}


def test_scouts_doubles_and_pages_in_a_series_keep_it_whole(tmp_path: Path) -> None:
    folder = tall(tmp_path)
    tall(folder, [4], "A-scout", **SCOUT)
    (folder / "again.dcm").write_bytes((folder / "IM0095.dcm").read_bytes())
    write_slice(folder / "0-page.dcm", 0, ImagePositionPatient=None, ImageOrientationPatient=None, Rows=4, Columns=18)
    (case,) = find_inputs(tmp_path).cases
    assert case.reason.startswith("axial CT, 10 slices every 12.5 mm")
    image = read_input(case)
    np.testing.assert_array_equal(image.array, HU)
    assert image.notes == (
        "Left out of the series: 1 localizer and 1 picture without a place; the CT slices beside are used.",
        "Left out of the series: 1 slice that is there twice.",
    )
