"""The plaques of a case as a list that one can go through, place by place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from CalcScoreLogic.anatomy import Territory, Vessel
from CalcScoreLogic.scoring import Cluster

from .grids import lps_to_ras


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
    """

    number: int
    territory: Territory
    vessel: Vessel | None
    volume_mm3: float
    max_hu: float | None
    position_ras: tuple[float, float, float]


def as_plaques(clusters: Sequence[Cluster], positions: Sequence[tuple[float, float, float]]) -> list[Plaque]:
    """List clusters, in their order, with the places (LPS mm) where they are seen."""
    return [
        Plaque(number, c.territory, c.vessel, c.volume_mm3, c.max_hu, lps_to_ras(position))
        for number, (c, position) in enumerate(zip(clusters, positions, strict=True), start=1)
    ]
