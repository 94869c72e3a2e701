"""The contrast in the arteries: how bright their lumen is, away from the wall and its calcification."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from .anatomy import Territory
from .images.boxes import nonzero_box
from .images.geometry import Array

WALL_MM, WALL_VOXELS = 2.0, 2
"""A core lies this far inside the surface, whichever is more: the wall, its plaques and half-filled voxels are out."""

LEAST_VOXELS = 30
"""Fewer voxels than these tell neither median nor spread."""

ROBUST_SD = 1.4826
"""The median absolute deviation times this is the SD of a normal distribution."""

LEAST_SD_HU = 1.0
"""HU are whole numbers: a lumen without noise, as in drawn images, must not lie at its own threshold."""

CALCIUM_SDS = 4.0
"""Calcium lies this many robust SD above the lumen's median, or more; the best of 2 to 6 on our phantoms."""

_SHARE_OF_CALCIUM = 0.1
_UNIFORM = 0.25


@dataclass(frozen=True)
class Lumen:
    """Intensities of a lumen.

    Attributes
    ----------
    median_hu : float
        Median of its core, HU.
    sd_hu : float
        Robust SD of its core, HU; `LEAST_SD_HU` at least.
    voxels : int
        Voxels that these rest on.
    is_part : bool
        Thrombus or another lumen fills most of the core; the figures are those of the brighter part.
    """

    median_hu: float
    sd_hu: float
    voxels: int
    is_part: bool = False

    @property
    def calcium_hu(self) -> float:
        """Intensity from which on a voxel is calcium and not lumen: `CALCIUM_SDS` above the median, HU."""
        return self.median_hu + CALCIUM_SDS * self.sd_hu


def lumen_core(mask: Array, spacing_mm: Sequence[float]) -> Array:
    """Find the voxels of a mask that lie well inside its surface.

    Parameters
    ----------
    mask : ndarray of bool, shape (k, j, i)
        An artery; beyond the volume's border it goes on.
    spacing_mm : sequence of float
        Spacing along (k, j, i), mm.

    Returns
    -------
    ndarray of int, shape (n, 3)
        Indices (k, j, i) of the voxels with nothing outside the mask within `WALL_MM` and `WALL_VOXELS` voxels,
        along each axis whichever is more.
    """
    # Lengths in units of what is left out along each axis: the core has nothing outside within 1.
    scale = np.minimum(1 / WALL_VOXELS, np.asarray(spacing_mm, dtype=float) / WALL_MM)
    # A quotient that rounding leaves just below a whole number is that number.
    reach = np.floor(1 / scale + 1e-9).astype(int)
    box = nonzero_box(mask, padding=int(reach.max()))
    if box is None:
        return np.empty((0, 3), np.intp)
    around = np.pad(mask[box], [(n, n) for n in reach], constant_values=True)
    inner = np.zeros(around.shape, bool)
    inside = tuple(slice(n, n + size) for n, size in zip(reach, mask[box].shape, strict=True))
    inner[inside] = mask[box]
    kept, flat = np.flatnonzero(inner), around.ravel()
    steps = np.array(list(product(*(range(-n, n + 1) for n in reach))))
    steps = steps[(((steps * scale) ** 2).sum(axis=1) <= 1 + 1e-9) & steps.any(axis=1)]
    # The longest steps leave the artery first.
    steps = steps[np.argsort(-((steps * scale) ** 2).sum(axis=1), kind="stable")]
    for step in steps @ np.array([around.shape[1] * around.shape[2], around.shape[2], 1]):
        # The padding is as wide as any step, so that a flat index never wraps into the next row.
        kept = kept[flat[kept + step]]
    corner = np.array([span.start for span in box])
    return np.asarray(np.column_stack(np.unravel_index(kept, around.shape)) - reach + corner)


def measure_lumen(hu: Array, mask: Array, spacing_mm: Sequence[float]) -> Lumen | None:
    """Measure the lumen of an artery.

    Parameters
    ----------
    hu : ndarray, shape (k, j, i)
        Intensities, HU.
    mask : ndarray of bool, shape (k, j, i)
        The artery with its wall.
    spacing_mm : sequence of float
        Spacing along (k, j, i), mm.

    Returns
    -------
    Lumen or None
        None where its core has fewer than `LEAST_VOXELS` voxels.

    Notes
    -----
    Where thrombus or a false lumen fills most of the core, `CALCIUM_SDS` above its median lie below the true lumen.
    What is above is then lumen and not calcium, when it is more than a tenth of the core and as uniform as blood;
    the figures are those of that part.
    """
    values = hu[tuple(lumen_core(mask, spacing_mm).T)]
    if len(values) < LEAST_VOXELS:
        return None
    found = _lumen_of(values, is_part=False)
    while True:
        above = values[values >= found.calcium_hu]
        if len(above) < max(LEAST_VOXELS, _SHARE_OF_CALCIUM * len(values)):
            return found
        part = _lumen_of(above, is_part=True)
        if part.sd_hu > _UNIFORM * part.median_hu or part.median_hu <= found.median_hu:
            return found
        values, found = above, part


def robust_sd(values: Array) -> float:
    """Give the SD of values from their median absolute deviation, which a few outliers do not move.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Intensities, one at least.

    Returns
    -------
    float
        In the unit of the values.
    """
    return ROBUST_SD * float(np.median(np.abs(values - np.median(values))))


def measure_arteries(hu: Array, territories: Array, spacing_mm: Sequence[float]) -> dict[Territory, Lumen]:
    """Measure the lumen of each territory that has enough of it.

    Parameters
    ----------
    hu, territories : ndarray, shape (k, j, i)
        Intensities, HU, and a territory map.
    spacing_mm : sequence of float
        Spacing along (k, j, i), mm.

    Returns
    -------
    dict of Territory to Lumen
        Those whose core has `LEAST_VOXELS` voxels.
    """
    measured = ((t, measure_lumen(hu, territories == t, spacing_mm)) for t in Territory)
    return {territory: lumen for territory, lumen in measured if lumen is not None}


def _lumen_of(values: Array, is_part: bool) -> Lumen:
    return Lumen(float(np.median(values)), max(robust_sd(values), LEAST_SD_HU), len(values), is_part)
