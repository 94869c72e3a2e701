"""Draws what a labelled patient lacks: the chest above the scan, the pelvis below it, the hull of the trunk."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError

from ..errors import InputError
from ..images.boxes import nonzero_box
from ..images.geometry import Array
from .centrelines import extend_down, trace
from .chest import CHEST_MM, LungSpace, continue_ribs, draw_chest, find_lung_space, find_thorax, thoracic_aorta
from .landmarks import SIDES
from .tissues import Tissue

_MARGIN_MM = 28.0  # of air beside the trunk, for fat
_PELVIS_MM = 90.0  # drawn below a scan that ends in the sacrum
_DISC_MM = 14.0  # between two vertebrae, filled where the labels have no disc
_CORTEX_MM = {Tissue.VERTEBRA_CORTEX: 1.5, Tissue.BONE_CORTEX: 3.0, Tissue.KIDNEY_CORTEX: 7.0}


class Frame(NamedTuple):
    """A completed patient on one grid.

    Attributes
    ----------
    tissues : ndarray of uint8, shape (k, j, i)
        Values of `Tissue`, without the great veins.
    arteries : dict of str to ndarray, shape (n, 3)
        Centrelines (x, y, z) in mm from their origin on.
    veins : dict of Tissue to ndarray of bool, shape (k, j, i)
        Where the veins of each kind are.
    hull : ndarray of bool, shape (k, j, i)
        Inside muscles and bones.
    inside_mm : ndarray of float32, shape (k, j, i)
        Distance into the hull, mm.
    lungs : LungSpace
        Fat in which lung may be drawn.
    """

    tissues: Array
    arteries: dict[str, Array]
    veins: dict[Tissue, Array]
    hull: Array
    inside_mm: Array
    lungs: LungSpace


def complete(tissues: Array, artery_voxels: dict[str, Array], step_mm: float) -> Frame:
    """Complete a patient.

    Parameters
    ----------
    tissues : ndarray of uint8, shape (k, j, i)
        Values of `Tissue`, axes to superior, posterior and left.
    artery_voxels : dict of str to ndarray of bool, shape (k, j, i)
        Where each artery is.
    step_mm : float
        Spacing, mm.

    Returns
    -------
    Frame
        On a larger grid.
    """
    filled = np.flatnonzero((tissues > 0).any(axis=(1, 2)))
    if not filled.size:
        raise InputError("the anatomy's labels are all empty")
    keep = slice(int(filled[0]), int(filled[-1]) + 1)
    tissues, artery_voxels = tissues[keep], {name: mask[keep] for name, mask in artery_voxels.items()}
    spine = tissues == Tissue.VERTEBRA_MARROW
    below = round(_PELVIS_MM / step_mm) if spine[:3].any() else 0
    above = round(CHEST_MM / step_mm) if spine[-3:].any() and not (tissues == Tissue.LEFT_HEART).any() else 0
    beside = round(_MARGIN_MM / step_mm)
    original = tissues
    pads = ((below, above), (beside, beside), (beside, beside))
    tissues = np.pad(tissues, pads)
    artery_voxels = {name: np.pad(mask, pads) for name, mask in artery_voxels.items()}
    if above:
        continue_ribs(tissues, original, beside, step_mm)
    hips = _draw_pelvis(tissues, original, below, beside, step_mm) if below else None
    hull = _hull(tissues)
    inside_mm = hull_distance(hull, step_mm)
    tissues[hull & (tissues == Tissue.AIR)] = Tissue.FAT
    top = tissues.shape[0] - above
    arteries = {name: course * step_mm for name, course in trace(artery_voxels).items()}
    thorax = find_thorax(tissues, hull, top, step_mm) if above else None
    if thorax is not None:
        arteries["aorta"] = thoracic_aorta(thorax, arteries["aorta"])
    for name, side in SIDES.items():
        outer = f"external_iliac_{name}" if f"external_iliac_{name}" in arteries else f"common_iliac_{name}"
        if hips is not None:
            arteries[outer] = extend_down(arteries[outer], hips[side] + np.array([-side * 18.0, -38.0, -74.0]))
    veins = _veins(tissues, arteries, step_mm, hips is not None)
    _refine_organs(tissues, step_mm)
    if hips is not None:
        _draw_pelvic_organs(tissues, below, step_mm, _midline(original, beside))
    mediastinum = np.zeros(tissues.shape, bool)
    if thorax is not None:
        upper = np.argwhere(veins[Tissue.UPPER_VEIN][top - round(12 / step_mm) : top])
        cava = (upper.mean(axis=0) * step_mm)[::-1] if len(upper) else np.array([thorax.x - 20, thorax.y - 30, 0.0])
        cava[2] = thorax.z - 8
        mediastinum = draw_chest(tissues, thorax, arteries["aorta"], cava, step_mm)
    lungs = find_lung_space(tissues, mediastinum, inside_mm, step_mm)
    return Frame(tissues, arteries, veins, hull, inside_mm, lungs)


def _midline(original: Array, beside: int) -> tuple[float, float]:
    """Give column and row of the sacrum's middle in the lowest slices (voxels of the padded grid)."""
    sacrum = np.argwhere(original[:2] == Tissue.VERTEBRA_MARROW)
    return float(sacrum[:, 2].mean()) + beside, float(sacrum[:, 1].mean()) + beside


