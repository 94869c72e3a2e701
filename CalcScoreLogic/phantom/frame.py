"""The body that everything else is fitted into: field of view, body wall and the course of the spine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from ..images.geometry import Array

VERTEBRA_PITCH_MM = 36.0
"""Height of a lumbar vertebra and its disc."""


@dataclass(frozen=True, eq=False)
class Spine:
    """Course and size of the vertebral column.

    Parameters
    ----------
    y : float
        Posterior position of the vertebral bodies' centres at the bifurcation, mm.
    sway : float
        Sideways deviation (scoliosis), mm, positive to the left.
    lordosis : float
        How far the column recedes above and below its foremost point, mm.
    half_width, half_depth : float
        Half extents of a vertebral body, mm.
    phase : float
        Height of the centre of the fourth lumbar vertebra, mm.
    """

    y: float
    sway: float
    lordosis: float
    half_width: float
    half_depth: float
    phase: float

    def centre(self, z: Array | float) -> tuple[Array, Array]:
        """Give the centre (x, y) of the column at heights z, all in mm."""
        height = np.asarray(z, dtype=float)
        x = self.sway * np.sin(np.pi * (height + 20) / 150)
        recede = 1 - np.cos(np.clip((height - 10) / 120, -1.2, 1.2) * np.pi / 2)
        sacrum = np.clip(-35 - height, 0, None) * 0.55  # below the fifth lumbar vertebra the sacrum tilts back
        return x, self.y + self.lordosis * recede + sacrum

    def keep_clear(self, points: Array, clearance: Array) -> Array:
        """Push a centreline forward until it passes in front of the vertebral bodies.

        Parameters
        ----------
        points : ndarray, shape (n, 3)
            Centreline, mm.
        clearance : ndarray, shape (n,)
            Distance to keep from the bone, mm.

        Returns
        -------
        ndarray, shape (n, 3)
            The centreline, moved along y only.
        """
        x, y = self.centre(points[:, 2])
        # A vertebra stands upright at its own place, so its lower edge can lie further forward than the curve.
        level = self.phase + VERTEBRA_PITCH_MM * np.rint((points[:, 2] - self.phase) / VERTEBRA_PITCH_MM)
        y = np.minimum(y, self.centre(level)[1])
        across = (points[:, 0] - x) / (self.half_width + clearance)
        front = y - (self.half_depth + clearance) * np.sqrt(np.clip(1 - across**2, 0, None))
        limit = np.where(np.abs(across) < 1, front, np.inf)
        return np.column_stack([points[:, 0], np.minimum(points[:, 1], limit), points[:, 2]])


@dataclass(frozen=True, eq=False)
class Body:
    """Field of view and body wall.

    Parameters
    ----------
    low, high : ndarray, shape (3,)
        Corners of the field of view in the body frame, mm.
    offset : ndarray, shape (3,)
        Position of the body frame's origin in LPS, mm.
    half_width, half_depth : float
        Half extents of the skin, mm.
    fat_mm, muscle_mm : float
        Thickness of the subcutaneous fat and of the muscular wall.
    spine : Spine
        The vertebral column.
    """

    low: Array
    high: Array
    offset: Array
    half_width: float
    half_depth: float
    fat_mm: float
    muscle_mm: float
    spine: Spine

    def inner_half_width(self, y: float) -> float:
        """Give the half width of the abdominal cavity at a depth y, mm."""
        wall = self.fat_mm + self.muscle_mm
        ratio = y / (self.half_depth - wall)
        return float((self.half_width - wall) * np.sqrt(max(1 - ratio**2, 0)))

    def kidney_centre(self, side: int) -> Array:
        """Give the middle of the kidney of one side (1 is left), mm; the right one lies lower."""
        y = self.spine.y - 3.0
        return np.array([side * min(74.0, self.inner_half_width(y + 8) - 25.0), y, 76.0 if side > 0 else 68.0])


def draw_body(rng: np.random.Generator) -> Body:
    """Draw the size of a patient and of the field of view around the abdomen."""
    extent = np.array([rng.uniform(262, 298), rng.uniform(202, 218), rng.uniform(221, 229)])
    bottom = -rng.uniform(54, 62)
    half_depth = extent[1] / 2 - rng.uniform(3, 8)
    spine = Spine(
        y=half_depth - rng.uniform(62, 68),
        sway=rng.uniform(-6, 6),
        lordosis=rng.uniform(4, 14),
        half_width=rng.uniform(22, 26),
        half_depth=rng.uniform(15.5, 18),
        phase=rng.uniform(-2, 14),
    )
    return Body(
        low=np.array([-extent[0] / 2, -extent[1] / 2, bottom]),
        high=np.array([extent[0] / 2, extent[1] / 2, bottom + extent[2]]),
        offset=np.array([rng.uniform(-12, 12), rng.uniform(-190, -150), rng.uniform(-420, -260)]),
        half_width=extent[0] / 2 - rng.uniform(4, 9),
        half_depth=half_depth,
        fat_mm=rng.uniform(8, 17),
        muscle_mm=rng.uniform(7, 10),
        spine=spine,
    )


def smooth_course(points: Array, sigma: float) -> Array:
    """Smooth a centreline along its length.

    Parameters
    ----------
    points : ndarray, shape (n, 3)
        Evenly spaced samples, mm.
    sigma : float
        Standard deviation of the Gaussian, samples.

    Returns
    -------
    ndarray, shape (n, 3)
        The smoothed centreline; its ends stay in place.
    """
    margin = min(int(4 * sigma) + 1, len(points) - 1)
    extended = np.pad(points, ((margin, margin), (0, 0)), mode="reflect", reflect_type="odd")
    return np.asarray(gaussian_filter1d(extended, sigma, axis=0)[margin:-margin])
