"""One synthetic case: from a seed to a CTA with its exact ground truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..anatomy import CalcificationLabel
from ..errors import InputError
from ..images.geometry import Image
from .plan import PhantomPlan, draw_plan
from .plaques import Plaque
from .render import form_image, lay_grid, paint_arteries

FINEST_MM, COARSEST_MM = 0.4, 5.0
"""Limits of the voxel spacing along each axis."""


@dataclass(frozen=True)
class PhantomParameters:
    """What a phantom is made from.

    Parameters
    ----------
    seed : int
        Seed of everything random, at least 0. The anatomy depends on the seed alone.
    spacing : tuple of float
        Voxel spacing along (x, y, z), each 0.4 to 5 mm.

    Raises
    ------
    InputError
        The seed is negative, or a spacing is outside its limits.
    """

    seed: int
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise InputError(f"the phantom's seed is {self.seed}, it must be 0 or more")
        if len(self.spacing) != 3 or not all(FINEST_MM <= s <= COARSEST_MM for s in self.spacing):
            found = " x ".join(f"{s:g}" for s in self.spacing)
            limits = f"{FINEST_MM:g} to {COARSEST_MM:g} mm"
            raise InputError(f"the phantom's voxel spacing is {found} mm, it must be three values of {limits}")


@dataclass(frozen=True, eq=False)
class Phantom:
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
        What was drawn, ready for JSON: `seed`, `aorta_shape`, `thrombus`, `lumen_hu`, `noise_sd_hu`,
        `psf_sigma_mm`, `traps` (counts by kind) and `plaques`, a list of `territory`, `centre_lps_mm`,
        `extent_mm` (along the artery, around it, into it) and `hu`.
    """

    cta: Image
    territories: Image
    calcification: Image
    details: dict[str, Any]


def make_phantom(parameters: PhantomParameters) -> Phantom:
    """Make a synthetic abdominal CTA with exact ground truth.

    Parameters
    ----------
    parameters : PhantomParameters
        Seed and voxel spacing; the same ones give the same voxels.

    Returns
    -------
    Phantom
        Images on one grid with identity direction: axes (k, j, i) grow to Superior, Posterior and Left.

    Notes
    -----
    The labels are the analytic shapes at the voxel centres. In the CTA a voxel that holds several materials
    shows their mean; then come the scanner's blur and noise.
    """
    rng = np.random.default_rng(parameters.seed)
    plan = draw_plan(rng)
    canvas, geometry = lay_grid(plan.body, parameters.spacing)
    for layer in plan.layers:
        canvas.paint(layer)
    territories, calcified = paint_arteries(canvas, plan)
    calcification = np.where(territories > 0, np.uint8(CalcificationLabel.ARTERY), np.uint8(0))
    calcification[calcified] = CalcificationLabel.CALCIFICATION
    return Phantom(
        cta=Image(form_image(canvas, plan, rng), geometry),
        territories=Image(territories, geometry),
        calcification=Image(calcification, geometry),
        details=_details(parameters, plan),
    )


def _details(parameters: PhantomParameters, plan: PhantomPlan) -> dict[str, Any]:
    """Describe a plan in plain numbers and words."""
    return {
        "seed": int(parameters.seed),
        "aorta_shape": plan.tree.shape.value,
        "thrombus": plan.tree.thrombus is not None,
        "lumen_hu": plan.tree.lumen_hu,
        "noise_sd_hu": plan.noise_sd_hu,
        "psf_sigma_mm": plan.psf_sigma_mm,
        "traps": dict(plan.traps),
        "plaques": [_describe_plaque(plaque, plan) for plaque in plan.plaques],
    }


def _describe_plaque(plaque: Plaque, plan: PhantomPlan) -> dict[str, Any]:
    artery = plan.tree.arteries[plaque.artery]
    centre = artery.tube.wall_point(plaque.arc, plaque.angle, plaque.thickness / 2) + plan.body.offset
    return {
        "territory": artery.territory.key,
        "centre_lps_mm": [round(float(v), 2) for v in centre],
        "extent_mm": [round(v, 2) for v in (plaque.length, plaque.width, plaque.thickness)],
        "hu": round(plaque.hu, 1),
    }
