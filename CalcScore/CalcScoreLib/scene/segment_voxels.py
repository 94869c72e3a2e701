"""The voxels of segments: on their own grid, on the CTA's, and what tells them from others."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import slicer
import vtk

from CalcScoreLogic.errors import InputError
from CalcScoreLogic.images.boxes import Box, joint_box, moved_box, nonzero_box, shape_of, start_of
from CalcScoreLogic.images.geometry import Array

from ..incremental_work import Steps
from .grids import image_array, index_to_ras, matrix_between, oriented_image, own_matrix, to_array, to_vtk

LABELMAP = "Binary labelmap"

_ALIGNED = 0.01
"""Grids are the same where no corner of a segment lies this share of a voxel off the CTA's voxels."""

_SAME_MM = 0.01
"""A voxel that is no further away is the same."""

_PIECE_VOXELS = 4_000_000
"""As many are looked at in a few milliseconds."""

_EMPTY_BOX: Box = (slice(0, 0), slice(0, 0), slice(0, 0))


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
        return cls(moved_box(tight, start), inside[tight])

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


@dataclass(frozen=True)
class SegmentPrint:
    """Tells the voxels of a segment from others.

    Attributes
    ----------
    voxels : str
        Fingerprint of the voxels, wherever they are; empty where there are none.
    corners_mm : tuple of float
        Where the corners of their box are, own RAS; a file may keep them a little off.
    """

    voxels: str
    corners_mm: tuple[float, ...] = ()

    def same(self, other: SegmentPrint) -> bool:
        """Tell whether another one is of the same voxels."""
        return self.voxels == other.voxels and np.allclose(self.corners_mm, other.corners_mm, rtol=0, atol=_SAME_MM)


@dataclass(frozen=True, eq=False)
class OwnVoxels:
    """The voxels of a segment on its own grid.

    Attributes
    ----------
    mask : SegmentMask
        The voxels; the box is the segment's own.
    to_ras : ndarray, shape (4, 4)
        From indices (i, j, k) to the segmentation's own RAS.
    """

    mask: SegmentMask = field(default_factory=SegmentMask)
    to_ras: Array = field(default_factory=lambda: np.eye(4))

    @property
    def print(self) -> SegmentPrint:
        """What tells these voxels from others, kept in a saved scene; worked out best in a thread."""
        if not self.mask.inside.size:
            return SegmentPrint("")
        corners = (_corners(self.mask.box) @ self.to_ras.T)[:, :3]
        return SegmentPrint(SegmentMask.of(self.mask.inside).fingerprint, tuple(corners.ravel().tolist()))


def mask_steps(segmentation: Any, segment_id: str, volume: Any) -> Steps[SegmentMask]:
    """Read the voxels of one segment, in pieces.

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
    own = yield from own_voxel_steps(segmentation, segment_id)
    return (yield from placed_steps(own, segmentation, volume))


def own_voxel_steps(segmentation: Any, segment_id: str) -> Steps[OwnVoxels]:
    """Read the voxels of one segment on its own grid, some slices a piece; raises what `mask_steps` raises."""
    content = segmentation.GetSegmentation()
    state = None
    while True:
        segment = content.GetSegment(segment_id)
        # Whoever had a turn meanwhile may have removed it.
        if segment is None:
            raise InputError(f"{segmentation.GetName()}: a segment was removed while it was read, try again")
        if not content.ContainsRepresentation(LABELMAP) and not segmentation.CreateBinaryLabelmapRepresentation():
            raise InputError(
                f"{segmentation.GetName()} cannot be turned into voxels, convert it to a binary labelmap "
                "in Segmentations"
            )
        image = segmentation.GetBinaryLabelmapInternalRepresentation(segment_id)
        if segment_state(segmentation, segment_id) != state:
            # Not read yet, or edited meanwhile.
            state, parts, first = segment_state(segmentation, segment_id), [], 0
        if image is None or image.IsEmpty() or image.GetPointData().GetScalars() is None:
            return OwnVoxels()
        array = image_array(image)
        if first >= len(array):
            break
        slices = max(_PIECE_VOXELS // array[0].size, 1)
        inside = array[first : first + slices] == segment.GetLabelValue()
        extent = image.GetExtent()
        parts.append(SegmentMask.of(inside, (extent[4] + first, extent[2], extent[0])))
        first += slices
        yield None
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    return OwnVoxels(union(parts), to_array(matrix))


def segment_state(segmentation: Any, segment_id: str) -> tuple[Any, ...]:
    """Give times that move whenever the voxels of a segment may have changed, and not with its surface."""
    segment = segmentation.GetSegmentation().GetSegment(segment_id)
    image = segmentation.GetBinaryLabelmapInternalRepresentation(segment_id)
    scalars = image.GetPointData().GetScalars() if image else None
    times = (image.GetMTime() if image else 0, scalars.GetMTime() if scalars else 0)
    return segment_id, segment.GetLabelValue(), *times


def placed_steps(voxels: OwnVoxels, segmentation: Any, volume: Any) -> Steps[SegmentMask]:
    """Bring the voxels of a segment onto the CTA's grid, on another grid some slices a piece; see `mask_steps`."""
    tight = voxels.mask
    if not tight.inside.size:
        return tight
    to_ras = matrix_between(segmentation, volume) @ voxels.to_ras
    between = np.linalg.inv(own_matrix(volume)) @ to_ras
    offset = np.rint(between[:3, 3])
    corners = _corners(tight.box)
    moved_by = np.array([*offset, 0.0])
    if np.abs(corners @ between.T - (corners + moved_by)).max() > _ALIGNED:
        tight = yield from _resample_steps(tight, to_ras, between, volume)
    else:
        tight = SegmentMask(moved_box(tight.box, offset[::-1]), tight.inside)
    return _clipped(tight, volume.GetImageData().GetDimensions()[::-1])