def _draw_pelvis(tissues: Array, original: Array, below: int, beside: int, step: float) -> dict[int, Array]:
    """Draw sacrum, hips and pelvic muscles below a scan that ends in the sacrum; give the hips' centres in mm."""
    mirrored = original[1 : below + 1][::-1]
    muscle = mirrored == Tissue.MUSCLE
    block = tissues[below - len(mirrored) : below, beside:-beside, beside:-beside]
    block[muscle] = Tissue.MUSCLE
    middle, back = _midline(original, beside)
    lowest = np.argwhere(original[0] == Tissue.VERTEBRA_MARROW) + beside
    for depth in range(1, below):
        shrink = 1 - depth * step / 64
        if shrink > 0.15:
            bow = 0.25 * depth - 0.006 * step * depth**2
            spots = np.round((lowest - lowest.mean(axis=0)) * shrink + lowest.mean(axis=0) + [bow, 0]).astype(int)
            tissues[below - depth, spots[:, 0], spots[:, 1]] = Tissue.VERTEBRA_MARROW
    z, y, x = (c * step for c in np.ogrid[tuple(slice(0, n) for n in tissues.shape)])
    hips, floor = {}, z < below * step
    for side in (-1, 1):
        cx, cy, cz = middle * step + 86.0 * side, back * step - 84.0, below * step - 52.0
        hips[side] = np.array([cx, cy, cz])
        out, ahead, up = (x - cx) * side, y - cy, z - cz
        r = np.sqrt(up**2 + ahead**2 + out**2)
        socket = (r > 26.4) & (r < 36) & (out < 12)
        ischium = (np.abs(out + 16) < 12) & (np.abs(ahead - 20) < 16) & (up < -16)
        pubis = (np.abs(up + 20) < 10) & (np.abs(ahead + 32) < 10) & (out < 0) & ((x - middle * step) * side > 2)
        neck = ((ahead - out * 0.15) ** 2 + (up + out * 0.6) ** 2 < 256) & (out > 0) & (out < 60)
        tissues[(socket | ischium | pubis | (r < 24.4) | neck) & floor] = Tissue.BONE_MARROW
        obturator = (np.abs(out + 40) < 6) & (np.abs(ahead) < 28) & (up < 36)
        iliopsoas = (ahead + 34) ** 2 + out**2 < 320
        tissues[(obturator | iliopsoas) & floor & (tissues == Tissue.AIR)] = Tissue.MUSCLE
        blade = np.argwhere(original[0] == Tissue.BONE_MARROW) + beside
        blade = blade[(blade[:, 1] * step - middle * step) * side > 0]
        for depth in range(1, round(34 / step) if len(blade) else 0):
            share = depth * step / 34
            goal = np.array([cy - 4, cx - 14.0 * side]) / step
            centre = blade.mean(axis=0) * (1 - share) + goal * share
            spots = np.round((blade - blade.mean(axis=0)) * (1 - 0.45 * share) + centre).astype(int)
            tissues[below - depth, spots[:, 0], spots[:, 1]] = Tissue.BONE_MARROW
    return hips


def _hull(tissues: Array) -> Array:
    """Fill the convex hull of every slice, smoothed over neighbours; worked out on every second voxel."""
    coarse = tissues[::2, ::2, ::2]
    rows, columns = np.mgrid[: coarse.shape[1], : coarse.shape[2]]
    grid = np.stack([rows.ravel(), columns.ravel()], axis=1)
    hull = np.zeros(coarse.shape, np.float32)
    for k, labels in enumerate(coarse):
        points = np.argwhere((labels > 0) & (labels != Tissue.TABLE))
        if len(points) < 10:
            continue
        try:
            faces = ConvexHull(points).equations
        except QhullError:  # all points on one line
            continue
        hull[k] = (grid @ faces[:, :2].T + faces[:, 2] <= 0.5).all(axis=1).reshape(rows.shape)
    hull = ndimage.gaussian_filter(hull, (1.5, 1, 1))
    return np.asarray(_doubled(hull, tissues.shape) > 0.5)


