"""The segments of a case as one set of masks: read once, laid over each other, told apart by content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from CalcScoreLogic.anatomy import CalcificationLabel, Territory
from CalcScoreLogic.artery_holes import Arteries
from CalcScoreLogic.images.boxes import Box, pad_box, part_of, shape_of, start_of
from CalcScoreLogic.images.geometry import Array, Image

from ..incremental_work import Steps, run_through
from . import structures
from .grids import matrix_between, own_matrix
from .segment_voxels import SegmentMask, around, mask_steps, segment_state, union, within
from .segmentations import segment_ids


class MaskReader:
    """Reads the segments of a case, each again only when it may have changed.

    Parameters
    ----------
    volume : vtkMRMLScalarVolumeNode
        The CTA whose grid the masks are on.
    """

    def __init__(self, volume: Any) -> None:
        self._volume = volume
        self._known: dict[str, tuple[object, SegmentMask]] = {}

    def read(self, segmentation: Any, structure: str) -> SegmentMask:
        """Give the voxels of a structure; of all segments tagged so, where one was copied."""
        return run_through(self.read_steps(segmentation, structure))

    def read_steps(self, segmentation: Any, structure: str) -> Steps[SegmentMask]:
        """Do what `read` does in pieces, again from the start where the structure is edited meanwhile."""
        while not self.knows(segmentation, structure):
            state, masks = self.state(segmentation, structure), []
            for name in segment_ids(segmentation, structure):
                masks.append((yield from mask_steps(segmentation, name, self._volume)))
            self._known[structure] = (state, union(masks))
        return self._known[structure][1]

    def knows(self, segmentation: Any, structure: str) -> bool:
        """Tell whether a structure is as it was read last."""
        return structure in self._known and self._known[structure][0] == self.state(segmentation, structure)

    def know(self, segmentation: Any, structure: str, mask: SegmentMask) -> None:
        """Take the voxels of a structure as read: they were written just now."""
        self._known[structure] = (self.state(segmentation, structure), mask)

    def state(self, segmentation: Any, structure: str) -> tuple[Any, ...]:
        """Give what differs whenever the voxels of a structure may have changed."""
        names = segment_ids(segmentation, structure)
        return (self._grid_state(segmentation), *(segment_state(segmentation, name) for name in names))

    def _grid_state(self, segmentation: Any) -> bytes:
        return bytes(own_matrix(self._volume).tobytes() + matrix_between(segmentation, self._volume).tobytes())


def intersection(first: SegmentMask, second: SegmentMask) -> SegmentMask:
    """Give the voxels that two masks share."""
    one, other = clipped(first, second.box), clipped(second, first.box)
    return SegmentMask.of(one.inside & other.inside, one.start)


def clipped(mask: SegmentMask, box: Box) -> SegmentMask:
    """Give the part of a mask in a box, its own box not fitted to the voxels."""
    shared = [slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(mask.box, box, strict=True)]
    if any(part.stop <= part.start for part in shared):
        return SegmentMask()
    inner: Box = (shared[0], shared[1], shared[2])
    return SegmentMask(inner, mask.inside[within(inner, mask.box)])


def difference(first: SegmentMask, second: SegmentMask) -> SegmentMask:
    """Give the voxels of the first mask that the second does not have."""
    shared = intersection(first, second)
    if not shared.inside.size:
        return first
    left = first.inside.copy()
    left[within(shared.box, first.box)] &= ~shared.inside
    return SegmentMask.of(left, first.start)


def territory_array(masks: Mapping[Territory, SegmentMask], box: Box) -> tuple[Array, int]:
    """Lay territories over each other; the first in the order of `Territory` keeps a voxel that several claim.

    Returns
    -------
    array : ndarray of uint8
        Territory map of the box.
    overlap : int
        Voxels that more than one territory claims.
    """
    array = np.zeros(shape_of(box), np.uint8)
    overlap = 0
    for territory in Territory:
        mask = masks[territory]
        if mask.inside.size:
            window = array[within(mask.box, box)]
            overlap += int(np.count_nonzero(mask.inside & (window > 0)))
            window[mask.inside & (window == 0)] = territory
    return array, overlap


@dataclass(frozen=True, eq=False)
class CaseMasks:
    """The masks of a case.

    Attributes
    ----------
    trimmed, full : dict of Territory to SegmentMask
        The arteries that are scored, and at full length.
    calcification : SegmentMask
        All calcification, inside the arteries or not.
    """

    trimmed: dict[Territory, SegmentMask]
    full: dict[Territory, SegmentMask]
    calcification: SegmentMask

    def by_key(self) -> dict[str, SegmentMask]:
        """Give the masks by the keys of `structures`."""
        return {
            **{territory.key: mask for territory, mask in self.trimmed.items()},
            structures.CALCIFICATION: self.calcification,
            **{structures.FULL + territory.key: mask for territory, mask in self.full.items()},
        }

    def calcified(self, arteries: Mapping[Territory, SegmentMask]) -> dict[Territory, str]:
        """Give a fingerprint of the calcification inside each artery."""
        return {territory: intersection(mask, self.calcification).fingerprint for territory, mask in arteries.items()}

    def images(self, cta: Image, whole: bool, last: CaseMasks | None = None) -> CaseImages:
        """Lay the masks over each other.

        Parameters
        ----------
        cta : Image
            The CTA.
        whole : bool
            Give the whole volume; otherwise the part with segments and a voxel around it, which is all
            that scoring needs.
        last : CaseMasks, optional
            The arteries as they were last scored.

        Returns
        -------
        CaseImages
            Label maps and CTA on one grid.
        """
        arteries = [mask for case in (self, *([last] if last else [])) for mask in case.arteries()]
        box = around((*arteries, self.calcification))
        box = pad_box(box or (slice(0, 1),) * 3, 1, cta.array.shape)
        shortened, trimmed_overlap = territory_array(self.trimmed, box)
        full, full_overlap = territory_array(self.full, box)
        geometry = part_of(cta.geometry, box)

        def image(array: Array) -> Image:
            return _spread(array, box, cta) if whole else Image(array, geometry)

        before = None
        if last is not None:
            before = Arteries(*(image(territory_array(masks, box)[0]) for masks in (last.full, last.trimmed)))
        return CaseImages(
            image(shortened),
            image(full),
            image(self._calcification_map(box)),
            cta if whole else Image(cta.array[box], geometry),
            tuple(slice(0, n) for n in cta.array.shape) if whole else box,
            before,
            trimmed_overlap,
            full_overlap,
        )

    def plaque_images(self, cta: Image) -> tuple[Image, Image, Box]:
        """Lay the masks over each other in the part of the CTA that holds calcification: all that plaques need.

        Parameters
        ----------
        cta : Image
            The CTA.

        Returns
        -------
        shortened, calcification : Image
            Trimmed territory map and calcification map.
        box : tuple of slice
            The part that they are.
        """
        box = self.calcification.box if self.calcification.inside.size else (slice(0, 1),) * 3
        shortened, _ = territory_array({t: clipped(mask, box) for t, mask in self.trimmed.items()}, box)
        geometry = part_of(cta.geometry, box)
        return Image(shortened, geometry), Image(self._calcification_map(box), geometry), box

    def _calcification_map(self, box: Box) -> Array:
        """Give the calcification map of a box that holds all calcification."""
        array = np.zeros(shape_of(box), np.uint8)
        if self.calcification.inside.size:
            array[within(self.calcification.box, box)][self.calcification.inside] = CalcificationLabel.CALCIFICATION
        return array

    def arteries(self) -> tuple[SegmentMask, ...]:
        """Give the masks of all arteries, trimmed and at full length."""
        return (*self.trimmed.values(), *self.full.values())


@dataclass(frozen=True, eq=False)
class CaseImages:
    """Label maps of a case and its CTA, all on one grid.

    Attributes
    ----------
    shortened, territories, calcification, cta : Image
        Trimmed and full-length territory map, calcification map, HU.
    box : tuple of slice
        The part of the CTA that they are.
    last : Arteries or None
        The arteries as they were last scored.
    trimmed_overlap, full_overlap : int
        Voxels that more than one territory claimed.
    """

    shortened: Image
    territories: Image
    calcification: Image
    cta: Image
    box: Box
    last: Arteries | None
    trimmed_overlap: int
    full_overlap: int

    @property
    def start(self) -> tuple[int, int, int]:
        """Their first voxel in the CTA, (k, j, i)."""
        return start_of(self.box)


def _spread(part: Array, box: Box, cta: Image) -> Image:
    """Put a part back into the whole volume."""
    # zeros: the system hands out empty pages, and only those inside the box are touched.
    array = np.zeros(cta.array.shape, np.uint8)
    array[box] = part
    return Image(array, cta.geometry)
