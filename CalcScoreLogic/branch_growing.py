"""A branch that was missed: grown along the bright lumen between two clicks.

The way is the fastest one through bright voxels. Around it the wall is where the intensity falls most steeply: first in
a circle, then direction by direction. A neighbour as bright as the lumen, such as a vein or bone that touches it, shows
no fall; there the branch is as wide as it is in the other directions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree

from .errors import InputError
from .images.boxes import Box
from .images.geometry import Array, Geometry, Image, check_same_grid

JOIN_MM = 10.0
"""A branch whose first point is this close to a known artery is joined to it."""

CLOSEST_MM, FARTHEST_MM = 3.0, 200.0
"""How far apart the two points may be."""

_DETOUR, _DETOUR_MM = 1.3, 10.0
"""A way is at most this many times as long as the straight line, and this many mm longer."""

_SNAP_MM = 2.5
"""How far a click may lie from the middle of the lumen."""

_SOFT_TISSUE_HU = 40.0
_WIDTHS = 4
"""Differences of HU are counted in widths, of which this many lie between the lumen and soft tissue."""

_DARK, _MOST_DARK_STEPS = 3.0, 5
"""A voxel this many widths below the lumen is dark; a way may cross so many of them, a narrowing or a gap."""

_OUTSIDE_SPEED = 1e-3
_BRIGHTER, _BRIGHTER_SPEED = 1.5, 0.25
"""What is this many widths above the lumen, plaque or bone, is slower to pass."""

_LEAVING_MM = 6.0
"""So far from the first click the way may still run inside the artery that it leaves."""

_SMOOTHING_MM = 0.6
_STEP_MM = 0.5
_ROUNDS = 3
_RADII_MM = np.arange(0.75, 9.01, 0.25)
_ANGLES = np.arange(24) * (2 * np.pi / 24)
_SPREAD = 0.25
"""How far a single ray's edge may depart from the radius: twice this share of it, and the less likely the farther."""

