"""The plaques of a case as a list that one can go through, place by place."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from CalcScoreLogic.anatomy import Territory, Vessel
from CalcScoreLogic.images.geometry import Array
from CalcScoreLogic.scoring import Cluster

from .grids import lps_to_ras
from .segment_voxels import SegmentMask


@dataclass(frozen=True)
class Plaque:
    """One connected calcification.

    Attributes
    ----------
    number : int
        From 1, the largest first; the ``id`` in ``scores.json``.
    territory : Territory
        Where it lies.
    vessel : Vessel or None
        The vessel it lies in, where it can be told.
    volume_mm3 : float
        Volume, mm³.
    max_hu : float or None
        Highest intensity, HU.
    position_ras : tuple of float
        Centre of a voxel of the plaque, the one nearest to its centroid; world RAS, mm.
    key : str
        The same for the same voxels, whatever the number.
    voxels : ndarray, shape (n, 3)
        Its voxels in the CTA, (k, j, i).
    """

    number: int
    territory: Territory
    vessel: Vessel | None
    volume_mm3: float
    max_hu: float | None
    position_ras: tuple[float, float, float]
    key: str
    voxels: Array = field(compare=False, repr=False)

    def mask(self) -> SegmentMask:
        """Give its voxels as those of a segment."""
        return SegmentMask.at(self.voxels)


def as_plaques(
    clusters: Sequence[Cluster], positions: Sequence[tuple[float, float, float]], voxels: Sequence[Array]
) -> list[Plaque]:
    """List clusters, in their order, with the places (LPS mm) where they are seen and their voxels in the CTA."""
    return [
        Plaque(number, c.territory, c.vessel, c.volume_mm3, c.max_hu, lps_to_ras(position), _key(own), own)
        for number, (c, position, own) in enumerate(zip(clusters, positions, voxels, strict=True), start=1)
    ]


def _key(voxels: Array) -> str:
    return hashlib.blake2b(np.ascontiguousarray(voxels, np.int32).tobytes(), digest_size=8).hexdigest()