def union(masks: Iterable[SegmentMask]) -> SegmentMask:
    """Join masks, each fitted to its voxels, into one that is."""
    filled = [mask for mask in masks if mask.inside.size]
    box = around(filled)
    if box is None or len(filled) == 1:
        return filled[0] if filled else SegmentMask()
    inside = np.zeros(shape_of(box), bool)
    for mask in filled:
        inside[within(mask.box, box)] |= mask.inside
    return SegmentMask(box, inside)


def around(masks: Iterable[SegmentMask]) -> Box | None:
    """Give the box that holds all masks; None where all are empty."""
    return joint_box(mask.box for mask in masks if mask.inside.size)


def within(box: Box, outer: Box) -> Box:
    """Give a box relative to one that holds it."""
    return moved_box(box, [-n for n in start_of(outer)])


def padded_image(mask: SegmentMask, to_ras: Any) -> Any:
    """Make the image data of a mask with a voxel around it, for a surface needs an outside.

    Parameters
    ----------
    mask : SegmentMask
        A mask that is not empty.
    to_ras : vtkMatrix4x4
        From indices (i, j, k) to RAS.

    Returns
    -------
    vtkOrientedImageData
        The voxels.
    """
    wide = tuple(slice(part.start - 1, part.stop + 1) for part in mask.box)
    return oriented_image(np.pad(mask.inside, 1), (wide[0], wide[1], wide[2]), to_ras)


def _corners(box: Box) -> Array:
    """Give the first and last voxel centres of a box as (i, j, k, 1), shape (8, 4)."""
    ends = [(part.start, part.stop - 1) for part in reversed(box)]
    return np.array([[i, j, k, 1.0] for i in ends[0] for j in ends[1] for k in ends[2]])


def _resample_steps(mask: SegmentMask, to_ras: Array, between: Array, volume: Any) -> Steps[SegmentMask]:
    """Bring a mask on another grid onto the CTA's, by the nearest voxel."""
    # Half a voxel more on each side: a voxel reaches beyond its centre.
    wide = _corners(mask.box) + 0.5 * np.sign(_corners(mask.box) - _corners(mask.box).mean(axis=0))
    reached = wide @ between.T
    size = np.array(volume.GetImageData().GetDimensions())
    low = np.clip(np.floor(reached.min(axis=0)[:3]), 0, size).astype(int)
    high = np.clip(np.ceil(reached.max(axis=0)[:3]) + 1, 0, size).astype(int)
    if (high <= low).any():
        return SegmentMask()
    source, to_own = oriented_image(mask.inside, mask.box, to_vtk(to_ras)), index_to_ras(volume)
    slices = max(_PIECE_VOXELS // int(np.prod((high - low)[:2])), 1)
    parts = []
    for first in range(low[2], high[2], slices):
        last = min(first + slices, high[2]) - 1
        parts.append(_resampled(source, to_own, (low[0], high[0] - 1, low[1], high[1] - 1, first, last)))
        yield None
    return union(parts)


def _resampled(source: Any, to_ras: Any, extent: tuple[int, ...]) -> SegmentMask:
    """Look up the voxels of a part of the CTA in an image, by the nearest voxel."""
    reference, found = slicer.vtkOrientedImageData(), slicer.vtkOrientedImageData()
    reference.SetExtent([int(end) for end in extent])
    reference.SetImageToWorldMatrix(to_ras)
    resample = slicer.vtkOrientedImageDataResample.ResampleOrientedImageToReferenceOrientedImage
    if not resample(source, reference, found, False):
        raise InputError("a segment cannot be brought onto the CTA's grid, export it as a label map on the CTA first")
    own = found.GetExtent()
    return SegmentMask.of(image_array(found) > 0, (own[4], own[2], own[0]))


def _clipped(mask: SegmentMask, shape: tuple[int, ...]) -> SegmentMask:
    """Leave out what lies outside the CTA."""
    if all(part.start >= 0 and part.stop <= n for part, n in zip(mask.box, shape, strict=True)):
        return mask
    start = [max(part.start, 0) for part in mask.box]
    stop = [min(part.stop, n) for part, n in zip(mask.box, shape, strict=True)]
    inner = tuple(slice(a - p.start, max(b - p.start, 0)) for a, b, p in zip(start, stop, mask.box, strict=True))
    return SegmentMask.of(mask.inside[inner], (start[0], start[1], start[2]))
