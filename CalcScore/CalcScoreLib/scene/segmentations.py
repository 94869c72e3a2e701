"""Label maps as segments, and what edits them. Segments are known by their tag."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import slicer
import vtk

from CalcScoreLogic.images.boxes import Box, moved_box, nonzero_box, start_of
from CalcScoreLogic.images.geometry import Array

from . import structures
from .grids import image_array, index_to_ras, oriented_image
from .segment_voxels import LABELMAP, SegmentMask

TERMINOLOGY_TAG = "TerminologyEntry"

NOTHING: Box = (slice(0, 2), slice(0, 2), slice(0, 2))
"""The box of a layer without voxels: no surface can be looked for in less."""


@dataclass(frozen=True, eq=False)
class Layer:
    """Structures that do not overlap.

    Attributes
    ----------
    array : ndarray of uint8, shape (k, j, i)
        Label values in `box`.
    labels : mapping of str to int
        Label value of each structure.
    box : tuple of slice
        The smallest box of the CTA that holds them; a corner of it where there are none.
    """

    array: Array
    labels: Mapping[str, int]
    box: Box

    @classmethod
    def of(cls, array: Array, labels: Mapping[str, int], box: Box | None = None) -> Layer:
        """Crop label values to what they mark; `box` is the part of the CTA that they are, all of it by default."""
        tight = nonzero_box(array) or NOTHING
        placed = tight if box is None else moved_box(tight, start_of(box))
        return cls(np.ascontiguousarray(array[tight], np.uint8), labels, placed)


def tag(segment: Any, name: str) -> str:
    """Give the value of a segment's tag; empty where there is none."""
    value = vtk.reference("")
    return str(value) if segment.GetTag(name, value) else ""


def segment_ids(segmentation: Any, structure: str) -> list[str]:
    """Give the segments that are tagged as a structure; more than one where one was copied."""
    plain = structure.removeprefix(structures.FULL)
    content = segmentation.GetSegmentation()
    return [name for name in content.GetSegmentIDs() if tag(content.GetSegment(name), structures.TAG) == plain]


def edits_of(segmentation: Any) -> list[tuple[Any, int]]:
    """Give what to observe to learn that segments may have changed: objects and their events."""
    kind = slicer.vtkSegmentation
    # Slicer before 5.4 calls the source representation master.
    source = getattr(kind, "SourceRepresentationModified", None) or kind.MasterRepresentationModified
    content = segmentation.GetSegmentation()
    return [(content, event) for event in (source, kind.SegmentModified, kind.SegmentAdded, kind.SegmentRemoved)]


def write_layer(segmentation: Any, volume: Any, layer: Layer) -> None:
    """Put structures that do not overlap into one layer of a segmentation; surfaces made of the old voxels go.

    Parameters
    ----------
    segmentation : vtkMRMLSegmentationNode
        A segment that is tagged as a structure keeps its name, colour and identifier; others are made.
    volume : vtkMRMLScalarVolumeNode
        The CTA.
    layer : Layer
        The structures.
    """
    image = oriented_image(layer.array, layer.box, index_to_ras(volume))
    content = segmentation.GetSegmentation()
    for key, label in layer.labels.items():
        there = segment_ids(segmentation, key)
        for copy in there[1:]:
            content.RemoveSegment(copy)
        if there:
            segment = content.GetSegment(there[0])
            segment.SetLabelValue(label)
            segment.AddRepresentation(LABELMAP, image)
        else:
            content.AddSegment(_new_segment(key, label, image), content.GenerateUniqueSegmentID(key))
    _clear_left_labels(content)
    # Observers learn of the new voxels.
    image.Modified()


def _clear_left_labels(content: Any) -> None:
    """Take from layers with a user's segments what ours have left there: slices would show it in others' colours."""
    for layer in range(content.GetNumberOfLayers()):
        image = content.GetLayerDataObject(layer, LABELMAP)
        segments = [content.GetSegment(name) for name in content.GetSegmentIDsForLayer(layer, LABELMAP)]
        own = all(tag(segment, structures.TAG) for segment in segments)
        if own or image is None or image.GetPointData().GetScalars() is None:
            continue
        labels = [segment.GetLabelValue() for segment in segments]
        array = image_array(image)
        left = ~np.isin(array, [0, *labels])
        if left.any():
            array[left] = 0
            image.GetPointData().GetScalars().Modified()
            image.Modified()


def change_voxels(segmentation: Any, volume: Any, structure: str, mask: SegmentMask, added: bool) -> None:
    """Add voxels to a structure or take them from it, as the Segment Editor does; other segments stay as they are.

    Parameters
    ----------
    segmentation : vtkMRMLSegmentationNode
        Where the structure is; of several segments with its tag, all lose the voxels and the first gains them.
    volume : vtkMRMLScalarVolumeNode
        The CTA.
    structure : str
        The structure.
    mask : SegmentMask
        The voxels.
    added : bool
        Whether they are added.
    """
    names = segment_ids(segmentation, structure)
    if not mask.inside.size or not names:
        return
    # Erasing takes the lower value: the highest leaves a voxel, also one of another segment of the layer, as it is.
    modifier = oriented_image(mask.inside if added else np.where(mask.inside, 0, 255), mask.box, index_to_ras(volume))
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    mode = logic.MODE_MERGE_MASK if added else logic.MODE_MERGE_MIN
    for name in names[:1] if added else names:
        logic.SetBinaryLabelmapToSegment(modifier, segmentation, name, mode, modifier.GetExtent())


def _new_segment(key: str, label: int, image: Any) -> Any:
    segment = slicer.vtkSegment()
    look = structures.structure(key)
    segment.SetName(look.title)
    segment.SetNameAutoGenerated(False)
    segment.SetColor([value / 255 for value in look.colour])
    segment.SetColorAutoGenerated(False)
    segment.SetLabelValue(label)
    segment.SetTag(structures.TAG, key.removeprefix(structures.FULL))
    segment.SetTag(TERMINOLOGY_TAG, structures.terminology(key))
    segment.AddRepresentation(LABELMAP, image)
    return segment
