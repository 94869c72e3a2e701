"""Label maps and images whose numbers mean something else than they seem: units of length, versions of a tool."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from CalcScoreLogic.cli import main
from CalcScoreLogic.images.files import read_image
from CalcScoreLogic.images.geometry import Geometry
from Testing.logic.image_files import (
    ORIGIN,
    SIZE,
    SPACING,
    calcification_array,
    ct_array,
    meta,
    nifti,
    nrrd,
    territories_array,
)

GRID = Geometry(SIZE, SPACING, ORIGIN)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (
            "cm.nrrd",
            nrrd(
                {
                    "space units": '"cm" "cm" "cm"',
                    "space directions": "(0.07,0,0) (0,0.08,0) (0,0,0.125)",
                    "space origin": "(-0.35,0.225,10)",
                }
            ),
        ),
        (
            "micrometres.nrrd",
            nrrd(
                {
                    "space units": '"microns" "microns" "microns"',
                    "space directions": "(700,0,0) (0,800,0) (0,0,1250)",
                    "space origin": "(-3500,2250,100000)",
                }
            ),
        ),
        ("mm.nrrd", nrrd({"space units": '"mm" "mm" "mm"'})),
        ("nothing.nrrd", nrrd({"space units": '"" "" ""'})),
        (
            "cm.mha",
            meta({"ElementSpacing": "0.07 0.08 0.125", "Offset": "-0.35 0.225 10", "NDims": "3\nDistanceUnits = cm"}),
        ),
        ("metres.nii", nifti(ct_array(), {123: b"\1", 76: struct.pack("<4f", 1, 0.0007, 0.0008, 0.00125)})),
    ],
)
def test_distances_are_millimetres_whatever_the_header_measures_in(name: str, content: bytes, tmp_path: Path) -> None:
    if name == "metres.nii":
        sform = np.diag([-1.0, -1.0, 1.0]) @ np.column_stack([np.diag(SPACING), ORIGIN]) / 1000
        content = content[:280] + struct.pack("<12f", *sform.ravel()) + content[328:]
    (tmp_path / name).write_bytes(content)
    image = read_image(tmp_path / name)
    assert image.geometry.difference(GRID) is None
    np.testing.assert_array_equal(image.array, ct_array())


def test_volumes_are_the_same_in_centimetres(tmp_path: Path) -> None:
    rows = []
    for name, fields in (
        ("mm", {}),
        (
            "cm",
            {
                "space units": '"cm" "cm" "cm"',
                "space directions": "(0.07,0,0) (0,0.08,0) (0,0,0.125)",
                "space origin": "(-0.35,0.225,10)",
            },
        ),
    ):
        options: list[str] = []
        for role, array in (("territories", territories_array()), ("calcification", calcification_array())):
            file = tmp_path / f"{role}_{name}.nrrd"
            file.write_bytes(nrrd(fields, array.tobytes(), "uint8"))
            options += [f"--{role}", str(file)]
        assert main(["score", *options, "-o", str(tmp_path / "s.json")]) == 0
        rows.append(json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))["territories"])
    assert rows[0] == rows[1]


@pytest.mark.parametrize("units", ['"furlong" "furlong" "furlong"', '"mm" "mm" "cm"'])
def test_units_that_are_not_known_are_refused(units: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t.nrrd").write_bytes(nrrd({"space units": units}, territories_array().tobytes(), "uint8"))
    assert main(["shorten", str(tmp_path / "t.nrrd"), "-o", str(tmp_path / "s.nrrd")]) == 2
    assert "the axes are measured in" in capsys.readouterr().err


#: Boxes in voxels of 2 mm, (z, y, x): where things lie in a trunk of 100 x 60 x 80.
AORTA = (slice(40, 95), slice(28, 38), slice(36, 46))
LEFT_ILIAC, RIGHT_ILIAC = (slice(10, 40), slice(28, 34), slice(42, 47)), (slice(10, 40), slice(28, 34), slice(35, 40))
RIBS = (slice(70, 74), slice(5, 9), slice(62, 78)), (slice(78, 82), slice(5, 9), slice(62, 78))
HEART, PANCREAS = (slice(85, 99), slice(10, 26), slice(40, 60)), (slice(60, 68), slice(20, 27), slice(30, 50))


def label_map(path: Path, boxes: dict[int, tuple[slice, ...]], orientation: str = "LPS") -> Path:
    array = np.zeros((100, 60, 80), np.uint8)
    for value, box in boxes.items():
        array[box] = value
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((2.0, 2.0, 2.0))
    sitk.WriteImage(sitk.DICOMOrient(image, orientation), str(path))
    return path


VERSION_1 = {7: AORTA, 51: LEFT_ILIAC, 52: RIGHT_ILIAC, 65: RIBS[0], 66: RIBS[1], 10: PANCREAS, 46: HEART}
VERSION_2 = {52: AORTA, 65: LEFT_ILIAC, 66: RIGHT_ILIAC, 7: PANCREAS, 51: HEART, 99: RIBS[0], 100: RIBS[1]}


def territories(path: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    output = path.with_name("out.nii.gz")
    assert main(["territories", str(path), "--preset", "totalsegmentator", "-o", str(output), "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize("orientation", ["LPS", "RAS", "PIR"])
@pytest.mark.parametrize(("boxes", "version"), [(VERSION_1, 1), (VERSION_2, 2)])
def test_the_version_is_told_by_the_shapes(
    boxes: dict[int, tuple[slice, ...]],
    version: int,
    orientation: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = territories(label_map(tmp_path / "total.nii.gz", boxes, orientation), capsys)
    # 55 x 10 x 10 and 30 x 6 x 5 voxels of 8 mm³.
    assert found["used"] == {"aorta": 44000.0, "iliac_artery_left": 7200.0, "iliac_artery_right": 7200.0}
    assert any("TotalSegmentator 1" in warning for warning in found["warnings"]) == (version == 1)


def test_a_scan_that_ends_above_the_iliac_arteries_is_of_version_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    boxes = {value: box for value, box in VERSION_2.items() if value not in (65, 66)}
    assert territories(label_map(tmp_path / "total.nii.gz", boxes), capsys)["used"]["aorta"] == 44000.0


@pytest.mark.parametrize("left", [(7, 10, 65, 66), (65, 66), (52, 65, 66)])
def test_what_could_be_ribs_is_asked_about(
    left: tuple[int, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A chest of version 1 without iliac arteries; its ribs alone; and with the right iliac artery, but no aorta."""
    path = label_map(tmp_path / "total.nii.gz", {value: VERSION_1[value] for value in left})
    command = ["territories", str(path), "--preset", "totalsegmentator", "-o", str(tmp_path / "out.nii.gz")]
    assert main(command) == 2
    assert "7=aorta,51=iliac,52=iliac (version 1)" in capsys.readouterr().err


