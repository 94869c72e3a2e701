"""Where the nodes of a case stand in the subject hierarchy: in the study of their CTA."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import slicer


def place(volume: Any, nodes: Iterable[Any]) -> None:
    """Put nodes into the CTA's study, or into a folder beside the CTA where it has none.

    Parameters
    ----------
    volume : vtkMRMLScalarVolumeNode
        The CTA.
    nodes : iterable of vtkMRMLNode
        The nodes of its case.
    """
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(volume.GetScene())
    if hierarchy is None:
        return
    beside = hierarchy.GetItemByDataNode(volume)
    if not beside:
        # Slicer makes an item for every node; without its application that is left to us.
        beside = hierarchy.CreateItem(hierarchy.GetSceneItemID(), volume)
    study = hierarchy.GetItemAncestorAtLevel(beside, slicer.vtkMRMLSubjectHierarchyConstants.GetDICOMLevelStudy())
    target = study or _folder(hierarchy, volume, hierarchy.GetItemParent(beside))
    for node in nodes:
        item = hierarchy.GetItemByDataNode(node)
        if not item:
            hierarchy.CreateItem(target, node)
        elif not _lies_under(hierarchy, item, target):
            hierarchy.SetItemParent(item, target)


def _folder(hierarchy: Any, volume: Any, parent: int) -> int:
    """Give the folder of a case beside its CTA; made where there is none."""
    name = f"{volume.GetName()} CalcScore"
    return int(hierarchy.GetItemChildWithName(parent, name) or hierarchy.CreateFolderItem(parent, name))


def _lies_under(hierarchy: Any, item: int, ancestor: int) -> bool:
    """Tell whether an item lies in a branch, however deep: a reader may have sorted the nodes."""
    while item and item != hierarchy.GetSceneItemID():
        item = hierarchy.GetItemParent(item)
        if item == ancestor:
            return True
    return False
