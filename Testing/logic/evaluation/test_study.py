"""A whole study through the command line: what it writes, prints and answers."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image as Picture

from CalcScoreLogic.errors import CalcScoreError
from CalcScoreLogic.evaluation import StudyParameters, find_fixed_threshold, match_cases, run_study
from CalcScoreLogic.evaluation.measure import examine
from CalcScoreLogic.evaluation.phases import PHASE_COLUMNS
from CalcScoreLogic.evaluation.pool import map_cases, worker_count
from CalcScoreLogic.evaluation.tables import CASES_COLUMNS, TABLE2_COLUMNS, TABLE3_COLUMNS, TESTS_COLUMNS
from Testing.logic.cli.command_line import call
from Testing.logic.evaluation.small_cases import bar, cta_of, plaques, tree, write

NAMES = ("=1+1", "anna 1", "b", "d")


def rows(path: Path) -> list[dict[str, str]]:
    raw = path.read_bytes()
    assert raw.count(b"\r\n") == raw.count(b"\n")
    return list(csv.DictReader(io.StringIO(raw.decode("utf-8"), newline="")))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four good cases in which the network loses a voxel of each plaque, a broken one, and two without a partner."""
    root, territories = tmp_path_factory.mktemp("study ä"), tree()
    for n, name in enumerate(NAMES):
        truth = plaques(territories, 4 + n, 3)
        cta = cta_of(truth, lumen=300 + 60 * n)
        write(root / "reference" / name, territories=territories, calcification=truth, cta=cta)
        top = (truth == 2) & (np.roll(truth, -1, axis=0) != 2)
        write(root / "network" / name, territories=territories, calcification=truth - top.astype(np.uint8))
    small = bar()
    for side, maps in (("reference", territories), ("network", small)):
        write(root / side / "broken", territories=maps, calcification=plaques(maps, 4))
    write(root / "reference" / "broken", cta=cta)
    write(root / "network" / "alone", territories=small, calcification=plaques(small, 4))
    return root


