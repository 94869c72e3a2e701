"""Trimming again: what it keeps, and what it loses."""

from __future__ import annotations

from typing import Any

import numpy as np

from CalcScoreLogic.pipeline import CaseParameters, score_masks
from CalcScoreLogic.shortening import ShorteningParameters
from Testing.slicer.scene.cases import VOXEL_MM3, assert_same_scores, phantom, small_maps, stored
from Testing.slicer.scene.scenes import paint, voxels_of


def test_trimming_again_gives_the_pipelines_scores(scene: Any) -> None:
    maps = phantom()
    case, _ = stored(scene, maps)
    after = case.trim_again(ShorteningParameters(35, 20))
    parameters = CaseParameters(ShorteningParameters(35, 20), "network")
    expected = score_masks("CTA", maps.territories, maps.calcification, parameters, maps.cta)
    assert_same_scores(after, expected.result)
    assert after.parameters == expected.result.parameters
    assert after.warnings == expected.result.warnings
    assert case.parameters() == ShorteningParameters(35, 20)
    assert case.changed_structures() == case.edited_structures() == ()
    np.testing.assert_array_equal(case.scored_case().shortened.array, expected.shortened.array)
    assert_same_scores(case.rescore(), expected.result)


def test_trimming_again_loses_the_trimmed_edits_only(scene: Any) -> None:
    case, before = stored(scene, small_maps())
    aorta, calcium = case.segment_id("aorta"), case.segment_id("calcification")
    paint(case.calcification, aorta, voxels_of(case.calcification, aorta)[:7], False)
    low = voxels_of(case.calcification, calcium)
    paint(case.calcification, calcium, low[low[:, 2] == 10], False)
    assert case.lost_edits() == ("aorta",)
    case.rescore()
    after = case.trim_again(ShorteningParameters())
    assert case.lost_edits() == ()
    rows = after.scores.territories
    assert rows["aorta"].artery_volume_mm3 == before.scores.territories["aorta"].artery_volume_mm3
    assert rows["aorta"].calcified_volume_mm3 == 12 * VOXEL_MM3
    assert after.edited == ("aorta", "combined")
    assert case.edited_structures() == ("calcification",)
    assert case.rescore().edited == ("aorta", "combined")


def test_an_edit_of_the_full_length_waits_for_the_trimming(scene: Any) -> None:
    case, before = stored(scene, small_maps())
    renal = case.segment_id("full.renal")
    root = voxels_of(case.arteries, renal)
    paint(case.arteries, renal, root[root[:, 0] < 22], False)
    assert case.changed_structures() == ("full.renal",)
    after = case.rescore()
    assert (after.scores.territories, after.edited) == (before.scores.territories, ())
    assert case.changed_structures() == ("full.renal",)
    trimmed = case.trim_again(ShorteningParameters())
    # With its root gone the branch hangs free, so nothing of it is counted.
    assert trimmed.scores.territories["renal"].artery_volume_mm3 == 0
    assert trimmed.scores.territories["renal"].status.value == "detached"
    assert [w for w in trimmed.warnings if w.startswith("Renal: 1 piece not attached")]
    assert trimmed.edited == ("renal", "combined", "left_renal", "right_renal")
    assert case.changed_structures() == ()
