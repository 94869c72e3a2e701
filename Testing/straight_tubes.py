"""Straight tubes that leave a round aorta in any direction: how much of them shortening keeps."""

from __future__ import annotations

import numpy as np

from CalcScoreLogic.anatomy import Territory
from CalcScoreLogic.images.geometry import Geometry, Image
from CalcScoreLogic.shortening import ShorteningParameters, shorten
from Testing.trees import Capsule, paint


def shorten_array(array: np.ndarray, **parameters: object) -> np.ndarray:
    """Shorten a label array with axes (z, y, x) on a 1 mm grid."""
    image = Image(array, Geometry(array.shape[::-1], (1.0, 1.0, 1.0)))
    return shorten(image, ShorteningParameters(**parameters)).territories.array  # type: ignore[arg-type]


def fibonacci_directions(count: int) -> np.ndarray:
    """Directions spread evenly over the upper half sphere, shape (count, 3)."""
    k = np.arange(count)
    height = 1 - (k + 0.5) / count
    angle = np.pi * (1 + 5**0.5) * k
    across = np.sqrt(1 - height**2)
    return np.stack([across * np.cos(angle), across * np.sin(angle), height], axis=1)


DIRECTIONS = [(1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (1.0, 1.0, 0.0), (1.0, 1.0, 1.0), *map(tuple, fibonacci_directions(20))]


def kept_length_mm(direction: np.ndarray, method: str) -> float:
    """Shorten a straight tube of radius 3 mm that leaves a round aorta; kept volume / cross-section."""
    unit = direction / np.linalg.norm(direction)
    centre = np.array([50.0, 50.0, 50.0])
    # A ball as the aorta: the tube leaves it at a right angle whatever its direction.
    ball = Capsule(1, centre, centre, 12)
    array = paint([ball, Capsule(2, centre, centre + 48 * unit, 3)], (101, 101, 101), (1, 1, 1))
    result = shorten_array(array, method=method) == Territory.ILIAC
    points = np.argwhere(array == Territory.ILIAC)[:, ::-1] - centre
    kept = np.argwhere(result)[:, ::-1] - centre
    core = 1.5
    tips = []
    for cloud in (kept, np.argwhere(stump_of(array))[:, ::-1] - centre):
        along = cloud @ unit
        across = np.linalg.norm(cloud - along[:, None] * unit, axis=1)
        tips.append(along[across <= core].max())
    assert len(kept) < len(points)
    return float(tips[0] - tips[1])


def stump_of(array: np.ndarray) -> np.ndarray:
    """Voxels of the tube at most two 6-neighbour steps from the aorta, by brute force."""
    aorta = np.argwhere(array == Territory.AORTA)
    stump = np.zeros(array.shape, bool)
    for voxel in np.argwhere(array == Territory.ILIAC):
        stump[tuple(voxel)] = np.abs(aorta - voxel).sum(axis=1).min() <= 2
    return stump