@pytest.fixture(scope="module")
def study(folders: Path) -> Path:
    """The output of ``calcscore evaluate``, run as a program, with what it printed in ``printed.json``."""
    output = folders / "out"
    command = [sys.executable, "-m", "CalcScoreLogic", "evaluate", "--reference", str(folders / "reference")]
    command += ["--prediction", str(folders / "network"), "--cta", str(folders / "reference"), "-o", str(output)]
    finished = subprocess.run([*command, "--json"], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    (folders / "printed.json").write_text(finished.stdout, encoding="utf-8")
    return output


def test_a_name_is_no_formula_in_a_spreadsheet(study: Path) -> None:
    assert {row["case"] for row in rows(study / "cases.csv")} == {"'=1+1", "anna 1", "b", "d", "broken"}


def test_tables_have_the_columns_of_the_contract(study: Path) -> None:
    names = {"cases.csv": CASES_COLUMNS, "table2.csv": TABLE2_COLUMNS, "table3.csv": TABLE3_COLUMNS}
    names |= {"tests.csv": TESTS_COLUMNS, "phases.csv": PHASE_COLUMNS}
    for name, columns in names.items():
        assert list(rows(study / name)[0]) == columns
    assert sorted(p.name for p in study.iterdir()) == sorted([*names, "figures", "study.html"])


def test_thresholds_stand_side_by_side_by_phase(study: Path) -> None:
    table = {(row["phase"], row["method"]): row for row in rows(study / "phases.csv")}
    phase = "arterial (over 200 HU)"
    assert {key[0] for key in table} == {phase}
    assert [key[1] for key in table] == ["ideal threshold", "adaptive threshold", "300 HU", "470 HU", "800 HU"]
    assert all(row["n"] == "4" for row in table.values())
    # The lumen of each case is uniform and its plaques are brighter, so only a fixed value can be wrong.
    assert (table[phase, "adaptive threshold"]["dice_min"], table[phase, "ideal threshold"]["dice_min"]) == ("1.0",) * 2
    assert float(table[phase, "adaptive threshold"]["burden_bias"]) == 0
    assert float(table[phase, "300 HU"]["dice_mean"]) < 0.02
    assert float(table[phase, "300 HU"]["burden_bias"]) > 0.9
    assert "Thresholds by contrast phase" in (study / "study.html").read_text(encoding="utf-8")


def test_a_failed_case_is_named_and_left_out(study: Path, folders: Path) -> None:
    failed = [row for row in rows(study / "cases.csv") if row["state"] == "failed"]
    assert [row["case"] for row in failed] == ["broken"]
    assert "different grids" in failed[0]["reason"]
    told = json.loads((folders / "printed.json").read_text(encoding="utf-8"))
    assert told["cases"] == list(NAMES)
    assert list(told["failed"]) == ["broken"]
    assert told["unmatched"] == {"alone": "not in the reference; not in the CTA folder"}
    assert len([w for w in told["warnings"] if w.startswith(("broken: failed", "alone: left out"))]) == 2


def test_an_error_put_in_by_hand_comes_out(study: Path) -> None:
    table = {(r["territory"], r["figure"], r["method"]): r for r in rows(study / "table3.csv")}
    # The network loses 2 voxels of calcification in every case, out of the same aorta.
    wanted = ("network", "aorta", "burden")
    cases = rows(study / "cases.csv")
    burden = next(r for r in cases if (r["method"], r["structure"], r["measure"]) == wanted)
    calcified = [(n + 4 + 3) for n in range(4)]
    volume = round(calcified[0] / float(burden["reference"]))
    row = table["aorta", "burden", "network"]
    assert row["n"] == "4"
    for key in ("bias", "loa_low", "loa_high"):
        assert float(row[key]) == pytest.approx(-2 / volume, abs=1e-12)
    assert (row["p_ttest"], float(row["slope"])) == ("", pytest.approx(1, abs=1e-9))
    # The mean cluster loses 1 mm³: 7/2 against 5/2.
    size = table["aorta", "mean_cluster_volume_mm3", "network"]
    assert (float(size["bias"]), float(table["aorta", "cluster_count", "network"]["bias"])) == (-1, 0)
    assert float(table["aorta", "burden", "ideal threshold"]["bias"]) == 0
    accuracy = {(r["structure"], r["method"], r["metric"]): r for r in rows(study / "table2.csv")}
    sensitivities = [(n - 2) / n for n in calcified]
    found = accuracy["calcification", "network", "sensitivity"]
    assert float(found["mean"]) == pytest.approx(np.mean(sensitivities), abs=1e-12)
    assert float(found["sd"]) == pytest.approx(np.std(sensitivities, ddof=1), abs=1e-12)
    # Lumens of 480 HU lie above the fixed threshold of 470: all of the arteries is called calcification.
    assert float(accuracy["calcification", "fixed threshold", "precision"]["min"]) < 0.01
    assert float(accuracy["calcification", "fixed threshold", "dice"]["max"]) == 1


def test_figures_are_fit_for_print(study: Path) -> None:
    figures = sorted(path.stem for path in (study / "figures").glob("*.png"))
    assert figures == sorted(path.stem for path in (study / "figures").glob("*.svg"))
    expected = {
        f"{kind}_{score}_{method}"
        for kind in ("bland_altman", "regression")
        for score in ("burden", "cluster_count", "mean_cluster_volume_mm3")
        for method in ("network", "ideal_threshold", "adaptive_threshold", "fixed_threshold")
    }
    sides = {f"{what}_{which}" for what in ("arteries", "calcification") for which in ("median", "lowest")}
    assert set(figures) == expected | sides | {"dice_by_lumen"}
    for name in figures:
        with Picture.open(study / "figures" / f"{name}.png") as picture:
            assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.1)
            assert picture.width == pytest.approx(88 / 25.4 * 300, abs=1)
            assert np.asarray(picture.convert("L")).std() > 5
    assert "<svg" in (study / "figures" / "dice_by_lumen.svg").read_text(encoding="utf-8")


