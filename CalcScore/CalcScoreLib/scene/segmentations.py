"""Label maps as segments, and segments as masks on the CTA's grid. Segments are known by their tag."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import slicer
import vtk

from CalcScoreLogic.errors import InputError
from CalcScoreLogic.images.boxes import Box, nonzero_box, start_of
from CalcScoreLogic.images.geometry import Array

from ..incremental_work import Steps
from . import structures
from .grids import image_array, index_to_ras, matrix_between, oriented_image, own_matrix, to_array, to_vtk

LABELMAP = "Binary labelmap"
SURFACE = "Closed surface"
TERMINOLOGY_TAG = "TerminologyEntry"

_ALIGNED = 0.01
"""Grids are the same where no corner of a segment lies this share of a voxel off the CTA's voxels."""

_EMPTY_BOX: Box = (slice(0, 0), slice(0, 0), slice(0, 0))
NOTHING: Box = (slice(0, 2), slice(0, 2), slice(0, 2))
"""The box of a layer without voxels: no surface can be looked for in less."""


@dataclass(frozen=True, eq=False)
class SegmentMask:
    """The voxels of a segment.

    Attributes
    ----------
    box : tuple of slice
        The smallest box of the CTA that holds them, axes (k, j, i).
    inside : ndarray of bool
        Which voxels of the box.
    """

    box: Box = _EMPTY_BOX
    inside: Array = field(default_factory=lambda: np.zeros((0, 0, 0), bool))

    @classmethod
    def of(cls, inside: Array, start: tuple[int, int, int] = (0, 0, 0)) -> SegmentMask:
        """Crop a mask, whose first voxel is `start` of the CTA, to its voxels."""
        tight = nonzero_box(inside)
        if tight is None:
            return cls()
        box = tuple(slice(s.start + n, s.stop + n) for s, n in zip(tight, start, strict=True))
        return cls((box[0], box[1], box[2]), inside[tight])

    @property
    def start(self) -> tuple[int, int, int]:
        """The first voxel of the box."""
        return start_of(self.box)

    @classmethod
    def at(cls, voxels: Array) -> SegmentMask:
        """Make the mask of some voxels of the CTA, (k, j, i), shape (n, 3)."""
        if not len(voxels):
            return cls()
        low, high = voxels.min(axis=0), voxels.max(axis=0) + 1
        inside = np.zeros(high - low, bool)
        inside[tuple((voxels - low).T)] = True
        return cls((slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2])), inside)

    @cached_property
    def fingerprint(self) -> str:
        """A text that two masks share when they hold the same voxels; worked out once, for nobody changes a mask."""
        digest = hashlib.blake2b(repr([(s.start, s.stop) for s in self.box]).encode(), digest_size=12)
        digest.update(np.packbits(self.inside))
        return digest.hexdigest()


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
        start = [0, 0, 0] if box is None else [part.start for part in box]
        placed = [slice(s.start + n, s.stop + n) for s, n in zip(tight, start, strict=True)]
        return cls(np.ascontiguousarray(array[tight], np.uint8), labels, (placed[0], placed[1], placed[2]))


def tag(segment: Any, name: str) -> str:
    """Give the value of a segment's tag; empty where there is none."""
    value = vtk.reference("")
    return str(value) if segment.GetTag(name, value) else ""


def segment_ids(segmentation: Any, structure: str) -> list[str]:
    """Give the segments that are tagged as a structure; more than one where one was copied."""
    plain = structure.removeprefix(structures.FULL)
    content = segmentation.GetSegmentation()
    return [name for name in content.GetSegmentIDs() if tag(content.GetSegment(name), structures.TAG) == plain]


def read_mask(segmentation: Any, segment_id: str, volume: Any) -> SegmentMask:
    """Read the voxels of one segment.

    Parameters
    ----------
    segmentation : vtkMRMLSegmentationNode
        Where the segment is.
    segment_id : str
        Its identifier.
    volume : vtkMRMLScalarVolumeNode
        The CTA whose grid the mask is on.

    Returns
    -------
    SegmentMask
        Voxels outside the CTA are left out. A segment on another grid is resampled to the nearest voxel.

    Raises
    ------
    InputError
        The segment cannot be turned into voxels, or lies under a transform that is not rigid.
    """
    content = segmentation.GetSegmentation()
    if not content.ContainsRepresentation(LABELMAP) and not segmentation.CreateBinaryLabelmapRepresentation():
        raise InputError(
            f"{segmentation.GetName()} cannot be turned into voxels, convert it to a binary labelmap in Segmentations"
        )
    image = segmentation.GetBinaryLabelmapInternalRepresentation(segment_id)
    if image is None or image.IsEmpty() or image.GetPointData().GetScalars() is None:
        return SegmentMask()
    inside = image_array(image) == content.GetSegment(segment_id).GetLabelValue()
    own = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(own)
    extent = image.GetExtent()
    to_ras = matrix_between(segmentation, volume) @ to_array(own)
    between = np.linalg.inv(own_matrix(volume)) @ to_ras
    tight = SegmentMask.of(inside, (extent[4], extent[2], extent[0]))
    if not tight.inside.size:
        return tight
    offset = np.rint(between[:3, 3])
    corners = _corners(tight.box)
    moved_by = np.array([*offset, 0.0])
    if np.abs(corners @ between.T - (corners + moved_by)).max() > _ALIGNED:
        tight = _resampled(tight, to_ras, between, volume)
    else:
        moved = [slice(int(s.start + n), int(s.stop + n)) for s, n in zip(tight.box, offset[::-1], strict=True)]
        tight = SegmentMask((moved[0], moved[1], moved[2]), tight.inside)
    return _clipped(tight, volume.GetImageData().GetDimensions()[::-1])


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


