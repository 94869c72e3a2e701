"""Calcification painted over the arteries, as the Segment Editor does by default, takes nothing from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from CalcScoreLib.scene.case import SceneCase

from CalcScoreLogic.quality.codes import CodedWarning, WarningCode
from CalcScoreLogic.results import CaseResult
from CalcScoreLogic.shortening import ShorteningParameters
from Testing.slicer.scene.cases import VOXEL_MM3, assert_same_scores, small_maps, stored
from Testing.slicer.scene.scenes import paint, save_and_load, voxels_of

#: Two voxels through the aorta's outer wall, which no artery surrounds: (i, j, k).
STROKE = np.array([(10, 14, 25), (11, 14, 25)])


def paint_over(case: SceneCase, voxels: np.ndarray, key: str = "aorta") -> None:
    """Paint calcification and take the artery away below it: what the editor's overwrite mode "all segments" does."""
    paint(case.calcification, case.segment_id("calcification"), voxels, True)
    paint(case.segmentation(key), case.segment_id(key), voxels, False)


def told(result: CaseResult, code: WarningCode) -> list[str | None]:
    return [w.territory for w in result.warnings if isinstance(w, CodedWarning) and w.code is code]


def test_an_overwritten_artery_counts_as_before_and_is_there_again(scene: Any) -> None:
    case, before = stored(scene, small_maps())
    aorta = voxels_of(case.calcification, case.segment_id("aorta"))
    paint_over(case, STROKE)
    after = case.rescore()
    old, new = (result.scores.territories["aorta"] for result in (before, after))
    assert new.artery_volume_mm3 == old.artery_volume_mm3
    assert new.calcified_volume_mm3 == old.calcified_volume_mm3 + 2 * VOXEL_MM3
    assert told(after, WarningCode.FILLED_HOLES) == ["aorta"]
    assert told(after, WarningCode.CALCIUM_OUTSIDE) == []
    np.testing.assert_array_equal(voxels_of(case.calcification, case.segment_id("aorta")), aorta)
    assert case.edited_structures() == ("calcification",)
    assert case.changed_structures() == ()
    assert after.edited == ("aorta", "combined")
    # What was filled is still known when the case is scored once more.
    assert case.rescore().warnings == after.warnings


@pytest.mark.parametrize("looked", [True, False])
def test_it_is_known_after_loading(looked: bool, scene: Any, tmp_path: Path) -> None:
    case, before = stored(scene, small_maps())
    if not looked:
        # Saved between painting and scoring: only the full length and what was cut off tell.
        paint_over(case, STROKE)
    loaded = save_and_load(scene, tmp_path / "case.mrb")
    (again,) = SceneCase.all(loaded.scene)
    if looked:
        assert again.changed_structures() == ()
        paint_over(again, STROKE)
    after = again.rescore().scores.territories["aorta"]
    assert after.artery_volume_mm3 == before.scores.territories["aorta"].artery_volume_mm3
    assert after.calcified_volume_mm3 == before.scores.territories["aorta"].calcified_volume_mm3 + 2 * VOXEL_MM3


def test_an_artery_that_was_extended_by_hand_is_no_less_safe(scene: Any) -> None:
    case, _ = stored(scene, small_maps())
    added = np.array([(9, j, 25) for j in (13, 14, 15)])
    paint(case.calcification, case.segment_id("aorta"), added, True)
    before = case.rescore().scores.territories["aorta"]
    paint_over(case, added[:1])
    after = case.rescore().scores.territories["aorta"]
    assert after.artery_volume_mm3 == before.artery_volume_mm3
    assert after.calcified_volume_mm3 == before.calcified_volume_mm3 + VOXEL_MM3


def test_full_length_arteries_are_filled_before_they_are_trimmed(scene: Any) -> None:
    case, before = stored(scene, small_maps())
    paint_over(case, STROKE, "full.aorta")
    full = voxels_of(case.arteries, case.segment_id("full.aorta"))
    after = case.trim_again(ShorteningParameters())
    assert told(after, WarningCode.FILLED_HOLES) == ["aorta"]
    aorta = after.scores.territories["aorta"]
    assert aorta.artery_volume_mm3 == before.scores.territories["aorta"].artery_volume_mm3
    assert len(voxels_of(case.arteries, case.segment_id("full.aorta"))) == len(full) + 2
    assert_same_scores(case.rescore(), after)


def test_a_hole_that_was_never_an_artery_is_filled_where_arteries_surround_it(scene: Any) -> None:
    maps = small_maps()
    maps.territories.array[25, 14, 14] = 0
    case, before = stored(scene, maps)
    paint(case.calcification, case.segment_id("calcification"), np.array([(14, 14, 25)]), True)
    after = case.rescore()
    aorta = after.scores.territories["aorta"]
    assert aorta.artery_volume_mm3 == before.scores.territories["aorta"].artery_volume_mm3 + VOXEL_MM3
    assert told(after, WarningCode.FILLED_HOLES) == ["aorta"]
