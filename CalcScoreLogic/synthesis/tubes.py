"""Arteries as tubes: their geometry, and where voxels lie in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from ..images.geometry import Array
from .pose import Pose

STEP_MM = 0.75
"""Distance between the samples of a centreline, mm."""

_KNOT_EVERY = 4  # samples at which a pose's bend is worked out; it is linear in between


@dataclass(frozen=True, eq=False)
class Vessel:
    """One artery.

    Angles around it are measured in a frame that turns with the centreline as little as it can.

    Attributes
    ----------
    name : str
        E.g. ``"renal_left"``.
    label : int
        Its value in a territory map.
    points : ndarray, shape (n, 3)
        Centreline (x, y, z) every `STEP_MM`, mm.
    outer, lumen : ndarray, shape (n,)
        Radius of the outer wall and of the open lumen, mm; a lumen of 0 is an occlusion.
    shift : ndarray, shape (n, 2)
        Where the lumen's centre lies from the centreline, mm.
    label_ends_mm : float
        Arc from which on it counts as another artery.
    flap : ndarray, shape (n, 3), or None
        Dissection: angle of the flap's normal (rad), its distance from the centreline and half its thickness (mm); NaN
        where whole.
    dim : float
        Contrast of the lumen as a share of the aorta's.
    stent_mm : tuple of float or None
        Arcs between which a stent lies in the lumen.
    """

    name: str
    label: int
    points: Array
    outer: Array
    lumen: Array
    shift: Array
    label_ends_mm: float = np.inf
    flap: Array | None = None
    dim: float = 1.0
    stent_mm: tuple[float, float] | None = None

    @property
    def length(self) -> float:
        """Length of the centreline, mm."""
        return STEP_MM * (len(self.points) - 1)

    def frame(self) -> tuple[Array, Array, Array]:
        """Give tangent, and the directions of angle 0 and pi / 2 around it, each (n, 3)."""
        tangent = np.gradient(self.points, axis=0)
        tangent /= np.linalg.norm(tangent, axis=1, keepdims=True) + 1e-9
        reference = np.eye(3)[np.abs(tangent).mean(axis=0).argmin()]
        first = reference - (tangent @ reference)[:, None] * tangent
        first /= np.linalg.norm(first, axis=1, keepdims=True) + 1e-9
        return tangent, first, np.cross(tangent, first)


def pose_vessels(vessels: Sequence[Vessel], pose: Pose) -> list[Vessel]:
    """Give arteries as they lie in the patient: their courses are bent, their cross-sections stay round."""
    knots = [np.unique(np.append(np.arange(0, len(v.points), _KNOT_EVERY), len(v.points) - 1)) for v in vessels]
    straight = [(vessel.points - pose.centre) @ np.linalg.inv(pose.matrix).T for vessel in vessels]
    found = pose.to_patient(np.concatenate([v.points[at] for v, at in zip(vessels, knots, strict=True)]))
    bends = np.split(found, np.cumsum([len(at) for at in knots])[:-1])
    courses = []
    for line, at, bent in zip(straight, knots, bends, strict=True):
        moved = bent - line[at]
        courses.append(line + np.stack([np.interp(np.arange(len(line)), at, column) for column in moved.T], axis=1))
    return [
        replace(
            vessel,
            points=course,
            outer=vessel.outer * pose.scale,
            lumen=vessel.lumen * pose.scale,
            shift=vessel.shift * pose.scale,
            flap=None if vessel.flap is None else vessel.flap * [1, pose.scale, pose.scale],
        )
        for vessel, course in zip(vessels, courses, strict=True)
    ]


class Near(NamedTuple):
    """Voxels near an artery, in its coordinates.

    Attributes
    ----------
    voxels : ndarray of int, shape (m,)
        Flat positions in the grid.
    sample : ndarray of int, shape (m,)
        Nearest sample of the centreline.
    arc : ndarray, shape (m,)
        Position along the centreline, in samples.
    u, v : ndarray, shape (m,)
        Position across it, mm.
    distance : ndarray, shape (m,)
        Distance from the centreline, mm; past an end measured twice as long, so that ends are flat.
    """

    voxels: Array
    sample: Array
    arc: Array
    u: Array
    v: Array
    distance: Array


class Axes(NamedTuple):
    """Coordinates of a grid's slices, rows and columns in the patient, mm."""

    z: Array
    y: Array
    x: Array

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of an array on this grid, (k, j, i)."""
        return len(self.z), len(self.y), len(self.x)

    @property
    def steps(self) -> tuple[float, float, float]:
        """Spacing along (k, j, i), mm."""
        return tuple(float(a[1] - a[0]) if len(a) > 1 else 1.0 for a in self)  # type: ignore[return-value]


def locate(vessel: Vessel, axes: Axes, margin_mm: float) -> Near | None:
    """Find the voxels in and around an artery.

    Parameters
    ----------
    vessel : Vessel
        In the patient's frame.
    axes : Axes
        The grid.
    margin_mm : float
        How far outside the artery voxels still matter.

    Returns
    -------
    Near or None
        None where the grid shows nothing of it.
    """
    low = np.array([a[0] for a in axes][::-1]) - margin_mm
    high = np.array([a[-1] for a in axes][::-1]) + margin_mm
    reach = vessel.outer[:, None] + margin_mm
    shown = ((vessel.points > low - reach) & (vessel.points < high + reach)).all(axis=1)
    if not shown.any():
        return None
    voxels = _candidates(vessel, axes, margin_mm, np.flatnonzero(shown))
    if not voxels.size:
        return None
    k, j, i = np.unravel_index(voxels, axes.shape)
    where = np.stack([axes.x[i], axes.y[j], axes.z[k]], axis=1)
    first, last = np.flatnonzero(shown)[[0, -1]]
    first, last = max(0, int(first) - 2), min(len(vessel.points), int(last) + 3)
    limit = float(vessel.outer[first:last].max()) + margin_mm + STEP_MM
    distance, sample = cKDTree(vessel.points[first:last]).query(where, distance_upper_bound=limit)
    found = np.isfinite(distance)
    voxels, where, sample = voxels[found], where[found], sample[found] + first
    tangent, one, two = vessel.frame()
    away = where - vessel.points[sample]
    along = np.einsum("na,na->n", away, tangent[sample])
    at_end = ((sample == 0) & (along < 0)) | ((sample == len(vessel.points) - 1) & (along > 0))
    past = np.where(at_end, along, 0.0)
    u, v = np.einsum("na,na->n", away, one[sample]), np.einsum("na,na->n", away, two[sample])
    return Near(
        voxels,
        sample,
        sample + np.clip(along / STEP_MM, -0.5, 0.5),
        u,
        v,
        np.sqrt(u**2 + v**2 + (2 * past) ** 2),
    )


def _candidates(vessel: Vessel, axes: Axes, margin_mm: float, shown: Array) -> Array:
    """Give the flat positions of the voxels in boxes along the artery."""
    mask = np.zeros(axes.shape, bool)
    every = max(1, int(0.7 * float(vessel.outer.min()) / STEP_MM))
    origin = np.array([a[0] for a in axes])
    steps = np.array(axes.steps)
    reach = vessel.outer + margin_mm + 0.5 * every * STEP_MM
    chosen = np.unique(np.append(shown[::every], shown[-1]))
    centres = (vessel.points[chosen][:, ::-1] - origin) / steps
    widths = reach[chosen][:, None] / steps
    lows = np.maximum(np.floor(centres - widths), 0).astype(int)
    highs = np.minimum(np.ceil(centres + widths) + 1, axes.shape).astype(int)
    for low, high in zip(lows.tolist(), highs.tolist(), strict=True):
        mask[low[0] : high[0], low[1] : high[1], low[2] : high[2]] = True
    return np.flatnonzero(mask)
