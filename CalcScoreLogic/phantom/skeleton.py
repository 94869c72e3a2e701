"""Bones: lumbar spine, sacrum, iliac wings and lower ribs."""

from __future__ import annotations

import numpy as np

from ..images.geometry import Array
from .frame import VERTEBRA_PITCH_MM, Body
from .shapes import Cylinder, Ellipsoid, Layer, rotation_about, upright
from .tubes import smooth_tube

_DISC_HU = 85.0
_CANAL_HU = 30.0
_SHELL_MM = 1.6
_LEVELS = range(-4, 7)  # vertebrae above L4 that may reach into the field of view; the sacrum is below zero


def vertebra_heights(body: Body) -> list[float]:
    """Give the heights (mm) of the centres of the vertebrae and sacral segments, from below."""
    heights = [body.spine.phase + VERTEBRA_PITCH_MM * level for level in _LEVELS]
    return [z for z in heights if body.low[2] - 25 < z < body.high[2] + 25]


def draw_skeleton(rng: np.random.Generator, body: Body) -> list[Layer]:
    """Draw the bones of a case, to be painted in order."""
    cortical, trabecular = rng.uniform(350, 650), rng.uniform(150, 250)
    layers: list[Layer] = []
    for z in vertebra_heights(body):
        layers += _vertebra(body, z, cortical, trabecular)
    for side in (-1, 1):
        layers += _iliac_wing(body, side, cortical, trabecular)
        for start in (body.high[2] + 28.0, body.high[2] - 2.0):
            layers += _rib(body, side, start + rng.uniform(-6, 6), cortical, trabecular)
    return layers


def _vertebra(body: Body, z: float, cortical: float, trabecular: float) -> list[Layer]:
    """Build a vertebra with the disc below it, or a segment of the sacrum."""
    spine = body.spine
    x, y = (float(v) for v in spine.centre(z))
    width, depth, height = spine.half_width, spine.half_depth, VERTEBRA_PITCH_MM / 2 - 4.5
    disc_x, disc_y = (float(v) for v in spine.centre(z - VERTEBRA_PITCH_MM / 2))
    back = y + depth + 9
    middle = np.array([x, y, z])
    layers = [
        Layer(Cylinder(np.array([disc_x, disc_y, z - VERTEBRA_PITCH_MM / 2]), width - 1, depth - 1, 7.0), _DISC_HU),
        Layer(upright((x, back + 8, z - 4), (15, 8, 12)), cortical),
        Layer(upright((x, back + 8, z - 4), (13, 6, 10)), trabecular),
        Layer(upright((x, back + 20, z - 8), (3.5, 16, 10)), cortical),
        Layer(upright((x, back + 20, z - 8), (2.0, 14, 8)), trabecular),
    ]
    for side in (-1, 1):
        layers.append(Layer(upright((x + side * 13, back - 6, z + 4), (4.5, 9, 7)), 0.8 * cortical))
        layers.append(Layer(upright((x + side * 26, back - 1, z + 3), (16, 3.2, 5)), 0.8 * cortical))
    layers += [
        Layer(Cylinder(middle, width, depth, height, waist=0.1), cortical),
        Layer(Cylinder(middle, width - _SHELL_MM, depth - _SHELL_MM, height - _SHELL_MM, waist=0.1), trabecular),
        Layer(Cylinder(np.array([x, back, z]), 9.5, 7.5, VERTEBRA_PITCH_MM / 2 + 2), _CANAL_HU),
    ]
    return layers


def _iliac_wing(body: Body, side: int, cortical: float, trabecular: float) -> list[Layer]:
    """Build the upper part of an iliac bone."""
    lateral = min(80.0, body.inner_half_width(body.spine.y) - 12)
    middle = np.array([side * lateral, body.spine.y + 2, -55.0])
    turn = rotation_about(2, side * 35.0)
    layers = []
    for peeled, hu in ((0.0, cortical), (_SHELL_MM, trabecular)):
        layers.append(Layer(Ellipsoid(middle, np.array([8.0, 42.0, 48.0]) - peeled, turn), hu))
    return layers


def _rib(body: Body, side: int, start: float, cortical: float, trabecular: float) -> list[Layer]:
    """Build a rib that runs down and forwards inside the body wall from a height at the spine."""
    wall = body.fat_mm + body.muscle_mm / 2
    turns = np.radians(np.linspace(55, -15, 7))
    x = side * (body.half_width - wall) * np.cos(turns)
    y = (body.half_depth - wall) * np.sin(turns)
    course: Array = np.stack([x, y, start - np.linspace(0, 55, 7)], axis=1)
    outer, inner = smooth_tube(course, np.full(7, 4.2)), smooth_tube(course, np.full(7, 2.7))
    return [Layer(outer, cortical), Layer(inner, trabecular)]
