"""Turns a plan into voxels: exact labels, partial volume, the scanner's blur and its noise."""

from __future__ import annotations

from itertools import product

import numpy as np
from scipy.ndimage import binary_dilation, gaussian_filter, label

from ..anatomy import SIDE_TERRITORIES, Territory
from ..images.boxes import nonzero_box
from ..images.geometry import Array, Geometry
from .content import Content, tree_content
from .frame import Body
from .plan import PhantomPlan
from .shapes import Canvas
from .tubes import STEP_MM

HU_RANGE = (-1024, 3071)
"""Intensities that a 12-bit CT stores."""

_CHUNK_MM = 10.0  # length of artery that shares one box of candidate voxels
_SUBVOXEL_MM = 0.7  # aimed at when a voxel holds several materials
_SPLINTER_MM3 = 20.0  # a branch's rim on the aorta can leave single voxels, smaller than this, that are no branch
_BATCH = 40_000  # mixed voxels whose parts are evaluated at once


def lay_grid(body: Body, spacing: tuple[float, float, float]) -> tuple[Canvas, Geometry]:
    """Lay a grid over the field of view.

    Parameters
    ----------
    body : Body
        The field of view.
    spacing : tuple of float
        Voxel spacing along (x, y, z), mm.

    Returns
    -------
    canvas : Canvas
        The grid in the body frame.
    geometry : Geometry
        The same grid in LPS, with identity direction.
    """
    steps = np.array(spacing)
    size = np.rint((body.high - body.low) / steps).astype(int)
    low = (body.low + body.high) / 2 - (size - 1) / 2 * steps
    nx, ny, nz = (int(n) for n in size)
    ox, oy, oz = (float(v) for v in low + body.offset)
    sx, sy, sz = (float(s) for s in spacing)
    return Canvas(low, (nx, ny, nz), spacing), Geometry((nx, ny, nz), (sx, sy, sz), (ox, oy, oz))


def paint_arteries(canvas: Canvas, plan: PhantomPlan) -> tuple[Array, Array]:
    """Paint the arteries over everything else and label them.

    Parameters
    ----------
    canvas : Canvas
        The picture, with all other tissue on it; changed in place.
    plan : PhantomPlan
        The arteries and plaques.

    Returns
    -------
    territories : ndarray of uint8, shape (k, j, i)
        Label values of the territories at the voxel centres; splinters that a branch leaves on the aorta's
        surface, cut off from the branch, count as aorta.
    calcified : ndarray of bool, shape (k, j, i)
        True where a voxel's centre lies in a plaque.
    """
    half_diagonal = float(np.linalg.norm(canvas.spacing)) / 2
    near = np.zeros(canvas.hu.shape, dtype=bool)
    samples = round(_CHUNK_MM / STEP_MM)
    for artery in plan.tree.arteries:
        for start in range(0, len(artery.tube.points), samples):
            points = artery.tube.points[start : start + samples + 1]
            reach = artery.tube.radii[start : start + samples + 1].max() + half_diagonal
            near[canvas.slices((points.min(axis=0), points.max(axis=0)), reach)] = True
    flat = np.flatnonzero(near)
    content = tree_content(plan.tree, plan.plaques, canvas.centres(flat), half_diagonal)
    territories = np.zeros(canvas.hu.shape, dtype=np.uint8)
    territories.flat[flat] = content.territory
    calcified = np.zeros(canvas.hu.shape, dtype=bool)
    calcified.flat[flat] = content.calcified
    _paint_content(canvas, plan, flat, content)
    _absorb_splinters(territories, float(np.prod(canvas.spacing)))
    return territories, calcified


def _absorb_splinters(territories: Array, voxel_mm3: float) -> None:
    """Count tiny pieces of side arteries on the aorta's surface as aorta, in place."""
    filled = nonzero_box(territories)
    if filled is None:
        return
    part = territories[filled]
    beside_aorta = binary_dilation(part == Territory.AORTA)
    for territory in SIDE_TERRITORIES:
        pieces, count = label(part == territory)
        small = np.bincount(pieces.ravel(), minlength=count + 1) * voxel_mm3 < _SPLINTER_MM3
        small[0] = False
        attached = np.unique(pieces[beside_aorta & small[pieces]])
        part[np.isin(pieces, attached) & (pieces > 0)] = Territory.AORTA


def _paint_content(canvas: Canvas, plan: PhantomPlan, flat: Array, content: Content) -> None:
    """Set the voxels `flat` to what they hold: one material, or the mean over the parts of a mixed voxel."""
    picture = canvas.hu.reshape(-1)
    pure = (content.territory > 0) & ~content.mixed
    picture[flat[pure]] = content.hu[pure]
    parts = np.clip(np.ceil(canvas.spacing / _SUBVOXEL_MM), 2, 4).astype(int)
    steps = [(np.arange(n) + 0.5) / n - 0.5 for n in parts]
    shifts = np.array(list(product(*steps))) * canvas.spacing
    mixed = flat[content.mixed]
    for start in range(0, len(mixed), _BATCH):
        chosen = mixed[start : start + _BATCH]
        points = (canvas.centres(chosen)[:, None, :] + shifts).reshape(-1, 3)
        part = tree_content(plan.tree, plan.plaques, points, 0.0)
        behind = np.repeat(picture[chosen], len(shifts))
        shown = np.where(part.territory > 0, part.hu, behind)
        picture[chosen] = shown.reshape(-1, len(shifts)).mean(axis=1)


def form_image(canvas: Canvas, plan: PhantomPlan, rng: np.random.Generator) -> Array:
    """Add the scanner's blur and noise.

    Parameters
    ----------
    canvas : Canvas
        The finished picture.
    plan : PhantomPlan
        Blur and noise of the case.
    rng : numpy.random.Generator
        Source of the noise.

    Returns
    -------
    ndarray of int16, shape (k, j, i)
        The CTA, HU.
    """
    steps = canvas.spacing[::-1]
    white = rng.standard_normal(canvas.hu.shape, dtype=np.float32)
    noise: Array = gaussian_filter(white, plan.noise_sigma_mm / steps, truncate=3.0)
    noise *= np.float32(plan.noise_sd_hu / noise.std())
    noise += gaussian_filter(canvas.hu, plan.psf_sigma_mm / steps, truncate=3.0)
    return np.clip(np.rint(noise), *HU_RANGE).astype(np.int16)
