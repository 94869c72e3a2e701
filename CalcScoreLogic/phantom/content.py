"""What lies at a point of the arterial tree: territory, plaque and intensity."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..images.geometry import Array
from .arteries import ArterialTree, Thrombus
from .plaques import Plaque
from .tubes import Location

_OPENING_MM = 1.0  # deeper than this inside a second artery there is no wall, so there is no plaque
_AORTA_FIRST_MM = 1e3  # lifts the aorta's depth above every branch's


class Content(NamedTuple):
    """What the tree holds at some points.

    Attributes
    ----------
    territory : ndarray of uint8, shape (n,)
        Label value, 0 outside the tree.
    calcified : ndarray of bool, shape (n,)
        True inside a plaque.
    hu : ndarray of float32, shape (n,)
        Intensity, only meaningful inside the tree.
    mixed : ndarray of bool, shape (n,)
        True where two materials may meet within the reach that was asked for.
    """

    territory: Array
    calcified: Array
    hu: Array
    mixed: Array


def tree_content(tree: ArterialTree, plaques: tuple[Plaque, ...], points: Array, reach_mm: float) -> Content:
    """Say what the arterial tree holds at some points.

    The aorta owns what lies inside its wall; among other arteries a point belongs to the one in which it
    lies deepest.

    Parameters
    ----------
    tree : ArterialTree
        The arteries.
    plaques : tuple of Plaque
        Their calcifications; where two overlap the denser one shows.
    points : ndarray, shape (n, 3)
        Positions in the body frame, mm.
    reach_mm : float
        Distance within which materials count as mixed.

    Returns
    -------
    Content
        One entry a point.
    """
    n = len(points)
    content = Content(np.zeros(n, np.uint8), np.zeros(n, bool), np.zeros(n, np.float32), np.zeros(n, bool))
    locations = [artery.tube.locate(points, reach_mm) for artery in tree.arteries]
    owner, second = _owners(n, locations)
    by_density = sorted(plaques, key=lambda plaque: plaque.hu)
    for number, (artery, location) in enumerate(zip(tree.arteries, locations, strict=True)):
        own = location.subset(owner[location.which] == number)
        inside = own.depth >= 0
        content.territory[own.which[inside]] = artery.territory
        content.hu[own.which] = artery.hu[0] + (artery.hu[1] - artery.hu[0]) * own.arc / artery.tube.length
        content.mixed[own.which] = np.abs(own.depth) <= reach_mm
        if number == 0 and tree.thrombus is not None:
            _fill_thrombus(content, tree.thrombus, points, own.which[second[own.which] < 0], reach_mm)
        walled = inside & (second[own.which] <= _OPENING_MM)
        for plaque in by_density:
            if plaque.artery == number:
                content.mixed[own.which[plaque.contains(own, reach_mm)]] = True
                hit = own.which[plaque.contains(own) & walled]
                content.hu[hit] = plaque.hu
                content.calcified[hit] = True
    return content


def _owners(n: int, locations: list[Location]) -> tuple[Array, Array]:
    """Find each point's artery (-1: none near) and its depth (mm) inside the next best one."""
    owner = np.full(n, -1)
    best = np.full(n, -np.inf)
    second = np.full(n, -np.inf)
    for number, location in enumerate(locations):
        which, depth = location.which, location.depth
        rank = np.where((number == 0) & (depth >= 0), depth + _AORTA_FIRST_MM, depth)
        wins = rank > best[which]
        second[which] = np.maximum(second[which], np.where(wins, best[which], depth))
        best[which[wins]] = rank[wins]
        owner[which[wins]] = number
    return owner, second


def _fill_thrombus(content: Content, thrombus: Thrombus, points: Array, index: Array, reach_mm: float) -> None:
    """Put thrombus where the aorta's points `index` lie outside its lumen."""
    location = thrombus.lumen.locate(points[index], reach_mm)
    depth = np.full(len(index), -np.inf)
    depth[location.which] = location.depth
    content.hu[index[depth < 0]] = thrombus.hu
    content.mixed[index[np.abs(depth) <= reach_mm]] = True