def _doubled(coarse: Array, shape: tuple[int, ...]) -> Array:
    """Bring a field of every second voxel back to all voxels."""
    for axis, n in enumerate(shape):
        coarse = np.take(coarse, np.arange(n) // 2, axis=axis)
    return coarse


def hull_distance(mask: Array, step_mm: float) -> Array:
    """Give the distance of each voxel of a large plain shape from its surface, mm, measured on every second voxel."""
    coarse = ndimage.distance_transform_edt(mask[::2, ::2, ::2]) * (2 * step_mm)
    return np.asarray(ndimage.uniform_filter(_doubled(coarse, mask.shape).astype(np.float32), 3))


def _veins(tissues: Array, arteries: dict[str, Array], step: float, drawn_pelvis: bool) -> dict[Tissue, Array]:
    """Take the veins' voxels out of the labels, parted at the height of the kidneys."""
    kidneys = np.flatnonzero((tissues == Tissue.KIDNEY_CORTEX).any(axis=(1, 2)))
    parting = int(kidneys.mean())
    z = np.arange(tissues.shape[0])[:, None, None]
    cava = tissues == Tissue.LOWER_VEIN
    masks = {
        Tissue.LOWER_VEIN: cava & (z < parting),
        Tissue.UPPER_VEIN: (cava & (z >= parting)) | (tissues == Tissue.UPPER_VEIN),
        Tissue.PORTAL_VEIN: tissues == Tissue.PORTAL_VEIN,
    }
    for mask in masks.values():
        tissues[mask] = Tissue.FAT
    if drawn_pelvis:
        lowest = int(np.flatnonzero(masks[Tissue.LOWER_VEIN].any(axis=(1, 2)))[0]) + 1
        y, x = (c * step for c in np.ogrid[: tissues.shape[1], : tissues.shape[2]])
        for name, side in SIDES.items():
            course = arteries.get(f"external_iliac_{name}", arteries[f"common_iliac_{name}"])
            for px, py, pz in course[course[:, 2] < lowest * step]:
                k = int(np.clip(round(pz / step), 0, tissues.shape[0] - 1))
                masks[Tissue.LOWER_VEIN][k] |= (x - px + side * 6) ** 2 + (y - py - 10) ** 2 < 40
    return masks


def _refine_organs(tissues: Array, step: float) -> None:
    """Part bone into cortex and marrow, kidneys into cortex and medulla; fill the spinal canal and hollow organs."""
    spine = tissues == Tissue.VERTEBRA_MARROW
    gap = round(_DISC_MM / step)
    joined = ndimage.binary_closing(np.pad(spine, ((gap, gap), (0, 0), (0, 0))), np.ones((gap + 1, 1, 1), bool))
    tissues[joined[gap:-gap] & ~spine & (tissues == Tissue.FAT)] = Tissue.DISC
    soft = np.isin(tissues, (Tissue.AIR, Tissue.FAT, Tissue.MUSCLE))
    for k in np.flatnonzero(spine.any(axis=(1, 2))):
        closed = ndimage.binary_closing(spine[k], iterations=max(1, round(6 / step)))
        tissues[k][ndimage.binary_fill_holes(closed) & ~spine[k] & soft[k]] = Tissue.SPINAL_CANAL
    for inner, outer in (
        (Tissue.VERTEBRA_MARROW, Tissue.VERTEBRA_CORTEX),
        (Tissue.BONE_MARROW, Tissue.BONE_CORTEX),
        (Tissue.KIDNEY_MEDULLA, Tissue.KIDNEY_CORTEX),
    ):
        box = nonzero_box((tissues == inner) | (tissues == outer), 2)
        if box is None:
            continue
        part = tissues[box]
        solid = (part == inner) | (part == outer)
        core = ndimage.binary_erosion(solid, iterations=max(1, round(_CORTEX_MM[outer] / step)))
        part[solid] = outer
        part[core] = inner
    for wall in (Tissue.BOWEL_WALL, Tissue.STOMACH_WALL):
        box = nonzero_box(tissues == wall, 3)
        if box is None:
            continue
        part = tissues[box]
        solid = ndimage.binary_closing(part == wall, iterations=2)
        for plane in solid:
            plane[:] = ndimage.binary_fill_holes(plane)
        part[solid & (part == Tissue.FAT)] = wall


def _draw_pelvic_organs(tissues: Array, below: int, step: float, midline: tuple[float, float]) -> None:
    """Draw bladder, rectum and what lies between them."""
    z, y, x = (c * step for c in np.ogrid[tuple(slice(0, n) for n in tissues.shape)])
    cx, cy = (m * step for m in midline)
    floor = below * step
    fat = tissues == Tissue.FAT
    bladder = ((z - floor + 44) / 32) ** 2 + ((y - cy + 100) / 34) ** 2 + ((x - cx) / 44) ** 2
    rectum = ((y - cy + 36) ** 2 / 240 + (x - cx) ** 2 / 360 < 1) & (z < floor + 8)
    between = ((z - floor + 56) / 26) ** 2 + ((y - cy + 60) / 16) ** 2 + ((x - cx) / 28) ** 2 < 1
    hollow = fat | (tissues == Tissue.BOWEL_WALL)
    tissues[(bladder < 1) & hollow] = Tissue.BLADDER_WALL
    tissues[(bladder < 0.75) & hollow] = Tissue.URINE
    tissues[between & (tissues == Tissue.FAT)] = Tissue.PELVIC_ORGAN
    tissues[rectum & (tissues == Tissue.FAT)] = Tissue.BOWEL_WALL
