"""Whole synthetic cases: one body, one scan, its exact truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..anatomy import CalcificationLabel, Territory
from ..errors import InputError
from ..images.geometry import Array, Geometry, Image
from .anatomy_file import FIELD_MM, Anatomy
from .body import Body, draw_body
from .contrast import CASE_PHASES, Contrast, draw_contrast
from .pose import Pose, draw_pose
from .render import render
from .scanner import HU_RANGE, Scanner, draw_scanner, scan
from .tissues import Tissue
from .tubes import Axes

FINEST_MM, COARSEST_MM = 0.4, 5.0
"""Limits of the voxel spacing along each axis, mm."""

_AROUND_MM = 8.0  # of air beside the patient


@dataclass(frozen=True, eq=False)
class SyntheticCase:
    """A synthetic case.

    Attributes
    ----------
    cta : Image
        The CT angiogram, int16, HU.
    territories : Image
        Values of `anatomy.Territory`, uint8, 0 elsewhere.
    calcification : Image
        Values of `anatomy.CalcificationLabel`, uint8: above 0 exactly where `territories` is.
    details : dict
        What was drawn, ready for JSON: `seed`, `anatomy`, `phase`, `lumen_hu`, `noise_hu`, `slice_mm`, `blur_mm`,
        `aorta_diameter_mm` (least and greatest), `dissection`, `stents` and `plaques` (their number).
    """

    cta: Image
    territories: Image
    calcification: Image
    details: dict[str, Any]


def make_case(anatomy: Anatomy, seed: int, spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> SyntheticCase:
    """Make a synthetic CTA with exact truth.

    Parameters
    ----------
    anatomy : Anatomy
        Whom the body is drawn from.
    seed : int
        At least 0; the same seed and spacing give the same voxels, and the body depends on the seed alone.
    spacing_mm : tuple of float
        Voxel spacing along (x, y, z), each 0.4 to 5 mm.

    Returns
    -------
    SyntheticCase
        Images on one grid with identity direction, from the hips to the lower chest: axes (k, j, i) grow to
        Superior, Posterior and Left.

    Raises
    ------
    InputError
        The seed is negative, or a spacing is outside its limits.
    """
    if seed < 0:
        raise InputError(f"the seed is {seed}, it must be 0 or more")
    if len(spacing_mm) != 3 or not all(FINEST_MM <= s <= COARSEST_MM for s in spacing_mm):
        found = " x ".join(f"{s:g}" for s in spacing_mm)
        raise InputError(
            f"the voxel spacing is {found} mm, it must be three values of {FINEST_MM:g} to {COARSEST_MM:g} mm"
        )
    rng = np.random.default_rng([seed, 1])
    body = draw_body(rng, anatomy)
    contrast, scanner = draw_contrast(rng, CASE_PHASES), draw_scanner(rng)
    pose = draw_pose(rng, 0.5 * body.size_mm, bend=0.7)
    axes = _axes(body, pose, rng.uniform(0.62, 0.85), spacing_mm)
    drawn = render(rng, body, pose, contrast, axes)
    image = scan(rng, scanner, drawn.image, axes)
    image[drawn.outside] = HU_RANGE[0]
    territories = np.where(drawn.territories <= max(Territory), drawn.territories, np.uint8(0))
    territories[drawn.outside] = 0
    calcification = np.where(territories > 0, np.uint8(CalcificationLabel.ARTERY), np.uint8(0))
    calcification[drawn.calcified & (territories > 0)] = CalcificationLabel.CALCIFICATION
    origin = (float(axes.x[0]), float(axes.y[0]), float(axes.z[0]))
    geometry = Geometry(drawn.image.shape[::-1], spacing_mm, origin)
    cta = np.clip(np.rint(image), *HU_RANGE).astype(np.int16)
    return SyntheticCase(
        Image(cta, geometry),
        Image(territories, geometry),
        Image(calcification, geometry),
        _details(seed, body, pose, contrast, scanner),
    )


def _axes(body: Body, pose: Pose, top: float, spacing_mm: tuple[float, float, float]) -> Axes:
    """Lay a grid around the patient, from the body's lower end to a share `top` of its height."""
    occupied = np.argwhere(~np.isin(body.field[::4, ::4, ::4], (Tissue.AIR, Tissue.TABLE)))[:, ::-1] * (4 * FIELD_MM)
    low_z, high_z = pose.to_patient(body.size_mm * np.array([[0.5, 0.5, 0.02], [0.5, 0.5, top]]))[:, 2]
    placed = pose.to_patient(occupied.astype(float))
    placed = placed[(placed[:, 2] > low_z) & (placed[:, 2] < high_z)]
    low = np.array([*(placed[:, :2].min(axis=0) - _AROUND_MM), low_z])
    high = np.array([*(placed[:, :2].max(axis=0) + _AROUND_MM), high_z])
    x, y, z = (_line(a, b, step) for a, b, step in zip(low, high, spacing_mm, strict=True))
    return Axes(z, y, x)


def _line(low: float, high: float, step: float) -> Array:
    return round(low, 3) + step * np.arange(int((high - low) / step) + 1)


def _details(seed: int, body: Body, pose: Pose, contrast: Contrast, scanner: Scanner) -> dict[str, Any]:
    """Describe a case in plain numbers and words."""
    aorta = body.tree.aorta
    diameters = 2 * aorta.outer * pose.scale
    return {
        "seed": int(seed),
        "anatomy": body.anatomy.name,
        "phase": contrast.phase,
        "lumen_hu": round(contrast.lumen, 1),
        "noise_hu": round(scanner.noise_hu, 1),
        "slice_mm": round(scanner.slice_mm, 2),
        "blur_mm": round(scanner.blur_mm, 2),
        "aorta_diameter_mm": [round(float(diameters.min()), 1), round(float(diameters.max()), 1)],
        "dissection": aorta.flap is not None,
        "stents": sum(vessel.stent_mm is not None for vessel in body.tree.vessels),
        "plaques": sum(len(plaques) for plaques in body.plaques),
    }
