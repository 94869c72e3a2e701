"""How a body lies in a patient: scaled, turned and bent, never mirrored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from ..images.geometry import Array

_REACH_MM = 400.0  # of the bending lattices, to each side of the pose's centre
_COARSE_MM, _FINE_MM = 60.0, 28.0


@dataclass(frozen=True, eq=False)
class Pose:
    """A smooth map between patient and body, both in mm with axes to left, posterior and superior.

    Attributes
    ----------
    matrix : ndarray, shape (3, 3)
        Linear part from patient to body.
    centre : ndarray, shape (3,)
        Body point in the middle of the patient's frame.
    lattices : tuple of (float, ndarray)
        Node distance (mm) and displacements (3, nz, ny, nx) in mm of cubic B-splines.
    """

    matrix: Array
    centre: Array
    lattices: tuple[tuple[float, Array], ...]

    @property
    def scale(self) -> float:
        """Size in the patient of 1 mm of the body."""
        return float(np.linalg.det(self.matrix) ** (-1 / 3))

    def to_body(self, x: Array, y: Array, z: Array) -> Array:
        """Find the body points of a grid.

        Parameters
        ----------
        x, y, z : ndarray, shapes (i,), (j,), (k,)
            Coordinates of the grid's columns, rows and slices in the patient, mm.

        Returns
        -------
        ndarray of float32, shape (3, k, j, i)
            Body coordinates (x, y, z), mm.
        """
        matrix = self.matrix.astype(np.float32)
        out = np.empty((3, len(z), len(y), len(x)), np.float32)
        for axis in range(3):
            out[axis] = (matrix[axis, 0] * x).astype(np.float32)
            out[axis] += (matrix[axis, 1] * y).astype(np.float32)[:, None]
            out[axis] += (matrix[axis, 2] * z + self.centre[axis]).astype(np.float32)[:, None, None]
        for step, nodes in self.lattices:
            wz, wy, wx = (_spline_weights(c, step, nodes.shape[1]) for c in (z, y, x))
            part = nodes[:, wz[1], wy[1], wx[1]]
            part = np.einsum("czyx,ix->czyi", part, wx[0], optimize=True)
            part = np.einsum("czyi,jy->czji", part, wy[0], optimize=True)
            out += np.einsum("czji,kz->ckji", part, wz[0], optimize=True)
        return out

    def to_patient(self, points: Array) -> Array:
        """Find where body points (n, 3) lie in the patient, mm."""
        inverse = np.linalg.inv(self.matrix)
        found = (points - self.centre) @ inverse.T
        for _ in range(9):
            found = (points - self.centre - self._bend(found)) @ inverse.T
        return np.asarray(found)

    def _bend(self, points: Array) -> Array:
        total = np.zeros_like(points)
        for step, nodes in self.lattices:
            where = (points[:, ::-1].T + _REACH_MM) / step
            for axis in range(3):
                total[:, axis] += ndimage.map_coordinates(nodes[axis], where, order=3, prefilter=False, mode="nearest")
        return total


def _spline_weights(coordinates: Array, step: float, count: int) -> tuple[Array, slice]:
    """Give the cubic B-spline weights (points, nodes) of a slice of the nodes of one lattice axis."""
    at = np.clip((coordinates + _REACH_MM) / step, 1, count - 3)
    base = np.floor(at).astype(int)
    first, last = int(base.min()) - 1, int(base.max()) + 3
    t = at - base
    weights = np.zeros((len(at), last - first), np.float32)
    rows = np.arange(len(at))
    for k, w in enumerate(
        ((1 - t) ** 3 / 6, (3 * t**3 - 6 * t**2 + 4) / 6, (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6, t**3 / 6)
    ):
        weights[rows, base - 1 + k - first] = w
    return weights, slice(first, last)


def draw_pose(rng: np.random.Generator, centre: Array, bend: float = 1.0) -> Pose:
    """Draw a pose around a body point.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    centre : ndarray, shape (3,)
        Body point (x, y, z) in mm in the middle of the patient's frame.
    bend : float
        Factor on turning, shear and bending.

    Returns
    -------
    Pose
        Its matrix has a positive determinant: left stays left.
    """
    size = np.exp(rng.normal(0, 0.11)) * np.exp(rng.normal(0, 0.07, 3))
    turn = Rotation.from_euler("xyz", np.clip(rng.normal(0, 1, 3), -2.2, 2.2) * [6, 6, 5] * bend, degrees=True)
    shear = rng.normal(0, 0.05 * bend, (3, 3)) * (1 - np.eye(3))
    lattices = []
    for step, most in ((_COARSE_MM, 11.0), (_FINE_MM, 3.5)):
        count = int(2 * _REACH_MM / step) + 3
        amplitude = rng.uniform(0, most) * bend * 1.6  # a cubic B-spline smooths its nodes by about this factor
        nodes = rng.standard_normal((3, count, count, count), dtype=np.float32) * np.float32(amplitude)
        lattices.append((step, np.clip(nodes, -2 * amplitude, 2 * amplitude)))
    return Pose(turn.as_matrix() @ np.diag(1 / size) + shear, np.asarray(centre, float), tuple(lattices))
