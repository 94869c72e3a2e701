"""What is scored through the scene is what the pipeline scores, before and after corrections."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import slicer
from CalcScoreLib.scene import display
from CalcScoreLib.scene.case import SceneCase

from CalcScoreLogic.anatomy import Territory
from CalcScoreLogic.csv_files import to_csv
from CalcScoreLogic.errors import InputError
from CalcScoreLogic.images.geometry import Geometry, Image
from CalcScoreLogic.pipeline import CaseParameters, score_masks
from CalcScoreLogic.results import CSV_COLUMNS, CaseResult
from CalcScoreLogic.shortening import ShorteningParameters
from Testing.slicer.scene.cases import GRID, VOXEL_MM3, Maps, assert_same_scores, phantom, small_maps, stored
from Testing.slicer.scene.scenes import add_transform, add_volume, cells_of, paint, voxels_of
from Testing.trees import rotation


@pytest.mark.parametrize("seed", [3, 8])
def test_a_rescored_phantom_has_the_pipelines_scores(scene: Any, seed: int) -> None:
    case, expected = stored(scene, phantom(seed))
    assert case.result() == expected.__class__.from_dict(expected.to_dict())
    assert case.changed_structures() == case.edited_structures() == ()
    found = case.rescore()
    assert_same_scores(found, expected)
    assert found.warnings == expected.warnings
    assert found.edited == ()


def test_rotated_and_flipped_volumes_have_the_pipelines_scores(scene: Any) -> None:
    turned = rotation((20, -35, 10)) @ np.diag([-1.0, 1.0, -1.0])
    geometry = replace(GRID, direction=tuple(turned.ravel()))
    case, expected = stored(scene, small_maps(geometry))
    assert_same_scores(case.rescore(), expected)
    case.trim_again(ShorteningParameters(12))
    maps = small_maps(geometry)
    parameters = CaseParameters(ShorteningParameters(12))
    assert_same_scores(
        case.result(), score_masks("CTA", maps.territories, maps.calcification, parameters, maps.cta).result
    )


def test_a_rigid_transform_goes_into_the_positions(scene: Any) -> None:
    maps = small_maps()
    volume = add_volume(scene, maps.cta)
    matrix = np.eye(4)
    matrix[:3, :3] = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    matrix[:3, 3] = [100, 200, 300]
    add_transform(scene, matrix, volume)
    # In LPS the turn is the same, and the shift is (-100, -200, 300).
    moved = Geometry(
        GRID.size,
        GRID.spacing,
        (-GRID.origin[1] - 100, GRID.origin[0] - 200, GRID.origin[2] + 300),
        (0, -1, 0, 1, 0, 0, 0, 0, 1),
    )
    turned = [Image(image.array, moved) for image in (maps.territories, maps.calcification, maps.cta)]
    scored = score_masks("CTA", turned[0], turned[1], cta=turned[2])
    case = SceneCase.write(volume, scored)
    assert case.calcification.GetTransformNodeID() == volume.GetTransformNodeID()
    assert_same_scores(case.rescore(), scored.result)
    # The plaque's middle voxels, i 12 or 13, j 10 or 11, k 20, lie at RAS (-5 - i, 3 - j, 50); then (100 - y, 200 + x).
    x, y, z = case.plaques()[0].position_ras
    assert (x, y) in {(100 - 3 + j, 200 - 5 - i) for i in (12, 13) for j in (10, 11)}
    assert z == 350


def test_erased_voxels_lower_the_burden_by_exactly_their_volume(scene: Any) -> None:
    case, before = stored(scene, small_maps())
    aorta = before.scores.territories["aorta"]
    assert (aorta.calcified_volume_mm3, aorta.cluster_count) == (16 * VOXEL_MM3, 2)
    segment = case.segment_id("calcification")
    upper = voxels_of(case.calcification, segment)
    upper = upper[upper[:, 2] == 20]
    paint(case.calcification, segment, upper[:5], False)
    assert case.changed_structures() == ("calcification",)
    assert case.result() == CaseResult.from_dict(before.to_dict())
    after = case.rescore()
    changed = after.scores.territories["aorta"]
    assert changed.calcified_volume_mm3 == aorta.calcified_volume_mm3 - 5 * VOXEL_MM3
    assert changed.artery_volume_mm3 == aorta.artery_volume_mm3
    assert changed.burden == (16 - 5) * VOXEL_MM3 / aorta.artery_volume_mm3
    assert after.scores.territories["iliac"] == before.scores.territories["iliac"]
    assert case.changed_structures() == ()
    assert case.edited_structures() == ("calcification",)


def test_a_case_knows_what_it_has_read(scene: Any) -> None:
    case, _ = stored(scene, small_maps())
    assert case.is_read()
    assert case.knows_plaques()
    again = SceneCase.find(case.volume)
    assert not again.is_read()
    assert not again.knows_plaques()
    # Nine segments that are read, and the plaques.
    assert sum(1 for _ in again.plaque_steps()) > 9
    assert again.is_read()
    assert again.knows_plaques()
    segment = again.segment_id("calcification")
    paint(again.calcification, segment, voxels_of(again.calcification, segment)[:1], False)
    assert not again.is_read()
    assert again.knows_plaques()


def test_an_edit_is_marked_where_it_counts(scene: Any) -> None:
    case, _ = stored(scene, small_maps())
    segment = case.segment_id("calcification")
    paint(case.calcification, segment, voxels_of(case.calcification, segment)[-3:], False)
    after = case.rescore()
    assert after.edited == ("aorta", "combined")
    rows = json.loads(case.record.GetText())["territories"]
    assert [name for name, row in rows.items() if row.get("edited")] == ["aorta", "combined"]
    assert after.provenance["rescored"]["edited_segments"] == ["calcification"]
    table = list(csv.DictReader(io.StringIO(to_csv(after.csv_rows(), CSV_COLUMNS))))
    assert [row["territory"] for row in table if row["edited"] == "yes"] == ["aorta", "combined"]
    assert [name for name, row in cells_of(case.table).items() if row["edited"] == "yes"] == ["Aorta", "Combined"]


def test_an_undone_edit_is_none(scene: Any) -> None:
    case, before = stored(scene, small_maps())
    segment = case.segment_id("iliac")
    corner = voxels_of(case.calcification, segment)[:2]
    paint(case.calcification, segment, corner, False)
    assert case.changed_structures() == ("iliac",)
    paint(case.calcification, segment, corner, True)
    assert case.changed_structures() == ()
    assert case.rescore().edited == ()
    assert_same_scores(case.result(), before)


def test_painting_beyond_the_segments_extent_counts(scene: Any) -> None:
    case, before = stored(scene, small_maps())
    outside = np.array([[1, 1, 58], [2, 1, 58]])
    paint(case.calcification, case.segment_id("renal"), outside, True)
    renal = case.rescore().scores.territories["renal"]
    assert renal.artery_volume_mm3 == before.scores.territories["renal"].artery_volume_mm3 + 2 * VOXEL_MM3
    assert before.scores.territories["renal"].status.value == "ok"
    paint(case.calcification, case.segment_id("renal"), np.array([[0, 1, 58]]), True)
    assert case.rescore().scores.territories["renal"].status.value == "truncated"


def test_what_lies_outside_the_cta_is_left_out(scene: Any) -> None:
    case, before = stored(scene, small_maps())
    paint(case.calcification, case.segment_id("aorta"), np.array([[-2, 3, 4], [45, 3, 4], [3, 3, -1]]), True)
    assert case.changed_structures() == ()
    assert_same_scores(case.rescore(), before)


def test_names_and_colours_change_nothing(scene: Any) -> None:
    case, before = stored(scene, small_maps())
    for node in (case.arteries, case.calcification):
        content = node.GetSegmentation()
        for number, name in enumerate(content.GetSegmentIDs()):
            content.GetSegment(name).SetName(f"Segment {number}")
            content.GetSegment(name).SetColor(0, 0, 0)
        node.SetName("whatever")
    case.volume.SetName("another name")
    found = SceneCase.find(case.volume)
    assert found is not None
    assert found.changed_structures() == ()
    assert_same_scores(found.rescore(), before)


def test_overlapping_territories_go_to_the_aorta_with_a_warning(scene: Any) -> None:
    case, before = stored(scene, small_maps())
    rows = before.scores.territories
    shared = np.array([[10, 10, 8], [11, 10, 8], [12, 10, 8]])
    paint(case.calcification, case.segment_id("iliac"), shared, True)
    # Painting with the editor's overwrite mode "none" leaves the aorta as it is.
    after = case.rescore()
    assert after.scores.territories["aorta"] == rows["aorta"]
    assert after.scores.territories["iliac"].artery_volume_mm3 == rows["iliac"].artery_volume_mm3
    assert [w for w in after.warnings if "overlap in 6 mm³" in w]
    paint(case.calcification, case.segment_id("iliac"), shared, False)
    assert not [w for w in case.rescore().warnings if "overlap" in w]


def test_calcification_outside_the_arteries_is_told(scene: Any) -> None:
    case, before = stored(scene, small_maps())
    paint(case.calcification, case.segment_id("calcification"), np.array([[1, 1, 1], [2, 1, 1]]), True)
    after = case.rescore()
    assert after.scores.territories == before.scores.territories
    assert [w for w in after.warnings if "4 mm³ of the calcification lie outside" in w]
    assert after.edited == ()


def test_a_copied_segment_counts_once(scene: Any) -> None:
    case, before = stored(scene, small_maps())
    content = case.calcification.GetSegmentation()
    copy = slicer.vtkSegment()
    copy.DeepCopy(content.GetSegment(case.segment_id("aorta")))
    content.AddSegment(copy, "copy")
    assert case.changed_structures() == ()
    assert_same_scores(case.rescore(), before)


def test_three_answers_are_kept_apart(scene: Any) -> None:
    maps = small_maps()
    territories = maps.territories.array.copy()
    territories[territories == Territory.ILIAC] = 0
    territories[:6, 10:18, 10:18] = Territory.AORTA
    case, _ = stored(scene, Maps(maps.cta, Image(territories, GRID), maps.calcification))
    case.rescore()
    names = ("status", "burden", "mean_cluster_volume_mm3")
    cells = {title: [row[name] for name in names] for title, row in cells_of(case.table).items()}
    assert cells["Iliac"] == ["not in the field of view", "", ""]
    assert cells["Mesenteric"] == ["absent", "", ""]
    assert cells["Renal"] == ["complete, no calcium", "0.0", ""]
    assert cells["Combined"][0] == "incomplete"


def test_a_rescore_keeps_what_the_networks_said(scene: Any) -> None:
    maps = small_maps()
    scored = score_masks("CTA", maps.territories, maps.calcification, CaseParameters(calcification="network"), maps.cta)
    record = {**scored.result.provenance, "models": {"territories": {"name": "m", "sha256": "0" * 64}}}
    notice = "The GPU's memory did not suffice, the networks ran on the CPU."
    scored = replace(
        scored, result=replace(scored.result, provenance=record, warnings=(notice, *scored.result.warnings))
    )
    case = SceneCase.write(add_volume(scene, maps.cta), scored)
    after = case.rescore()
    assert {key: after.provenance[key] for key in record} == record
    assert after.warnings[0] == notice
    assert after.warnings == scored.result.warnings
    assert case.trim_again(ShorteningParameters(30)).warnings[0] == notice


def test_a_second_analysis_brings_the_same_nodes_up_to_date(scene: Any) -> None:
    case, _ = stored(scene, small_maps())
    content = case.calcification.GetSegmentation()
    content.GetSegment(case.segment_id("aorta")).SetName("Bauchaorta")
    nodes = (case.record, case.table, case.arteries, case.calcification)
    maps = small_maps()
    scored = score_masks("CTA", maps.territories, maps.calcification, CaseParameters(ShorteningParameters(8)), maps.cta)
    again = SceneCase.write(case.volume, scored)
    assert (again.record, again.table, again.arteries, again.calcification) == nodes
    assert content.GetNumberOfSegments() == 5
    assert content.GetSegment(again.segment_id("aorta")).GetName() == "Bauchaorta"
    assert_same_scores(again.rescore(), scored.result)
    assert len(SceneCase.all(scene)) == 1


def test_two_ctas_have_two_cases(scene: Any) -> None:
    case, _ = stored(scene, small_maps())
    other, _ = stored(scene, small_maps())
    assert {found.record for found in SceneCase.all(scene)} == {case.record, other.record}


def test_a_deleted_node_is_named(scene: Any) -> None:
    case, _ = stored(scene, small_maps())
    scene.RemoveNode(case.arteries)
    with pytest.raises(InputError, match="the arteries deleted from the scene; analyze again"):
        case.rescore()
    assert case.calcification is not None


def test_a_deleted_segment_is_an_edit(scene: Any) -> None:
    case, _ = stored(scene, small_maps())
    case.calcification.GetSegmentation().RemoveSegment(case.segment_id("iliac"))
    assert case.changed_structures() == ("iliac",)
    after = case.rescore()
    assert after.scores.territories["iliac"].artery_volume_mm3 == 0
    assert after.edited == ("iliac", "combined", "left_iliac", "right_iliac")


def test_edits_are_heard_through_what_is_observed(scene: Any) -> None:
    case, _ = stored(scene, small_maps())
    heard: list[Any] = []
    tags = [
        (thing, thing.AddObserver(event, lambda caller, event: heard.append(event))) for thing, event in case.observed()
    ]
    segment = case.segment_id("calcification")
    paint(case.calcification, segment, voxels_of(case.calcification, segment)[:1], False)
    assert heard
    heard.clear()
    case.rescore()
    assert heard == []
    for thing, tag in tags:
        thing.RemoveObserver(tag)


def test_the_editor_is_told_to_leave_the_arteries_alone(scene: Any) -> None:
    case, _ = stored(scene, small_maps())
    editor = scene.AddNewNodeByClass("vtkMRMLSegmentEditorNode")
    case.prepare_editor(editor)
    assert editor.GetSegmentationNode() is case.calcification
    assert editor.GetSourceVolumeNode() is case.volume
    assert editor.GetSelectedSegmentID() == case.segment_id("calcification")
    assert editor.GetOverwriteMode() == editor.OverwriteNone
    case.prepare_editor(editor, "full.aorta")
    assert editor.GetSegmentationNode() is case.arteries


def test_plaques_are_listed_with_a_place_inside(scene: Any) -> None:
    case, _ = stored(scene, small_maps())
    plaques = case.plaques()
    assert [(p.number, p.territory, p.volume_mm3, p.max_hu) for p in plaques] == [
        (1, Territory.AORTA, 12 * VOXEL_MM3, 1240),
        (2, Territory.AORTA, 4 * VOXEL_MM3, 700),
        (3, Territory.ILIAC, 2 * VOXEL_MM3, 700),
    ]
    # i 10 to 15, j 10 and 11, k 20: the centre is (12.5, 10.5, 20), the voxels next to it are on both sides.
    x, y, z = plaques[0].position_ras
    assert (x, y) in {(-(5.0 + i), -(-3.0 + j)) for i in (12, 13) for j in (10, 11)}
    assert z == 10 + 20 * 2


def test_what_is_edited_between_reading_and_writing_is_not_lost(scene: Any) -> None:
    case, _ = stored(scene, small_maps())
    before = case.record.GetText()
    steps = case.trim_steps(ShorteningParameters(12))
    work = next(part for part in steps if part is not None)
    paint(case.calcification, case.segment_id("calcification"), np.array([(12, 12, 20)]), True)
    with pytest.raises(InputError, match="edited while they were scored"):
        steps.send(work())
    assert case.record.GetText() == before
    assert case.changed_structures() == ("calcification",)


def test_what_was_written_is_what_a_reader_finds(scene: Any) -> None:
    case, _ = stored(scene, small_maps())
    for change in (lambda: None, case.rescore, lambda: case.trim_again(ShorteningParameters(12))):
        change()
        found = SceneCase.find(case.volume)
        assert found.changed_structures() == case.changed_structures() == ()
        assert found.plaques() == case.plaques()


def test_surfaces_are_made_of_the_new_voxels(scene: Any) -> None:
    case, _ = stored(scene, small_maps())
    display.show_3d(case)
    case.trim_again(ShorteningParameters(12))
    surfaces = []
    for node in (case.calcification, case.arteries):
        content = node.GetSegmentation()
        ids = content.GetSegmentIDs()
        surfaces.append([content.GetSegment(n).GetRepresentation("Closed surface").GetBounds() for n in ids])
        node.RemoveClosedSurfaceRepresentation()
    display.show_3d(case)
    for node, bounds in zip((case.calcification, case.arteries), surfaces, strict=True):
        content = node.GetSegmentation()
        ids = content.GetSegmentIDs()
        assert [content.GetSegment(n).GetRepresentation("Closed surface").GetBounds() for n in ids] == bounds
