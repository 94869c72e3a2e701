"""Checks that put a warning beside the figures."""

from __future__ import annotations

import numpy as np

from .anatomy import CalcificationLabel
from .geometry import Image, nonzero_box

METAL_HU = 3000.0
"""Calcium stays below this on CT; stents, clips and coils do not."""


def metal_warning(cta: Image, arteries: Image) -> str | None:
    """Warn of metal inside the arteries.

    Parameters
    ----------
    cta : Image
        Intensities, HU.
    arteries : Image
        Artery mask or territory map on the same grid; non-zero is artery.

    Returns
    -------
    str or None
        A sentence where voxels over 3000 HU lie inside an artery.
    """
    box = nonzero_box(arteries.array)
    if box is None:
        return None
    inside = cta.array[box][arteries.array[box] > 0]
    metal = int(np.count_nonzero(inside > METAL_HU))
    if not metal:
        return None
    return (
        f"Metal inside an artery: {metal * cta.geometry.voxel_volume_mm3:.0f} mm³ over {METAL_HU:.0f} HU "
        f"(up to {inside.max():.0f} HU), probably a stent or clip; it can count as calcification."
    )


def label_warning(calcification: Image, arteries: Image) -> str | None:
    """Warn when a calcification map looks like a plain mask whose 1 means calcification.

    Parameters
    ----------
    calcification : Image
        Calcification map.
    arteries : Image
        Territory map on the same grid; non-zero is artery.

    Returns
    -------
    str or None
        A sentence where the map has no calcification (2) and its artery label (1) covers less than half
        of the arteries.
    """
    box = nonzero_box(arteries.array)
    if box is None:
        return None
    inside = calcification.array[box][arteries.array[box] > 0]
    if CalcificationLabel.CALCIFICATION in inside or CalcificationLabel.CALCIFICATION in calcification.array:
        return None
    covered = np.count_nonzero(inside == CalcificationLabel.ARTERY) / inside.size
    if covered >= 0.5:
        return None
    if not calcification.array.any():
        return "The calcification map is empty, not even artery (label 1) is marked; check that it is the right file."
    return (
        "The calcification map has no calcification (label 2), and its label 1 covers only "
        f"{100 * covered:.0f} % of the arteries; if 1 means calcification there, change it to 2."
    )
