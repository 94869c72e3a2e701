"""Draws what does not belong to a healthy body: stones, cysts, tubes, leads and screws."""

from __future__ import annotations

import numpy as np

from ..images.geometry import Array
from .fields import among, places, stamp
from .tissues import Tissue

_BONE = among(Tissue.VERTEBRA_MARROW, Tissue.VERTEBRA_CORTEX)


def draw_implants(rng: np.random.Generator, field: Array) -> None:
    """Draw stones and cysts, and in some bodies a gastric tube, leads on the skin or screws in the spine.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    field : ndarray of uint8, shape (k, j, i)
        Values of `Tissue`, painted in place.
    """
    kidney = (Tissue.KIDNEY_CORTEX, Tissue.KIDNEY_MEDULLA)
    _spots(rng, field, kidney, rng.poisson(0.4), (2, 9), Tissue.LESION)
    _spots(rng, field, kidney, rng.poisson(0.2), (0.6, 2), Tissue.CALCIUM)
    _spots(rng, field, (Tissue.GALLBLADDER,), rng.poisson(0.3), (0.8, 3), Tissue.CALCIUM)
    if rng.random() < 0.08:
        _gastric_tube(field)
    if rng.random() < 0.12:
        _leads(rng, field)
    if rng.random() < 0.04:
        _screws(rng, field)


def _spots(
    rng: np.random.Generator,
    field: Array,
    tissues: tuple[Tissue, ...],
    count: int,
    radius: tuple[float, float],
    filling: Tissue,
) -> None:
    if count == 0:
        return
    fitting = places(field, among(*tissues), 2)
    for _ in range(count if len(fitting) else 0):
        spot = fitting[rng.integers(len(fitting))]
        stamp(field, spot[None], np.array([rng.uniform(*radius)]), filling, among(Tissue.FAT, *tissues))


def _gastric_tube(field: Array) -> None:
    """Lay a tube down the oesophagus."""
    inside = places(field, among(Tissue.OESOPHAGUS), 2)
    heights = np.unique(inside[:, 2])
    if len(heights) > 4:
        course = np.array([inside[inside[:, 2] == z].mean(axis=0) for z in heights])
        stamp(
            field, np.repeat(course, 2, axis=0), np.full(2 * len(course), 1.3), Tissue.CALCIUM, among(Tissue.OESOPHAGUS)
        )


def _leads(rng: np.random.Generator, field: Array) -> None:
    """Lay wires along the skin."""
    skin = places(field, among(Tissue.SKIN), 2)
    for _ in range(rng.integers(1, 5) if len(skin) else 0):
        start = skin[rng.integers(len(skin))]
        near = skin[np.abs(skin - start).max(axis=1) < 16]
        order = near[np.argsort(np.abs(near - start).sum(axis=1))][:: max(1, len(near) // 30)]
        stamp(field, order, np.full(len(order), 0.6), Tissue.METAL)


def _screws(rng: np.random.Generator, field: Array) -> None:
    """Put pairs of screws into some neighbouring vertebrae."""
    spine = places(field, among(Tissue.VERTEBRA_MARROW), 2)
    middle = spine[rng.integers(len(spine))]
    x = float(np.median(spine[np.abs(spine[:, 2] - middle[2]) < 10][:, 0]))
    for level in range(int(rng.integers(2, 4))):
        height = middle[2] + 17 * level
        plane = spine[np.abs(spine[:, 2] - height) < 3]
        if not len(plane):
            continue
        front, back = np.quantile(plane[:, 1], [0.3, 0.95])
        for side in (-1, 1):
            y = np.linspace(back, front, 20)
            course = np.stack([x + side * np.linspace(9, 5, 20), y, np.full(20, height)], axis=1)
            stamp(field, course, np.full(20, 1.4), Tissue.METAL, _BONE | among(Tissue.FAT, Tissue.MUSCLE))
