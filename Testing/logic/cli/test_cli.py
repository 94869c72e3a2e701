"""The commands: what they write and print, by hand-drawn cases and phantoms."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from CalcScoreLogic.csv_files import read_csv
from Testing.logic.cli.command_line import call, read, score_arguments
from Testing.phantom_networks import PHANTOM_NETWORKS
from Testing.trees import to_sitk

COLUMNS = [
    "case",
    "territory",
    "status",
    "artery_volume_mm3",
    "calcified_volume_mm3",
    "burden",
    "cluster_count",
    "mean_cluster_volume_mm3",
]


def test_score_writes_the_contract(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output, table = case / "scores.json", case / "scores.csv"
    assert call(*score_arguments(case), "--cta", case / "cta.nii.gz", "-o", output, "--csv", table, "--json") == 0
    printed = capsys.readouterr()
    scores = json.loads(output.read_text(encoding="utf-8"))
    assert json.loads(printed.out) == scores
    assert (scores["schema"], scores["case"]) == ("calcscore/1", "patient 7 ä")
    assert scores["parameters"] == {
        "length_mm": 25.0,
        "aorta_margin_mm": 10.0,
        "method": "paper",
        "calcification": "mask",
    }
    assert list(scores["territories"]) == ["aorta", "iliac", "mesenteric", "renal", "combined"]
    aorta = scores["territories"]["aorta"]
    assert list(aorta) == COLUMNS[2:]
    assert (aorta["calcified_volume_mm3"], aorta["cluster_count"], aorta["mean_cluster_volume_mm3"]) == (27, 1, 27)
    assert aorta["burden"] == 27 / aorta["artery_volume_mm3"]
    assert scores["territories"]["mesenteric"]["burden"] is None
    assert scores["clusters"][0]["max_hu"] == 800
    assert scores["clusters"][0]["centroid_lps_mm"] == pytest.approx([30 - 31.5, 30 + 12.25, 61 + 7])
    assert scores["provenance"]["inputs"]["territories"]["file"] == "territories.nii.gz"
    assert len(scores["provenance"]["inputs"]["territories"]["sha256"]) == 64
    assert str(case) not in output.read_text(encoding="utf-8")


def test_scores_csv_is_rfc_4180(case: Path) -> None:
    table = case / "scores.csv"
    assert call(*score_arguments(case), "-o", case / "scores.json", "--csv", table) == 0
    raw = table.read_bytes()
    assert raw.count(b"\r\n") == raw.count(b"\n") == 6
    rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8"), newline="")))
    assert list(rows[0])[: len(COLUMNS)] == COLUMNS
    assert [row["territory"] for row in rows] == ["aorta", "iliac", "mesenteric", "renal", "combined"]
    assert (rows[2]["burden"], rows[2]["mean_cluster_volume_mm3"], rows[2]["status"]) == ("", "", "absent")
    assert float(rows[0]["calcified_volume_mm3"]) == 27


@pytest.mark.parametrize("name", ['=HYPERLINK("x","y")', "+1", "-2", "@SUM(1)"])
def test_a_name_is_no_formula_in_a_spreadsheet(name: str, case: Path) -> None:
    folder = case.rename(case.parent / name)
    assert call(*score_arguments(folder), "-o", folder / "s.json", "--csv", folder / "s.csv") == 0
    rows = list(csv.DictReader(io.StringIO((folder / "s.csv").read_bytes().decode("utf-8"), newline="")))
    assert {row["case"] for row in rows} == {f"'{name}"}
    assert json.loads((folder / "s.json").read_text(encoding="utf-8"))["case"] == name
    assert {line.cells["case"] for line in read_csv(folder / "s.csv", ("case",))} == {name}


def test_no_shorten_scores_the_map_as_it_is(case: Path) -> None:
    output = case / "s.json"
    assert call(*score_arguments(case), "-o", output, "--no-shorten") == 0
    scores = json.loads(output.read_text())
    territories = read(case / "territories.nii.gz")
    assert scores["territories"]["iliac"]["artery_volume_mm3"] == np.count_nonzero(territories == 2)
    assert scores["parameters"]["length_mm"] is None
    assert call(*score_arguments(case), "-o", output, "--no-shorten", "--length", "30") == 2


def test_weights_give_a_composite(case: Path) -> None:
    output = case / "s.json"
    assert call(*score_arguments(case), "-o", output, "--weights", "aorta=1,iliac=3") == 0
    scores = json.loads(output.read_text())
    assert scores["composite"]["burden"] == pytest.approx(scores["territories"]["aorta"]["burden"] / 4)
    assert call(*score_arguments(case), "-o", output, "--weights", "heart=1") == 2
    assert call(*score_arguments(case), "-o", output, "--weights", "aorta=-1") == 2


def test_shorten_and_score_agree(case: Path) -> None:
    shortened, first, second = case / "short.nrrd", case / "a.json", case / "b.json"
    assert call("shorten", case / "territories.nii.gz", "-o", shortened, "--length", "10", "--method", "geodesic") == 0
    assert call(*score_arguments(case), "-o", first, "--length", "10", "--method", "geodesic") == 0
    calcification = ["--calcification", case / "calcification.nii.gz"]
    assert call("score", "--territories", shortened, *calcification, "-o", second, "--no-shorten") == 0
    rows = [json.loads(path.read_text())["territories"] for path in (first, second)]
    assert rows[0]["iliac"] == rows[1]["iliac"]
    assert rows[0]["aorta"]["artery_volume_mm3"] == rows[1]["aorta"]["artery_volume_mm3"]
    assert np.count_nonzero(read(shortened) == 2) < np.count_nonzero(read(case / "territories.nii.gz") == 2)


def test_threshold_writes_a_calcification_map(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = case / "found.nii.gz"
    arguments = ["threshold", case / "cta.nii.gz", "--arteries", case / "territories.nii.gz", "-o", output, "--json"]
    assert call(*arguments, "--method", "ideal", "--reference", case / "calcification.nii.gz") == 0
    np.testing.assert_array_equal(read(output), read(case / "calcification.nii.gz"))
    told = json.loads(capsys.readouterr().out)
    assert told["dice"] == 1
    assert told["calcified_volume_mm3"] == 27
    assert told["threshold_hu"] == 354.5  # the first 1 % step from 350 to 800 HU above 350


def test_the_threshold_is_adaptive_where_nothing_else_is_said(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = case / "found.nii.gz"
    arguments = ["threshold", case / "cta.nii.gz", "--arteries", case / "territories.nii.gz", "-o", output, "--json"]
    assert call(*arguments) == 0
    np.testing.assert_array_equal(read(output) == 2, read(case / "calcification.nii.gz") == 2)
    told = json.loads(capsys.readouterr().out)
    # A lumen of 350 HU without noise, whose SD is taken as 1 HU.
    assert (told["method"], told["threshold_hu"]) == ("adaptive", 354.0)
    assert (told["lumen"]["from"], told["lumen"]["median_hu"]) == ("aorta", 350.0)
    assert told["branches"]["iliac"]["threshold_hu"] == 354.0


def test_metal_in_an_artery_is_named(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cta = read(case / "cta.nii.gz")
    cta[60, 30, 30] = 3050
    sitk.WriteImage(to_sitk(cta, (1, 1, 1)), str(case / "cta.nii.gz"))
    arguments = ["--arteries", case / "territories.nii.gz", "-o", case / "c.nii.gz", "--method", "fixed"]
    assert call("threshold", case / "cta.nii.gz", *arguments) == 0
    assert "1 mm³ over 3000 HU (up to 3050 HU)" in capsys.readouterr().err


def test_a_plain_mask_as_calcification_map_is_noticed(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mask = np.where(read(case / "calcification.nii.gz") == 2, 1, 0).astype(np.uint8)
    sitk.WriteImage(to_sitk(mask, (1, 1, 1)), str(case / "calcification.nii.gz"))
    assert call(*score_arguments(case), "-o", case / "s.json") == 0
    assert "if 1 means calcification there, change it to 2" in capsys.readouterr().err


def test_one_map_for_both_is_noticed(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    maps = case / "calcification.nii.gz"
    copy = shutil.copy(maps, case / "copy.nii.gz")
    assert call("score", "--territories", copy, "--calcification", maps, "-o", case / "s.json") == 0
    assert "Iliac: all of it is marked as calcification; check that the calcification map" in capsys.readouterr().err
    assert call("score", "--territories", case / "territories.nii.gz", "--calcification", maps, "-o", case / "s") == 0
    assert "all of it is marked" not in capsys.readouterr().err


def test_territories_from_a_label_map_and_from_masks_agree(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    territories = read(case / "territories.nii.gz")
    other = np.array([0, 52, 65, 0, 7], np.uint8)[territories]
    sitk.WriteImage(to_sitk(other, (1, 1, 1)), str(case / "other.nrrd"))
    masks: list[object] = []
    for key, value in (("aorta", 1), ("iliac", 2), ("renal", 4)):
        sitk.WriteImage(to_sitk((territories == value).astype(np.uint8), (1, 1, 1)), str(case / f"{key}.mha"))
        masks += [f"--{key}", case / f"{key}.mha"]
    assert call("territories", case / "other.nrrd", "--map", "52=aorta,65=iliac,7=renal", "-o", case / "a.nii") == 0
    assert call("territories", *masks, "-o", case / "b.nii.gz", "--json") == 0
    np.testing.assert_array_equal(read(case / "a.nii"), territories)
    np.testing.assert_array_equal(read(case / "b.nii.gz"), territories)
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["lacked"] == ["mesenteric"]
    assert told["used"]["aorta.mha"] == np.count_nonzero(territories == 1)


def test_totalsegmentator_preset(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    territories = read(case / "territories.nii.gz")
    other = np.array([0, 52, 65, 0, 7], np.uint8)[territories]
    sitk.WriteImage(to_sitk(other, (1, 1, 1)), str(case / "total.nii.gz"))
    arguments = [case / "total.nii.gz", "--preset", "totalsegmentator", "-o", case / "t.nii.gz"]
    assert call("territories", *arguments) == 0
    np.testing.assert_array_equal(read(case / "t.nii.gz"), np.where(territories == 4, 0, territories))
    assert "iliac_artery_right is empty" in capsys.readouterr().err


def test_phantom_writes_case_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["phantom", "-o", tmp_path / "p", "--seed", "3", "--cases", "2", "--spacing", "3", "3", "3", "--json"]
    assert call(*arguments) == 0
    told = json.loads(capsys.readouterr().out)
    assert [case["case"] for case in told["cases"]] == ["case_3", "case_4"]
    assert sorted(p.name for p in (tmp_path / "p").iterdir()) == ["case_3", "case_4"]
    for folder in (tmp_path / "p").iterdir():
        files = sorted(p.name for p in folder.iterdir())
        assert files == ["calcification.nii.gz", "cta.nii.gz", "territories.nii.gz", "truth.json"]
        output = tmp_path / f"{folder.name}.json"
        assert call(*score_arguments(folder), "--cta", folder / "cta.nii.gz", "-o", output) == 0
        truth = json.loads((folder / "truth.json").read_text())
        scores = json.loads(output.read_text())
        assert scores["case"] == truth["case"] == folder.name
        assert scores["territories"] == truth["territories"]


def test_demo_makes_the_picture_and_the_scores(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Smaller networks than the starter ensembles, which the self test of the module runs.
    monkeypatch.setattr("CalcScoreLogic.models.starter_models_folder", lambda: PHANTOM_NETWORKS)
    assert call("demo", "-o", tmp_path / "demo") == 0
    printed = capsys.readouterr().out
    assert "not a medical device" in printed
    assert (tmp_path / "demo" / "overview.png").read_bytes().startswith(b"\x89PNG")
    scores = json.loads((tmp_path / "demo" / "scores.json").read_text())
    combined = scores["territories"]["combined"]
    assert f"{100 * combined['burden']:.1f}" in printed
    territories, calcification = (
        read(tmp_path / "demo" / "shortened.nii.gz"),
        read(tmp_path / "demo" / "calcification.nii.gz"),
    )
    expected = np.count_nonzero((calcification == 2) & (territories > 0)) / np.count_nonzero(territories)
    assert combined["burden"] == pytest.approx(expected)
