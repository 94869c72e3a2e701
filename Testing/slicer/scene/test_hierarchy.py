"""All nodes of a case stand in the CTA's study, or in a folder beside the CTA."""

from __future__ import annotations

from typing import Any

from CalcScoreLib.scene.case import SceneCase

from CalcScoreLogic.pipeline import score_masks
from Testing.slicer.scene.cases import small_maps
from Testing.slicer.scene.scenes import add_volume


def written(scene: Any, volume: Any) -> SceneCase:
    maps = small_maps()
    return SceneCase.write(volume, score_masks("CTA", maps.territories, maps.calcification, cta=maps.cta))


def parents(scene: Any, case: SceneCase) -> set[int]:
    tree = scene.GetSubjectHierarchyNode()
    nodes = (case.record, case.table, case.arteries, case.calcification)
    return {tree.GetItemParent(tree.GetItemByDataNode(node)) for node in nodes}


def test_the_ctas_study_takes_the_nodes(scene: Any) -> None:
    tree = scene.GetSubjectHierarchyNode()
    subject = tree.CreateSubjectItem(tree.GetSceneItemID(), "subject")
    study = tree.CreateStudyItem(subject, "study")
    volume = add_volume(scene, small_maps().cta)
    tree.CreateItem(study, volume)
    case = written(scene, volume)
    assert parents(scene, case) == {study}


def test_without_a_study_a_folder_beside_the_cta_takes_them(scene: Any) -> None:
    tree = scene.GetSubjectHierarchyNode()
    patient = tree.CreateFolderItem(tree.GetSceneItemID(), "patient")
    volume = add_volume(scene, small_maps().cta)
    tree.CreateItem(patient, volume)
    (folder,) = parents(scene, written(scene, volume))
    assert tree.GetItemName(folder) == "CTA CalcScore"
    assert tree.GetItemParent(folder) == patient


def test_a_cta_with_no_item_gets_one_and_nodes_stay_where_they_were_put(scene: Any) -> None:
    tree = scene.GetSubjectHierarchyNode()
    volume = add_volume(scene, small_maps().cta)
    case = written(scene, volume)
    (folder,) = parents(scene, case)
    assert tree.GetItemParent(tree.GetItemByDataNode(volume)) == tree.GetSceneItemID()
    inner = tree.CreateFolderItem(folder, "sorted")
    tree.SetItemParent(tree.GetItemByDataNode(case.table), inner)
    written(scene, volume)
    assert tree.GetItemParent(tree.GetItemByDataNode(case.table)) == inner
    assert parents(scene, case) == {folder, inner}