_BEYOND_MM = 1.0
"""An edge may lie so far beyond the first dark place of a ray."""


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
        return float(_lengths(self.centreline_mm)[-1])


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
    The way is the minimal path of a fast marching front (Cohen and Kimmel 1997, doi:10.1023/A:1007922224810) whose
    speed falls with the distance of the HU from that of the lumen, inside an ellipsoid around the two points. Across
    it, rays are sampled; one radius a place follows from the mean fall of the HU by dynamic programming, each ray's
    edge is the steepest fall near that radius, the way is moved to the middle of the edges, and all is done again.
    """
    check_same_grid(cta, arteries, "the CTA", "the arteries")
    points = np.array([_to_frame(cta.geometry, point) for point in (ostium_mm, end_mm)])
    _check_points(cta.geometry, points)
    region = _Region.of(cta, arteries, points)
    way = _evened(_fastest_way(region))
    for _ in range(_ROUNDS):
        way = _evened(_centred(region, way))
    edges = _edges(region, way)
    lead = _lead(region, way[0])
    way, edges = np.vstack([lead, way]), np.vstack([np.repeat(edges[:1], len(lead), axis=0), edges])
    mask = np.zeros(cta.array.shape, bool)
    mask[region.box] = _tube(region, way, edges)
    joined = bool(region.known_at(way[:1])[0])
    centreline = cta.geometry.to_physical(((way + region.start) / region.spacing)[:, ::-1])
    return Branch(Image(mask, cta.geometry), centreline, edges.mean(axis=1), joined)


@dataclass(frozen=True, eq=False)
class _Region:
    """The part of the CTA around two points, in the frame of its own axes: (k, j, i), mm from its first voxel."""

    hu: Array
    known: Array
    spacing: Array
    box: Box
    points: Array
    lumen_hu: float

    @classmethod
    def of(cls, cta: Image, arteries: Image, points: Array) -> _Region:
        spacing = np.array(cta.geometry.spacing[::-1])
        reach = _longest_mm(points) / 2
        low = np.maximum(np.floor((points.mean(axis=0) - reach) / spacing), 0).astype(int)
        high = np.minimum(np.ceil((points.mean(axis=0) + reach) / spacing) + 1, cta.array.shape).astype(int)
        box = (slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2]))
        known = arteries.array[box] > 0
        hu = ndimage.gaussian_filter(cta.array[box].astype(np.float32), _SMOOTHING_MM / spacing)
        inner = points - low * spacing
        lumen = _lumen_hu(hu, known, spacing, inner)
        region = cls(hu, known, spacing, box, inner, lumen)
        return replace(region, points=np.array([_middle_near(region, point) for point in inner]))

    @property
    def start(self) -> Array:
        """The first voxel in the frame of the whole CTA, mm."""
        return np.array([part.start for part in self.box]) * self.spacing

    @property
    def width_hu(self) -> float:
        """The unit in which differences of HU are counted."""
        return max(self.lumen_hu - _SOFT_TISSUE_HU, 40.0) / _WIDTHS

    def hu_at(self, places: Array) -> Array:
        """Interpolate the HU at places, shape (..., 3), mm; a plaque in the wall is as bright as the lumen here."""
        at = np.moveaxis(places / self.spacing, -1, 0)
        return np.asarray(ndimage.map_coordinates(np.minimum(self.hu, self.lumen_hu), at, order=1, mode="nearest"))

    def known_at(self, places: Array) -> Array:
        """Tell which places, shape (..., 3), mm, lie in a known artery."""
        at = np.moveaxis(places / self.spacing, -1, 0)
        return np.asarray(ndimage.map_coordinates(self.known.view(np.uint8), at, order=0, mode="constant") > 0)


def _lumen_hu(hu: Array, known: Array, spacing: Array, points: Array) -> float:
    """Tell how bright the lumen is from what lies around the points, which may be a plaque, and from known arteries."""
    centres = _centres(hu.shape, spacing)
    near = np.concatenate([hu[((centres - point) ** 2).sum(axis=-1) <= _SNAP_MM**2] for point in points])
    own = float(np.percentile(near, 70))
    if not known.any():
        return own
    usual = float(np.median(hu[known]))
    return float(np.clip(own, 0.8 * usual, 1.2 * usual))


def _middle_near(region: _Region, click: Array) -> Array:
    """Move a click to the middle of the lumen that it is in or beside."""
    if region.known_at(click[None])[0]:
        return click
    grid = np.arange(-_SNAP_MM, _SNAP_MM + 0.1, 0.5)
    around = click + np.stack(np.meshgrid(grid, grid, grid, indexing="ij"), axis=-1).reshape(-1, 3)
    blurred = np.minimum(region.hu, region.lumen_hu)
    blurred[region.known] = _SOFT_TISSUE_HU
    blurred = ndimage.gaussian_filter(blurred, 1.5 / region.spacing)
    values = ndimage.map_coordinates(blurred, (around / region.spacing).T, order=1, mode="nearest")
    far = np.linalg.norm(around - click, axis=1) / _SNAP_MM
    return np.asarray(around[np.argmax(np.where(far <= 1, values - 0.8 * region.width_hu * far**2, -np.inf))])


def _fastest_way(region: _Region) -> Array:
    """March from the first point to the second; gives the places on the way, shape (n, 3), mm."""
    import SimpleITK as sitk

    hu, known, spacing = _coarse(region)
    centres = _centres(hu.shape, spacing)
    first, last = (np.linalg.norm(centres - point, axis=-1) for point in region.points)
    off = (hu - region.lumen_hu) / region.width_hu
    speed = np.where(off < 0, np.exp(-0.5 * off**2), np.where(off > _BRIGHTER, _BRIGHTER_SPEED, 1.0))
    speed[known & (first > _LEAVING_MM)] = 0
    speed = np.maximum(speed, _OUTSIDE_SPEED)
    # The front never enters where the speed is 0.
    speed[first + last > _longest_mm(region.points)] = 0
    ends = [tuple(int(v) for v in np.rint(point / spacing)[::-1]) for point in region.points]
    image = sitk.GetImageFromArray(speed)
    image.SetSpacing(spacing[::-1].tolist())
    marching = sitk.FastMarchingImageFilter()
    marching.SetTrialPoints([ends[0]])
    arrival = sitk.GetArrayFromImage(marching.Execute(image))
    way = _descent(np.where(speed > 0, arrival, np.inf), ends[1][::-1]) * spacing
    dark = off[tuple(np.rint(way / spacing).astype(int).T)] < -_DARK
    if np.count_nonzero(dark) > _MOST_DARK_STEPS:
        raise InputError(
            "no bright way leads from the first click to the second; click into the middle of the lumen, or add the "
            "branch in two parts"
        )
    return way[::-1]


def _coarse(region: _Region) -> tuple[Array, Array, Array]:
    """Give HU, known arteries and spacing in voxels of 1 mm where they are smaller: the front is slow."""
    fine = np.array(region.hu.shape)
    coarse = np.maximum(np.minimum(fine, np.rint(fine * region.spacing)), 2).astype(int)
    spacing = region.spacing * (fine - 1) / (coarse - 1)
    factors = coarse / fine
    return (
        ndimage.zoom(ndimage.gaussian_filter(region.hu, _SMOOTHING_MM / region.spacing), factors, order=1),
        ndimage.zoom(region.known.view(np.uint8), factors, order=0) > 0,
        spacing,
    )


def _descent(arrival: Array, start: tuple[int, ...]) -> Array:
    """Walk from voxel to voxel to ever earlier arrivals; gives the indices, shape (n, 3)."""
    steps = np.array([step for step in np.ndindex(3, 3, 3) if step != (1, 1, 1)]) - 1
    distances = np.linalg.norm(steps, axis=1)
    padded = np.pad(arrival, 1, constant_values=np.inf)
    way = [np.array(start)]
    while True:
        around = padded[tuple((way[-1] + 1 + steps).T)]
        fall = (padded[tuple(way[-1] + 1)] - around) / distances
        if fall.max() <= 0:
            return np.array(way)
        way.append(way[-1] + steps[int(np.argmax(fall))])


def _evened(way: Array) -> Array:
    """Smooth a way and give it places `_STEP_MM` apart; its ends stay."""
    smooth = ndimage.gaussian_filter1d(way, 2.0 / max(_lengths(way)[-1] / (len(way) - 1), 1e-3), axis=0, mode="nearest")
    smooth[0], smooth[-1] = way[0], way[-1]
    along = _lengths(smooth)
    even = np.linspace(0, along[-1], max(round(along[-1] / _STEP_MM), 2) + 1)
    return np.stack([np.interp(even, along, axis) for axis in smooth.T], axis=1)


def _across(way: Array) -> tuple[Array, Array, Array]:
    """Give the direction of a way at its places and two directions across, which turn as little as they can."""
    along = np.gradient(way, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    first = np.empty_like(along)
    first[0] = np.eye(3)[np.argmin(np.abs(along[0]))]
    for n, direction in enumerate(along):
        turned = first[max(n - 1, 0)]
        turned = turned - (turned @ direction) * direction
        first[n] = turned / np.linalg.norm(turned)
    return along, first, np.cross(along, first)


def _falls(region: _Region, way: Array) -> Array:
    """Measure how steeply the HU falls along rays across a way, shape (places, directions, radii), HU/mm.

    Nothing counts beyond the place where a ray has left the lumen, or enters a known artery.
    """
    _, first, second = _across(way)
    rays = np.cos(_ANGLES)[:, None] * first[:, None] + np.sin(_ANGLES)[:, None] * second[:, None]
    step = _RADII_MM[1] - _RADII_MM[0]
    radii = np.concatenate([_RADII_MM[:1] - step, _RADII_MM, _RADII_MM[-1:] + step])
    places = way[:, None, None] + rays[:, :, None] * radii[:, None]
    hu = region.hu_at(places)
    falls = np.maximum(hu[..., :-2] - hu[..., 2:], 0) / (2 * step)
    lit = np.clip((hu - region.lumen_hu) / region.width_hu + _DARK + 1, 0, 1)
    lit[region.known_at(places)] = 0
    ahead = round(_BEYOND_MM / step)
    seen = np.pad(np.minimum.accumulate(lit, axis=2), ((0, 0), (0, 0), (ahead, 0)), constant_values=1)
    return np.asarray(falls * seen[..., 1 : 1 + falls.shape[2]])


def _edges(region: _Region, way: Array) -> Array:
    """Find the edge of the lumen in each direction across a way, shape (places, directions), mm."""
    falls = _falls(region, way)
    strength = falls.mean(axis=1)
    strength[region.known_at(way)] = 0
    radius = _RADII_MM[_smoothest(ndimage.gaussian_filter1d(strength, 1.5 / _STEP_MM, axis=0))]
    radius = ndimage.gaussian_filter1d(radius, 1.5 / _STEP_MM, mode="nearest")
    off = (_RADII_MM - radius[:, None]) / (_SPREAD * radius[:, None])
    weighed = falls * np.where(np.abs(off) < 2, np.exp(-0.5 * off**2), 0)[:, None]
    edges = _RADII_MM[weighed.argmax(axis=2)]
    # Where the HU does not fall, the branch touches something as bright as itself.
    edges = np.where(weighed.max(axis=2) > 0.25 * weighed.max(axis=(1, 2))[:, None], edges, radius[:, None])
    turns = np.concatenate([edges[:, -2:], edges, edges[:, :2]], axis=1)
    return np.asarray(ndimage.gaussian_filter(ndimage.median_filter(turns, (5, 3)), 1)[:, 2:-2])


def _smoothest(strength: Array) -> Array:
    """Choose a column in each row so that the sum is largest, neighbours at most one column apart (Viterbi)."""
    best, came = strength[0], np.zeros(strength.shape, int)
    columns = np.arange(strength.shape[1])
    for n in range(1, len(strength)):
        padded = np.pad(best, 1, constant_values=-np.inf)
        choices = np.stack([padded[:-2], padded[1:-1], padded[2:]])
        choice = np.array([1, 0, 2])[choices[[1, 0, 2]].argmax(axis=0)]
        came[n] = columns + choice - 1
        best = choices[choice, columns] + strength[n]
    way = [int(best.argmax())]
    for row in came[:0:-1]:
        way.append(int(row[way[-1]]))
    return np.array(way[::-1])


def _centred(region: _Region, way: Array) -> Array:
    """Move a way to the middle of the lumen's edges."""
    edges = _edges(region, way)
    _, first, second = _across(way)
    # The mean of the edges of a circle lies half as far off as its middle.
    aside = [2 * (edges * wave(_ANGLES)).mean(axis=1) for wave in (np.cos, np.sin)]
    most = edges.mean(axis=1) / 2
    known = region.known_at(way)
    shifts = [np.where(known, 0, np.clip(shift, -most, most))[:, None] for shift in aside]
    moved = ndimage.gaussian_filter1d(shifts[0] * first + shifts[1] * second, 1.0 / _STEP_MM, axis=0)
    return np.asarray(way + moved)


