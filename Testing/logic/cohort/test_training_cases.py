"""Corrected cases as training cases: which are taken, what is in them, and what is cut."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from CalcScoreLogic.cli import main
from CalcScoreLogic.images.coverage import Coverage
from CalcScoreLogic.images.files import read_calcification, read_ct, read_territories, write_image
from CalcScoreLogic.images.geometry import Image
from CalcScoreLogic.training import find_cases
from Testing.logic.other_tool_cases import GEOMETRY, arrays, write_case

PAINTED = np.s_[70:73, 29:32, 29:32]
"""Three slices in the aorta that a reader paints."""


@pytest.fixture
def cohort(tmp_path: Path) -> tuple[Path, Path]:
    """Three cases scored with their own arteries; a reader corrects the calcification of the second."""
    source, results = tmp_path / "source", tmp_path / "results"
    for seed in range(3):
        write_case(source / f"case_{seed}", seed)
    assert main(["batch", str(source), "-o", str(results), "--arteries", "arteries.nii.gz"]) == 0
    correct(results / "case_1", source)
    return source, results


def correct(case: Path, source: Path) -> None:
    labels = read_calcification(case / "calcification.nii.gz").array.copy()
    labels[PAINTED] = 2
    corrected = case.parent.parent / f"{case.name}_corrected"
    corrected.mkdir()
    write_image(corrected / "calcification.nii.gz", Image(labels, GEOMETRY))
    cta = source / case.name / "cta.nii.gz"
    assert main(["rescore", str(corrected), "-o", str(case.parent), "--cta", str(cta)]) == 0


def take(results: Path, output: Path, *options: object) -> int:
    return main(["cases", str(results), "-o", str(output), *map(str, options)])


def test_edited_cases_are_taken_and_no_others(
    cohort: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, results = cohort
    capsys.readouterr()
    assert take(results, tmp_path / "cases", "--source", source, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["cases"] == [{"case": "case_1", "edited": ["calcification"], "cropped": False}]
    assert "needs 5 cases" in told["warnings"][0]
    (case,) = find_cases(tmp_path / "cases")
    cta, territories, plaques = arrays(1)
    plaques[PAINTED] = True
    np.testing.assert_array_equal(read_ct(case.cta).array, cta)
    np.testing.assert_array_equal(read_territories(case.territories).array, territories)
    expected = np.where(plaques, 2, territories > 0)
    np.testing.assert_array_equal(read_calcification(case.calcification).array, expected)


def test_the_cta_may_lie_beside_the_results(cohort: tuple[Path, Path], tmp_path: Path) -> None:
    source, results = cohort
    (results / "case_1" / "cta.nii.gz").write_bytes((source / "case_1" / "cta.nii.gz").read_bytes())
    assert take(results / "case_1", tmp_path / "cases") == 0
    assert [case.name for case in find_cases(tmp_path / "cases")] == ["case_1"]


def test_what_cannot_be_taken_is_told(
    cohort: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, results = cohort
    assert take(results, tmp_path / "cases") == 2
    assert "give the source of the batch with --source" in capsys.readouterr().err
    cta, _, _ = arrays(1)
    write_image(source / "case_1" / "cta.nii.gz", Image((cta + 1).astype(np.int16), GEOMETRY))
    assert take(results, tmp_path / "cases", "--source", source) == 2
    assert "not the one that was analyzed" in capsys.readouterr().err
    assert take(source, tmp_path / "cases") == 2
    assert "there are no results" in capsys.readouterr().err
    assert take(results / "case_0", tmp_path / "cases") == 2
    assert "no case in it was edited by hand" in capsys.readouterr().err
    assert not (tmp_path / "cases" / "case_1").exists()


def test_a_case_is_cut_to_where_calcification_was_looked_for(cohort: tuple[Path, Path], tmp_path: Path) -> None:
    source, results = cohort
    scores = results / "case_1" / "scores.json"
    content = json.loads(scores.read_text(encoding="utf-8"))
    k, j, i = GEOMETRY.shape
    borders = [np.array([0, 40, 90, k]), np.array([0, j]), np.array([0, 10, i])]
    cells = np.zeros((3, 1, 2), bool)
    cells[1, 0, 1] = True
    coverage = Coverage(GEOMETRY.origin, borders, cells)
    content["provenance"]["inference"] = {"coverage": coverage.to_dict()}
    scores.write_text(json.dumps(content), encoding="utf-8")
    assert take(results, tmp_path / "cases", "--source", source) == 0
    (case,) = find_cases(tmp_path / "cases")
    cta, territories, _ = arrays(1)
    box = np.s_[40:90, :, 10:]
    found = read_ct(case.cta)
    np.testing.assert_array_equal(found.array, cta[box])
    np.testing.assert_array_equal(read_territories(case.territories).array, territories[box])
    assert found.geometry.origin == pytest.approx((15.0, -3.0, 50.0))
