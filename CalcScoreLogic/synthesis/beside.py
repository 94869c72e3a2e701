"""Draws what lies beside the arteries: veins, crura, bowel, nodes; these touch them and are taken for them."""

from __future__ import annotations

import numpy as np

from ..images.geometry import Array
from .anatomy_file import FIELD_MM, Anatomy
from .fields import among, stamp, wander
from .soft_parts import BESIDE_AORTA, SOFT, bowel_loop
from .tissues import Tissue
from .tubes import Vessel
from .vessels import Tree

_VEIN_ROOM = SOFT & ~among(Tissue.KIDNEY_CORTEX, Tissue.KIDNEY_MEDULLA, Tissue.LIVER, Tissue.SPLEEN, Tissue.MUSCLE)

_VEINS = among(Tissue.LOWER_VEIN, Tissue.UPPER_VEIN, Tissue.PORTAL_VEIN)
_FREE_SIDE = {"renal": (0.0, 1.0, 0.0), "iliac": (0.0, -1.0, 0.0), "superior": (1.0, 0.0, 0.0)}
_GIVE_WAY_STEPS = 7  # voxels that a vein is kept away on an artery's free side

_CRUS_STRANDS = 9  # of which a sheet is made


def draw_beside_arteries(rng: np.random.Generator, anatomy: Anatomy, tree: Tree, field: Array) -> None:
    """Draw what touches the arteries, and fat around them in some bodies.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    anatomy : Anatomy
        Whose body it is.
    tree : Tree
        The arteries.
    field : ndarray of uint8, shape (k, j, i)
        Painted in place.
    """
    if rng.random() < 0.35:
        thin = BESIDE_AORTA | among(Tissue.MUSCLE, Tissue.NODE, Tissue.PANCREAS)
        for vessel in tree.vessels:
            points, radii = vessel.points / FIELD_MM, vessel.outer / FIELD_MM
            stamp(field, points, radii + rng.uniform(0.5, 1.4), Tissue.FAT, thin, 3)
    aorta = tree.aorta
    axis, radius = aorta.points / FIELD_MM, aorta.outer / FIELD_MM
    renals = [v.points[0] for v in tree.vessels if v.name.startswith("renal")]
    renal = int(np.mean([np.abs(aorta.points - p).sum(axis=1).argmin() for p in renals]))
    if rng.random() < 0.85:
        _crura(rng, field, axis, radius, renal)
    _bowel(rng, field, axis, radius, renal)
    _nodes(rng, field, axis, radius, renal)
    _renal_veins(rng, anatomy, tree, field, renal)
    _companions(rng, tree, field)
    if rng.random() < 0.6:
        _confluence(rng, tree, field)
    _give_way(rng, tree, field)
    _small_veins(rng, tree, field, renal)
    _twigs(rng, tree, field)


def _crura(rng: np.random.Generator, field: Array, axis: Array, radius: Array, renal: int) -> None:
    """Draw the legs of the diaphragm: sheets that embrace the aorta, join before it above its hiatus, and end below."""
    free = BESIDE_AORTA | among(Tissue.LUNG)
    joined = rng.uniform(0.1, 0.45)
    for side in (-1, 1):
        first = max(0, renal - int(rng.integers(70, 160)))
        chosen = np.arange(first, min(len(axis) - 1, renal + int(rng.integers(0, 80))), 3)
        if len(chosen) < 2:
            continue
        down = np.linspace(0, 1, len(chosen))
        half = np.linspace(rng.uniform(1.0, 2.6), rng.uniform(0.7, 2.0), len(chosen))
        front = np.interp(down, [0, joined, joined + 0.1, 1], np.radians([185, 180, rng.uniform(100, 165), 60]))
        back = np.linspace(rng.uniform(0.4, 1.2), rng.uniform(0.5, 0.9), len(chosen))
        away = rng.exponential(0.4) + np.linspace(0, rng.uniform(0, 1.5), len(chosen))
        for share in np.linspace(0, 1, _CRUS_STRANDS):
            turn = back + share * (front - back)
            reach = radius[chosen] + half + away
            strand = np.stack([side * np.sin(turn) * reach, np.cos(turn) * reach, np.zeros(len(chosen))], axis=1)
            stamp(field, axis[chosen] + strand, half, Tissue.CRUS, free)


