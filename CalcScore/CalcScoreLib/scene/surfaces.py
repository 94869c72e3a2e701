"""Surfaces of segments for 3-D views, made a bit at a time: a whole artery at once would stop the views."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import slicer
import vtk
from scipy import ndimage

from CalcScoreLogic.images.geometry import Array

from ..incremental_work import Steps
from .grids import to_vtk
from .segment_voxels import LABELMAP, OwnVoxels, SegmentMask, own_voxel_steps, padded_image, segment_state

SURFACE = "Closed surface"

_TOUCHING = np.ones((3, 3, 3), bool)
_PIECE_FACES = 2_500
"""Along one axis: a surface with about as many takes some hundredths of a second."""


def surface_steps(segmentation: Any) -> Steps[None]:
    """Make the surfaces that segments lack, as Slicer does, each in parts that do not touch.

    Parameters
    ----------
    segmentation : vtkMRMLSegmentationNode
        Where the segments are; the smallest, which is converted last, tells its observers.

    Yields
    ------
    None
        After each part; a single one cannot be divided.
    """
    content = segmentation.GetSegmentation()
    states, voxels = {}, {}
    for name in content.GetSegmentIDs():
        if _lacks_surface(content, name):
            voxels[name] = yield from own_voxel_steps(segmentation, name)
            states[name] = segment_state(segmentation, name)
    sizes = {name: own.mask.inside.size for name, own in voxels.items()}
    for name in sorted(sizes, key=lambda name: sizes[name])[1:]:
        parts: list[SegmentMask] = yield lambda mask=voxels[name].mask: list(_parts(mask))
        made = vtk.vtkAppendPolyData()
        for part in parts:
            # Whoever had a turn meanwhile may have edited it, or made its surface.
            if not _lacks_surface(content, name) or segment_state(segmentation, name) != states[name]:
                break
            made.AddInputData(_surface(content, OwnVoxels(part, voxels[name].to_ras)))
            yield None
        else:
            if parts and _lacks_surface(content, name) and segment_state(segmentation, name) == states[name]:
                made.Update()
                content.GetSegment(name).AddRepresentation(SURFACE, made.GetOutput())
    if segmentation.GetScene() is not None:
        segmentation.CreateClosedSurfaceRepresentation()


def _lacks_surface(content: Any, name: str) -> bool:
    segment = content.GetSegment(name)
    return segment is not None and bool(segment.GetRepresentation(LABELMAP)) and not segment.GetRepresentation(SURFACE)


def _parts(mask: SegmentMask) -> Iterator[SegmentMask]:
    """Divide a mask into parts of few faces that do not touch: together their surfaces are that of the whole."""
    labels, count = ndimage.label(mask.inside, _TOUCHING)
    chosen: list[int] = []
    faces = 0
    for label, more in enumerate(_faces(labels, count), start=1):
        if chosen and faces + more > _PIECE_FACES:
            yield SegmentMask.of(np.isin(labels, chosen), mask.start)
            chosen, faces = [], 0
        chosen.append(label)
        faces += int(more)
    if chosen:
        yield SegmentMask.of(np.isin(labels, chosen), mask.start)


def _faces(labels: Array, count: int) -> Array:
    """Count the faces of each component along the first axis, a third of all or so."""
    edge = np.diff(labels, axis=0, prepend=0) != 0
    return np.bincount(labels[edge], minlength=count + 1)[1:]


def _surface(content: Any, voxels: OwnVoxels) -> Any:
    """Convert voxels as the segments of a segmentation are converted."""
    image = padded_image(voxels.mask, to_vtk(voxels.to_ras))
    alone, copy = slicer.vtkSegmentation(), slicer.vtkSegment()
    copy.AddRepresentation(LABELMAP, image)
    _set_source(alone)
    alone.CopyConversionParameters(content)
    alone.AddSegment(copy, "part")
    alone.CreateRepresentation(SURFACE)
    return copy.GetRepresentation(SURFACE)


def _set_source(content: Any) -> None:
    # Slicer before 5.4 calls the source representation master.
    (getattr(content, "SetSourceRepresentationName", None) or content.SetMasterRepresentationName)(LABELMAP)
