"""The nodes of a case: made once, found again by references and attributes, whatever their names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from . import structures
from .records import RECORD
from .scene_nodes import nodes_by_class
from .segmentations import segment_ids

_PREFIX = "CalcScore."
VOLUME = _PREFIX + "CTA"

ROLES = {
    "arteries": ("vtkMRMLSegmentationNode", "arteries"),
    "calcification": ("vtkMRMLSegmentationNode", "calcification"),
    "table": ("vtkMRMLTableNode", "scores"),
}
"""Class and name (after the CTA's) of the nodes that the record refers to, by attribute of the case."""


def records_in(scene: Any) -> list[Any]:
    """Give the text nodes that hold the scores of a case."""
    return [node for node in nodes_by_class(scene, "vtkMRMLTextNode") if node.GetAttribute(RECORD)]


def record_of(volume: Any) -> Any:
    """Give the text node with the scores of a CTA; None where it has none."""
    scene = volume.GetScene()
    for record in records_in(scene) if scene else ():
        if record.GetNodeReferenceID(VOLUME) == volume.GetID():
            return record
    return None


def referenced(record: Any, role: str) -> Any:
    """Give a node of the case; None where it has been deleted."""
    return record.GetNodeReference(VOLUME if role == "volume" else _PREFIX + role)


class CaseNodes:
    """The nodes of one CTA's case, by what they are to it.

    Parameters
    ----------
    record : vtkMRMLTextNode
        The node with the case's ``scores.json``, which refers to the others.
    """

    def __init__(self, record: Any) -> None:
        self.record = record

    @property
    def volume(self) -> Any:
        """The CTA; None where it has been deleted."""
        return referenced(self.record, "volume")

    @property
    def arteries(self) -> Any:
        """Segmentation with the full-length arteries."""
        return referenced(self.record, "arteries")

    @property
    def calcification(self) -> Any:
        """Segmentation with the trimmed arteries and the calcification."""
        return referenced(self.record, "calcification")

    @property
    def table(self) -> Any:
        """Table node with the scores."""
        return referenced(self.record, "table")

    @property
    def segmentations(self) -> list[Any]:
        """The segmentations that have not been deleted."""
        return [node for node in (self.arteries, self.calcification) if node is not None]

    def segmentation(self, structure: str) -> Any:
        """Give the segmentation that a structure is in."""
        full = structure.startswith(structures.FULL) or structure == structures.CUT
        return self.arteries if full else self.calcification

    def segment_id(self, structure: str) -> str | None:
        """Give the segment of a structure; None where it has been deleted."""
        node = self.segmentation(structure)
        return next(iter(segment_ids(node, structure)), None) if node is not None else None


def make_nodes(volume: Any) -> Any:
    """Make the nodes of a CTA's case that are not there yet.

    Parameters
    ----------
    volume : vtkMRMLScalarVolumeNode
        The CTA.

    Returns
    -------
    vtkMRMLTextNode
        The record, which refers to the others.
    """
    scene, name = volume.GetScene(), volume.GetName()
    record = record_of(volume)
    if record is None:
        record = scene.AddNewNodeByClass("vtkMRMLTextNode", f"{name} scores.json")
        record.SetAttribute(RECORD, "")
        record.SetNodeReferenceID(VOLUME, volume.GetID())
    for role, (kind, suffix) in ROLES.items():
        if referenced(record, role) is None:
            node = scene.AddNewNodeByClass(kind, f"{name} {suffix}")
            record.SetNodeReferenceID(_PREFIX + role, node.GetID())
        node = referenced(record, role)
        if kind == "vtkMRMLSegmentationNode":
            if node.GetDisplayNode() is None:
                node.CreateDefaultDisplayNodes()
            node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
            node.SetAndObserveTransformNodeID(volume.GetTransformNodeID())
    return record


@contextmanager
def batch(scene: Any) -> Iterator[None]:
    """Change many nodes as one step: one state to undo to, one refresh at the end."""
    scene.SaveStateForUndo()
    scene.StartState(scene.BatchProcessState)
    try:
        yield
    finally:
        scene.EndState(scene.BatchProcessState)
