"""Segmentations of other tools: who is who, and the maps made of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from CalcScoreLib.incremental_work import run_through
from CalcScoreLib.scene.other_segmentations import calcification_map, guess_structures, territory_map, territory_steps

from CalcScoreLogic.anatomy import Territory
from CalcScoreLogic.errors import InputError
from CalcScoreLogic.images.geometry import Array
from Testing.slicer.scene.cases import VOXEL_MM3, small_maps, stored
from Testing.slicer.scene.scenes import add_segmentation, add_volume


def one_voxel(number: int) -> Array:
    mask = np.zeros((60, 30, 40), np.uint8)
    mask[number % 60, 1, 1] = 1
    return mask


NAMES = {
    "aorta": "aorta",
    "iliac_artery_left": "iliac",
    "iliac_artery_right": "iliac",
    "iliac_vena_left": None,
    "iliopsoas_left": None,
    "celiac_trunk": "mesenteric",
    "superior_mesenteric_artery": "mesenteric",
    "Inferior mesenteric artery": None,
    "renal_artery_left": "renal",
    "kidney_left": None,
    "adrenal_gland_left": None,
    "portal_vein_and_splenic_vein": None,
    "Abdominal aorta": "aorta",
    "Left common iliac artery": "iliac",
    "Coeliac": "mesenteric",
    "Renal vein": None,
    "Calcification": "calcification",
    "Calcified plaques": "calcification",
    "Segment_1": None,
}


def test_names_of_other_tools_are_known(scene: Any) -> None:
    volume = add_volume(scene, small_maps().cta)
    node = add_segmentation(scene, volume, {name: one_voxel(n) for n, name in enumerate(NAMES)})
    assert guess_structures(node) == NAMES


def test_codes_go_before_names_and_our_tag_before_codes(scene: Any) -> None:
    volume = add_volume(scene, small_maps().cta)
    node = add_segmentation(scene, volume, {"Aorta": one_voxel(1), "B": one_voxel(2)})
    content = node.GetSegmentation()
    entry = "any~SCT^51114001^Artery~SCT^73634005^Common iliac artery~SCT^7771000^Left~any~^^~^^"
    content.GetSegment("Aorta").SetTag("TerminologyEntry", entry)
    content.GetSegment("B").SetTag("TerminologyEntry", "any~SCT^91723000^Anatomical Structure~SCT^2841007^Renal~^^")
    assert guess_structures(node) == {"Aorta": "iliac", "B": "renal"}
    content.GetSegment("B").SetTag("TerminologyEntry", "any~SCT^49755003^Lesion~SCT^18115005^Calcification~^^")
    assert guess_structures(node)["B"] == "calcification"
    content.GetSegment("B").SetTag("TerminologyEntry", "any~SCT^51114001^Artery~SCT^33795007^Inferior mesenteric~^^")
    assert guess_structures(node)["B"] is None
    content.GetSegment("B").SetTag("CalcScore.Structure", "mesenteric")
    assert guess_structures(node)["B"] == "mesenteric"


def test_our_own_segmentation_is_known_after_renaming(scene: Any) -> None:
    maps = small_maps()
    case, _ = stored(scene, maps)
    content = case.arteries.GetSegmentation()
    for name in content.GetSegmentIDs():
        content.GetSegment(name).SetName("x")
    guessed = guess_structures(case.arteries)
    assert [guessed[case.segment_id(f"full.{t.key}")] for t in Territory] == [t.key for t in Territory]
    assert guessed[case.segment_id("cut")] is None
    found = territory_map(case.arteries, guessed, case.volume)
    np.testing.assert_array_equal(found.territories.array, maps.territories.array)


def test_maps_hold_the_chosen_segments_and_the_aorta_wins(scene: Any) -> None:
    maps = small_maps()
    volume = add_volume(scene, maps.cta)
    aorta, iliac = maps.territories.array == 1, maps.territories.array == 2
    iliac = iliac.copy()
    iliac[6:8, 12:16, 12:16] = True
    masks = {"a": iliac.astype(np.uint8), "b": aorta.astype(np.uint8), "c": one_voxel(0)}
    node = add_segmentation(scene, volume, masks)
    found = territory_map(node, {"a": "iliac", "b": "aorta", "c": None}, volume)
    expected = np.where(maps.territories.array <= 2, maps.territories.array, 0)
    np.testing.assert_array_equal(found.territories.array, expected)
    assert found.territories.geometry.difference(maps.cta.geometry) is None
    assert found.used == {"a": iliac.sum() * VOXEL_MM3, "b": aorta.sum() * VOXEL_MM3}
    assert found.lacked == (Territory.MESENTERIC, Territory.RENAL)
    # 2 x 4 x 4 voxels of 2 mm³ are claimed twice.
    assert "Structures of different territories overlap in 64 mm³; the aorta wins." in found.warnings


def test_calcification_is_the_union_of_its_segments(scene: Any) -> None:
    volume = add_volume(scene, small_maps().cta)
    node = add_segmentation(scene, volume, {"p": one_voxel(3), "q": one_voxel(9), "r": one_voxel(11)})
    found = calcification_map(node, ["p", "q"], volume)
    assert [tuple(v) for v in np.argwhere(found.array)] == [(3, 1, 1), (9, 1, 1)]
    assert found.array.max() == 2


def test_nothing_chosen_and_nothing_there_are_refused(scene: Any) -> None:
    volume = add_volume(scene, small_maps().cta)
    node = add_segmentation(scene, volume, {"p": np.zeros((60, 30, 40), np.uint8)}, "theirs")
    with pytest.raises(InputError, match="theirs: no segment is chosen as an artery"):
        territory_map(node, {"p": None}, volume)
    with pytest.raises(InputError, match="theirs: its arteries have no voxel on CTA"):
        territory_map(node, {"p": "aorta"}, volume)
    with pytest.raises(InputError, match="theirs: no segment is chosen as calcification"):
        calcification_map(node, ["gone"], volume)


def test_a_segment_that_is_removed_while_it_is_read_is_told(scene: Any) -> None:
    volume = add_volume(scene, small_maps().cta)
    node = add_segmentation(scene, volume, {"p": one_voxel(3), "q": one_voxel(9)}, "theirs")
    steps = territory_steps(node, {"p": "aorta", "q": "iliac"}, volume)
    assert next(steps) is None
    node.GetSegmentation().RemoveSegment("q")
    with pytest.raises(InputError, match="theirs: a segment was removed while it was read, try again"):
        run_through(steps)
