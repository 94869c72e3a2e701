"""The arterial tree: which tubes there are and what fills them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from ..anatomy import Territory
from ..images.geometry import Array
from .tubes import STEP_MM, Tube


class AortaShape(str, Enum):
    """Shape of the infrarenal aorta."""

    STRAIGHT = "straight"
    TORTUOUS = "tortuous"
    ANEURYSMAL = "aneurysmal"


@dataclass(frozen=True, eq=False)
class Artery:
    """One tube of the tree.

    Parameters
    ----------
    territory : Territory
        What it is labelled as.
    tube : Tube
        Its outer wall.
    hu : tuple of float
        Intensity of the contrast in its lumen at its first and its last sample, HU.
    """

    territory: Territory
    tube: Tube
    hu: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Thrombus:
    """Mural thrombus of an aneurysm: what is inside the aorta's wall and outside `lumen`."""

    lumen: Tube
    hu: float


@dataclass(frozen=True, eq=False)
class ArterialTree:
    """The aorta and its branches.

    Parameters
    ----------
    shape : AortaShape
        Shape of the aorta.
    lumen_hu : float
        Intensity of the contrast at the upper end of the aorta, HU.
    arteries : tuple of Artery
        The aorta first.
    thrombus : Thrombus or None
        The aneurysm's, where it has one.
    """

    shape: AortaShape
    lumen_hu: float
    arteries: tuple[Artery, ...]
    thrombus: Thrombus | None

    @property
    def aorta(self) -> Artery:
        """The aorta."""
        return self.arteries[0]

    def clearance(self, points: Array) -> float:
        """Give the distance from the nearest of some points (n, 3) to the nearest arterial wall, mm."""
        stride = round(2 / STEP_MM)
        nearest = np.inf
        for artery in self.arteries:
            axis, radii = artery.tube.points[::stride], artery.tube.radii[::stride]
            gaps = np.linalg.norm(points[:, None, :] - axis, axis=2) - radii
            nearest = min(nearest, float(gaps.min()))
        return nearest
