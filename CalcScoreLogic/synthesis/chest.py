"""Draws a chest above a scan that ends in the lower thoracic spine: heart, great vessels, airways, lungs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.interpolate import CubicSpline

from ..images.geometry import Array
from .centrelines import resample
from .fields import among, stamp
from .tissues import Tissue

CHEST_MM = 140.0
"""Height of what is drawn above the scan, mm."""

_BELOW_MM = 46.0  # how far heart and oesophagus reach down into the scan
_SOFT = among(Tissue.FAT, Tissue.LUNG)
_ABDOMEN = (
    Tissue.LIVER, Tissue.SPLEEN, Tissue.STOMACH_WALL, Tissue.BOWEL_WALL, Tissue.KIDNEY_CORTEX, Tissue.KIDNEY_MEDULLA,
    Tissue.PANCREAS, Tissue.ADRENAL, Tissue.GALLBLADDER,
)  # fmt: skip
_DOME_MM = 24.0  # over which the diaphragm bridges the organs below it
_REACH_MM = 70.0  # of the ribs that are continued upwards


class LungSpace(NamedTuple):
    """Where lung may be.

    Attributes
    ----------
    voxels : ndarray of int, shape (n,)
        Flat positions in the field.
    inside_mm, above_mm : ndarray of float32, shape (n,)
        Distance from the trunk's hull and height above the abdominal organs.
    """

    voxels: Array
    inside_mm: Array
    above_mm: Array


class Thorax(NamedTuple):
    """Where the chest lies, mm: midline x, front of the spine y, its depth, and the upper end z of the scan."""

    x: float
    y: float
    depth: float
    z: float

    def at(self, left: float, ahead: float, up: float) -> Array:
        """Give a point `left` of the midline, `ahead` of the spine as a share of the depth, `up` above the scan."""
        return np.array([self.x + left, self.y - ahead * self.depth, self.z + up])


def find_thorax(tissues: Array, hull: Array, top: int, step: float) -> Thorax:
    """Measure the chest in the highest slices of a scan.

    Parameters
    ----------
    tissues : ndarray of uint8, shape (z, y, x)
        Values of `Tissue`.
    hull : ndarray of bool, shape (z, y, x)
        The body.
    top : int
        Slices of the scan, whose uppermost one is `top` - 1.
    step : float
        Voxel size along all axes, mm.

    Returns
    -------
    Thorax
        Its measures, mm.
    """
    spine = np.argwhere(tissues[top - 4 : top] == Tissue.VERTEBRA_MARROW)
    x = float(np.median(spine[:, 2]))
    near = spine[np.abs(spine[:, 2] - x) * step < 16]
    y = float(np.quantile(near[:, 1], 0.02))
    front = float(np.flatnonzero(hull[top - 1, :, round(x)])[0])
    return Thorax(x * step, y * step, max(70.0, (y - front) * step - 14.0), top * step)


def continue_ribs(tissues: Array, original: Array, beside: int, step: float) -> None:
    """Continue bones and muscles above a scan by its own upper slices, forth and back."""
    reach = min(round(_REACH_MM / step), len(original) - 1)
    above = tissues[-round(CHEST_MM / step) :]
    for n, plane in enumerate(above, 1):
        turn = n % (2 * reach)
        source = original[len(original) - 1 - min(turn, 2 * reach - turn)]
        kept = np.isin(source, (Tissue.BONE_MARROW, Tissue.VERTEBRA_MARROW, Tissue.DISC, Tissue.MUSCLE))
        plane[beside:-beside, beside:-beside][kept] = source[kept]


def thoracic_aorta(thorax: Thorax, abdominal: Array) -> Array:
    """Lead an aorta (n, 3), mm, on from the upper end of the scan: descending part, arch, ascending part, root.

    Returns
    -------
    ndarray, shape (m, 3)
        From the root on.
    """
    behind = abdominal[0] + 0.35 * (thorax.at(24, -0.02, 0) - abdominal[0])
    behind[2] = thorax.z + 25
    course = [
        thorax.at(-2, 0.5, 42),
        thorax.at(-13, 0.56, 62),
        thorax.at(-12, 0.5, 88),
        thorax.at(0, 0.33, 107),
        thorax.at(18, 0.12, 104),
        thorax.at(25, 0.0, 80),
        thorax.at(25, -0.03, 52),
        behind,
    ]
    return np.vstack([_curve(course), abdominal])


def draw_chest(tissues: Array, thorax: Thorax, aorta: Array, cava: Array, step: float) -> Array:
    """Draw heart, pulmonary vessels, airways and oesophagus into fat; give where the mediastinum is.

    Parameters
    ----------
    tissues : ndarray of uint8, shape (k, j, i)
        Painted in place.
    thorax : Thorax
        Where the chest lies.
    aorta : ndarray, shape (n, 3)
        Centreline from the root on, mm.
    cava : ndarray, shape (3,)
        Upper end of the inferior vena cava, mm.
    step : float
        Spacing, mm.

    Returns
    -------
    ndarray of bool, shape (k, j, i)
        No lung belongs there.
    """
    low = max(0, round((thorax.z - _BELOW_MM) / step))
    part = tissues[low:]
    drawn = np.zeros(part.shape, np.uint8)
    shift = np.array([0, 0, low * step])

    def tube(points: npt.ArrayLike, radii: tuple[float, ...], tissue: Tissue) -> None:
        course = _curve(np.asarray(points, float)) - shift
        widths = np.interp(np.linspace(0, 1, len(course)), np.linspace(0, 1, len(radii)), radii)
        stamp(drawn, course / step, widths / step, tissue, every=2)

    at = thorax.at
    tube(
        [at(10, 0.28, -44), at(6, 0.2, -10), at(2, 0.16, 30), at(2, 0.1, 70), at(2, 0.12, 140)],
        (8, 8),
        Tissue.OESOPHAGUS,
    )
    tube([at(-2, 0.3, 140), at(0, 0.25, 72)], (9, 9), Tissue.AIRWAY)
    for sign in (-1, 1):
        tube([at(0, 0.25, 76), at(sign * 26, 0.24, 58), at(sign * 58, 0.22, 42)], (7, 6, 4), Tissue.AIRWAY)
    _draw_heart(drawn, thorax, low, step)
    tube([at(8, 0.74, 24), at(12, 0.68, 48), at(8, 0.46, 60)], (12, 13, 13), Tissue.RIGHT_HEART)
    tube([at(8, 0.46, 60), at(34, 0.34, 62), at(62, 0.28, 48)], (12, 9, 5), Tissue.RIGHT_HEART)
    tube([at(8, 0.46, 60), at(-26, 0.36, 56), at(-60, 0.3, 40)], (12, 9, 5), Tissue.RIGHT_HEART)
    for sign in (-1, 1):
        tube([at(sign * 16, 0.24, 30), at(sign * 42, 0.24, 28), at(sign * 66, 0.28, 14)], (7, 6, 4), Tissue.LEFT_HEART)
    tube([at(-30, 0.5, 40), at(-28, 0.5, 90), at(-26, 0.5, 140)], (9, 9), Tissue.SUPERIOR_CAVA)
    tube([cava, at(-24, 0.42, -20), at(-30, 0.45, 4)], (11, 12, 13), Tissue.UPPER_VEIN)
    for left, ahead in ((-12, 0.46), (4, 0.36), (16, 0.2)):
        tube([at(left * 0.8, ahead, 104), at(left * 1.6, ahead, 140)], (5, 4.5), Tissue.SMALL_ARTERY)
    mediastinum = drawn > 0
    stamp(near := np.zeros(part.shape, np.uint8), (aorta - shift) / step, np.full(len(aorta), 20 / step), 1, every=3)
    mediastinum |= near > 0
    open_ = _SOFT[part]
    part[open_ & (drawn > 0)] = drawn[open_ & (drawn > 0)]
    _draw_sternum(part, thorax, low, step)
    full = np.zeros(tissues.shape, bool)
    full[low:] = ndimage.binary_dilation(mediastinum, iterations=max(1, round(6 / step)))
    return full


def _draw_heart(drawn: Array, thorax: Thorax, low: int, step: float) -> None:
    """Draw the four chambers with their muscle; the apex points to the left, forwards and down."""
    z, y, x = (np.arange(n, dtype=np.float32) * np.float32(step) for n in drawn.shape)
    z = z + low * step
    scale = thorax.depth / 120
    long_axis = np.array([0.72, -0.52, -0.46]) / np.linalg.norm([0.72, -0.52, -0.46])
    across = np.cross(long_axis, [0.0, 0.0, 1.0])
    across /= np.linalg.norm(across)
    frame = np.stack([long_axis, across, np.cross(long_axis, across)])

    def ellipsoid(centre: Array, axes: tuple[float, float, float], turned: bool = True) -> Array:
        total = np.zeros(drawn.shape, np.float32)
        for row, half in zip(frame if turned else np.eye(3), axes, strict=True):
            a = row / (half * scale)
            flat = a[0] * (x - centre[0])[None, None] + a[1] * (y - centre[1])[None, :, None]
            total += (flat + a[2] * (z - centre[2])[:, None, None]) ** 2
        return np.asarray(total < 1)

    at = thorax.at
    sac = ellipsoid(at(14, 0.5, 16), (60, 46, 44))
    drawn[sac & (drawn == 0)] = Tissue.FAT
    drawn[ellipsoid(at(-24, 0.46, 22), (26, 27, 32), turned=False)] = Tissue.RIGHT_HEART
    drawn[ellipsoid(at(4, 0.68, 12), (44, 23, 32))] = Tissue.RIGHT_HEART
    drawn[ellipsoid(at(4, 0.3, 34), (32, 19, 22), turned=False)] = Tissue.LEFT_HEART
    drawn[ellipsoid(at(26, 0.5, 10), (44, 31, 31))] = Tissue.MYOCARDIUM
    drawn[ellipsoid(at(21, 0.49, 13), (38, 20, 20))] = Tissue.LEFT_HEART


def _draw_sternum(part: Array, thorax: Thorax, low: int, step: float) -> None:
    z, y, x = (c * step for c in np.ogrid[tuple(slice(0, n) for n in part.shape)])
    front = thorax.y - thorax.depth - 4.0
    bone = (np.abs(x - thorax.x) < 16) & (np.abs(y - front) < 6) & (z + low * step > thorax.z + 5)
    part[bone & (part != Tissue.AIR)] = Tissue.BONE_MARROW


def find_lung_space(tissues: Array, mediastinum: Array, inside_mm: Array, step: float) -> LungSpace:
    """Find the fat above the abdominal organs, under the dome of the diaphragm's smooth surface.

    Parameters
    ----------
    tissues : ndarray of uint8, shape (k, j, i)
        Values of `Tissue`.
    mediastinum : ndarray of bool, shape (k, j, i)
        Left out.
    inside_mm : ndarray of float, shape (k, j, i)
        Distance from the trunk's hull, mm.
    step : float
        Spacing, mm.

    Returns
    -------
    LungSpace
        Its voxels.
    """
    table = among(*_ABDOMEN)
    organs = table[tissues]
    there = organs.any(axis=0)
    if not there.any():
        return LungSpace(np.empty(0, np.int64), np.empty(0, np.float32), np.empty(0, np.float32))
    top = np.where(there, (tissues.shape[0] - 1 - organs[::-1].argmax(axis=0)) * step, -np.inf)
    top = ndimage.maximum_filter(top, round(_DOME_MM / step))  # the edge of an organ is no place for lung
    there = np.isfinite(top)
    away, nearest = ndimage.distance_transform_edt(~there, return_indices=True)
    dome = top[tuple(nearest)] - 0.6 * away * step
    dome = ndimage.gaussian_filter(ndimage.grey_closing(dome, round(_DOME_MM / step)), 6 / step)
    spine = np.isin(tissues, (Tissue.VERTEBRA_MARROW, Tissue.DISC)).any(axis=0)
    lowest = int(dome[there].min() / step)
    part = tissues[lowest:]
    free = (part == Tissue.FAT) & ~mediastinum[lowest:] & (inside_mm[lowest:] > 8)
    height = (np.arange(lowest, tissues.shape[0]) * step)[:, None, None] - dome
    free &= (height > 0) & ~spine
    voxels = np.flatnonzero(free) + lowest * part[0].size
    return LungSpace(voxels, inside_mm[lowest:][free].astype(np.float32), height[free].astype(np.float32))


def _curve(points: npt.ArrayLike) -> Array:
    """Lay a smooth course through points (n, 3), mm, a point each millimetre."""
    knots = np.asarray(points, float)
    if len(knots) < 3:
        return resample(knots, 1.0)
    chord = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(knots, axis=0), axis=1))])
    return resample(CubicSpline(chord, knots)(np.linspace(0, chord[-1], 12 * len(knots))), 1.0)
