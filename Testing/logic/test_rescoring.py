"""Scores again from corrected masks: what is kept, what is replaced, what is marked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from CalcScoreLogic.anatomy import Territory
from CalcScoreLogic.images.coverage import Coverage
from CalcScoreLogic.images.geometry import Array, Geometry, Image
from CalcScoreLogic.pipeline import CaseParameters, score_masks
from CalcScoreLogic.quality.codes import CodedWarning, WarningCode
from CalcScoreLogic.rescoring import SEGMENTS, Edits, rescore, trim_again
from CalcScoreLogic.results import BurdenRange, CaseResult, ScoredCase
from CalcScoreLogic.shortening import ShorteningParameters

GRID = Geometry((40, 20, 60), (1.0, 1.0, 2.0), (3.0, 4.0, 5.0))
HALF = np.array([True, False]).reshape(1, 1, 2)
NOTICE = "The GPU's memory did not suffice."
FOLDS = CodedWarning(WarningCode.FOLDS_DISAGREE, "Renal: the folds disagree.", "renal")


def maps(loose: bool = True) -> tuple[Array, Array, Array]:
    """An aorta, an iliac and a renal artery, a loose piece of renal artery, and metal in the aorta."""
    territories = np.zeros((60, 20, 40), np.uint8)
    territories[6:56, 5:13, 10:18] = Territory.AORTA
    territories[2:6, 7:11, 12:16] = Territory.ILIAC
    territories[30:32, 7:11, 18:30] = Territory.RENAL
    if loose:
        territories[45:47, 15:17, 35:37] = Territory.RENAL
    calcification = (territories > 0).astype(np.uint8)
    calcification[20, 5, 10:14] = 2
    hu = np.full(territories.shape, 300, np.int16)
    hu[25, 8, 12] = 3071
    return territories, calcification, hu


def scored(loose: bool = True) -> ScoredCase:
    territories, calcification, hu = (Image(array, GRID) for array in maps(loose))
    case = score_masks("c", territories, calcification, CaseParameters(weights={Territory.AORTA: 2.0}), hu)
    ranges = {name: BurdenRange(0.0, 0.1) for name in case.result.scores.territories}
    warnings = (NOTICE, *case.result.warnings, FOLDS)
    return replace(case, result=replace(case.result, warnings=warnings, burden_ranges=ranges))


def rescored(*arguments: Any) -> CaseResult:
    return rescore(*arguments).result


def test_unchanged_masks_give_the_same_result() -> None:
    case = scored()
    cta = Image(maps()[2], GRID)
    found = rescored(case.result, case.shortened, case.calcification, case.territories, cta)
    assert found.scores == case.result.scores
    assert sorted(found.warnings) == sorted(case.result.warnings)
    assert found.burden_ranges == case.result.burden_ranges
    assert found.composite == case.result.composite
    assert found.edited == ()
    again = rescored(found, case.shortened, case.calcification, case.territories, cta)
    assert again.warnings == found.warnings


def test_a_part_with_a_margin_scores_like_the_whole() -> None:
    case = scored()
    parts = (slice(1, 58), slice(4, 19), slice(9, 39))
    corner = GRID.to_physical([part.start for part in reversed(parts)])
    part = Geometry((30, 15, 57), GRID.spacing, (corner[0], corner[1], corner[2]))
    images = [Image(image.array[parts], part) for image in (case.shortened, case.calcification, case.territories)]
    found = rescored(case.result, *images)
    assert found.scores.territories == case.result.scores.territories
    assert found.scores.vessels == case.result.scores.vessels


def test_edits_mark_rows_and_take_their_fold_range() -> None:
    case = scored()
    calcification = case.calcification.array.copy()
    calcification[20, 5, 10] = 1
    edits = Edits(("calcification",), (Territory.AORTA,), (f"{SEGMENTS}told.",))
    found = rescored(case.result, case.shortened, Image(calcification, GRID), case.territories, None, edits)
    assert found.scores.territories["aorta"].calcified_volume_mm3 == 3 * 2.0
    assert found.composite == {"weights": {"aorta": 2.0}, "burden": found.scores.territories["aorta"].burden}
    assert found.edited == ("aorta", "combined")
    assert set(found.burden_ranges) == {"iliac", "mesenteric", "renal"}
    assert found.provenance["rescored"]["edited_segments"] == ["calcification"]
    assert {k: v for k, v in found.provenance.items() if k != "rescored"} == case.result.provenance
    assert f"{SEGMENTS}told." in found.warnings
    # The next rescoring makes its own warnings.
    assert f"{SEGMENTS}told." not in rescored(found, case.shortened, case.calcification, case.territories).warnings


def test_painting_the_last_plaque_away_draws_no_hint_of_swapped_labels() -> None:
    case = scored()
    empty = Image(np.zeros_like(case.calcification.array), GRID)
    found = rescored(case.result, case.shortened, empty, case.territories)
    assert found.scores.territories["aorta"].burden == 0
    trimmed = trim_again(case.result, case.territories, empty, ShorteningParameters()).result
    assert not [w for w in (*found.warnings, *trimmed.warnings) if w.startswith("The calcification map")]


def test_trimming_again_replaces_what_the_old_trimming_said() -> None:
    case = scored()
    assert [w for w in case.result.warnings if "1 piece not attached" in w]
    assert [w for w in case.result.warnings if w.startswith("Metal inside")]
    cta = Image(maps()[2], GRID)
    repaired = Image(maps(loose=False)[0], GRID)
    edits = Edits(("full.renal",), (Territory.RENAL,))
    found = trim_again(case.result, repaired, case.calcification, ShorteningParameters(8, 4), cta, edits)
    expected = score_masks(
        "c",
        repaired,
        case.calcification,
        CaseParameters(ShorteningParameters(8, 4), weights={Territory.AORTA: 2.0}),
        cta,
    )
    assert found.result.scores == expected.result.scores
    assert found.result.parameters == expected.result.parameters
    assert found.result.composite == expected.result.composite
    np.testing.assert_array_equal(found.shortened.array, expected.shortened.array)
    assert found.result.warnings == (NOTICE, *expected.result.warnings)
    assert found.result.burden_ranges == {}
    assert found.result.edited[:2] == ("renal", "combined")


def searched_below(case: ScoredCase, columns: int) -> ScoredCase:
    """Say that the network looked for calcification in the first columns (i) only."""
    coverage = Coverage(GRID.origin, [np.array([0, 60]), np.array([0, 20]), np.array([0, columns, 40])], HALF)
    record = {**case.result.provenance, "inference": {"coverage": coverage.to_dict()}}
    return replace(case, result=replace(case.result, provenance=record))


def test_arteries_beyond_the_searched_part_are_told() -> None:
    case = searched_below(scored(loose=False), 24)
    images = (case.shortened, case.calcification, case.territories)
    # The renal artery, 2 x 4 voxels thick, runs from column 18 to 29: six columns were not searched, 2 mm³ a voxel.
    found = rescored(case.result, *images)
    told = [w for w in found.warnings if isinstance(w, CodedWarning) and w.code is WarningCode.NOT_SEARCHED]
    assert [(w.territory, "Renal" in w, "96 mm³" in w) for w in told] == [("renal", True, True)]
    again = rescored(found, *images)
    assert again.warnings == found.warnings
    within = rescored(searched_below(case, 30).result, *images)
    assert not [w for w in within.warnings if isinstance(w, CodedWarning) and w.code is WarningCode.NOT_SEARCHED]


def test_longer_lengths_reach_beyond_the_searched_part() -> None:
    case = searched_below(scored(loose=False), 26)
    shorter = trim_again(case.result, case.territories, case.calcification, ShorteningParameters(length_mm=5))
    longer = trim_again(shorter.result, case.territories, case.calcification, ShorteningParameters(length_mm=25))
    codes = [[w.code for w in scored.result.warnings if isinstance(w, CodedWarning)] for scored in (shorter, longer)]
    assert WarningCode.NOT_SEARCHED not in codes[0]
    assert WarningCode.NOT_SEARCHED in codes[1]


def test_a_part_is_compared_with_where_it_lies() -> None:
    case = searched_below(scored(loose=False), 24)
    parts = (slice(1, 58), slice(4, 19), slice(9, 39))
    corner = GRID.to_physical([part.start for part in reversed(parts)])
    part = Geometry((30, 15, 57), GRID.spacing, (corner[0], corner[1], corner[2]))
    images = [Image(image.array[parts], part) for image in (case.shortened, case.calcification, case.territories)]
    assert any("96 mm³" in w for w in rescored(case.result, *images).warnings)


def test_what_was_measured_before_the_first_edit_stays_known() -> None:
    case = scored()
    aorta = case.result.scores.territories["aorta"]
    calcification = case.calcification.array.copy()
    edits = Edits(("calcification",), (Territory.AORTA,))
    for erased in (10, 11):
        calcification[20, 5, erased] = 1
        last = rescored(case.result, case.shortened, Image(calcification, GRID), case.territories, None, edits)
        case = replace(case, result=last)
    assert case.result.scores.territories["aorta"].calcified_volume_mm3 == 2 * 2.0
    assert case.result.before("aorta") == aorta
    assert aorta.calcified_volume_mm3 == 4 * 2.0
    row = next(row for row in case.result.csv_rows() if row["territory"] == "aorta")
    assert (row["calcified_volume_mm3"], row["calcified_volume_mm3_before_edits"]) == (4.0, 8.0)
    assert (row["burden"], row["burden_before_edits"]) == (4.0 / aorta.artery_volume_mm3, aorta.burden)
    assert CaseResult.from_dict(case.result.to_dict()).before_edits == case.result.before_edits


def test_rows_of_a_case_without_edits_are_as_before_them() -> None:
    case = scored()
    assert case.result.before("renal") == case.result.scores.territories["renal"]
    undone = rescored(case.result, case.shortened, case.calcification, case.territories)
    assert undone.before_edits == {}
    assert undone.csv_rows()[0]["burden_before_edits"] == case.result.scores.territories["aorta"].burden


def test_other_lengths_leave_nothing_to_compare_with() -> None:
    case = scored()
    edits = Edits(("full.renal",), (Territory.RENAL,))
    longer = trim_again(case.result, case.territories, case.calcification, ShorteningParameters(8, 4), None, edits)
    assert longer.result.before("renal") is None
    assert longer.result.csv_rows()[3]["burden_before_edits"] is None
    same = trim_again(case.result, case.territories, case.calcification, ShorteningParameters(), None, edits)
    assert same.result.before("renal") == case.result.scores.territories["renal"]