def _bowel(rng: np.random.Generator, field: Array, axis: Array, radius: Array, renal: int) -> None:
    """Draw the duodenum across the aorta and loops of jejunum beside it."""
    n = len(axis)
    if rng.random() < 0.9:  # the duodenum: a flat band between aorta and superior mesenteric artery
        at = int(np.clip(renal + rng.integers(12, 75), 0, n - 1))
        x = np.linspace(-rng.uniform(15, 40), rng.uniform(0, 25), 40)
        r = rng.uniform(2, 4.5)
        front = axis[at, 1] - radius[at] - r * rng.uniform(0.8, 1.1) - rng.exponential(0.5)
        rise = np.linspace(-rng.uniform(0, 5), rng.uniform(0, 8), 40)
        band = np.stack([axis[at, 0] + x, front + 0.01 * x**2, axis[at, 2] + rise], axis=1)
        for lift in np.arange(0, rng.uniform(0, 3) * r + 1, 0.7 * r):
            stamp(field, band + np.array([0, 0, lift]), np.full(40, r), Tissue.BOWEL_WALL, BESIDE_AORTA, 2)
        if rng.random() < 0.5 and r > 2.5:
            filling = int(rng.choice([Tissue.BOWEL_FLUID, Tissue.BOWEL_FLUID, Tissue.BOWEL_CONTENT, Tissue.GAS]))
            stamp(field, band, np.full(40, r - 1.5), filling, among(Tissue.BOWEL_WALL), 2)
    if rng.random() < 0.7:  # where duodenum becomes jejunum, left before the aorta; often empty, as bright as muscle
        at, r = int(np.clip(renal + rng.integers(5, 70), 0, n - 1)), rng.uniform(3.5, 7)
        turn = np.radians(rng.uniform(95, 165))
        start = axis[at] + (radius[at] + r * rng.uniform(0.85, 1.1)) * np.array([np.sin(turn), np.cos(turn), 0])
        course = start + np.cumsum(rng.normal([0.2, -0.1, 0.3], 0.25, (int(rng.integers(6, 30)), 3)), axis=0)
        bowel_loop(rng, field, course, r, BESIDE_AORTA, empty=0.6)
    for _ in range(rng.integers(0, 5)):
        at, r = int(rng.integers(min(renal, n - 2), n)), rng.uniform(3.5, 7)
        aside = rng.choice([1.0, 1.0, -1.0]) * (radius[at] + r * rng.uniform(0.8, 1.2) + rng.uniform(0, 2))
        start = axis[at] + np.array([aside, rng.uniform(-10, 3), 0])
        bowel_loop(rng, field, wander(rng, start, int(rng.integers(8, 40)), 0.25), r, BESIDE_AORTA)


def _nodes(rng: np.random.Generator, field: Array, axis: Array, radius: Array, renal: int) -> None:
    low, n = max(0, renal - 80), len(axis)
    for _ in range(rng.integers(0, 10)):
        at, turn, r = int(rng.integers(low, n)), rng.uniform(0, 2 * np.pi), rng.uniform(0.8, 2.8)
        spot = axis[at] + (radius[at] + r) * np.array([np.sin(turn), np.cos(turn), 0])
        stamp(field, spot[None], np.array([r]), Tissue.NODE, among(Tissue.FAT))
    for _ in range(rng.poisson(0.25)):  # clips of an operation, calcified nodes
        at, turn = int(rng.integers(low, n)), rng.uniform(0, 2 * np.pi)
        spot = axis[at] + (radius[at] + rng.uniform(1.5, 6)) * np.array([np.sin(turn), np.cos(turn), 0])
        kind = int(rng.choice([Tissue.METAL, Tissue.CALCIUM]))
        stamp(field, spot[None], np.array([rng.uniform(0.6, 2)]), kind, among(Tissue.FAT, Tissue.NODE))


