"""Where the organs are that the branches of the aorta lead to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..images.geometry import Array
from .tissues import Tissue

SIDES = {"left": 1, "right": -1}
"""Sign of x on each side of the patient."""


@dataclass(frozen=True, eq=False)
class Landmarks:
    """Where the organs are that arteries lead to; positions (x, y, z) in mm.

    Attributes
    ----------
    kidneys : dict of str to ndarray
        Hilum of each side's kidney.
    liver, spleen : ndarray
        Where their arteries enter.
    """

    kidneys: dict[str, Array]
    liver: Array
    spleen: Array


def find_landmarks(tissues: Array, aorta: Array, step_mm: float) -> Landmarks:
    """Find where the branches of an aorta lead.

    Parameters
    ----------
    tissues : ndarray of uint8, shape (z, y, x)
        Values of `Tissue`.
    aorta : ndarray, shape (n, 3)
        Its course, (x, y, z), mm from the field's first voxel.
    step_mm : float
        Voxel size along all axes, mm.

    Returns
    -------
    Landmarks
        Points in the frame of `aorta`, mm.
    """
    kidney = np.argwhere((tissues == Tissue.KIDNEY_CORTEX) | (tissues == Tissue.KIDNEY_MEDULLA))[:, ::-1] * step_mm
    middle = aorta[np.abs(aorta[:, 2] - kidney[:, 2].mean()).argmin()]
    hila = {}
    for side, sign in SIDES.items():
        own = kidney[(kidney[:, 0] - middle[0]) * sign > 0]
        centre = own.mean(axis=0) if len(own) else middle + np.array([58.0 * sign, 25, 0])
        hila[side] = centre + np.array([-16.0 * sign, -5, 0])
    spleen = np.argwhere(tissues == Tissue.SPLEEN)[:, ::-1] * step_mm
    spleen_gate = spleen.mean(axis=0) + np.array([-18.0, -6, -5]) if len(spleen) else middle + np.array([90, 10, 60])
    return Landmarks(hila, middle + np.array([-52.0, -42, 42]), spleen_gate)
