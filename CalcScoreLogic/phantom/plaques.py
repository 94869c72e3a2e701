"""Calcified plaques in arterial walls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..anatomy import Territory
from ..images.geometry import Array
from .arteries import ArterialTree, Artery
from .frame import Body
from .tubes import STEP_MM, Location

DENSEST_HU = 1300.0
"""Intensity of the densest plaque."""

FAINTEST_ABOVE_LUMEN_HU = 50.0
"""How far the faintest plaque stands out from the contrast."""

NODULE = 2.0
"""`Plaque.flatness` of a dome."""

PATCH = 6.0
"""`Plaque.flatness` of a plate."""

_BURDENS = ((0.10, 0, 3), (0.30, 5, 15), (0.35, 16, 40), (0.25, 41, 80))  # share of the cases, fewest, most plaques
_SHARES = {Territory.AORTA: 0.44, Territory.ILIAC: 0.34, Territory.MESENTERIC: 0.12, Territory.RENAL: 0.10}
_SHORTEST_WALL_MM = 8.0  # a vessel that shows less carries no plaque
_HEAVY = 25  # plaques from which on some are confluent


@dataclass(frozen=True)
class Plaque:
    """A calcification that sits on the inside of an artery's outer surface.

    With u along the artery, w around it (measured on the outer surface) and d the depth below that surface,
    it is the solid (u / a)² + (w / b)² + (d / t)^flatness <= 1, d >= 0.

    Parameters
    ----------
    artery : int
        Position of the artery in the tree.
    arc : float
        Middle along the artery, mm.
    angle : float
        Middle around the artery, rad.
    length, width : float
        Full extents 2a and 2b, mm.
    thickness : float
        Depth t, mm.
    flatness : float
        Exponent of the depth: `NODULE` or `PATCH`.
    hu : float
        Intensity, HU.
    """

    artery: int
    arc: float
    angle: float
    length: float
    width: float
    thickness: float
    flatness: float
    hu: float

    def contains(self, location: Location, margin_mm: float = 0.0) -> Array:
        """Say which points the plaque holds.

        Parameters
        ----------
        location : Location
            Points in the coordinates of the plaque's artery.
        margin_mm : float
            Grow the plaque by this much in every direction, also outwards.

        Returns
        -------
        ndarray of bool
            One entry for each entry of `location`.
        """
        near = np.flatnonzero(
            (np.abs(location.arc - self.arc) <= self.length / 2 + margin_mm)
            & (location.depth >= -margin_mm)
            & (location.depth <= self.thickness + margin_mm)
        )
        turn = (location.angle[near] - self.angle + np.pi) % (2 * np.pi) - np.pi
        along = (location.arc[near] - self.arc) / (self.length / 2 + margin_mm)
        around = turn * location.radius[near] / (self.width / 2 + margin_mm)
        inwards = np.clip(location.depth[near], 0, None) / (self.thickness + margin_mm)
        inside = np.zeros(len(location.arc), dtype=bool)
        inside[near] = along**2 + around**2 + inwards**self.flatness <= 1
        return inside


def draw_plaques(rng: np.random.Generator, tree: ArterialTree, body: Body) -> tuple[Plaque, ...]:
    """Draw the plaques of a case, from nearly none to many.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    tree : ArterialTree
        The arteries that carry them.
    body : Body
        The field of view, in which all of them lie.

    Returns
    -------
    tuple of Plaque
        In the order of the territories.
    """
    _, fewest, most = _BURDENS[rng.choice(len(_BURDENS), p=[share for share, *_ in _BURDENS])]
    total = int(rng.integers(fewest, most + 1))
    counts = dict.fromkeys(_SHARES, 1 if total >= len(_SHARES) else 0)
    rest = rng.multinomial(total - sum(counts.values()), list(_SHARES.values()))
    walls = {number: _wall_range(tree, number, body) for number in range(len(tree.arteries))}
    plaques = []
    for (territory, sure), extra in zip(counts.items(), rest, strict=True):
        carriers = [
            number
            for number, (start, stop) in walls.items()
            if tree.arteries[number].territory is territory and stop - start >= _SHORTEST_WALL_MM
        ]
        for _ in range(sure + int(extra)):
            number = int(rng.choice(carriers))
            confluent = total >= _HEAVY and rng.random() < 0.35
            plaques.append(_draw_plaque(rng, tree, number, walls[number], confluent))
    return tuple(plaques)


def _wall_range(tree: ArterialTree, number: int, body: Body) -> tuple[float, float]:
    """Find where along an artery (mm) its own wall shows; (0, 0) where parent or field of view hide all of it."""
    margin_mm = 3.0
    points = tree.arteries[number].tube.points
    shown: Array = np.logical_and.reduce((points > body.low + margin_mm) & (points < body.high - margin_mm), axis=1)
    for parent in tree.arteries[:number]:
        location = parent.tube.locate(points, 0.0)
        shown[location.which[location.depth > 0]] = False
    arcs = np.flatnonzero(shown) * STEP_MM
    return (float(arcs[0]), float(arcs[-1])) if arcs.size else (0.0, 0.0)


def _draw_plaque(
    rng: np.random.Generator, tree: ArterialTree, number: int, wall: tuple[float, float], confluent: bool
) -> Plaque:
    """Draw one plaque of an artery whose wall shows over a range of its length (mm)."""
    artery = tree.arteries[number]
    arc = wall[0] + (wall[1] - wall[0]) * _relative_position(rng, artery, wall[1] - wall[0])
    radius = float(artery.tube.radii[artery.tube.sample_at(arc)])
    large = artery.territory in (Territory.AORTA, Territory.ILIAC)
    length, width = np.clip(np.exp(rng.normal(1.6, 0.4, 2)), 1, 8)
    if confluent and large:
        length, width = rng.uniform(8, 30 if number == 0 else 16), rng.uniform(4, 12 if number == 0 else 7)
    thickness = 1.5 + 3 * rng.beta(1.5, 2.0)
    faintest = artery.hu[0] + FAINTEST_ABOVE_LUMEN_HU
    brightness = 0.12 * rng.random() if rng.random() < 0.15 else rng.beta(1.6, 1.8)
    return Plaque(
        artery=number,
        arc=float(arc),
        angle=float(rng.uniform(-np.pi, np.pi)),
        length=float(length),
        width=float(min(width, 1.5 * np.pi * radius)),
        thickness=float(min(thickness, 0.65 * radius)),
        flatness=float(rng.choice([NODULE, PATCH])),
        hu=float(faintest + (DENSEST_HU - faintest) * brightness),
    )


def _relative_position(rng: np.random.Generator, artery: Artery, length: float) -> float:
    """Draw where along the wall a plaque sits: low in the aorta, early in the iliacs, at other ostia."""
    if artery.territory is Territory.AORTA:
        return float(rng.beta(2.0, 1.1))
    if artery.territory is Territory.ILIAC:
        return float(rng.beta(1.0, 1.3))
    return float(min(rng.exponential(9.0) / length, 0.9))
