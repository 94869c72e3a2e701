"""Small arterial trees made of capsules, in millimetres, for the shortening tests and benchmarks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from CalcScoreLogic.images.geometry import Geometry, Image

Point = Sequence[float]

ORIENTATIONS = [
    "".join(letters[i] for i in order)
    for letters in (x + y + z for x in "LR" for y in "PA" for z in "SI")
    for order in ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))
]
"""All 48 ways of storing a volume along the patient's axes, as ITK writes them."""


@dataclass(frozen=True)
class Capsule:
    """A tube with round ends: label, end points (x, y, z) and radius in mm."""

    label: int
    start: Point
    end: Point
    radius: float


def paint(capsules: Iterable[Capsule], size: Sequence[int], spacing: Sequence[float]) -> np.ndarray:
    """Paint capsules in order into a label array with axes (z, y, x); later ones do not overwrite."""
    array = np.zeros(tuple(size)[::-1], np.uint8)
    for capsule in capsules:
        ends = np.array([capsule.start, capsule.end], float)
        low = np.maximum(np.floor((ends.min(0) - capsule.radius) / spacing).astype(int), 0)
        high = np.minimum(np.ceil((ends.max(0) + capsule.radius) / spacing).astype(int) + 1, size)
        if (high <= low).any():
            continue
        axes = [np.arange(a, b) * mm for a, b, mm in zip(low, high, spacing, strict=True)]
        points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
        along = ends[1] - ends[0]
        share = ((points - ends[0]) @ along) / max(float(along @ along), 1e-9)
        nearest = ends[0] + np.clip(share, 0, 1)[..., None] * along
        inside = np.linalg.norm(points - nearest, axis=-1) <= capsule.radius
        window = array[tuple(slice(a, b) for a, b in zip(low[::-1], high[::-1], strict=True))]
        window[inside.transpose() & (window == 0)] = capsule.label
    return array


def rotation(degrees: Sequence[float]) -> np.ndarray:
    """Rotation about x, then y, then z."""
    a, b, c = np.radians(degrees)
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def to_sitk(array: np.ndarray, spacing: Sequence[float], direction: np.ndarray | None = None) -> sitk.Image:
    """Make a SimpleITK image of an array with axes (z, y, x)."""
    image = sitk.GetImageFromArray(array)
    image.SetSpacing([float(v) for v in spacing])
    image.SetOrigin((-31.5, 12.25, 7.0))
    if direction is not None:
        image.SetDirection([float(v) for v in direction.ravel()])
    return image


def to_image(image: sitk.Image) -> Image:
    """Hand a SimpleITK image to the library."""
    geometry = Geometry(image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection())
    return Image(sitk.GetArrayFromImage(image), geometry)