def _lead(region: _Region, ostium: Array) -> Array:
    """Give places from the nearest known artery to the first place of a way; none where it is far, or reached."""
    centres = np.argwhere(region.known) * region.spacing
    if not len(centres) or region.known_at(ostium[None])[0]:
        return np.empty((0, 3))
    apart = np.linalg.norm(centres - ostium, axis=1)
    nearest = int(apart.argmin())
    if apart[nearest] > JOIN_MM:
        return np.empty((0, 3))
    return np.linspace(centres[nearest], ostium, int(apart[nearest] / _STEP_MM) + 1, endpoint=False)


def _tube(region: _Region, way: Array, edges: Array) -> Array:
    """Fill what lies inside the edges around a way, and in no known artery; shape of the region."""
    along, first, second = _across(way)
    centres = _centres(region.hu.shape, region.spacing)
    apart, nearest = cKDTree(way).query(centres, distance_upper_bound=float(edges.max()) + _STEP_MM)
    found = np.isfinite(apart) & ~region.known
    place = nearest[found]
    off = centres[found] - way[place]
    angle = np.arctan2((off * second[place]).sum(axis=1), (off * first[place]).sum(axis=1)) / _ANGLES[1]
    lower = np.floor(angle).astype(int)
    share, count = angle - lower, len(_ANGLES)
    edge = (1 - share) * edges[place, lower % count] + share * edges[place, (lower + 1) % count]
    # Both ends are flat.
    beyond = (off * along[place]).sum(axis=1)
    inside = (apart[found] <= edge) & ~((place == len(way) - 1) & (beyond > _STEP_MM))
    inside &= ~((place == 0) & (beyond < -_STEP_MM))
    tube = np.zeros(region.hu.shape, bool)
    tube[found] = inside
    labels, count = ndimage.label(tube)
    return np.asarray(labels == 1 + np.bincount(labels[tube])[1:].argmax()) if count > 1 else tube


def _centres(shape: tuple[int, ...], spacing: Array) -> Array:
    """Give the voxel centres, shape (k, j, i, 3), mm."""
    return np.asarray(np.moveaxis(np.indices(shape), 0, -1) * spacing)


def _lengths(way: Array) -> Array:
    """Give the length of a way up to each of its places, mm."""
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(way, axis=0), axis=1))])


def _longest_mm(points: Array) -> float:
    """Tell how long a way between two points may be, mm."""
    return _DETOUR * float(np.linalg.norm(points[1] - points[0])) + _DETOUR_MM


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
