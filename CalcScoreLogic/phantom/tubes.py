"""Tubes along curved centrelines: arteries, veins, bowel loops and ribs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline
from scipy.spatial import cKDTree

from ..images.geometry import Array
from .shapes import Box

STEP_MM = 0.5
"""Distance between the samples of a centreline."""

_END_FLATNESS = 2.0  # an end bulges by radius / flatness, so that a bifurcation is no ball


class Location(NamedTuple):
    """Where points lie in the coordinates of a tube; only points near the tube are listed.

    Attributes
    ----------
    which : ndarray of int, shape (m,)
        Positions in the list of points asked for.
    depth : ndarray, shape (m,)
        Distance below the outer surface, mm; negative outside.
    arc : ndarray, shape (m,)
        Position along the centreline, mm.
    angle : ndarray, shape (m,)
        Position around the centreline, rad, -pi to pi.
    radius : ndarray, shape (m,)
        Outer radius of the tube there, mm.
    """

    which: Array
    depth: Array
    arc: Array
    angle: Array
    radius: Array

    def subset(self, chosen: Array) -> Location:
        """Keep the entries where `chosen` (bool, shape (m,)) is true."""
        return Location(*(values[chosen] for values in self))


@dataclass(frozen=True, eq=False)
class Tube:
    """A solid tube with a varying radius.

    Parameters
    ----------
    points : ndarray, shape (n, 3)
        Centreline, one sample each `STEP_MM`, mm.
    radii : ndarray, shape (n,)
        Outer radius at each sample, mm.
    """

    points: Array
    radii: Array

    @property
    def length(self) -> float:
        """Length of the centreline, mm."""
        return STEP_MM * (len(self.points) - 1)

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self.points)

    @cached_property
    def _frame(self) -> tuple[Array, Array, Array]:
        """Tangent, and the two directions of angle 0 and pi / 2, each of shape (n, 3)."""
        tangent = np.gradient(self.points, axis=0)
        tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
        # The body axis that the tube never runs along gives a reference that cannot vanish.
        reference = np.eye(3)[np.abs(tangent).max(axis=0).argmin()]
        first = reference - (tangent @ reference)[:, None] * tangent
        first /= np.linalg.norm(first, axis=1, keepdims=True)
        return tangent, first, np.cross(tangent, first)

    def sample_at(self, arc: float) -> int:
        """Find the centreline sample nearest to a position along the tube (mm)."""
        return int(np.clip(round(arc / STEP_MM), 0, len(self.points) - 1))

    def wall_point(self, arc: float, angle: float, depth: float) -> Array:
        """Give the position of tube coordinates.

        Parameters
        ----------
        arc, angle, depth : float
            Position along (mm), around (rad) and below the outer surface (mm).

        Returns
        -------
        ndarray, shape (3,)
            Position in the body frame, mm.
        """
        n = self.sample_at(arc)
        _, first, second = self._frame
        outward = np.cos(angle) * first[n] + np.sin(angle) * second[n]
        return np.asarray(self.points[n] + (self.radii[n] - depth) * outward)

    def box(self) -> Box:
        """Give an upright box around the tube."""
        reach = self.radii[:, None]
        return (self.points - reach).min(axis=0), (self.points + reach).max(axis=0)

    def locate(self, points: Array, reach_mm: float) -> Location:
        """Express points in the coordinates of the tube.

        Parameters
        ----------
        points : ndarray, shape (n, 3)
            Positions in the body frame, mm.
        reach_mm : float
            Points further than this outside the tube may be left out.

        Returns
        -------
        Location
            One entry for each point near the tube.
        """
        low, high = self.box()
        inside = np.ones(len(points), dtype=bool)
        for axis in range(3):
            column = points[:, axis]
            inside &= (column >= low[axis] - reach_mm) & (column <= high[axis] + reach_mm)
        index = np.flatnonzero(inside)
        limit = float(self.radii.max()) + reach_mm
        distance, nearest = self._tree.query(points[index], distance_upper_bound=limit)
        found = np.isfinite(distance)
        index, nearest = index[found], nearest[found]
        relative = points[index] - self.points[nearest]
        tangent, first, second = (vectors[nearest] for vectors in self._frame)
        along = np.einsum("na,na->n", relative, tangent)
        u, v = np.einsum("na,na->n", relative, first), np.einsum("na,na->n", relative, second)
        at_end = (nearest == 0) & (along < 0) | (nearest == len(self.points) - 1) & (along > 0)
        shift = np.where(at_end, 0, np.clip(along, -STEP_MM / 2, STEP_MM / 2))
        stretch = np.where(at_end, _END_FLATNESS, 1.0)
        arc = nearest * STEP_MM + shift
        radius = np.interp(arc, np.arange(len(self.radii)) * STEP_MM, self.radii)
        depth = radius - np.sqrt(u**2 + v**2 + (stretch * (along - shift)) ** 2)
        return Location(index, depth, arc, np.arctan2(v, u), radius)

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """Give the signed distance (mm, negative inside) on coordinates that broadcast to (k, j, i)."""
        grid = np.broadcast_arrays(x, y, z)
        points = np.stack([c.ravel() for c in grid], axis=1).astype(float)
        reach = 2.0 * float(max(np.diff(c.ravel()[:2]).max(initial=1.0) for c in (x, y, z)))
        away = np.full(len(points), 1e3, dtype=np.float32)
        location = self.locate(points, reach)
        away[location.which] = -location.depth
        return away.reshape(grid[0].shape)


def smooth_tube(control: npt.ArrayLike, radii: npt.ArrayLike) -> Tube:
    """Lay a tube through control points.

    Parameters
    ----------
    control : array_like, shape (n, 3)
        At least two points of the centreline, mm.
    radii : array_like, shape (n,)
        Outer radius at each of them, mm.

    Returns
    -------
    Tube
        The tube along a cubic spline, evenly sampled.
    """
    knots, widths = np.asarray(control, dtype=float), np.asarray(radii, dtype=float)
    chord = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(knots, axis=0), axis=1))])
    fine = np.linspace(0, chord[-1], max(int(chord[-1] / STEP_MM) * 2, 8))
    curve = CubicSpline(chord, knots, bc_type="natural")(fine)
    travelled = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))])
    count = max(int(travelled[-1] / STEP_MM), 2)
    even = np.arange(count + 1) * STEP_MM
    points = np.stack([np.interp(even, travelled, curve[:, a]) for a in range(3)], axis=1)
    return Tube(points, np.interp(np.interp(even, travelled, fine), chord, widths))
