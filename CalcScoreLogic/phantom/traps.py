"""Bright things that are no arterial calcification and carry no label."""

from __future__ import annotations

import numpy as np

from ..images.geometry import Array
from .arteries import ArterialTree
from .frame import VERTEBRA_PITCH_MM, Body
from .shapes import Ellipsoid, Layer, rotation_about
from .skeleton import vertebra_heights
from .tissue import draw_loops
from .tubes import Tube

_BOWEL_SHARE = 0.75  # of the patients, that drank positive contrast
_NODE_SHARE = 0.15
_CLIP_SHARE = 0.07
_GAP_MM = 3.0  # between a free-lying trap and any artery


def draw_traps(rng: np.random.Generator, body: Body, tree: ArterialTree) -> tuple[list[Layer], dict[str, int]]:
    """Draw the traps of a case.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    body : Body
        Field of view and spine.
    tree : ArterialTree
        The arteries to keep away from.

    Returns
    -------
    layers : list of Layer
        The traps, to be painted before the arteries.
    counts : dict
        Number of traps of each kind.
    """
    bowel = _contrast_bowel(rng, body, tree) if rng.random() < _BOWEL_SHARE else []
    kinds = {
        "contrast_bowel_loops": bowel,
        "osteophytes": _osteophytes(rng, body, tree),
        "phleboliths": _phleboliths(rng, body, tree),
        "calcified_nodes": _nodes(rng, tree) if rng.random() < _NODE_SHARE else [],
        "surgical_clips": _clips(rng, tree) if rng.random() < _CLIP_SHARE else [],
    }
    layers = [layer for kind in kinds.values() for layer in kind]
    return layers, {name: len(kind) for name, kind in kinds.items()}


def _contrast_bowel(rng: np.random.Generator, body: Body, tree: ArterialTree) -> list[Layer]:
    hu = rng.uniform(300, 600)
    loops = draw_loops(rng, body, tree, count=int(rng.integers(3, 9)))
    return [Layer(Tube(loop.points, loop.radii - 2), hu * rng.uniform(0.85, 1.0)) for loop in loops]


def _osteophytes(rng: np.random.Generator, body: Body, tree: ArterialTree) -> list[Layer]:
    """Draw spurs on the front and side edges of the end plates, most of them on the aorta's side."""
    layers = []
    spine = body.spine
    for z in vertebra_heights(body):
        for edge in (-1, 1):
            if rng.random() > 0.4:
                continue
            height = z + edge * (VERTEBRA_PITCH_MM / 2 - 5.5)
            x, y = spine.centre(height)
            turn = np.radians(rng.normal(-72, 32))  # 0 is left, -90 straight forwards
            where = [x + spine.half_width * np.cos(turn), y + spine.half_depth * np.sin(turn), height]
            size = rng.uniform([3, 2, 2.5], [7, 3.5, 5.5])
            spur = Ellipsoid(np.array(where, dtype=float), size, rotation_about(2, 90 + np.degrees(turn)))
            layer = Layer(spur, rng.uniform(600, 1000))
            if tree.clearance(_poles(spur)) > 0:
                layers.append(layer)
    return layers


def _phleboliths(rng: np.random.Generator, body: Body, tree: ArterialTree) -> list[Layer]:
    layers = []
    for _ in range(int(rng.integers(1, 7))):
        side = rng.choice([-1, 1])
        x, y = side * rng.uniform(28, 62), body.spine.y + rng.uniform(-22, 12)
        where = np.array([x, y, rng.uniform(body.low[2] + 4, -20)])
        size = np.full(3, rng.uniform(1.5, 2.5))
        if tree.clearance(where[None]) > size[0] + _GAP_MM:
            layers.append(Layer(Ellipsoid(where, size, np.eye(3)), rng.uniform(400, 900)))
    return layers


def _nodes(rng: np.random.Generator, tree: ArterialTree) -> list[Layer]:
    layers = []
    for _ in range(int(rng.integers(1, 4))):
        size = rng.uniform(2, 4, 3)
        where = _beside_aorta(rng, tree, float(size.max()))
        if where is not None:
            layers.append(Layer(Ellipsoid(where, size, np.eye(3)), rng.uniform(350, 900)))
    return layers


def _clips(rng: np.random.Generator, tree: ArterialTree) -> list[Layer]:
    where = _beside_aorta(rng, tree, 5.0)
    if where is None:
        return []
    turn = rotation_about(2, rng.uniform(0, 180)) @ rotation_about(1, rng.uniform(-40, 40))
    return [Layer(Ellipsoid(where, np.array([5.0, 1.0, 1.0]), turn), 3000.0)]


def _beside_aorta(rng: np.random.Generator, tree: ArterialTree, size: float) -> Array | None:
    """Find a place in the fat in front of or left of the aorta, or None where the arteries leave no room."""
    aorta = tree.aorta.tube
    n = int(rng.integers(len(aorta.points) // 4, len(aorta.points)))
    turn = np.radians(rng.uniform(-100, 10))
    away = aorta.radii[n] + size + _GAP_MM + rng.uniform(0, 12)
    where = aorta.points[n] + away * np.array([np.cos(turn), np.sin(turn), 0])
    return where if tree.clearance(where[None]) > size + _GAP_MM else None


def _poles(shape: Ellipsoid) -> Array:
    """Give the six ends of an ellipsoid's axes, shape (6, 3)."""
    arms = shape.rotation * shape.semi_axes[:, None]
    return np.concatenate([shape.centre + arms, shape.centre - arms])
