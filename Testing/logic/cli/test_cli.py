"""The command line: what it writes, prints and answers, for good input and bad."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from CalcScoreLogic.cli import main
from CalcScoreLogic.csv_files import read_csv
from Testing.logic.bad_files import BAD_FILES, good_calcification, good_ct, good_territories
from Testing.logic.cohort_cases import until
from Testing.logic.image_files import nifti
from Testing.phantom_networks import PHANTOM_NETWORKS
from Testing.trees import Capsule, paint, to_sitk

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


@pytest.fixture
def case(tmp_path: Path) -> Path:
    """A case folder: aorta, two iliacs of 40 mm, one renal artery, one plaque of 27 voxels in the aorta."""
    capsules = [
        Capsule(1, (30, 30, 45), (30, 30, 88), 7),
        Capsule(2, (30, 30, 44), (48, 30, 8), 4),
        Capsule(2, (30, 30, 44), (12, 30, 8), 4),
        Capsule(4, (30, 30, 70), (56, 34, 70), 3),
    ]
    territories = paint(capsules, (60, 60, 100), (1, 1, 1))
    calcification = np.where(territories > 0, 1, 0).astype(np.uint8)
    calcification[60:63, 29:32, 29:32] = 2
    cta = np.where(territories > 0, 350, 40).astype(np.int16)
    cta[calcification == 2] = 800
    folder = tmp_path / "patient 7 ä"
    folder.mkdir()
    for name, array in (("territories", territories), ("calcification", calcification), ("cta", cta)):
        sitk.WriteImage(to_sitk(array, (1, 1, 1)), str(folder / f"{name}.nii.gz"))
    return folder


def call(*arguments: object) -> int:
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as stop:
        return int(stop.code or 0)


def read(path: Path) -> np.ndarray:
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


def score_arguments(case: Path) -> list[object]:
    return ["score", "--territories", case / "territories.nii.gz", "--calcification", case / "calcification.nii.gz"]


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
    assert call("score", "--territories", maps, "--calcification", maps, "-o", case / "s.json") == 0
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


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_input_gives_exit_code_2_and_one_sentence(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bad = BAD_FILES[name]
    inputs = {"ct": good_ct(tmp_path), "territories": good_territories(tmp_path)}
    inputs["calcification"] = good_calcification(tmp_path)
    inputs["arteries"] = inputs["territories"]
    inputs[bad.kind] = bad.make(tmp_path)
    output = tmp_path / "output"
    output.mkdir()
    if bad.kind in ("ct", "arteries"):
        arguments = ["threshold", inputs["ct"], "--arteries", inputs["arteries"], "--method", "fixed"]
        arguments += ["-o", output / "c.nii.gz"]
    else:
        arguments = ["score", "--territories", inputs["territories"], "--calcification", inputs["calcification"]]
        arguments += ["-o", output / "s.json", "--csv", output / "s.csv"]
    assert call(*arguments, "--json") == 2
    printed = capfd.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert bad.fragment in printed.err
    assert inputs[bad.kind].name in printed.err
    assert not list(output.iterdir())


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        ([], "required: COMMAND"),
        (["nonsense"], "invalid choice"),
        (["score"], "the following arguments are required"),
        (["shorten", "T", "-o", "O", "--length", "abc"], "invalid float value"),
        (["shorten", "T", "-o", "O", "--length", "101"], "runs from 5 to 100 mm"),
        (["shorten", "T", "-o", "missing/o.nii.gz"], "missing does not exist"),
        (["shorten", "T.nii.gz", "-o", "T.nii.gz"], "would overwrite an input"),
        (["shorten", "T.nii.gz", "-o", "."], "this is a folder"),
        (["threshold", "C", "--arteries", "T", "-o", "O.nii", "--method", "ideal"], "needs a reference"),
        (
            ["threshold", "C", "--arteries", "T", "-o", "O.nii", "--method", "fixed", "--value", "nan"],
            "must be a number",
        ),
        (["territories", "-o", "O.nii.gz"], "give a segmentation"),
        (["territories", "S", "--map", "1=aorta", "--aorta", "F", "-o", "O.nii"], "give a segmentation"),
        (["phantom", "-o", "P", "--cases", "0"], "give 1 or more"),
        (["phantom", "-o", "P", "--seed", "-1"], "0 or more"),
        (["phantom", "-o", "P", "--spacing", "0.1", "1", "1"], "0.4 to 5 mm"),
    ],
)
def test_bad_usage_gives_exit_code_2_and_one_line(
    arguments: list[str],
    fragment: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(*arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert fragment in printed.err
    assert not list(tmp_path.iterdir())


def test_an_output_that_cannot_be_an_image_is_refused_before_any_work(
    case: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("shorten", case / "territories.nii.gz", "-o", case / "out.txt") == 2
    assert "out.txt" in capsys.readouterr().err
    assert not (case / "out.txt").exists()


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


def test_both_names_are_the_same_program_and_start_without_the_heavy_libraries() -> None:
    code = "import sys, CalcScoreLogic.cli as c; c.build_parser(); print([m for m in sys.modules if '.' not in m])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"numpy", "scipy", "SimpleITK", "skimage", "matplotlib", "torch"} & set(eval(loaded))  # noqa: S307
    shown = subprocess.run(
        [sys.executable, "-m", "CalcScoreLogic", "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert all(name in shown for name in ("territories", "shorten", "score", "threshold", "phantom", "demo"))


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_nothing(ending: signal.Signals, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "CalcScoreLogic", "phantom", "-o", str(tmp_path), "--cases", "500"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until(lambda: list(tmp_path.glob("case_0")))
    process.send_signal(ending)
    _, complaint = process.communicate(timeout=300)
    assert process.returncode == 130
    assert complaint == "calcscore: interrupted, nothing half done was left\n"
    assert list(tmp_path.glob("case_0"))
    assert all(folder.name.startswith("case_") for folder in tmp_path.iterdir())
    assert all(len(list(folder.iterdir())) == 4 for folder in tmp_path.iterdir())


def test_a_notice_waits_for_the_end_and_gives_way_to_what_is_wrong(case: Path) -> None:
    plain = nifti(read(case / "territories.nii.gz"), {252: bytes(4)})
    (case / "territories.nii").write_bytes(plain)
    (case / "calcification.nii").write_bytes(nifti(read(case / "calcification.nii.gz"), {252: bytes(4)}))
    (case / "cut.nii").write_bytes(plain[:-1000])

    def said(calcification: str) -> tuple[int, list[str]]:
        given = ["--territories", str(case / "territories.nii"), "--calcification", str(case / calcification)]
        command = [sys.executable, "-m", "CalcScoreLogic", "score", *given, "-o", str(case / "s.json")]
        ended = subprocess.run(command, capture_output=True, text=True)
        return ended.returncode, ended.stderr.splitlines()

    code, lines = said("cut.nii")
    assert (code, len(lines)) == (2, 1)
    assert lines[0].startswith(f"calcscore: {case / 'cut.nii'}: ")
    code, lines = said("calcification.nii")
    assert code == 0
    told = [line for line in lines if "the header has no orientation" in line]
    # Two threads read, so that either file may come first.
    assert sorted(line.split(": ")[:2] for line in told) == [
        ["warning", str(case / f"{name}.nii")] for name in ("calcification", "territories")
    ]


def test_a_terminal_sees_what_is_going_on(case: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "CalcScoreLogic", *map(str, score_arguments(case)), "-o", str(case / "s.json")]
    subprocess.run(command, stdout=subprocess.PIPE, stderr=theirs, check=True)
    os.close(theirs)
    seen = os.read(ours, 10_000).decode()
    assert "reading…" in seen
    assert "shortening and scoring…" in seen
    assert "scoring…\r\x1b[Kwarning: " in seen


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_a_console_without_some_letters_gets_the_results_all_the_same(case: Path, encoding: str) -> None:
    named = case.rename(case.parent / "血管 ä")
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    command = [sys.executable, "-m", "CalcScoreLogic", *map(str, score_arguments(named)), "-o", str(named / "s.json")]
    printed = subprocess.run([*command, "--json"], env=environment, capture_output=True, check=True).stdout
    assert json.loads(printed.decode(encoding))["case"] == "血管 ä"
    line = subprocess.run(command, env=environment, capture_output=True, check=True).stdout.decode(encoding)
    assert "burden aorta" in line
    assert ("血管" in line) is (encoding == "utf-8")
