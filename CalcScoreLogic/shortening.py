"""The standard lengths: side branches of 2.5 cm, the aorta to 1 cm above the highest one.

Paper, "Shortening algorithm". Everything is computed on the 1 mm grid the paper prescribes, but only
inside the box of each connected component and only at the front that grows, which gives the same
voxels as dilating the whole volume 25 times. The decisions that the paper leaves open are told where
they are taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from .anatomy import SIDE_TERRITORIES, STRUCTURES, Territory
from .errors import InputError
from .images.boxes import Box, moved_box, nonzero_box, pad_box, start_of
from .images.geometry import Array, Image
from .isotropic import IsotropicGrid
from .wording import counted

LENGTH_RANGE_MM = (5.0, 100.0)
MARGIN_RANGE_MM = (0.0, 100.0)

STUMP_DILATIONS = 2
"""Steps of the 6-neighbour cross by which the aorta reaches into a branch to mark its stump."""

STUMP_REACH_MM = 25.0
"""Pieces of a stump farther than this from its largest piece are false contacts (paper, step 3B)."""

_SUBDIVISION = 2

_MANY_SPECKS = 16
"""From so many small components on it pays to look at all of them at once."""

_CROSS = ndimage.generate_binary_structure(3, 1)


class ShorteningMethod(str, Enum):
    """How the length along a branch is measured.

    ``paper`` counts 6-neighbour steps of 1 mm; ``geodesic`` measures the Euclidean path inside the
    vessel, so that a branch in any direction keeps the same length.
    """

    PAPER = "paper"
    GEODESIC = "geodesic"


@dataclass(frozen=True)
class ShorteningParameters:
    """What `shorten` does.

    Parameters
    ----------
    length_mm : float
        Length of the side branches that is kept, 5 to 100 mm; whole millimetres for ``paper``.
    margin_mm : float
        Aorta kept above the highest side branch, 0 to 100 mm.
    method : ShorteningMethod or str
        How `length_mm` is measured.

    Raises
    ------
    InputError
        A value out of its range.
    """

    length_mm: float = 25.0
    margin_mm: float = 10.0
    method: ShorteningMethod = ShorteningMethod.PAPER

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "method", ShorteningMethod(self.method))
        except ValueError:
            raise InputError(f"the method is {self.method!r}, choose paper or geodesic") from None
        _check_range("length", self.length_mm, LENGTH_RANGE_MM)
        _check_range("margin", self.margin_mm, MARGIN_RANGE_MM)
        if self.method is ShorteningMethod.PAPER and self.length_mm != round(self.length_mm):
            raise InputError(
                f"the length is {self.length_mm:g} mm, the paper's method takes whole millimetres "
                "(or choose the geodesic method)"
            )


@dataclass(frozen=True)
class Shortening:
    """Result of `shorten`.

    Attributes
    ----------
    territories : Image
        Shortened territory map on the input's grid, uint8.
    warnings : tuple of str
        What a reader should know: nothing to cut at, pieces that were left out.
    """

    territories: Image
    warnings: tuple[str, ...]


def shorten(territories: Image, parameters: ShorteningParameters | None = None) -> Shortening:
    """Trim the side branches to a standard length and the aorta above the highest one.

    Parameters
    ----------
    territories : Image
        Territory map with the values of `anatomy.Territory`, any orientation and spacing.
    parameters : ShorteningParameters, optional
        Lengths and method; the paper's by default.

    Returns
    -------
    Shortening
        The shortened map on the same grid, and warnings. The result does not depend on the order and
        the signs in which the axes are stored.

    Notes
    -----
    The map is sampled on a 1 mm grid by nearest neighbour (the first voxel centre in canonical storage
    is kept; a tie takes the higher index, as ITK does). An input voxel keeps its label if the 1 mm
    voxel nearest to its centre carries that label after shortening. Source: paper, "Shortening
    algorithm", steps 1 to 4.
    """
    parameters = parameters or ShorteningParameters()
    source = territories.canonical()
    # zeros, not zeros_like: the system hands out empty pages, and only those inside the box are touched.
    kept = np.zeros(territories.array.shape, territories.array.dtype)
    result = Image(kept, territories.geometry)
    box = nonzero_box(source.array)
    if box is None:
        return Shortening(result, ("The territory map is empty.",))

    grid = IsotropicGrid.over(source, box)
    shortened, warnings = _shorten_isotropic(grid.sampled(source.array), parameters)

    window = source.array[box]
    survives = grid.brought_back(shortened) == window
    territories.geometry.canonical_view(kept)[box] = np.where(survives, window, 0)
    return Shortening(result, tuple(warnings))


def attached(territories: Image) -> frozenset[Territory]:
    """Tell which side territories have a piece that is attached to the aorta.

    Parameters
    ----------
    territories : Image
        Full-length territory map.

    Returns
    -------
    frozenset of Territory
        Those with a stump: what `shorten` makes background is of the others (paper, step 3A).
    """
    source = territories.canonical()
    box = nonzero_box(source.array)
    if box is None:
        return frozenset()
    fine = IsotropicGrid.over(source, box).sampled(source.array)
    aorta = fine == Territory.AORTA
    touching = fine[_reach(aorta, nonzero_box(aorta))]
    return frozenset(territory for territory in SIDE_TERRITORIES if (touching == territory).any())


def _shorten_isotropic(fine: Array, parameters: ShorteningParameters) -> tuple[Array, list[str]]:
    """Shorten a 1 mm map, axes (z, y, x) with z to Superior; give the map and the warnings."""
    aorta = fine == Territory.AORTA
    shortened = fine * aorta
    warnings = []
    boxes = ndimage.find_objects(fine, max_label=max(Territory))
    reach = _reach(aorta, boxes[Territory.AORTA - 1])
    for territory in SIDE_TERRITORIES:
        box = boxes[territory - 1]
        if box is None:
            continue
        labels, count = ndimage.label(fine[box] == territory, _CROSS)
        sizes = np.bincount(labels.ravel(), minlength=count + 1)
        kept_specks, left_specks = _settle_specks(labels, sizes, reach[box], parameters)
        if kept_specks.any():
            shortened[box][kept_specks[labels]] = territory
        detached_mm3 = sizes[left_specks].tolist()
        for component_box, component in _components(labels, box, ~(kept_specks | left_specks)):
            stump = _stump(component, reach[component_box])
            if not stump.any():
                detached_mm3.append(int(np.count_nonzero(component)))
                continue
            shortened[component_box][_grow(component, stump, parameters)] = territory
        if detached_mm3:
            warnings.append(
                f"{STRUCTURES[territory].title}: {counted(len(detached_mm3), 'piece')} not attached to the aorta "
                f"({sum(detached_mm3) / 1000:.2f} cm³) left out; bridge the gap in the segmentation to count it."
            )
    warnings += _cut_aorta(shortened, parameters.margin_mm)
    return shortened, warnings


def _cut_aorta(shortened: Array, margin_mm: float) -> list[str]:
    """Clear the aorta above the highest side branch, in place (paper, step 4); give the warnings."""
    branches = shortened > Territory.AORTA
    side_slices = np.flatnonzero(branches.any(axis=(1, 2)))
    if not side_slices.size:
        return ["No side branch is attached to the aorta, so the aorta was not cut above the highest one."]
    first_cut = int(side_slices[-1] + margin_mm) + 1
    above = shortened[first_cut:]
    above[above == Territory.AORTA] = 0
    if (shortened[branches] == Territory.ILIAC).all():
        return [
            f"No mesenteric or renal artery is attached to the aorta, so the aorta ends {margin_mm:g} mm above "
            "the iliac arteries; its score stands for that short part only."
        ]
    return []


def _settle_specks(labels: Array, sizes: Array, reach: Array, parameters: ShorteningParameters) -> tuple[Array, Array]:
    """Tell of many small components at once which are kept whole and which are not attached; two masks by number.

    In a component of no more voxels than `length` has steps every voxel is in reach of every other.
    """
    small = sizes <= (parameters.length_mm if parameters.method is ShorteningMethod.PAPER else 0)
    small[0] = False
    if np.count_nonzero(small) < _MANY_SPECKS:
        return np.zeros_like(small), np.zeros_like(small)
    touching = np.zeros_like(small)
    touching[labels[reach]] = True
    return small & touching, small & ~touching


def _components(labels: Array, box: Box, wanted: Array) -> Iterator[tuple[Box, Array]]:
    """Yield the box and the mask within it of each wanted component; `labels` are those inside `box`."""
    for number, inner in enumerate(ndimage.find_objects(labels), start=1):
        if not wanted[number]:
            continue
        yield moved_box(inner, start_of(box)), labels[inner] == number


def _stump(component: Array, reach: Array) -> Array:
    """Mark where a component leaves the aorta (paper, steps 3A and 3B); all False: nowhere."""
    pieces, count = ndimage.label(component & reach, _CROSS)
    if count < 2:
        return np.asarray(pieces > 0)
    largest = int(np.argmax(np.bincount(pieces.ravel())[1:])) + 1
    others = np.argwhere((pieces > 0) & (pieces != largest))
    distances, _ = cKDTree(np.argwhere(pieces == largest)).query(others)
    nearest = ndimage.minimum(distances, pieces[tuple(others.T)], np.arange(count + 1))
    near = np.asarray(nearest) <= STUMP_REACH_MM
    near[0], near[largest] = False, True
    return np.asarray(near[pieces])


def _reach(aorta: Array, box: Box | None) -> Array:
    """Mark the voxels that count as touching the aorta, which fills `box` (paper, step 3A)."""
    reach = np.zeros_like(aorta)
    if box is None:
        return reach
    wide = pad_box(box, STUMP_DILATIONS, aorta.shape)
    within = aorta[wide]
    for _ in range(STUMP_DILATIONS):
        within = _dilated(within)
    reach[wide] = within
    return reach


def _dilated(mask: Array) -> Array:
    """Dilate by the 6-neighbour cross; whole planes at once, many times faster than voxel by voxel."""
    result = mask.copy()
    for axis in range(3):
        source, target = np.moveaxis(mask, axis, 0), np.moveaxis(result, axis, 0)
        target[1:] |= source[:-1]
        target[:-1] |= source[1:]
    return result


def _grow(component: Array, stump: Array, parameters: ShorteningParameters) -> Array:
    """Mark the part of a component within the length of its stump (paper, step 3C)."""
    if parameters.method is ShorteningMethod.GEODESIC:
        return path_length_mm(component, stump, parameters.length_mm) <= parameters.length_mm
    return _grow_by_steps(component, stump, round(parameters.length_mm))


def _grow_by_steps(component: Array, stump: Array, steps: int) -> Array:
    """Dilate `stump` by the 6-neighbour cross inside `component`, visiting only the front."""
    # One voxel of background all round, so that no neighbour wraps to another row.
    kept = np.pad(stump, 1)
    free = np.pad(component & ~stump, 1).ravel()
    strides = np.array(kept.strides) // kept.itemsize
    neighbours = np.concatenate([strides, -strides])
    flat = kept.ravel()
    front = np.flatnonzero(flat)
    for _ in range(steps):
        reached = (front[:, None] + neighbours).ravel()
        front = np.unique(reached[free[reached]])
        if not front.size:
            break
        free[front] = False
        flat[front] = True
    return kept[1:-1, 1:-1, 1:-1]


def path_length_mm(component: Array, stump: Array, limit_mm: float) -> Array:
    """Measure the Euclidean length of the shortest path inside a vessel from its stump.

    Parameters
    ----------
    component : ndarray of bool, shape (z, y, x)
        The vessel on a 1 mm grid.
    stump : ndarray of bool, shape (z, y, x)
        Where the length is 0; part of `component`.
    limit_mm : float
        Lengths beyond this are not computed.

    Returns
    -------
    ndarray of float, shape (z, y, x)
        Length in mm; infinite outside the vessel, beyond the limit, and where no path leads.

    Notes
    -----
    The eikonal equation solved by fast marching (Sethian 1996, doi:10.1073/pnas.93.4.1591), ITK's
    implementation, on voxels halved in each direction: first-order marching on the 1 mm voxels
    overestimates oblique lengths by up to 7 %, on the halved ones by up to 3 %.
    """
    import SimpleITK as sitk

    # No path to a voxel is shorter than the straight line, so nothing outside this box can be in reach.
    start = nonzero_box(stump, padding=int(limit_mm) + 1)
    length = np.full(component.shape, np.inf)
    if start is None:
        return length
    speed = _subdivide(component[start].astype(np.float32))
    marching = sitk.FastMarchingImageFilter()
    marching.SetTrialPoints([tuple(int(v) for v in point[::-1]) for point in np.argwhere(_subdivide(stump[start]))])
    marching.SetStoppingValue(_SUBDIVISION * (limit_mm + 1))
    arrival = sitk.GetArrayFromImage(marching.Execute(sitk.GetImageFromArray(speed))) / _SUBDIVISION
    blocks = [size for n in component[start].shape for size in (n, _SUBDIVISION)]
    mean = np.minimum(arrival, 2 * limit_mm).reshape(blocks).mean(axis=(1, 3, 5))
    length[start] = np.where(component[start] & (mean <= limit_mm), mean, np.inf)
    return length


def _subdivide(array: Array) -> Array:
    """Repeat each voxel `_SUBDIVISION` times along each axis."""
    for axis in range(3):
        array = array.repeat(_SUBDIVISION, axis=axis)
    return array


def _check_range(name: str, value: float, limits: tuple[float, float]) -> None:
    if not limits[0] <= value <= limits[1]:
        raise InputError(f"the {name} is {value:g} mm, it runs from {limits[0]:g} to {limits[1]:g} mm")


PAPER_LENGTHS = ShorteningParameters()
"""The paper's standard lengths."""
