"""Draws anew what varies most between patients: fat, bowel, lungs, veins' calibre, table and small things."""

from __future__ import annotations

import numpy as np

from ..images.geometry import Array
from .anatomy_file import FIELD_MM, Anatomy
from .fields import among, field_at, places, stamp, wander
from .implants import draw_implants
from .tissues import HARD, Tissue

SOFT = ~HARD
SOFT[[Tissue.AIR, Tissue.TABLE, Tissue.METAL]] = False
"""Tissues that a vein or a spur of bone may replace, shape (256,)."""

_IN_FAT = among(Tissue.FAT)
BESIDE_AORTA = among(
    Tissue.FAT, Tissue.STOMACH_WALL, Tissue.STOMACH_CONTENT, Tissue.BOWEL_WALL, Tissue.BOWEL_FLUID, Tissue.GAS,
    Tissue.BOWEL_CONTENT,
)  # fmt: skip
"""Tissues that bowel beside the aorta may replace, shape (256,)."""

_FILLINGS = (Tissue.BOWEL_FLUID, Tissue.GAS, Tissue.BOWEL_CONTENT, Tissue.BOWEL_FLUID)


def draw_soft_parts(rng: np.random.Generator, anatomy: Anatomy) -> Array:
    """Draw a label field from an anatomy, before its arteries and what touches them.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    anatomy : Anatomy
        The patient that is varied.

    Returns
    -------
    ndarray of uint8, shape (k, j, i)
        Values of `Tissue` every `FIELD_MM`.
    """
    field = anatomy.tissues.copy()
    _subcutaneous_fat(rng, anatomy, field)
    _lungs_and_wall(rng, anatomy, field)
    _hollow_organs(rng, anatomy, field)
    cavity = np.argwhere((field[::3, ::3, ::3] == Tissue.FAT) & (anatomy.inside[::3, ::3, ::3] > 52))[:, ::-1] * 3.0
    if len(cavity):
        _loose_things(rng, field, cavity)
    _vessels_of_organs(rng, field)
    draw_implants(rng, field)
    _veins(rng, anatomy, field)
    if rng.random() < 0.6:
        _table(rng, field)
    field[:, [0, -1], :] = field[:, :, [0, -1]] = Tissue.AIR  # what lies beyond the field shows its border
    return field


def _subcutaneous_fat(rng: np.random.Generator, anatomy: Anatomy, field: Array) -> None:
    rows = np.arange(field.shape[1])[:, None] * FIELD_MM
    behind = 1 + 0.5 * np.clip((rows - anatomy.spine_y_mm + 60) / 120, -1, 1) * rng.uniform(-0.6, 0.6)
    thickness = np.clip(2 * np.exp(rng.uniform(np.log(5), np.log(48))) * behind, 0, 240).astype(np.uint8)
    free = (field == Tissue.AIR) & (anatomy.outside > 0)
    field[free & (anatomy.outside < thickness + np.uint8(5))] = Tissue.SKIN
    field[free & (anatomy.outside < thickness)] = Tissue.FAT


def _lungs_and_wall(rng: np.random.Generator, anatomy: Anatomy, field: Array) -> None:
    """Draw lungs above the diaphragm and the muscles between the ribs and around the belly."""
    flat, lungs = field.reshape(-1), anatomy.lungs
    wall_mm = rng.uniform(13, 24)
    flat[lungs.voxels[(lungs.inside_mm > wall_mm) & (lungs.above_mm > rng.uniform(1, 14))]] = Tissue.LUNG
    if rng.random() < 0.8:
        rind = (field == Tissue.FAT) & (anatomy.inside > 0) & (anatomy.inside < rng.uniform(14, 32))
        field[rind] = Tissue.MUSCLE


def _hollow_organs(rng: np.random.Generator, anatomy: Anatomy, field: Array) -> None:
    """Fill bowel and stomach with fluid, gas, stool or oral contrast."""
    flat = field.reshape(-1)
    inside = anatomy.bowel.voxels[anatomy.bowel.depth > rng.uniform(2, 4)]
    parts = field_at(rng, field.shape, rng.uniform(9, 18), inside)
    low, high = np.sort(rng.uniform(-0.9, 0.9, 2))
    filling = np.where(parts < low, Tissue.GAS, np.where(parts > high, Tissue.BOWEL_CONTENT, Tissue.BOWEL_FLUID))
    if rng.random() < 0.6:
        stool = field_at(rng, field.shape, 3, inside) > rng.uniform(0.3, 0.9)
        filling[stool & (filling == Tissue.BOWEL_CONTENT)] = Tissue.GAS
    flat[inside] = filling
    inside = anatomy.stomach.voxels[anatomy.stomach.depth > rng.uniform(2, 6)]
    flat[inside] = Tissue.STOMACH_CONTENT
    if inside.size and rng.random() < 0.6:
        rows = np.unravel_index(inside, field.shape)[1]
        level = rows.min() + rng.uniform(0.1, 0.6) * (rows.max() - rows.min())
        flat[inside[rows < level]] = Tissue.GAS


