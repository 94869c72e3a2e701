"""Corrections by a key or two clicks: exact voxels, marked, undone, and nothing else touched."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from CalcScoreLib.incremental_work import run_through
from CalcScoreLib.scene.case import SceneCase
from CalcScoreLib.scene.hand_edits import HandEdit, added_branch, reassignment, removal

from CalcScoreLogic.anatomy import Territory
from CalcScoreLogic.errors import InputError
from CalcScoreLogic.images.geometry import Image
from CalcScoreLogic.results import CaseResult
from CalcScoreLogic.shortening import ShorteningParameters
from Testing.slicer.scene.cases import GRID, SHAPE, VOXEL_MM3, Maps, assert_same_scores, small_maps, stored
from Testing.slicer.scene.scenes import add_segmentation, paint, voxels_of


def make(case: SceneCase, edit: HandEdit) -> CaseResult:
    return run_through(case.edit_steps(edit))


def voxels(case: SceneCase, key: str) -> set[tuple[int, ...]]:
    return {tuple(v) for v in voxels_of(case.segmentation(key), case.segment_id(key)).tolist()}


KEYS = ("aorta", "iliac", "renal", "calcification", "full.aorta", "full.iliac", "full.renal")


def test_a_plaque_that_is_removed_takes_its_voxels_and_no_others(scene: Any) -> None:
    case, before = stored(scene, small_maps())
    was = {key: voxels(case, key) for key in KEYS}
    after = make(case, removal(case.plaques()[:1]))
    aorta = after.scores.territories["aorta"]
    assert aorta.calcified_volume_mm3 == 4 * VOXEL_MM3
    assert aorta.cluster_count == 1
    assert aorta.artery_volume_mm3 == before.scores.territories["aorta"].artery_volume_mm3
    assert was["calcification"] - voxels(case, "calcification") == {(i, j, 20) for i in range(10, 16) for j in (10, 11)}
    assert {key: voxels(case, key) for key in KEYS if key != "calcification"} == {
        key: own for key, own in was.items() if key != "calcification"
    }


def test_it_is_recorded_marked_and_compared(scene: Any) -> None:
    case, before = stored(scene, small_maps())
    after = make(case, removal(case.plaques()[:1]))
    assert after.edited == ("aorta", "combined")
    assert after.provenance["rescored"]["edited_segments"] == ["calcification"]
    assert after.before("aorta") == before.scores.territories["aorta"]
    assert case.result() == CaseResult.from_dict(after.to_dict())
    assert case.changed_structures() == ()
    assert [plaque.volume_mm3 for plaque in case.plaques()] == [4 * VOXEL_MM3, 2 * VOXEL_MM3]


def test_several_at_once_and_undone(scene: Any) -> None:
    case, before = stored(scene, small_maps())
    was = {key: voxels(case, key) for key in KEYS}
    edit = removal(case.plaques()[:2])
    assert make(case, edit).scores.territories["aorta"].cluster_count == 0
    undone = make(case, edit.undo())
    assert_same_scores(undone, before)
    assert undone.edited == ()
    assert undone.before_edits == {}
    assert {key: voxels(case, key) for key in KEYS} == was


def test_an_undo_leaves_what_was_painted_meanwhile(scene: Any) -> None:
    case, before = stored(scene, small_maps())
    edit = removal(case.plaques()[:1])
    make(case, edit)
    paint(case.calcification, case.segment_id("calcification"), np.array([[12, 12, 40], [10, 10, 20]]), True)
    after = make(case, edit.undo())
    total = before.scores.territories["aorta"].calcified_volume_mm3
    # k = 40 lies above the trimmed aorta.
    assert after.scores.territories["aorta"].calcified_volume_mm3 == total
    assert (12, 12, 40) in voxels(case, "calcification")


def test_what_hangs_on_a_removed_plaque_outside_the_arteries_goes_with_it(scene: Any) -> None:
    case, _ = stored(scene, small_maps())
    segment = case.segment_id("calcification")
    paint(case.calcification, segment, np.array([(i, 9, 20) for i in range(10, 14)]), True)
    case.rescore()
    make(case, removal(case.plaques()[:1]))
    assert voxels(case, "calcification") == {(i, 10, 10) for i in range(10, 14)} | {(12, 12, 3), (13, 12, 3)}
    assert not [w for w in case.result().warnings if "outside the arteries" in w]


def test_a_bridge_outside_that_leads_to_another_plaque_stays(scene: Any) -> None:
    case, _ = stored(scene, small_maps())
    bridge = {(9, 10, k) for k in range(10, 21)}
    paint(case.calcification, case.segment_id("calcification"), np.array(sorted(bridge)), True)
    case.rescore()
    make(case, removal(case.plaques()[:1]))
    assert bridge <= voxels(case, "calcification")
    assert (10, 10, 20) not in voxels(case, "calcification")


def test_a_plaque_that_is_given_to_another_territory_takes_its_artery_along(scene: Any) -> None:
    case, before = stored(scene, small_maps())
    plaque = case.plaques()[0]
    edit = reassignment([plaque], Territory.RENAL)
    after = make(case, edit)
    rows, were = after.scores.territories, before.scores.territories
    assert rows["aorta"].calcified_volume_mm3 == were["aorta"].calcified_volume_mm3 - 24
    assert rows["renal"].calcified_volume_mm3 == 24
    assert rows["aorta"].artery_volume_mm3 == were["aorta"].artery_volume_mm3 - 24
    assert rows["renal"].artery_volume_mm3 == were["renal"].artery_volume_mm3 + 24
    assert rows["combined"] == were["combined"]
    moved = {tuple(v[::-1]) for v in plaque.voxels.tolist()}
    assert moved <= voxels(case, "full.renal")
    assert not moved & voxels(case, "full.aorta")
    assert set(after.edited) >= {"aorta", "renal", "combined"}
    assert_same_scores(make(case, edit.undo()), before)


def test_a_foreign_segment_in_the_same_node_stays_whole(scene: Any) -> None:
    case, _ = stored(scene, small_maps())
    other = np.zeros(SHAPE, np.uint8)
    other[20, 9:13, 9:17] = 1
    node = add_segmentation(scene, case.volume, {"mine": other})
    case.calcification.GetSegmentation().CopySegmentFromSegmentation(node.GetSegmentation(), "mine")
    make(case, removal(case.plaques()[:1]))
    assert len(voxels_of(case.calcification, "mine")) == 4 * 8


def test_an_edit_meanwhile_leaves_everything_as_it_is(scene: Any) -> None:
    case, before = stored(scene, small_maps())
    steps = case.edit_steps(removal(case.plaques()[:1]))
    part = None
    while part is None:
        part = next(steps)
    paint(case.calcification, case.segment_id("calcification"), np.array([[12, 12, 12]]), True)
    with pytest.raises(InputError, match="Segments were edited meanwhile, so nothing was corrected"):
        steps.send(part())
    assert len(voxels(case, "calcification")) == 19
    assert case.result() == CaseResult.from_dict(before.to_dict())


def branch_maps() -> Maps:
    """The small case with a second renal artery, 6 x 3 voxels (6 x 6 mm), in the CTA and in no map.

    It leaves the aorta's upper side (j = 18) at k = 20 to 22 and ends at j = 29; it holds 4 voxels of 700 HU.
    """
    maps = small_maps()
    hu = maps.cta.array.copy()
    hu[19:22, 18:29, 20:26] = 300
    hu[19:22, 10:18, 18:26] = 300
    hu[20, 24, 21:25] = 700
    return Maps(Image(hu, GRID), maps.territories, maps.calcification)


def clicks(case: SceneCase) -> list[list[float]]:
    return [GRID.to_physical(index).tolist() for index in ([20.0, 14.0, 20.0], [22.5, 27.0, 20.0])]


def test_a_missed_branch_is_added_trimmed_and_scored(scene: Any) -> None:
    case, before = stored(scene, branch_maps())
    edit = added_branch(clicks(case), Territory.RENAL, ShorteningParameters(), 470.0)
    after = make(case, edit)
    renal, was = after.scores.territories["renal"], before.scores.territories["renal"]
    assert renal.artery_volume_mm3 > was.artery_volume_mm3 + 300
    assert renal.calcified_volume_mm3 == 4 * VOXEL_MM3
    assert set(after.edited) >= {"renal", "combined"}
    assert "aorta" not in after.edited
    assert after.before("renal") == was
    assert edit.note.startswith("Renal: a branch of ")
    assert case.lost_edits() == ()
    undone = make(case, edit.undo())
    assert_same_scores(undone, before)
    assert undone.edited == ()


def test_no_calcification_is_added_where_a_network_marks_it(scene: Any) -> None:
    case, _ = stored(scene, branch_maps())
    after = make(case, added_branch(clicks(case), Territory.RENAL, ShorteningParameters()))
    assert after.scores.territories["renal"].calcified_volume_mm3 == 0


def test_a_branch_that_cannot_be_grown_changes_nothing(scene: Any) -> None:
    case, before = stored(scene, small_maps())
    far = [GRID.to_physical(index).tolist() for index in ([2.0, 2.0, 50.0], [30.0, 2.0, 50.0])]
    with pytest.raises(InputError, match="no bright way leads"):
        make(case, added_branch(far, Territory.RENAL, ShorteningParameters()))
    assert case.changed_structures() == ()
    assert case.result() == CaseResult.from_dict(before.to_dict())
