"""A branch that was missed: grown along the bright lumen between two clicks.

The path is the fastest one through bright voxels. Around it the wall is where the intensity falls most steeply: first
in a circle, then direction by direction. A neighbour as bright as the lumen, such as a vein or bone that touches it,
shows no fall; there the branch is as wide as it is in the other directions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..images.common_grid import check_same_grid
from ..images.geometry import Array, Geometry, Image
from .path import STEP_MM, evened, fastest_path, lengths
from .region import Region
from .wall import centred, edges_of, tube

JOIN_MM = 10.0
"""A branch whose first point is this close to a known artery is joined to it."""

CLOSEST_MM, FARTHEST_MM = 3.0, 200.0
"""How far apart the two points may be."""

_ROUNDS = 3


@dataclass(frozen=True, eq=False)
class Branch:
    """What `grow_branch` found.

    Attributes
    ----------
    mask : Image
        Voxels of the branch, bool, on the CTA's grid; none of another artery.
    centreline_mm : ndarray, shape (n, 3)
        From the artery that it leaves to the second point, LPS mm.
    radius_mm : ndarray, shape (n,)
        Mean radius at each point, mm.
    joined : bool
        Whether it leaves an artery that was known.
    """

    mask: Image
    centreline_mm: Array
    radius_mm: Array
    joined: bool

    @property
    def length_mm(self) -> float:
        """Length along the centreline, mm."""
        return float(lengths(self.centreline_mm)[-1])


def grow_branch(cta: Image, arteries: Image, ostium_mm: npt.ArrayLike, end_mm: npt.ArrayLike) -> Branch:
    """Grow a branch along the bright lumen between two points.

    Parameters
    ----------
    cta : Image
        HU, axes (k, j, i).
    arteries : Image
        The arteries that are known, on the same grid: every non-zero voxel, so a territory map will do. The branch
        leaves one of them and runs through none.
    ostium_mm, end_mm : array_like, shape (3,)
        Where the branch begins and ends, LPS mm; inside the lumen.

    Returns
    -------
    Branch
        The branch.

    Raises
    ------
    InputError
        The images lie on different grids, a point lies outside the CTA, the points are too close or too far apart, or
        no bright way leads from one to the other.

    Notes
    -----
    The path is the minimal path of a fast marching front (Cohen and Kimmel 1997, doi:10.1023/A:1007922224810) whose
    speed falls with the distance of the HU from that of the lumen, inside an ellipsoid around the two points. Across
    it, rays are sampled; one radius a place follows from the mean fall of the HU by dynamic programming, each ray's
    edge is the steepest fall near that radius, the path is moved to the middle of the edges, and all is done again.
    """
    check_same_grid(cta, arteries, "the CTA", "the arteries")
    points = np.array([_to_frame(cta.geometry, point) for point in (ostium_mm, end_mm)])
    _check_points(cta.geometry, points)
    region = Region.of(cta, arteries, points)
    path = evened(fastest_path(region))
    for _ in range(_ROUNDS):
        path = evened(centred(region, path))
    edges = edges_of(region, path)
    lead = _lead(region, path[0])
    path, edges = np.vstack([lead, path]), np.vstack([np.repeat(edges[:1], len(lead), axis=0), edges])
    mask = np.zeros(cta.array.shape, bool)
    mask[region.box] = tube(region, path, edges)
    joined = bool(region.known_at(path[:1])[0])
    centreline = cta.geometry.to_physical(((path + region.start) / region.spacing)[:, ::-1])
    return Branch(Image(mask, cta.geometry), centreline, edges.mean(axis=1), joined)


def _lead(region: Region, ostium: Array) -> Array:
    """Give places from the nearest known artery to the first place of a path; none where it is far, or reached."""
    centres = np.argwhere(region.known) * region.spacing
    if not len(centres) or region.known_at(ostium[None])[0]:
        return np.empty((0, 3))
    apart = np.linalg.norm(centres - ostium, axis=1)
    nearest = int(apart.argmin())
    if apart[nearest] > JOIN_MM:
        return np.empty((0, 3))
    return np.linspace(centres[nearest], ostium, int(apart[nearest] / STEP_MM) + 1, endpoint=False)


def _to_frame(geometry: Geometry, point_mm: npt.ArrayLike) -> Array:
    """Turn LPS mm into mm along the axes (k, j, i), from the first voxel."""
    return np.asarray((np.asarray(point_mm, float) - geometry.origin) @ geometry.matrix)[::-1]


def _check_points(geometry: Geometry, points: Array) -> None:
    """Refuse points that lie outside, or too close or too far apart."""
    last = (np.array(geometry.shape) - 1) * geometry.spacing[::-1]
    for name, point in zip(("first", "second"), points, strict=True):
        if (point < 0).any() or (point > last).any():
            raise InputError(f"the {name} click lies outside the CTA, click on its slices")
    apart = float(np.linalg.norm(points[1] - points[0]))
    if not CLOSEST_MM <= apart <= FARTHEST_MM:
        raise InputError(
            f"the two clicks are {apart:.0f} mm apart, a branch needs {CLOSEST_MM:.0f} to {FARTHEST_MM:.0f} mm"
        )
