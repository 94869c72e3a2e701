"""Endless training patches, drawn while a network learns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ..anatomy import Territory
from ..images.geometry import Array
from .anatomy_file import Anatomy
from .body import Body, draw_body
from .contrast import draw_contrast
from .pose import draw_pose
from .render import render, role_labels
from .scanner import HU_RANGE, cut_field_of_view, draw_scanner, scan
from .tissues import CLASSES
from .tubes import Axes

_PATCHES_A_BODY = {"territories": 8, "calcification": 20}
_CUT_SHARE = 0.35
_ABROAD_SHARE = {"territories": 0.3, "calcification": 0.1}  # of the patches, not centred near an artery
_PLAQUE_SHARE = 0.85  # of the calcification patches on an artery with plaques, centred near one
_WEIGHTS = {"aorta": 0.2, "iliac": 0.32, "mesenteric": 0.22, "renal": 0.26}


def patches(
    anatomies: Sequence[Anatomy],
    role: str,
    seed: int | Sequence[int],
    shape_zyx: Sequence[int],
    spacing_mm: float | Sequence[float],
) -> Iterator[tuple[Array, Array]]:
    """Draw patches without end.

    Parameters
    ----------
    anatomies : sequence of Anatomy
        Labelled patients; each body is drawn from one of them.
    role : str
        ``"territories"`` or ``"calcification"``; `CLASSES` names the labels of each.
    seed : int or sequence of int
        The same seed gives the same patches in any process.
    shape_zyx : sequence of int
        Voxels along z, y and x.
    spacing_mm : float or sequence of float
        Voxel spacing along z, y and x, mm.

    Yields
    ------
    image : ndarray of float32, shape `shape_zyx`
        HU; axes grow to Superior, Posterior and Left.
    labels : ndarray of uint8, shape `shape_zyx`
        Values of the role's labels.
    """
    if role not in CLASSES:
        raise ValueError(f"the role is {role!r}, it must be one of {', '.join(CLASSES)}")
    rng = np.random.default_rng(seed)
    steps = np.broadcast_to(np.asarray(spacing_mm, float), (3,))
    while True:
        anatomy = anatomies[int(rng.integers(len(anatomies)))]
        body = draw_body(rng, anatomy, calcified=role == "calcification")
        for _ in range(_PATCHES_A_BODY[role]):
            yield _patch(rng, body, role, tuple(shape_zyx), steps)


def _patch(
    rng: np.random.Generator, body: Body, role: str, shape: tuple[int, ...], steps: Array
) -> tuple[Array, Array]:
    pose = draw_pose(rng, _centre(rng, body, role, np.array(shape) * steps))
    axes = Axes(*((np.arange(n) - (n - 1) / 2) * step for n, step in zip(shape, steps, strict=True)))
    contrast, scanner = draw_contrast(rng), draw_scanner(rng)
    drawn = render(rng, body, pose, contrast, axes)
    labels = role_labels(drawn, role)
    image = scan(rng, scanner, drawn.image, axes)
    image[drawn.outside] = HU_RANGE[0]
    labels[drawn.outside] = 0
    if rng.random() < _CUT_SHARE:
        cut_field_of_view(rng, image, labels)
    return np.clip(image, *HU_RANGE), labels


def _centre(rng: np.random.Generator, body: Body, role: str, size_mm: Array) -> Array:
    """Choose a patch's middle, near an artery mostly."""
    if rng.random() < _ABROAD_SHARE[role]:
        return np.asarray(rng.uniform([0.25, 0.3, 0.05], [0.75, 0.7, 0.92]) * body.size_mm)
    names = rng.choice(list(_WEIGHTS), p=list(_WEIGHTS.values()))
    stems = {"mesenteric": ("coeliac", "superior_mesenteric", "hepatic", "splenic")}.get(str(names), (str(names),))
    fitting = [n for n, v in enumerate(body.tree.vessels) if any(stem in v.name for stem in stems)]
    lengths = np.array([body.tree.vessels[n].length for n in fitting])
    number = fitting[int(rng.choice(len(fitting), p=lengths / lengths.sum()))]
    vessel = body.tree.vessels[number]
    if role == "calcification":
        own = body.plaques[number]
        if own and rng.random() < _PLAQUE_SHARE:
            arc = own[int(rng.integers(len(own)))].arc
            near = vessel.points[min(int(arc / vessel.length * (len(vessel.points) - 1)), len(vessel.points) - 1)]
            return np.asarray(near + rng.uniform(-0.25, 0.25, 3) * size_mm[::-1])
    at = rng.beta(0.7, 1.8) if vessel.label in (Territory.ILIAC, Territory.RENAL) else rng.random()  # their beginnings
    near = vessel.points[int(at * (len(vessel.points) - 1))]
    return np.asarray(near + rng.uniform(-0.3, 0.3, 3) * size_mm[::-1])
