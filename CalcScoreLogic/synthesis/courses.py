"""Courses of the branches of the aorta, from the landmarks of a body."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline

from ..images.geometry import Array
from .centrelines import resample
from .fields import smooth_noise
from .landmarks import SIDES, Landmarks
from .tubes import STEP_MM


def lay(control: npt.ArrayLike) -> Array:
    """Lay a smooth course through points (n, 3), mm; give points every `STEP_MM`."""
    knots = np.asarray(control, float)
    chord = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(knots, axis=0), axis=1) + 1e-6)])
    return resample(
        CubicSpline(chord, knots, bc_type="natural")(np.linspace(0, chord[-1], 8 * len(knots) + 20)), STEP_MM
    )


def sway(rng: np.random.Generator, course: Array, amplitude_mm: float, wave_mm: float, free_mm: float) -> Array:
    """Bend a course at random, less and less within `free_mm` of its origin."""
    noise = smooth_noise(rng, len(course), wave_mm / STEP_MM / 4)
    grown = np.clip(np.arange(len(course)) * STEP_MM / max(free_mm, 1e-3), 0, 1)[:, None]
    return resample(course + noise * amplitude_mm * grown, STEP_MM)


@dataclass(frozen=True, eq=False)
class Branching:
    """Draws the courses of one aorta's branches.

    Attributes
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    aorta, radii : ndarray
        Centreline (n, 3) and outer radius (n,) of the aorta, mm.
    landmarks : Landmarks
        Where the branches lead.
    """

    rng: np.random.Generator
    aorta: Array
    radii: Array
    landmarks: Landmarks

    def at_height(self, z: float) -> tuple[Array, float]:
        """Give the aorta's axis (3,) and outer radius at a height, mm."""
        n = int(np.abs(self.aorta[:, 2] - z).argmin())
        return self.aorta[n], float(self.radii[n])

    def coeliac(self, z: float) -> Array:
        """Draw the trunk forwards, often down first."""
        rng, (p, r) = self.rng, self.at_height(z)
        dip = rng.uniform(-12, 5)
        ahead = rng.uniform(12, 24)
        return lay([p, p + np.array([0, -r - 3, 0.3 * dip]), p + np.array([rng.uniform(-4, 7), -r - ahead, dip])])

    def hepatic(self, start: Array) -> Array:
        """Draw a course to the right, into the hilum of the liver."""
        rng, gate = self.rng, self.landmarks.liver + self.rng.normal(0, 8, 3)
        first = start + rng.uniform([-18, -8, -5], [-9, 2, 4])
        return sway(
            rng, lay([start, first, 0.5 * (first + gate) + rng.normal(0, 5, 3), gate]), rng.uniform(0, 3), 40, 15
        )

    def splenic(self, start: Array) -> Array:
        """Draw a course to the left, winding along the pancreas."""
        rng, gate = self.rng, self.landmarks.spleen + self.rng.normal(0, 6, 3)
        first = start + rng.uniform([7, -6, -3], [15, 3, 6])
        course = lay([start, first, 0.5 * (first + gate) + rng.normal(0, 6, 3), gate])
        return sway(rng, course, rng.uniform(0, 6), rng.uniform(25, 60), 18)

    def left_gastric(self, start: Array) -> Array:
        """Draw a course upwards to the stomach."""
        rng = self.rng
        return lay(
            [start, start + rng.uniform([0, -10, 6], [10, -3, 14]), start + rng.uniform([5, -25, 20], [35, -5, 40])]
        )

    def superior_mesenteric(self, z: float) -> Array:
        """Draw a course forwards out of the aorta, then down before it."""
        rng, (p, r) = self.rng, self.at_height(z)
        knee = p + np.array([rng.uniform(-3, 3), -r - rng.uniform(7, 17), -rng.uniform(6, 20)])
        control = [p, p + np.array([0, -r - 2.5, -rng.uniform(0, 4)]), knee]
        drift, gap = rng.uniform(-22, 6), rng.uniform(5, 20)
        for part in (0.35, 0.7, 1.0):
            below = z - (p[2] - knee[2]) - part * rng.uniform(70, 130)
            axis, radius = self.at_height(below)
            x = knee[0] + part * drift + 0.3 * (axis[0] - p[0])
            y = min(axis[1] - radius - gap * (0.7 + 0.8 * part), knee[1] + 6)
            control.append(np.array([x, y, below]))
        control.sort(key=lambda point: -point[2])
        return sway(rng, lay([p, *[c for c in control if c is not p]]), rng.uniform(0, 2.5), 50, 30)

    def inferior_mesenteric(self, z: float) -> Array:
        """Draw a course from the front left of the lower aorta down to the left."""
        rng, (p, r) = self.rng, self.at_height(z)
        a = p + np.array([0.5 * r, -0.85 * r - 2, -4])
        b = p + np.array([r + rng.uniform(2, 12), -r + rng.uniform(-6, 3), -rng.uniform(20, 32)])
        c = b + rng.uniform([5, -4, -55], [28, 18, -25])
        return lay([p, a, b, c])

    def renal(self, side: str, z: float, low: float = 0.0) -> Array:
        """Draw a course sideways to the hilum of a kidney, `low` mm below its middle."""
        rng, (p, r), sign = self.rng, self.at_height(z), SIDES[side]
        hilum = self.landmarks.kidneys[side] + rng.normal(0, 4, 3) - [0, 0, low]
        turn = rng.normal(0, 0.3) if rng.random() < 0.8 else -rng.uniform(0.4, 1.1)  # some leave the front of the aorta
        out = r + rng.uniform(3, 7)
        leave = p + np.array([sign * out * np.cos(turn), out * np.sin(turn), -rng.uniform(-1, 4)])
        share = rng.uniform(0.35, 0.65)
        back = rng.uniform(0, 8) if side == "right" else rng.uniform(-4, 5)
        bend = leave + (hilum - leave) * share + np.array([0, back, rng.uniform(-7, 6)])
        return sway(rng, lay([p, leave, bend, hilum]), rng.uniform(0, 2.2), rng.uniform(20, 50), 14)

    def division(self, artery: Array, side: str) -> Array:
        """Draw the second branch of a renal artery (n, 3) that divides before the hilum."""
        rng = self.rng
        start = int(rng.uniform(0.55, 0.85) * len(artery))
        aside = np.array(
            [SIDES[side] * rng.uniform(0, 6), rng.uniform(-7, 7), rng.choice([-1, 1]) * rng.uniform(5, 14)]
        )
        return lay([artery[start], 0.5 * (artery[start] + artery[-1]) + 0.4 * aside, artery[-1] + aside])

    def lumbar(self, side: str, z: float) -> Array:
        """Draw a course from the back of the aorta around a vertebral body."""
        (p, r), sign = self.at_height(z), SIDES[side]
        aside = sign * self.rng.uniform(20, 27)
        return lay(
            [
                p,
                p + np.array([sign * 3, r + 1.5, 1]),
                p + np.array([aside - 4 * sign, r + 10, 2]),
                p + np.array([aside, r + 26, 1]),
            ]
        )
