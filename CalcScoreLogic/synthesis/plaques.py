"""Calcified plaques in the walls of a synthetic body's arteries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..images.geometry import Array
from .tubes import STEP_MM, Vessel
from .vessels import Tree


@dataclass(frozen=True)
class Plaque:
    """A calcification in an artery's wall.

    With u along the artery, w around it (measured on the outer wall) and d the depth below the outer wall, it is
    the solid (2u / length)² + (2w / width)² + (2 (d - sunk) / thickness - 1)² <= 1.

    Attributes
    ----------
    arc, angle : float
        Its middle along (mm) and around (rad) the artery.
    length, width, thickness : float
        Full extents, mm.
    sunk : float
        Depth of its outer face below the outer wall, mm.
    hu : float
        Intensity, HU, before the contrast around it is known.
    """

    arc: float
    angle: float
    length: float
    width: float
    thickness: float
    sunk: float
    hu: float


def depth_inside(plaque: Plaque, arc: Array, angle: Array, depth: Array, radius: Array, scale: float) -> Array:
    """Tell how deep points lie inside a plaque.

    Parameters
    ----------
    plaque : Plaque
        In the body's millimetres.
    arc, angle, depth, radius : ndarray, shape (n,)
        Points in the coordinates of the artery: along it (body mm), around it (rad), below the outer wall and
        outer radius there (patient mm).
    scale : float
        Patient mm per body mm.

    Returns
    -------
    ndarray, shape (n,)
        About the distance to the plaque's surface in patient mm, positive inside; exact in sign.
    """
    half = 0.5 * scale * np.array([plaque.length, plaque.width, plaque.thickness])
    turn = (angle - plaque.angle + np.pi) % (2 * np.pi) - np.pi
    along = (arc - plaque.arc) * scale / half[0]
    around = turn * radius / half[1]
    inwards = (depth - plaque.sunk * scale) / half[2] - 1
    reach = np.sqrt(along**2 + around**2 + inwards**2)
    slope = np.sqrt((along / half[0]) ** 2 + (around / half[1]) ** 2 + (inwards / half[2]) ** 2)
    return np.asarray(reach * (1 - reach) / np.maximum(slope, 1e-6))


def draw_plaques(rng: np.random.Generator, tree: Tree, calcified: bool = False) -> tuple[tuple[Plaque, ...], ...]:
    """Draw the plaques of a body, some in any case if `calcified`: a tuple for each of its arteries."""
    shares = [0, 0.2, 0.4, 0.25, 0.15] if calcified else [0.15, 0.25, 0.3, 0.2, 0.1]
    burden = rng.choice([0.0, 0.3, 1.0, 2.5, 5.0], p=shares)
    return tuple(tuple(_of_vessel(rng, vessel, float(burden))) for vessel in tree.vessels)


def _of_vessel(rng: np.random.Generator, vessel: Vessel, burden: float) -> list[Plaque]:
    large = vessel.name == "aorta" or "iliac" in vessel.name
    if vessel.name == "lumbar" or burden == 0:
        return []
    low_half = 0.55 if vessel.name == "aorta" else 1.0
    expected = burden * vessel.length * (0.035 if large else 0.012) * low_half
    made = []
    for _ in range(rng.poisson(expected)):
        made += _draw_plaque(rng, vessel, large)
    if not large and rng.random() < min(0.5, 0.2 * burden):  # at the ostium
        start = float(rng.uniform(0.6, 1.6)) * 11
        for angle in rng.uniform(0, 2 * np.pi, rng.integers(1, 4)):
            made.append(_plaque(rng, vessel, start + rng.uniform(-2, 4), angle, rng.uniform(2, 6), rng.uniform(2, 5)))
    return made


def _draw_plaque(rng: np.random.Generator, vessel: Vessel, large: bool) -> list[Plaque]:
    """Draw a spot, a plate, a shell or a coral reef."""
    place = rng.beta(2.2, 1.0) if vessel.name == "aorta" else rng.beta(1.0, 1.4)
    arc, angle = place * vessel.length, rng.uniform(0, 2 * np.pi)
    kind = rng.choice(["spot", "plate", "shell", "reef"], p=[0.5, 0.36, 0.11, 0.03] if large else [0.6, 0.38, 0.02, 0])
    if kind == "spot":
        size = float(np.exp(rng.uniform(np.log(1.0), np.log(4.0))))
        return [_plaque(rng, vessel, arc, angle, size * rng.uniform(0.7, 1.6), size * rng.uniform(0.7, 1.4))]
    if kind == "plate":
        length, width = rng.uniform(3, 15), rng.uniform(2, 9)
        count = int(rng.integers(1, 4))
        return [
            _plaque(rng, vessel, arc + rng.normal(0, 0.25) * length, angle + rng.normal(0, 0.25), length, width)
            for _ in range(count)
        ]
    radius = _radius(vessel, arc)
    if kind == "shell":
        width = radius * rng.uniform(2, 5)
        return [_plaque(rng, vessel, arc, angle, rng.uniform(5, 25), width, thickness=rng.uniform(1, 2.5))]
    return [
        _plaque(
            rng,
            vessel,
            arc + rng.normal(0, 5),
            angle + rng.normal(0, 0.5),
            rng.uniform(3, 8),
            rng.uniform(3, 8),
            thickness=rng.uniform(0.4, 0.9) * radius,
        )
        for _ in range(int(rng.integers(4, 12)))
    ]


def _radius(vessel: Vessel, arc: float) -> float:
    return float(vessel.outer[min(int(arc / STEP_MM), len(vessel.outer) - 1)])


def _plaque(
    rng: np.random.Generator,
    vessel: Vessel,
    arc: float,
    angle: float,
    length: float,
    width: float,
    thickness: float | None = None,
) -> Plaque:
    """Make one plaque that stays inside its artery."""
    arc = float(np.clip(arc, 0, vessel.length))
    radius = _radius(vessel, arc)
    if thickness is None:
        thickness = float(np.clip(0.5 * min(length, width), 1, 4) * rng.uniform(0.7, 1.4))
    dense = rng.random() < 0.8
    return Plaque(
        arc=arc,
        angle=float(angle),
        length=float(length),
        width=float(min(width, 6.5 * radius)),
        thickness=float(min(thickness, 0.9 * radius)),
        sunk=float(min(rng.uniform(0, 0.6), 0.1 * radius)),
        hu=float(rng.uniform(450, 1500) if dense else rng.uniform(200, 450)),
    )
