"""Lays a grid over a posed body: intensities and exact labels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..images.boxes import slabs
from ..images.geometry import Array
from .anatomy_file import FIELD_MM
from .body import Body
from .contrast import Contrast
from .fields import low_field
from .plaques import Plaque, depth_inside
from .pose import Pose
from .tissues import HARD, TERRITORY_CLASS, Tissue
from .tubes import STEP_MM, Axes, Near, Vessel, locate, pose_vessels
from .vessels import OTHER

_NOWHERE = -1e3
_THIN_WALL_MM, _SEEN_WALL_MM = 1.7, 0.3
# A thin wall beside bright blood is not seen: an artery's edge is where the image is steepest, just outside the lumen.
_SEEN_CALCIUM_MM = 0.25  # calcium is seen, and drawn by readers, a little beyond its edge
_AORTA_FIRST_MM = 1e3  # the aorta owns what lies inside its wall, but for what lies below its fork
_SOFT_EDGES_MM = 1.5  # on finer grids the steps of the field would show
_WIRE_MM, _RING_EVERY_MM, _ZIGZAG_MM = 0.25, 6.0, 4.0  # of a stent: half thickness, rings, their height


class Rendered(NamedTuple):
    """A body on a grid.

    Attributes
    ----------
    image : ndarray of float32, shape (k, j, i)
        HU before the scanner.
    territories : ndarray of uint8, shape (k, j, i)
        Labels of the role ``"territories"``.
    calcified : ndarray of bool, shape (k, j, i)
        Inside a plaque.
    artery : ndarray of bool, shape (k, j, i)
        Inside an artery.
    outside : ndarray of bool, shape (k, j, i)
        Above or below the body.
    """

    image: Array
    territories: Array
    calcified: Array
    artery: Array
    outside: Array


def render(rng: np.random.Generator, body: Body, pose: Pose, contrast: Contrast, axes: Axes) -> Rendered:
    """Lay a grid over a body.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of textures.
    body : Body
        Who is imaged.
    pose : Pose
        How the body lies in the patient's frame.
    contrast : Contrast
        The intensities.
    axes : Axes
        Slices, rows and columns of the grid in the patient's frame, mm.

    Returns
    -------
    Rendered
        A voxel belongs to an artery when its centre lies inside the outer wall, and to a plaque when its centre
        lies inside that or up to 0.25 mm outside. With contrast a wall thinner than 1.7 mm counts only where it is
        calcified and up to 0.3 mm outside the lumen. Voxels at a surface show a mean by their distance from it.
    """
    steps = np.array(axes.steps)
    texture = low_field(rng, axes.shape, rng.uniform(14, 45) / steps) * np.float32(0.6)
    texture += low_field(rng, axes.shape, np.maximum(rng.uniform(3, 9) / steps, 1)) * np.float32(0.7)
    tissue, image = np.empty(axes.shape, np.uint8), np.empty(axes.shape, np.float32)
    outside = np.empty(axes.shape, bool)
    for slab in slabs(axes.shape):
        part = axes._replace(z=axes.z[slab])
        tissue[slab], image[slab], outside[slab] = _lay(body.field, pose, contrast.mean, part, steps.min())
    image += contrast.spread.take(tissue) * texture
    labels = TERRITORY_CLASS[tissue]
    calcified = np.zeros(axes.shape, bool)
    mixing = 1 + np.float32(contrast.mixing) * texture
    painter = _Painter(pose.scale, contrast, axes)
    for number, vessel in enumerate(pose_vessels(body.tree.vessels, pose)):
        painter.add(number, vessel, body.plaques[number])
    artery = painter.finish(image, labels, calcified, HARD[tissue] & (tissue != Tissue.DISC), mixing)
    return Rendered(image, labels, calcified, artery.reshape(axes.shape), outside)


def _lay(field: Array, pose: Pose, mean: Array, axes: Axes, finest_mm: float) -> tuple[Array, Array, Array]:
    """Give tissue, mean intensity, and what is above or below the body, on a slab."""
    index = pose.to_body(axes.x, axes.y, axes.z)
    index *= np.float32(1 / FIELD_MM)
    outside = (index[2] < 0) | (index[2] > field.shape[0] - 1)
    for axis in range(3):
        np.clip(index[axis], 0, field.shape[2 - axis] - 1.001, out=index[axis])
    tissue = field.reshape(-1).take(_flat(np.rint(index).astype(np.int32), field.shape))
    return tissue, mean.take(tissue) if finest_mm > _SOFT_EDGES_MM else _interpolate(mean, field, index), outside


def _flat(index: Array, shape: tuple[int, ...]) -> Array:
    """Give flat positions of indices (3, k, j, i) in the order (x, y, z)."""
    return np.asarray((index[2] * np.int32(shape[1]) + index[1]) * np.int32(shape[2]) + index[0])


def _interpolate(mean: Array, field: Array, index: Array) -> Array:
    """Interpolate intensities between voxels of the field, a little steeper than linearly."""
    lows = [int(axis.min()) for axis in index[::-1]]
    box = tuple(slice(low, int(axis.max()) + 2) for low, axis in zip(lows, index[::-1], strict=True))
    bright = mean.take(field[box])
    index = index - np.array(lows[::-1], np.float32).reshape(3, 1, 1, 1)
    low_corner = np.floor(index)
    part = np.clip((index - low_corner - np.float32(0.5)) * np.float32(1.4) + np.float32(0.5), 0, 1)
    base = _flat(low_corner.astype(np.int32), bright.shape)
    row, plane = np.int32(bright.shape[2]), np.int32(bright.shape[1] * bright.shape[2])
    values = bright.reshape(-1)
    planes = []
    for above in (np.int32(0), plane):
        lines = []
        for behind in (np.int32(0), row):
            near, far = values.take(base + (above + behind)), values.take(base + (above + behind + np.int32(1)))
            lines.append(near + (far - near) * part[0])
        planes.append(lines[0] + (lines[1] - lines[0]) * part[1])
    return np.asarray(planes[0] + (planes[1] - planes[0]) * part[2])


class _Painter:
    """Gathers what arteries hold, voxel by voxel, then paints them."""

    def __init__(self, scale: float, contrast: Contrast, axes: Axes) -> None:
        self.scale, self.contrast, self.axes = scale, contrast, axes
        self.soft_mm = float(np.mean(axes.steps))
        n = int(np.prod(axes.shape))
        self.outer = np.full(n, _NOWHERE, np.float32)
        self.rank = np.full(n, _NOWHERE, np.float32)
        self.label = np.zeros(n, np.uint8)
        self.rest_hu = np.zeros(n, np.float32)
        self.lumen = np.full(n, _NOWHERE, np.float32)
        self.second_lumen = np.full(n, _NOWHERE, np.float32)
        self.lumen_of = np.full(n, -1, np.int16)
        self.lumen_hu = np.zeros(n, np.float32)
        self.plaques: list[tuple[Array, Array, np.float32, int]] = []
        self.wires: list[tuple[Array, Array]] = []

    def add(self, number: int, vessel: Vessel, plaques: tuple[Plaque, ...]) -> None:
        """Gather what one posed artery holds."""
        near = locate(vessel, self.axes, self.soft_mm)
        if near is None:
            return
        voxels = near.voxels
        at = np.clip(near.arc, 0, len(vessel.points) - 1)
        along = np.arange(len(vessel.points))
        radius = np.interp(at, along, vessel.outer)
        depth = radius - near.distance
        lumen, hu = self._lumen(vessel, near, at, along)
        self._own(number, vessel, near, depth)
        better = lumen > self.lumen[voxels]
        self.second_lumen[voxels] = np.where(better, self.lumen[voxels], np.maximum(self.second_lumen[voxels], lumen))
        chosen = voxels[better]
        self.lumen[chosen], self.lumen_of[chosen], self.lumen_hu[chosen] = lumen[better], number, hu[better]
        arc = at * STEP_MM
        if vessel.stent_mm is not None:
            self._stent(vessel.stent_mm, voxels, lumen, arc, np.arctan2(near.v, near.u))
        for plaque in plaques:
            close = np.flatnonzero(
                np.abs(arc - plaque.arc) * self.scale < plaque.length * self.scale / 2 + self.soft_mm
            )
            if close.size:
                angle = np.arctan2(near.v[close], near.u[close])
                inside = depth_inside(plaque, arc[close], angle, depth[close], radius[close], self.scale)
                kept = inside > -self.soft_mm
                bright = max(plaque.hu, self.contrast.lumen * vessel.dim + 90 + 0.25 * plaque.hu)
                self.plaques.append((voxels[close[kept]], inside[kept], np.float32(bright), number))

    def _own(self, number: int, vessel: Vessel, near: Near, depth: Array) -> None:
        voxels, sample = near.voxels, near.sample
        first = np.where(near.arc > len(vessel.points) - 1, -0.5 * _AORTA_FIRST_MM, _AORTA_FIRST_MM)
        rank = np.where((number == 0) & (depth >= 0), depth + first, depth)
        wins = rank > self.rank[voxels]
        chosen = voxels[wins]
        self.rank[chosen] = rank[wins]
        ended = sample[wins] * STEP_MM > vessel.label_ends_mm
        self.label[chosen] = np.where(ended, OTHER, vessel.label)
        thick = vessel.outer[sample[wins]] - vessel.lumen[sample[wins]] > 2.5
        self.rest_hu[chosen] = np.where(thick, self.contrast.thrombus, self.contrast.wall)
        self.outer[voxels] = np.maximum(self.outer[voxels], depth)

    def _lumen(self, vessel: Vessel, near: Near, at: Array, along: Array) -> tuple[Array, Array]:
        """Give depth in the lumen (mm) and its intensity (HU)."""
        u = near.u - np.interp(at, along, vessel.shift[:, 0])
        v = near.v - np.interp(at, along, vessel.shift[:, 1])
        past = np.maximum(near.distance**2 - near.u**2 - near.v**2, 0)
        lumen = np.interp(at, along, vessel.lumen) - np.sqrt(u**2 + v**2 + past)
        hu = np.full(len(lumen), self.contrast.lumen * vessel.dim)
        if vessel.flap is not None:
            turn, offset, half = vessel.flap[near.sample].T
            side = near.u * np.cos(turn) + near.v * np.sin(turn) - offset
            torn = np.isfinite(side)
            lumen[torn] = np.minimum(lumen, np.abs(side) - half)[torn]
            hu[torn & (side < 0)] = self.contrast.false_lumen
        return lumen, hu

    def _stent(self, reach: tuple[float, float], voxels: Array, lumen: Array, arc: Array, angle: Array) -> None:
        """Gather the wires of a stent: zigzag rings on the surface of the lumen."""
        zigzag = np.abs((angle * 6 / np.pi) % 2 - 1) * _ZIGZAG_MM
        wire = np.abs((arc + zigzag) % _RING_EVERY_MM - 0.5 * _RING_EVERY_MM) * self.scale
        depth = _WIRE_MM - np.hypot(wire, lumen)
        there = (arc > reach[0]) & (arc < reach[1]) & (depth > -0.5 * self.soft_mm)
        self.wires.append((voxels[there], depth[there]))

    def finish(self, image: Array, labels: Array, calcified: Array, bone: Array, mixing: Array) -> Array:
        """Paint the arteries into image, labels and plaques (all in place); tell which voxels are artery."""
        touched = np.flatnonzero(self.outer > -self.soft_mm)
        flat, marks, plaque = image.reshape(-1), labels.reshape(-1), calcified.reshape(-1)
        there = np.clip(self.outer[touched] / self.soft_mm + 0.5, 0, 1)
        there[bone.reshape(-1)[touched] & (self.outer[touched] < 0)] = 0
        open_ = np.clip(self.lumen[touched] / self.soft_mm + 0.5, 0, 1)
        there = np.maximum(there, open_)
        bright = self.lumen_hu[touched] * mixing.reshape(-1)[touched]
        flat[touched] = flat[touched] * (1 - there) + self.rest_hu[touched] * (there - open_) + bright * open_
        inside = self.outer >= 0
        for voxels, depth, hu, number in sorted(self.plaques, key=lambda part: part[2]):
            other = np.where(self.lumen_of[voxels] == number, self.second_lumen[voxels], self.lumen[voxels])
            walled = other < 0.3
            cover = np.clip(depth / self.soft_mm + 0.5, 0, 1) * walled
            flat[voxels] += (hu - flat[voxels]) * cover
            plaque[voxels[(depth >= -_SEEN_CALCIUM_MM) & walled & inside[voxels]]] = True
        if self.contrast.phase != "none":
            thin = (self.lumen < -_SEEN_WALL_MM) & (self.outer - self.lumen < _THIN_WALL_MM)
            inside &= ~thin | plaque
        marks[inside] = self.label[inside]
        for voxels, depth in self.wires:
            share = np.clip(depth / self.soft_mm + 0.5, 0, 1) * min(1.0, 2 * _WIRE_MM / self.soft_mm)
            flat[voxels] += (self.contrast.mean[Tissue.METAL] - flat[voxels]) * share
        return inside


def role_labels(rendered: Rendered, role: str) -> Array:
    """Give the label map of a role, ``"territories"`` or ``"calcification"``."""
    if role == "territories":
        return rendered.territories
    labels = rendered.artery.astype(np.uint8)
    labels[rendered.calcified] = 2
    return labels