def bowel_loop(
    rng: np.random.Generator, field: Array, points: Array, radius: float, only: Array, empty: float = 0.2
) -> None:
    """Paint a loop of bowel (points and radius in voxels): wall, and filling but for a share `empty` of loops."""
    stamp(field, points, np.full(len(points), radius), Tissue.BOWEL_WALL, only, 2)
    inner = radius - rng.uniform(0.9, 1.8)
    if rng.random() >= empty and inner > 0.7:
        filling = int(rng.choice(_FILLINGS))
        stamp(field, points, np.full(len(points), inner), filling, among(Tissue.BOWEL_WALL), 2)


def _loose_things(rng: np.random.Generator, field: Array, cavity: Array) -> None:
    """Draw jejunal loops, mesenteric vessels, nodes, phleboliths and clips in the fat of the cavity."""

    def somewhere() -> Array:
        return np.asarray(cavity[rng.integers(len(cavity))])

    for _ in range(rng.integers(0, 16)):
        loop = wander(rng, somewhere(), int(rng.integers(20, 70)), 0.25)
        bowel_loop(rng, field, loop, rng.uniform(3.5, 8), _IN_FAT)
    for _ in range(rng.integers(10, 60)):
        course = wander(rng, somewhere(), int(rng.integers(20, 80)), 0.15)
        kind = int(rng.choice([Tissue.SMALL_ARTERY, Tissue.SMALL_VEIN]))
        stamp(field, course, np.linspace(rng.uniform(0.6, 1.7), 0.6, len(course)), kind, _IN_FAT)
    for _ in range(rng.integers(0, 14)):
        stamp(field, somewhere()[None], np.array([rng.uniform(1.2, 4)]), Tissue.NODE, _IN_FAT)
    for _ in range(rng.integers(0, 7)):
        stamp(field, somewhere()[None], np.array([rng.uniform(0.6, 1.9)]), Tissue.CALCIUM, _IN_FAT)
    if rng.random() < 0.1:
        for _ in range(rng.integers(1, 6)):
            clip = somewhere() + rng.standard_normal(3) * np.linspace(-1, 1, 5)[:, None]
            stamp(field, clip, np.full(5, 0.6), Tissue.METAL, _IN_FAT)
    edge = places(field, among(Tissue.VERTEBRA_CORTEX), 2)
    for _ in range(rng.integers(0, 12)):  # osteophytes
        spot = edge[rng.integers(len(edge))] + rng.standard_normal((2, 3)) * 1.2
        stamp(field, spot, rng.uniform(0.8, 2.6, 2), Tissue.VERTEBRA_CORTEX, SOFT)


def _vessels_of_organs(rng: np.random.Generator, field: Array) -> None:
    """Draw vessels and lesions of liver and lungs."""
    liver = places(field, among(Tissue.LIVER), 4)
    if len(liver):
        for _ in range(rng.integers(4, 18)):
            course = wander(rng, liver[rng.integers(len(liver))], int(rng.integers(15, 60)), 0.12)
            kind = int(rng.choice([Tissue.UPPER_VEIN, Tissue.PORTAL_VEIN]))
            stamp(field, course, np.linspace(rng.uniform(1, 3.2), 0.8, len(course)), kind, among(Tissue.LIVER))
        for _ in range(rng.integers(0, 5)):
            spot = liver[rng.integers(len(liver))]
            stamp(field, spot[None], np.array([rng.uniform(2, 9)]), Tissue.LESION, among(Tissue.LIVER))
    lung = places(field, among(Tissue.LUNG), 6)
    if len(lung):
        for _ in range(rng.integers(0, 60)):
            course = wander(rng, lung[rng.integers(len(lung))], int(rng.integers(10, 50)), 0.12)
            kind = int(rng.choice([Tissue.SMALL_ARTERY, Tissue.SMALL_VEIN]))
            stamp(field, course, np.linspace(rng.uniform(0.8, 2.5), 0.6, len(course)), kind, among(Tissue.LUNG))


def _veins(rng: np.random.Generator, anatomy: Anatomy, field: Array) -> None:
    """Draw the great veins, wider or narrower than the anatomy's."""
    flat, free = field.reshape(-1), SOFT.copy()
    free[[Tissue.KIDNEY_CORTEX, Tissue.SPLEEN, Tissue.MYOCARDIUM]] = False
    for kind, low, high in (
        (Tissue.LOWER_VEIN, -2.4, 4.4),
        (Tissue.UPPER_VEIN, -2.0, 4.0),
        (Tissue.PORTAL_VEIN, -1.6, 2.4),
    ):
        voxels, depth = anatomy.veins[kind]
        inside = voxels[depth > -rng.uniform(low, high)]
        flat[inside[free[flat[inside]]]] = kind


def _table(rng: np.random.Generator, field: Array) -> None:
    back = int(np.flatnonzero((field > 0).any(axis=(0, 2)))[-1])
    level, middle = back + rng.uniform(1, 5), field.shape[2] / 2 + rng.uniform(-8, 8)
    rows, columns = np.ogrid[back : field.shape[1], : field.shape[2]]
    depth = rows - level + rng.uniform(0, 0.005) * (columns - middle) ** 2
    thickness = rng.uniform(1, 7)
    shell = ((depth > 0) & (depth < 1.2)) | ((depth > thickness) & (depth < thickness + 1.2))
    shell = shell & (np.abs(columns - middle) < rng.uniform(70, 100))
    below = field[:, back:]
    below[shell & (below == Tissue.AIR)] = Tissue.TABLE
