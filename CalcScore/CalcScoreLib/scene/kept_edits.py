"""Hand edits that a new analysis would write over: kept beside its result."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from . import hierarchy
from .case_nodes import CaseNodes


def keep_copies(case: CaseNodes, structures: Iterable[str], suffix: str) -> list[Any]:
    """Copy the segmentations that some structures are in, hidden, beside the case.

    Parameters
    ----------
    case : CaseNodes
        The case.
    structures : iterable of str
        Keys of the structures.
    suffix : str
        Goes behind the names.

    Returns
    -------
    list of vtkMRMLSegmentationNode
        The copies; their segments keep their tags, so a copy can be chosen as a source.
    """
    nodes = dict.fromkeys(case.segmentation(structure) for structure in structures)
    copies = [_copy(node, f"{node.GetName()}, {suffix}", case.volume) for node in nodes]
    hierarchy.place(case.volume, copies)
    return copies


def _copy(node: Any, name: str, volume: Any) -> Any:
    scene = node.GetScene()
    made = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", scene.GenerateUniqueName(name))
    made.GetSegmentation().DeepCopy(node.GetSegmentation())
    made.CreateDefaultDisplayNodes()
    made.GetDisplayNode().SetVisibility(False)
    made.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    made.SetAndObserveTransformNodeID(node.GetTransformNodeID())
    return made