def surface_steps(segmentation: Any) -> Steps[None]:
    """Make the surfaces that segments lack, one at a time.

    Parameters
    ----------
    segmentation : vtkMRMLSegmentationNode
        Where the segments are; the one that is converted last tells its observers.

    Yields
    ------
    None
        After each segment: the largest takes a few tenths of a second, and a single one cannot be divided.
    """
    content = segmentation.GetSegmentation()
    for name in content.GetSegmentIDs()[1:]:
        segment = content.GetSegment(name)
        # Whoever had a turn meanwhile may have removed it, or made its surface.
        if segment is None or segment.GetRepresentation(SURFACE) or segment.GetRepresentation(LABELMAP) is None:
            continue
        alone, copy = slicer.vtkSegmentation(), slicer.vtkSegment()
        copy.SetLabelValue(segment.GetLabelValue())
        copy.AddRepresentation(LABELMAP, segment.GetRepresentation(LABELMAP))
        _set_source(alone)
        alone.CopyConversionParameters(content)
        alone.AddSegment(copy, name)
        alone.CreateRepresentation(SURFACE)
        segment.AddRepresentation(SURFACE, copy.GetRepresentation(SURFACE))
        yield None
    segmentation.CreateClosedSurfaceRepresentation()


def _set_source(content: Any) -> None:
    # Slicer before 5.4 calls the source representation master.
    (getattr(content, "SetSourceRepresentationName", None) or content.SetMasterRepresentationName)(LABELMAP)


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


def _corners(box: Box) -> Array:
    """Give the first and last voxel centres of a box as (i, j, k, 1), shape (8, 4)."""
    ends = [(part.start, part.stop - 1) for part in reversed(box)]
    return np.array([[i, j, k, 1.0] for i in ends[0] for j in ends[1] for k in ends[2]])


def _resampled(mask: SegmentMask, to_ras: Array, between: Array, volume: Any) -> SegmentMask:
    """Bring a mask on another grid onto the CTA's, by the nearest voxel."""
    # Half a voxel more on each side: a voxel reaches beyond its centre.
    wide = _corners(mask.box) + 0.5 * np.sign(_corners(mask.box) - _corners(mask.box).mean(axis=0))
    reached = wide @ between.T
    size = np.array(volume.GetImageData().GetDimensions())
    low = np.clip(np.floor(reached.min(axis=0)[:3]), 0, size).astype(int)
    high = np.clip(np.ceil(reached.max(axis=0)[:3]) + 1, 0, size).astype(int)
    if (high <= low).any():
        return SegmentMask()
    reference = slicer.vtkOrientedImageData()
    reference.SetExtent([end for n in range(3) for end in (int(low[n]), int(high[n]) - 1)])
    reference.SetImageToWorldMatrix(index_to_ras(volume))
    found = slicer.vtkOrientedImageData()
    source = oriented_image(mask.inside, mask.box, to_vtk(to_ras))
    resample = slicer.vtkOrientedImageDataResample.ResampleOrientedImageToReferenceOrientedImage
    if not resample(source, reference, found, False):
        raise InputError("a segment cannot be brought onto the CTA's grid, export it as a label map on the CTA first")
    extent = found.GetExtent()
    return SegmentMask.of(image_array(found) > 0, (extent[4], extent[2], extent[0]))


def _clipped(mask: SegmentMask, shape: tuple[int, ...]) -> SegmentMask:
    """Leave out what lies outside the CTA."""
    if all(part.start >= 0 and part.stop <= n for part, n in zip(mask.box, shape, strict=True)):
        return mask
    start = [max(part.start, 0) for part in mask.box]
    stop = [min(part.stop, n) for part, n in zip(mask.box, shape, strict=True)]
    inner = tuple(slice(a - p.start, max(b - p.start, 0)) for a, b, p in zip(start, stop, mask.box, strict=True))
    return SegmentMask.of(mask.inside[inner], (start[0], start[1], start[2]))