def _renal_veins(rng: np.random.Generator, anatomy: Anatomy, tree: Tree, field: Array, renal: int) -> None:
    """Draw both renal veins: the left one before the aorta, seldom behind it."""
    aorta, hila = tree.aorta, anatomy.landmarks.kidneys
    at = min(max(0, renal + int(rng.integers(-14, 14))), len(aorta.points) - 1)
    middle, r = aorta.points[at], float(aorta.outer[at])
    cava = _cava(field, middle)
    width = rng.uniform(2.2, 5.0) / FIELD_MM
    if rng.random() < 0.92:
        front = middle + np.array([rng.uniform(-3, 3), -r - width * FIELD_MM - rng.uniform(0, 2.5), rng.uniform(-3, 3)])
    else:
        front = middle + np.array([0, r + width * FIELD_MM, -rng.uniform(0, 15)])
    beside = front + np.array([r + 10, r * 0.6 + rng.uniform(0, 6), rng.uniform(-4, 4)])
    hilum = hila["left"] + np.array([-4.0, -4, rng.uniform(-8, 8)])
    _vein(field, [cava, 0.5 * (cava + front), front, beside, hilum], width, Tissue.UPPER_VEIN)
    hilum = hila["right"] + np.array([4.0, -4, rng.uniform(-8, 8)])
    bend = 0.5 * (cava + hilum) + rng.normal(0, 3, 3)
    _vein(field, [cava, bend, hilum], rng.uniform(2.2, 4.5) / FIELD_MM, Tissue.UPPER_VEIN)


def _cava(field: Array, middle: Array) -> Array:
    """Find the inferior vena cava right of a point (3,) of the aorta, mm."""
    k = int(np.clip(round(middle[2] / FIELD_MM), 0, field.shape[0] - 1))
    rows, columns = np.nonzero((field[k] == Tissue.LOWER_VEIN) | (field[k] == Tissue.UPPER_VEIN))
    x, y = columns * FIELD_MM, rows * FIELD_MM
    near = (x < middle[0]) & (x > middle[0] - 55) & (np.abs(y - middle[1]) < 35)
    if not near.any():
        return np.asarray(middle + np.array([-26.0, -2, 0]))
    return np.array([x[near].mean(), y[near].mean(), middle[2]])


def _companions(rng: np.random.Generator, tree: Tree, field: Array) -> None:
    """Draw the veins beside iliac, superior mesenteric and splenic arteries, and the psoas beside the iliac ones."""
    for vessel in tree.vessels:
        side = 1 if vessel.name.endswith("left") else -1
        if vessel.name.startswith("iliac"):
            if rng.random() < 0.6:
                aside = -side * rng.uniform(2, 9)
                _beside(rng, field, vessel, np.array([aside, rng.uniform(6, 12), 0]), (4, 7.5), Tissue.LOWER_VEIN, 0.15)
            if rng.random() < 0.6:
                outwards = np.array([side * 10, rng.uniform(-2, 8), 0])
                _beside(rng, field, vessel, outwards, (9, 18), Tissue.MUSCLE, rng.uniform(0.15, 0.4), BESIDE_AORTA)
        elif vessel.name == "superior_mesenteric" and rng.random() < 0.6:
            aside = -rng.uniform(8, 14)
            _beside(rng, field, vessel, np.array([aside, rng.uniform(-3, 3), 0]), (4, 6.5), Tissue.PORTAL_VEIN, 0.25)
        elif vessel.name == "splenic" and rng.random() < 0.5:
            below = np.array([0, rng.uniform(4, 9), -rng.uniform(3, 9)])
            _beside(rng, field, vessel, below, (3, 5), Tissue.PORTAL_VEIN, 0.2)


def _confluence(rng: np.random.Generator, tree: Tree, field: Array) -> None:
    """Join the common iliac veins to the vena cava behind the right common iliac artery."""
    fork = tree.aorta.points[-1]
    cava = _cava(field, fork + np.array([0, 0, 16.0]))
    low = np.array([cava[0] + rng.uniform(2, 12), max(cava[1], fork[1] + 4), fork[2] - rng.uniform(4, 26)])
    width = rng.uniform(4.5, 8) / FIELD_MM
    _vein(field, [cava, 0.5 * (cava + low), low], width * 1.25, Tissue.LOWER_VEIN)
    for vessel in tree.vessels:
        if not vessel.name.startswith("iliac"):
            continue
        side = 1 if vessel.name.endswith("left") else -1
        aside = np.array([-side * rng.uniform(0, 6), rng.uniform(9, 14), 0])
        picked = [point + aside for point in vessel.points[40:160:30] if point[2] < low[2] - 6]
        if len(picked) > 1:
            _vein(field, [low, *picked], width, Tissue.LOWER_VEIN)