def test_the_files_own_names_go_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    array = np.zeros((10, 9, 8), "u1")
    array[:, 4, 3] = 7
    text = b'<CaretExtension><LabelTable><Label Key="7" Red="1"><![CDATA[aorta]]></Label></LabelTable></CaretExtension>'
    extension = b"\1\0\0\0" + struct.pack("<2i", 128, 0) + text.ljust(120, b"\0")
    content = nifti(array, {108: struct.pack("<f", 348 + 132)})
    (tmp_path / "total.nii").write_bytes(content[:348] + extension + content[352:])
    assert territories(tmp_path / "total.nii", capsys)["used"]["aorta"] == pytest.approx(10 * 0.7)


def test_analyze_says_that_it_took_labels_of_version_1(tmp_path: Path) -> None:
    path = label_map(tmp_path / "total.nii.gz", VERSION_1)
    labels = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    hu = sitk.GetImageFromArray(np.where(np.isin(labels, (7, 51, 52)), 300, -40).astype(np.int16))
    hu.SetSpacing((2.0, 2.0, 2.0))
    sitk.WriteImage(hu, str(tmp_path / "cta.nii.gz"))
    command = ["analyze", tmp_path / "cta.nii.gz", "--arteries", path, "--preset", "totalsegmentator"]
    assert main([str(part) for part in (*command, "--calcification", "500", "-o", tmp_path / "out")]) == 0
    found = json.loads((tmp_path / "out" / "scores.json").read_text(encoding="utf-8"))
    told = [entry["warning"] for entry in found["warning_codes"] if entry["code"] == "other_tool"]
    assert told[0].startswith("The labels are those of TotalSegmentator 1")
    assert "other_tool" in (tmp_path / "out" / "scores.csv").read_text(encoding="utf-8")
    assert "TotalSegmentator 1" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert found["territories"]["iliac"]["artery_volume_mm3"] > 0
