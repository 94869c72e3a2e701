"""Nothing that a user brought, drew or corrected is overwritten by an output."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from CalcScoreLogic.cohort.state import STATE_FOLDER
from CalcScoreLogic.images.files import read_calcification, write_image
from CalcScoreLogic.images.geometry import Image
from CalcScoreLogic.models import file_sha256
from Testing.logic.cli.command_line import call
from Testing.logic.other_tool_cases import GEOMETRY, write_case


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): file_sha256(path) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def case(tmp_path: Path) -> Path:
    """A case with arteries that a reader drew, under the names that results have."""
    folder = write_case(tmp_path / "data" / "case_0")
    (folder / "arteries.nii.gz").rename(folder / "territories.nii.gz")
    return folder


def analyze(case: Path, output: Path, *options: object) -> int:
    arteries = case / "territories.nii.gz"
    return call("analyze", case / "cta.nii.gz", "--arteries", arteries, "--calcification", 470, "-o", output, *options)


@pytest.fixture
def batched(case: Path, tmp_path: Path) -> tuple[Path, Path, tuple[object, ...]]:
    """Results of a batch, the drawn arteries that it was made with, and the command up to the threshold in HU."""
    results, arteries = tmp_path / "results", tmp_path / "drawn.nii.gz"
    (case / "territories.nii.gz").rename(arteries)
    command = ("batch", case.parent, "--arteries", arteries, "-o", results, "--calcification")
    assert call(*command, 470) == 0
    return results, arteries, command


def test_analyze_leaves_drawn_label_maps_alone(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(case)
    arteries = ("--arteries", case / "totalseg.nii.gz", "--preset", "totalsegmentator", "--calcification", 470)
    assert call("analyze", case / "cta.nii.gz", *arteries, "-o", case) == 2
    assert capsys.readouterr().err == (
        f"calcscore: {case}: territories.nii.gz in it is no result of an analysis and would be overwritten, "
        "choose another folder\n"
    )
    assert contents(case) == before


def test_analyze_takes_its_own_folder_again_but_no_input_out_of_it(
    case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results"
    assert analyze(case, results) == 0
    assert analyze(case, results) == 0
    capsys.readouterr()
    own = results / "territories.nii.gz"
    assert call("analyze", case / "cta.nii.gz", "--arteries", own, "-o", results) == 2
    told = f"calcscore: {own}: the output would overwrite an input, choose another folder for the results\n"
    assert capsys.readouterr().err == told


def test_analyze_and_batch_keep_what_was_corrected(
    case: Path, batched: tuple[Path, Path, tuple[object, ...]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results, arteries, command = batched
    labels = read_calcification(results / "case_0" / "calcification.nii.gz").array.copy()
    # Outside all arteries: no row changes, and it is a correction all the same.
    labels[5:8, 2:4, 2:4] = 2
    corrected = tmp_path / "corrected" / "case_0"
    corrected.mkdir(parents=True)
    write_image(corrected / "calcification.nii.gz", Image(labels, GEOMETRY))
    assert call("rescore", corrected, "-o", results, "--cta", case / "cta.nii.gz") == 0
    before = contents(results / "case_0")
    capsys.readouterr()

    assert call("analyze", case / "cta.nii.gz", "--arteries", arteries, "-o", results / "case_0") == 2
    assert capsys.readouterr().err == (
        f"calcscore: {results / 'case_0'}: the results in it were edited by hand and would be lost, choose another "
        "folder, or remove this one\n"
    )
    assert call(*command, 600) == 0
    assert "case_0 were edited by hand and stay as they are" in capsys.readouterr().err
    assert contents(results / "case_0") == before


@pytest.mark.parametrize("damage", ["", "{", '{"schema": "calcscore/2"}'])
def test_results_whose_scores_cannot_be_read_are_not_replaced(
    damage: str, case: Path, batched: tuple[Path, Path, tuple[object, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    results, arteries, command = batched
    # Nobody can tell any more whether they were edited by hand.
    (results / "case_0" / "scores.json").write_text(damage)
    before = contents(results / "case_0")
    told = f"{results / 'case_0'}: scores.json in it cannot be read, so that edits by hand may be lost"
    capsys.readouterr()
    for options in ([], ["--retry-failed"]):
        assert call(*command, 470, *options) == 1
        assert f"case_0: failed, {told}" in capsys.readouterr().out
        assert contents(results / "case_0") == before
    assert call("analyze", case / "cta.nii.gz", "--arteries", arteries, "-o", results / "case_0") == 2
    assert told in capsys.readouterr().err
    assert contents(results / "case_0") == before


def test_a_batch_keeps_edited_results_of_which_it_has_no_record(
    batched: tuple[Path, Path, tuple[object, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    results, _, command = batched
    scores = results / "case_0" / "scores.json"
    content = json.loads(scores.read_text(encoding="utf-8"))
    content["territories"]["aorta"]["edited"] = True
    scores.write_text(json.dumps(content))
    # As a copy made with * leaves it behind.
    shutil.rmtree(results / STATE_FOLDER)
    before = contents(results / "case_0")
    for _ in range(2):
        capsys.readouterr()
        assert call(*command, 470) == 0
        assert "case_0 were edited by hand and stay as they are" in capsys.readouterr().err
        assert contents(results / "case_0") == before
        assert "case_0,aorta" in (results / "scores.csv").read_text(encoding="utf-8")


def test_a_batch_replaces_what_is_left_of_its_own_results(batched: tuple[Path, Path, tuple[object, ...]]) -> None:
    results, _, command = batched
    whole = set(contents(results / "case_0"))
    (results / "case_0" / "calcification.nii.gz").unlink()
    assert call(*command, 470) == 0
    assert set(contents(results / "case_0")) == whole


def test_a_batch_leaves_drawn_label_maps_and_its_own_inputs_alone(
    case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results"
    drawn = results / "case_0" / "territories.nii.gz"
    drawn.parent.mkdir(parents=True)
    (case / "territories.nii.gz").rename(drawn)
    before = contents(results / "case_0")
    command = ("batch", case.parent, "-o", results, "--calcification", 470, "--arteries")
    assert call(*command, drawn) == 1
    assert f"failed, {drawn}: the output would overwrite an input" in capsys.readouterr().out
    assert call(*command, case / "totalseg.nii.gz", "--preset", "totalsegmentator") == 1
    assert f"failed, {drawn.parent}: territories.nii.gz in it is no result" in capsys.readouterr().out
    assert contents(results / "case_0") == before


def test_analyze_leaves_dicom_objects_alone_that_it_did_not_write(
    case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results"
    results.mkdir()
    theirs = results / "segmentation.dcm"
    theirs.write_bytes(b"the segmentation of another program")
    assert analyze(case, results) == 2
    assert f"{results}: segmentation.dcm in it is no result of an analysis" in capsys.readouterr().err
    assert theirs.read_bytes() == b"the segmentation of another program"


@pytest.mark.parametrize("command", ["phantom", "synthesize"])
def test_synthetic_cases_do_not_replace_cases_of_patients(
    command: str, case: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(case)
    assert call(command, "-o", case.parent, "--spacing", 5, 5, 5) == 2
    told = f"calcscore: {case}: a case that is no synthetic one is in this folder, choose another one with -o\n"
    assert capsys.readouterr().err == told
    assert contents(case) == before


def test_a_demo_does_not_replace_a_case(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(case)
    assert call("demo", "-o", case) == 2
    assert f"{case}: a case that is no synthetic one is in this folder" in capsys.readouterr().err
    assert contents(case) == before


def test_territories_do_not_replace_the_cta_or_a_mask(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(case)
    cta, mask = case / "cta.nii.gz", case / "masks" / "aorta.nii.gz"
    assert call("territories", case / "totalseg.nii.gz", "--map", "52=aorta", "--cta", cta, "-o", cta) == 2
    assert "would overwrite an input" in capsys.readouterr().err
    assert call("territories", case / "masks", "--preset", "totalsegmentator", "-o", mask) == 2
    assert "would overwrite an input" in capsys.readouterr().err
    assert contents(case) == before


@pytest.mark.parametrize("side", ["reference", "prediction"])
def test_an_evaluation_is_not_written_among_its_cases(
    side: str, case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (case / "masks" / "aorta.nii.gz").rename(case / "calcification.nii.gz")
    shutil.copytree(case.parent, tmp_path / "other")
    sides = {"reference": case.parent, "prediction": tmp_path / "other"}
    given = [f"--{name}={folder}" for name, folder in sides.items()]
    assert call("evaluate", *given, "-o", sides[side]) == 2
    told = f"calcscore: {sides[side]}: the cases are in this folder, choose another one for the results\n"
    assert capsys.readouterr().err == told


def test_training_cases_do_not_replace_their_sources_nor_those_of_another_cohort(
    case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for cohort, seed in (("one", 0), ("two", 1)):
        source, results = tmp_path / cohort, tmp_path / f"{cohort}_results"
        write_case(source / "case_0", seed)
        command = ("batch", source, "--arteries", "arteries.nii.gz", "--calcification", 470, "-o", results)
        assert call(*command) == 0
        labels = read_calcification(results / "case_0" / "calcification.nii.gz").array.copy()
        labels[np.s_[70:73, 29:32, 29:32]] = 2
        corrected = tmp_path / f"{cohort}_corrected" / "case_0"
        corrected.mkdir(parents=True)
        write_image(corrected / "calcification.nii.gz", Image(labels, GEOMETRY))
        assert call("rescore", corrected, "-o", results, "--cta", source / "case_0" / "cta.nii.gz") == 0
    one, results = tmp_path / "one", tmp_path / "one_results"
    before = contents(one)
    capsys.readouterr()
    assert call("cases", results, "-o", one, "--source", one) == 2
    told = f"calcscore: {one}: the case case_0 lies in this folder, choose another one for the training cases\n"
    assert capsys.readouterr().err == told
    assert contents(one) == before

    cases = tmp_path / "cases"
    # Twice: further corrections of the same case are taken.
    for _ in range(2):
        assert call("cases", results, "-o", cases, "--source", one) == 0
    before = contents(cases)
    capsys.readouterr()
    assert call("cases", tmp_path / "two_results", "-o", cases, "--source", tmp_path / "two") == 2
    assert (
        f"case_0: in {cases} is a case of this name with another CTA, choose another folder" in capsys.readouterr().err
    )
    assert contents(cases) == before
