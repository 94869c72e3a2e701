"""Links that run in a circle are no such file, and no reason to break off."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from CalcScoreLogic.cli import main
from Testing.logic.image_files import SHAPE, ct_array, good_calcification, good_territories, nifti


@pytest.fixture
def circle(tmp_path: Path) -> Path:
    link = tmp_path / "circle.nii.gz"
    link.symlink_to(link)
    return link


@pytest.mark.parametrize(
    "command",
    [
        ["score", "--territories", "{circle}", "--calcification", "{calcification}", "-o", "{folder}/s.json"],
        ["threshold", "{circle}", "--arteries", "{territories}", "-o", "{folder}/c.nii.gz"],
        ["territories", "{circle}", "--preset", "totalsegmentator", "-o", "{folder}/t.nii.gz"],
        ["shorten", "{circle}", "-o", "{folder}/t.nii.gz"],
        ["batch", "{circle}", "--arteries", "{territories}", "--calcification", "470", "-o", "{folder}/out"],
    ],
)
def test_an_input_that_leads_nowhere_is_no_such_file(
    command: list[str], circle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    territories, calcification = good_territories(tmp_path), good_calcification(tmp_path)
    names = {"circle": circle, "territories": territories, "calcification": calcification, "folder": tmp_path}
    assert main([word.format(**names) for word in command]) == 2
    assert capsys.readouterr().err == f"calcscore: {circle}: no such file or folder, check the path\n"


def test_an_output_replaces_the_link(circle: Path, tmp_path: Path) -> None:
    assert main(["shorten", str(good_territories(tmp_path)), "-o", str(circle)]) == 0
    assert circle.is_file()


def test_a_cohort_with_a_circle_is_scored_without_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = tmp_path / "cohort" / "a"
    case.mkdir(parents=True)
    noise = np.random.default_rng(1).integers(-30, 30, SHAPE)
    (case / "cta.nii").write_bytes(nifti((ct_array() + noise).astype("<i2")))
    for name in ("circle", "circle.nii.gz"):
        (case / name).symlink_to(case / name)
    arteries = str(good_territories(tmp_path))
    command = ["batch", str(case.parent), "--arteries", arteries, "--calcification", "470", "-o", str(tmp_path / "out")]
    assert main(command) == 0
    told = capsys.readouterr()
    assert "1 cases done, 0 failed" in told.out
    assert "circle.nii.gz was left out: no file that can be read" in told.err
