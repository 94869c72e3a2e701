"""Calcification that is not in the artery map: holes are filled and told, everything else is told with its volume."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from CalcScoreLogic.cli import main
from CalcScoreLogic.evaluation.cases import StudyParameters, match_cases
from CalcScoreLogic.evaluation.measure import measure_case
from CalcScoreLogic.images.files import read_territories, write_image
from CalcScoreLogic.images.geometry import Geometry, Image
from CalcScoreLogic.pipeline import score_masks
from CalcScoreLogic.report.case_folder import write_case

GRID = Geometry((40, 30, 60), (1.0, 1.0, 2.0), (5.0, -3.0, 10.0))
VOXEL_MM3 = 2


def maps() -> tuple[np.ndarray, np.ndarray]:
    """An aorta of 8 x 8 x 50 voxels, an iliac artery of 2 x 2 x 30 beside it, a renal one of 2 x 4 x 20; no plaque."""
    territories = np.zeros(GRID.shape, np.uint8)
    territories[6:56, 10:18, 10:18] = 1
    territories[2:32, 12:14, 8:10] = 2
    territories[30:32, 12:16, 18:38] = 4
    return territories, (territories > 0).astype(np.uint8)


def score(folder: Path, territories: np.ndarray, calcification: np.ndarray, *options: object) -> dict[str, Any]:
    write_image(folder / "t.nii.gz", Image(territories, GRID))
    write_image(folder / "c.nii.gz", Image(calcification, GRID))
    files = ["--territories", folder / "t.nii.gz", "--calcification", folder / "c.nii.gz"]
    outputs = ["-o", folder / "s.json", "--csv", folder / "s.csv"]
    assert main([str(part) for part in ("score", *files, *outputs, *options)]) == 0
    found: dict[str, Any] = json.loads((folder / "s.json").read_text(encoding="utf-8"))
    return found


def told(found: dict[str, Any], code: str) -> list[tuple[str | None, str]]:
    return [(entry["territory"], entry["warning"]) for entry in found["warning_codes"] if entry["code"] == code]


@pytest.mark.parametrize("options", [(), ("--no-shorten",)])
def test_labels_that_exclude_each_other_score_like_the_whole_map(
    options: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    territories, calcification = maps()
    calcification[20, 12:15, 12:15] = 2
    calcification[30:32, 13:15, 20] = 2
    whole = score(tmp_path, territories, calcification, *options)
    # One map with 1 to 4 for the arteries and 5 for the plaques is the same once it is taken apart.
    holes = np.where(calcification == 2, 0, territories).astype(np.uint8)
    capsys.readouterr()
    found = score(tmp_path, holes, calcification, *options)
    assert found["territories"] == whole["territories"]
    assert found["territories"]["aorta"]["calcified_volume_mm3"] == 9 * VOXEL_MM3
    assert found["vessels"] == whole["vessels"]
    assert [(name, "18 mm³" in text, "8 mm³" in text) for name, text in told(found, "filled_holes")] == [
        ("aorta", True, True),
        ("renal", False, True),
    ]
    assert told(found, "calcium_outside") == told(whole, "filled_holes") == []
    assert "warning: Aorta: 18 mm³" in capsys.readouterr().err
    with (tmp_path / "s.csv").open(newline="", encoding="utf-8") as stream:
        codes = {row["territory"]: row["warning_codes"].split(";") for row in csv.DictReader(stream)}
    assert [name for name, found in codes.items() if "filled_holes" in found] == ["aorta", "renal", "combined"]


def test_a_hole_goes_to_the_territory_that_most_of_its_faces_belong_to(tmp_path: Path) -> None:
    territories, calcification = maps()
    # Of the ten outer faces, four are in the iliac artery (i up to 9), five in the aorta and one in neither.
    calcification[20, 12, 9:11] = 2
    found = score(tmp_path, np.where(calcification == 2, 0, territories).astype(np.uint8), calcification)
    assert found["territories"]["aorta"]["calcified_volume_mm3"] == 2 * VOXEL_MM3
    assert [name for name, _ in told(found, "filled_holes")] == ["aorta"]


def test_maps_that_are_shifted_are_told_first_and_loudest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    territories, calcification = maps()
    calcification[20, 12:15, 12:15] = 2
    found = score(tmp_path, territories, np.roll(calcification, 12, axis=1))
    assert found["territories"]["combined"]["calcified_volume_mm3"] == 0
    assert found["warnings"][0].startswith("None of the calcification lies inside the arteries (18 mm³ lie outside")
    assert told(found, "calcium_outside") == [(None, found["warnings"][0])]
    assert capsys.readouterr().err.startswith("warning: None of the calcification")
    empty = score(tmp_path, territories, (territories > 0).astype(np.uint8))
    assert told(empty, "calcium_outside") == []


def test_calcification_outside_is_told_with_its_volume(tmp_path: Path) -> None:
    territories, calcification = maps()
    calcification[20, 12:15, 12:15] = 2
    calcification[25, 8:12, 12] = 2  # 2 voxels outside the wall, 2 inside
    calcification[50, 25, 5] = 2  # far from any artery
    calcification[40, 9, 11:14] = 2  # on the aorta's outer wall: 3 of 14 faces in the artery
    found = score(tmp_path, territories, calcification)
    assert found["territories"]["aorta"]["calcified_volume_mm3"] == 11 * VOXEL_MM3
    assert [
        (name, text.startswith("12 mm³ of the calcification lie outside"))
        for name, text in told(found, "calcium_outside")
    ] == [(None, True)]
    assert told(found, "filled_holes") == []


def test_a_plaque_on_the_wall_of_exclusive_labels_is_told_not_dropped(tmp_path: Path) -> None:
    territories, calcification = maps()
    calcification[20, 10, 12:15] = 2  # 11 of 14 outer faces in the artery: a hole
    calcification[40, 10:12, 10] = 2  # on the artery's edge
    holes = np.where(calcification == 2, 0, territories).astype(np.uint8)
    holes[30:50, 10:12, 11] = 0  # now 5 of its 10 outer faces are in the artery: not more than half
    found = score(tmp_path, holes, calcification)
    assert found["territories"]["aorta"]["calcified_volume_mm3"] == 3 * VOXEL_MM3
    assert [name for name, _ in told(found, "filled_holes")] == ["aorta"]
    assert [
        text.startswith("4 mm³ of the calcification lie outside") for _, text in told(found, "calcium_outside")
    ] == [True]


def test_calcification_in_the_part_that_is_cut_off_is_no_such_case(tmp_path: Path) -> None:
    territories = np.zeros(GRID.shape, np.uint8)
    territories[26:56, 10:18, 10:18] = 1
    territories[2:26, 12:15, 12:15] = 2  # 48 mm long
    calcification = (territories > 0).astype(np.uint8)
    calcification[4, 13, 13] = 2
    found = score(tmp_path, territories, calcification)
    assert found["territories"]["iliac"]["calcified_volume_mm3"] == 0
    assert found["territories"]["iliac"]["artery_volume_mm3"] < np.count_nonzero(territories == 2) * VOXEL_MM3
    assert told(found, "calcium_outside") == told(found, "filled_holes") == []


def test_the_report_and_the_table_tell_it_too(tmp_path: Path) -> None:
    territories, calcification = maps()
    calcification[20, 12:15, 12:15] = 2
    calcification[50, 25, 5] = 2
    holes = np.where(calcification == 2, 0, territories).astype(np.uint8)
    cta = Image(np.where(territories > 0, 300, 40).astype(np.int16), GRID)
    scored = score_masks("case", Image(holes, GRID), Image(calcification, GRID), cta=cta)
    write_case(tmp_path / "case", cta, scored)
    page = (tmp_path / "case" / "report.html").read_text(encoding="utf-8")
    assert "2 mm³ of the calcification lie outside the arteries" in page
    assert "Aorta: 18 mm³ of calcification had taken the artery&#x27;s place" in page
    with (tmp_path / "case" / "scores.csv").open(newline="", encoding="utf-8") as stream:
        codes = {row["territory"]: row["warning_codes"].split(";") for row in csv.DictReader(stream)}
    assert {"calcium_outside", "filled_holes"} <= set(codes["aorta"])
    # The label map that is written has its hole filled.
    np.testing.assert_array_equal(read_territories(tmp_path / "case" / "territories.nii.gz").array, territories)


def test_a_study_measures_what_a_score_says(tmp_path: Path) -> None:
    territories, calcification = maps()
    calcification[20, 12:15, 12:15] = 2
    for side, array in (
        ("reference", territories),
        ("prediction", np.where(calcification == 2, 0, territories).astype(np.uint8)),
    ):
        (tmp_path / side / "a").mkdir(parents=True)
        write_image(tmp_path / side / "a" / "territories.nii.gz", Image(array, GRID))
        write_image(tmp_path / side / "a" / "calcification.nii.gz", Image(calcification, GRID))
    case = match_cases(tmp_path / "reference", {"network": tmp_path / "prediction"}).cases[0]
    warnings, found = measure_case(case, StudyParameters())
    burdens = {m.structure: (m.value, m.reference) for m in found if m.measure == "burden"}
    assert burdens["aorta"][0] == burdens["aorta"][1]
    assert burdens["aorta"][0] > 0
    assert any("taken the artery's place" in warning for warning in warnings)
