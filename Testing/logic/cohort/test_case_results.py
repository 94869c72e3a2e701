"""The case that a correction belongs to."""

from __future__ import annotations

from pathlib import Path

import pytest

from CalcScoreLogic.cohort.case_results import case_of
from CalcScoreLogic.cohort.checksums import UNREADABLE
from CalcScoreLogic.cohort.state import CohortFolder, Record, State
from CalcScoreLogic.errors import InputError


def test_whose_correction_it_is(tmp_path: Path) -> None:
    for case in ("case_1", "case_17", "case_17_b"):
        (tmp_path / case).mkdir()
        (tmp_path / case / "scores.json").write_text("{}")
    for name, case in (
        ("case_1.seg.nrrd", "case_1"),
        ("case_17 arteries.seg.nrrd", "case_17"),
        ("case_17_b_mine.seg.nrrd", "case_17_b"),
        ("elsewhere/case_17/Segmentation.seg.nrrd", "case_17"),
        ("elsewhere/case_1", "case_1"),
    ):
        assert case_of(tmp_path / "corrected" / name, tmp_path) == tmp_path / case
    assert case_of(tmp_path / "anything", tmp_path / "case_17") == tmp_path / "case_17"
    with pytest.raises(InputError, match="begins with the name of a case"):
        case_of(tmp_path / "corrected" / "case_170.seg.nrrd", tmp_path)


def test_a_correction_of_a_case_that_failed_goes_to_no_other_case(tmp_path: Path) -> None:
    (tmp_path / "case_1").mkdir()
    (tmp_path / "case_1" / "scores.json").write_text("{}")
    cohort = CohortFolder(tmp_path)
    with cohort.locked():
        cohort.keep(Record("case_1_b", State.FAILED, "it is damaged", 0.0, UNREADABLE, ""))
    with pytest.raises(InputError) as caught:
        case_of(tmp_path / "corrected" / "case_1_b.seg.nrrd", tmp_path)
    told = f"the case case_1_b has no results in {tmp_path}, analyze it first"
    assert str(caught.value) == f"{tmp_path / 'corrected' / 'case_1_b.seg.nrrd'}: {told}"