def test_the_page_needs_no_other_file_and_names_no_case(study: Path) -> None:
    page = (study / "study.html").read_text(encoding="utf-8")
    assert page.count("not a medical device") == 1
    assert page.count('src="data:image/png;base64,') == page.count("<img") == 29
    assert "href=" not in page
    text = re.sub('base64,[^"]*', "", page)
    assert not [name for name in ("anna", "broken", "alone") if name in text]
    assert "4 cases measured, 1 case failed (named in cases.csv), 1 case left out" in page
    for told in (
        "25 mm of each side branch",
        "470 HU (the published value)",
        "plus 4 robust SD",
        "2000 resamples",
        "scipy 1.",
        "monai 1.",
    ):
        assert told in page


def test_a_second_run_takes_the_place_of_the_first(study: Path, folders: Path) -> None:
    (study / "note.txt").write_text("mine")
    before = (study / "table3.csv").read_bytes()
    (study / "table3.csv").unlink()
    (study / "figures" / "dice_by_lumen.svg").unlink()
    arguments = ["evaluate", "--reference", folders / "reference", "--prediction", folders / "network", "-o", study]
    assert call(*arguments) == 0
    assert (study / "note.txt").read_text() == "mine"
    kept = [line for line in before.splitlines() if b"threshold" not in line]
    assert (study / "table3.csv").read_bytes().splitlines() == kept
    assert not [path for path in folders.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        ([], "the following arguments are required"),
        (["--reference", "r", "--prediction", "p", "-o", "o"], "r: this folder does not exist"),
        (["--reference", "r", "--prediction", "p", "--prediction", "network=q", "-o", "o"], "'network' is taken"),
        (["--reference", "r", "--prediction", "ideal threshold=p", "-o", "o"], "'ideal threshold' is taken"),
        (
            ["--reference", "r", "--prediction", "p", "--threshold-train", "t", "-o", "o"],
            "--threshold-train needs --cta",
        ),
        (["--reference", "r", "--prediction", "p", "--length", "3", "-o", "o"], "runs from 5 to 100 mm"),
    ],
)
def test_bad_usage_gives_exit_code_2_and_one_line(
    arguments: list[str],
    fragment: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call("evaluate", *arguments) == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert fragment in printed.err
    assert not list(tmp_path.iterdir())


def test_a_segmentation_that_stores_its_part_alone_is_drawn_where_it_lies(folders: Path, tmp_path: Path) -> None:
    for side in ("reference", "network"):
        shutil.copytree(folders / side / "b", tmp_path / side / "b")
    (file,) = (tmp_path / "network" / "b").glob("calcification*")
    whole = sitk.ReadImage(str(file))
    k, j, i = (slice(int(at.min()), int(at.max()) + 1) for at in np.nonzero(sitk.GetArrayFromImage(whole)))
    part = whole[i, j, k]
    assert part.GetSize() != whole.GetSize()
    for number, name in enumerate(("Artery", "Calcification")):
        fields = {"Name": name, "LabelValue": str(number + 1), "Layer": "0"}
        for field, value in fields.items():
            part.SetMetaData(f"Segment{number}_{field}", value)
    sitk.WriteImage(part, str(file.parent / "calcification.seg.nrrd"))
    results = []
    for folder in ("whole", "part"):
        prediction = folders / "network" if folder == "whole" else tmp_path / "network"
        if folder == "part":
            file.unlink()
        reference, output = tmp_path / "reference", tmp_path / folder
        assert call("evaluate", "--reference", reference, "--prediction", prediction, "-o", output) == 0
        results.append((output / "figures" / "calcification_median.png").read_bytes())
    assert results[0] == results[1]


def test_when_every_case_fails_nothing_is_written(
    folders: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for side in ("reference", "network"):
        (tmp_path / side).mkdir()
        (tmp_path / side / "broken").symlink_to(folders / side / "broken")
    arguments = ["--reference", tmp_path / "reference", "--prediction", tmp_path / "network", "-o", tmp_path / "out"]
    assert call("evaluate", *arguments) == 1
    assert "no case could be measured, e.g. broken:" in capfd.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_fixed_threshold_is_the_mean_of_the_ideal_ones(tmp_path: Path) -> None:
    territories = bar()
    for name, lumen, size in (("a", 300, 4), ("b", 400, 4), ("c", 400, 0)):
        truth = plaques(territories, *([size] if size else []))
        write(tmp_path / name, territories=territories, calcification=truth, cta=cta_of(truth, lumen))
    counted: list[tuple[int, int]] = []
    found = find_fixed_threshold(tmp_path, lambda done, total, left: counted.append((done, total)))
    # 1 % above 300 and above 400 HU, of the 500 and 400 HU up to the plaques.
    assert dict(found.ideal) == {"a": 305, "b": 404}
    assert found.hu == 354.5
    assert "no threshold is ideal" in found.left_out["c"]
    assert counted == [(n, 3) for n in range(4)]


def test_several_predictions_are_compared_with_each_other(folders: Path) -> None:
    matching = match_cases(folders / "reference", {"network": folders / "network", "perfect": folders / "reference"})
    tested = run_study(matching, StudyParameters()).tests
    chosen = tested[(tested["figure"] == "dice") & (tested["structure"] == "calcification")].iloc[0]
    assert (chosen["method_a"], chosen["method_b"], chosen["n"]) == ("network", "perfect", 4)
    dice = [2 * (n - 2) / (2 * n - 2) for n in (7, 8, 9, 10)]
    assert chosen["mean_difference"] == pytest.approx(np.mean(dice) - 1, abs=1e-12)


def test_a_terminal_sees_the_case_and_the_time_left(folders: Path, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    program = (
        "from CalcScoreLogic.cli.evaluate import counter; tell = counter('measuring case'); "
        "tell(0, 4, None); tell(1, 4, 90.0)"
    )
    subprocess.run([sys.executable, "-c", program], stderr=theirs, check=True)
    os.close(theirs)
    seen = os.read(ours, 10_000).decode()
    assert "measuring case 1 of 4…" in seen
    assert "measuring case 2 of 4 · 2 min left…" in seen


def test_memory_bounds_the_cases_at_a_time() -> None:
    cores = len(os.sched_getaffinity(0))
    assert worker_count(100, 1_000_000) == min(cores, 5)  # 3 GB hold five times 0.58 GB
    assert worker_count(1, 30_000_000) == 1
    assert worker_count(10, 1_000_000) == 1  # over before a second process has started
    assert worker_count(100, 20_000_000) == min(cores, 2)
    assert worker_count(100, 300 * 300 * 400) == 1
    assert worker_count(100, 512 * 512 * 2000) == 1


def test_cases_side_by_side_are_those_one_by_one(folders: Path) -> None:
    cases = match_cases(folders / "reference", {"network": folders / "network"}).cases[1:4]
    function = partial(examine, parameters=StudyParameters())
    both = [map_cases(function, cases, workers) for workers in (1, 2)]
    found = [[(o.case, o.reason, o.warnings, o.measurements) for o in outcomes] for outcomes in both]
    assert found[0] == found[1]
    assert [case for case, reason, _, _ in found[1] if reason] == ["broken"]


def _die(number: int) -> int:
    if number == 1:
        os._exit(9)
    return number


def test_a_process_that_dies_is_told() -> None:
    assert map_cases(abs, [-1, -2, -3], workers=2) == [1, 2, 3]
    with pytest.raises(CalcScoreError, match="a process ended without an answer"):
        map_cases(_die, [0, 1, 2], workers=2)
