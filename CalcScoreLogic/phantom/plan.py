"""Everything about a synthetic patient that is known before there is a grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .arteries import ArterialTree
from .courses import draw_tree
from .frame import Body, draw_body
from .plaques import Plaque, draw_plaques
from .shapes import Layer
from .skeleton import draw_skeleton
from .tissue import draw_soft_tissue, draw_veins
from .traps import draw_traps

PSF_SIGMA_MM = (0.4, 0.7)
"""Blur of a scanner with a soft kernel: half of the contrast is left at 2.7 to 4.7 line pairs a centimetre."""


@dataclass(frozen=True, eq=False)
class PhantomPlan:
    """What a seed fixes, in mm and HU.

    Attributes
    ----------
    body : Body
        Field of view and spine.
    tree : ArterialTree
        The arteries.
    plaques : tuple of Plaque
        Their calcifications.
    layers : tuple of Layer
        All other tissue, to be painted in order and below the arteries.
    traps : dict
        Number of traps of each kind.
    noise_sd_hu, noise_sigma_mm, psf_sigma_mm : float
        Noise amplitude, its correlation length and the scanner's blur.
    """

    body: Body
    tree: ArterialTree
    plaques: tuple[Plaque, ...]
    layers: tuple[Layer, ...]
    traps: dict[str, int]
    noise_sd_hu: float
    noise_sigma_mm: float
    psf_sigma_mm: float


def draw_plan(rng: np.random.Generator) -> PhantomPlan:
    """Draw a patient.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness, fresh from its seed.

    Returns
    -------
    PhantomPlan
        Anatomy and image quality.
    """
    body = draw_body(rng)
    tree = draw_tree(rng, body)
    plaques = draw_plaques(rng, tree, body)
    layers = draw_soft_tissue(rng, body, tree) + draw_skeleton(rng, body) + draw_veins(rng, body, tree)
    traps, counts = draw_traps(rng, body, tree)
    return PhantomPlan(
        body=body,
        tree=tree,
        plaques=plaques,
        layers=(*layers, *traps),
        traps=counts,
        noise_sd_hu=float(rng.uniform(8, 25)),
        noise_sigma_mm=float(rng.uniform(0.4, 0.9)),
        psf_sigma_mm=float(rng.uniform(*PSF_SIGMA_MM)),
    )