def _give_way(rng: np.random.Generator, tree: Tree, field: Array) -> None:
    """Let veins pass beside the arteries that they would run through, as they do.

    The vena cava and the left renal vein lie before the renal arteries, iliac veins behind the iliac ones, the superior
    mesenteric vein right of its artery.
    """
    for vessel in tree.vessels:
        beyond = next((np.array(way) for stem, way in _FREE_SIDE.items() if stem in vessel.name), None)
        if beyond is None:
            continue
        points, radii = vessel.points[::3] / FIELD_MM, vessel.outer[::3] / FIELD_MM + rng.uniform(-0.4, 0.5)
        for step in range(_GIVE_WAY_STEPS):
            stamp(field, points + step * beyond, radii, Tissue.FAT, _VEINS)


def _small_veins(rng: np.random.Generator, tree: Tree, field: Array, renal: int) -> None:
    """Draw lumbar veins that join the left renal vein beside the aorta, and gonadal veins along the psoas muscles."""
    aorta = tree.aorta
    low = len(aorta.points) - 1
    at = int(np.clip(renal + rng.integers(-10, 30), 0, low))
    middle, r = aorta.points[at], float(aorta.outer[at])
    if rng.random() < 0.4:
        front = middle + np.array([r + rng.uniform(6, 16), rng.uniform(-6, 2), 0])
        back = middle + np.array([r + rng.uniform(2, 9), r + rng.uniform(4, 14), -rng.uniform(-4, 20)])
        _vein(
            field, [front, 0.5 * (front + back) + rng.normal(0, 2.5, 3), back], rng.uniform(0.7, 1.6), Tissue.UPPER_VEIN
        )
    for side in (-1, 1):
        if rng.random() < 0.6:
            start = middle + np.array([side * (r + rng.uniform(14, 26)), rng.uniform(-4, 6), -rng.uniform(5, 15)])
            steps = [np.array([side * rng.uniform(-4, 6), rng.uniform(-5, 5), -rng.uniform(22, 36)]) for _ in range(4)]
            course = [start, *(start + np.cumsum(steps, axis=0))]
            kind = int(rng.choice([Tissue.LOWER_VEIN, Tissue.SMALL_VEIN]))
            _vein(field, course, rng.uniform(0.6, 1.4), Tissue(kind))


def _twigs(rng: np.random.Generator, tree: Tree, field: Array) -> None:
    """Draw the many small arteries and veins of the mesentery, around the superior mesenteric artery."""
    root = next(vessel for vessel in tree.vessels if vessel.name == "superior_mesenteric")
    for _ in range(rng.integers(4, 30)):
        at = root.points[int(rng.uniform(0.3, 1) * (len(root.points) - 1))]
        start = (at + rng.normal([4, -4, -4], [12, 6, 12])) / FIELD_MM
        course = wander(rng, start, int(rng.integers(10, 50)), 0.12)
        kind = int(rng.choice([Tissue.SMALL_ARTERY, Tissue.SMALL_VEIN]))
        stamp(field, course, np.linspace(rng.uniform(0.6, 1.3), 0.5, len(course)), kind, among(Tissue.FAT))


def _beside(
    rng: np.random.Generator,
    field: Array,
    vessel: Vessel,
    towards: Array,
    radius_mm: tuple[float, float],
    tissue: Tissue,
    starts: float,
    room: Array = _VEIN_ROOM,
) -> None:
    """Draw a vein or muscle that touches an artery on the side `towards`, from a share of its length on."""
    first = int(starts * len(vessel.points))
    width = rng.uniform(*radius_mm)
    gap = width + vessel.outer[first::2] * rng.uniform(0.75, 1.2)
    course = vessel.points[first::2] + gap[:, None] * towards / np.linalg.norm(towards)
    stamp(field, course / FIELD_MM, np.full(len(course), width / FIELD_MM), tissue, room)


def _vein(field: Array, points: list[Array], radius: float, tissue: Tissue) -> None:
    knots = np.array(points)
    t, fine = np.linspace(0, 1, len(knots)), np.linspace(0, 1, 60)
    course = np.stack([np.interp(fine, t, column) for column in knots.T], axis=1)
    for _ in range(4):
        course[1:-1] = 0.25 * course[:-2] + 0.5 * course[1:-1] + 0.25 * course[2:]
    stamp(field, course / FIELD_MM, np.full(60, radius), tissue, _VEIN_ROOM)
