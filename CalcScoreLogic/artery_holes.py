"""Calcification that is not in the artery map: what of it fills a hole of the map, and how much lies outside.

The paper scores calcification inside the artery. A map in which plaques take the artery's place (labels
that exclude each other, one segment painted over another) would lose them, so its holes are filled first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from .anatomy import CalcificationLabel, Territory
from .images.boxes import Box, joint_box, nonzero_box, pad_box
from .images.common_grid import check_same_grid
from .images.geometry import Array, Image

_CROSS = ndimage.generate_binary_structure(3, 1)
_STEPS = np.concatenate([np.eye(3, dtype=np.intp), -np.eye(3, dtype=np.intp)])


@dataclass(frozen=True, eq=False)
class Arteries:
    """The artery maps of a case.

    Attributes
    ----------
    full : Image
        Full-length territory map.
    trimmed : Image or None
        Trimmed territory map on the same grid; None before it is made.
    """

    full: Image
    trimmed: Image | None = None


@dataclass(frozen=True, eq=False)
class FilledArteries:
    """Result of `fill_holes`.

    Attributes
    ----------
    arteries : Arteries
        The maps, filled.
    filled_mm3 : dict of Territory to float
        Volume of the calcification that was given to each territory, mm³; only those that got some.
    inside_mm3, outside_mm3 : float
        Volume of the calcification inside and outside the filled arteries at full length, mm³.
    """

    arteries: Arteries
    filled_mm3: dict[Territory, float]
    inside_mm3: float
    outside_mm3: float


def fill_holes(arteries: Arteries, calcification: Image, last: Arteries | None = None) -> FilledArteries:
    """Give the holes of artery maps that hold calcification back to the arteries.

    Parameters
    ----------
    arteries : Arteries
        Maps with the values of `anatomy.Territory`. What is trimmed counts as full-length artery too.
    calcification : Image
        Calcification map on the same grid; only `CalcificationLabel.CALCIFICATION` counts.
    last : Arteries, optional
        The maps that the case was last scored with, on the same grid.

    Returns
    -------
    FilledArteries
        Maps with their holes filled, with the volumes of what was filled and of what lies outside.

    Raises
    ------
    InputError
        The images lie on different grids.

    Notes
    -----
    A 6-connected calcification wholly outside the arteries fills a hole where more than half of its outer
    faces are artery; it goes to the territory that most of these belong to, the first of equals. In the
    trimmed map it belongs to what is trimmed where the artery nearest to it does. Calcification where the
    last maps had an artery is that artery still, unless all of the vessel around it was taken away.
    """
    grid = arteries.full
    others = [calcification, *_maps(last), *_maps(arteries)]
    for other in others:
        check_same_grid(grid, other, "the territory map", "another of the case's label maps")
    box = _box_around([calcification, *_maps(last)])
    if box is None:
        return FilledArteries(arteries, {}, 0.0, 0.0)
    calcified = calcification.array[box] == CalcificationLabel.CALCIFICATION
    before = _Part.of(arteries, box)
    restored = before if last is None else before.with_what_was_there(_Part.of(last, box), calcified)
    after = restored.without_holes(calcified, grid.geometry.spacing[::-1])
    gained = after.gained(before)
    voxel = grid.geometry.voxel_volume_mm3
    counts = np.bincount(after.union[gained], minlength=max(Territory) + 1)
    return FilledArteries(
        after.put_into(arteries, box),
        {territory: float(counts[territory] * voxel) for territory in Territory if counts[territory]},
        float(np.count_nonzero(calcified & (after.union > 0)) * voxel),
        float(np.count_nonzero(calcified & (after.union == 0)) * voxel),
    )


@dataclass(frozen=True, eq=False)
class _Part:
    """The part of the artery maps that holds all calcification, arrays (k, j, i)."""

    full: Array
    trimmed: Array | None

    @classmethod
    def of(cls, arteries: Arteries, box: Box) -> _Part:
        return cls(arteries.full.array[box], None if arteries.trimmed is None else arteries.trimmed.array[box])

    @cached_property
    def union(self) -> Array:
        """Everything that is artery; what is trimmed goes first."""
        if self.trimmed is None:
            return self.full
        return np.where(self.trimmed > 0, self.trimmed, self.full)

    def with_what_was_there(self, last: _Part, calcified: Array) -> _Part:
        """Give calcification back to the arteries that were there when the case was last scored."""
        trimmed = self.trimmed
        if trimmed is not None and last.trimmed is not None:
            trimmed = _with_what_was_there(trimmed, last.trimmed, calcified)
        return _Part(_with_what_was_there(self.full, last.full, calcified), trimmed)

    def without_holes(self, calcified: Array, spacing_mm: tuple[float, ...]) -> _Part:
        """Fill holes; in the trimmed map those that are nearest to what is trimmed."""
        at, labels = _holes(self.union, calcified)
        if not len(at):
            return self
        full = self.full.copy()
        full[tuple(at.T)] = labels
        if self.trimmed is None:
            return _Part(full, None)
        trimmed = self.trimmed.copy()
        border = np.argwhere(ndimage.binary_dilation(_marked(at, full.shape), _CROSS) & (self.union > 0))
        _, nearest = cKDTree(border * spacing_mm).query(at * np.array(spacing_mm))
        kept = self.trimmed[tuple(border[nearest].T)] > 0
        trimmed[tuple(at[kept].T)] = labels[kept]
        return _Part(full, trimmed)

    def gained(self, before: _Part) -> Array:
        """Mark what is artery now and was none before, in either map."""
        gained = (self.full > 0) & (before.full == 0)
        if self.trimmed is not None and before.trimmed is not None:
            gained |= (self.trimmed > 0) & (before.trimmed == 0)
        return np.asarray(gained)

    def put_into(self, arteries: Arteries, box: Box) -> Arteries:
        """Put the part back; maps that have not changed are the same as before."""
        trimmed = arteries.trimmed
        if trimmed is not None and self.trimmed is not None:
            trimmed = _replaced(trimmed, box, self.trimmed)
        return Arteries(_replaced(arteries.full, box, self.full), trimmed)


def _with_what_was_there(now: Array, last: Array, calcified: Array) -> Array:
    """Give calcification back to the vessels of the last map, but to none that was taken away altogether."""
    lost = calcified & (now == 0) & (last > 0)
    if not lost.any():
        return now
    after = now.copy()
    for territory in np.unique(last[lost]):
        vessels, count = ndimage.label(last == territory, _CROSS)
        free = (vessels > 0) & ~calcified
        had, has = (np.bincount(vessels[mask], minlength=count + 1) for mask in (free, free & (now > 0)))
        # Painting takes only what it covers away: who has removed all else meant the vessel.
        is_removed = (had > 0) & (has == 0)
        after[lost & (vessels > 0) & ~is_removed[vessels]] = territory
    return after


def _holes(artery: Array, calcified: Array) -> tuple[Array, Array]:
    """Find the voxels (n, 3) of calcification that fills holes, and the territory of each."""
    outside = calcified & (artery == 0)
    box = nonzero_box(outside)
    if box is None:
        return np.zeros((0, 3), np.intp), np.zeros(0, artery.dtype)
    labels, count = ndimage.label(outside[box], _CROSS)
    inner = np.argwhere(labels)
    number, at = labels[tuple(inner.T)] - 1, inner + [part.start for part in box]
    faces = np.zeros(count, np.intp)
    votes = np.zeros((count, max(Territory) + 1), np.intp)
    is_inside_too = np.zeros(count, bool)
    for step in _STEPS:
        beside = at + step
        is_in_volume = ((beside >= 0) & (beside < artery.shape)).all(axis=1)
        place = tuple(beside[is_in_volume].T)
        is_outer = np.ones(len(at), bool)
        is_outer[is_in_volume] = ~outside[place]
        faces += np.bincount(number[is_outer], minlength=count)
        np.add.at(votes, (number[is_in_volume], artery[place]), 1)
        is_inside_too[number[is_in_volume][calcified[place] & (artery[place] > 0)]] = True
    arterial = votes[:, 1:]
    fills = ~is_inside_too & (2 * arterial.sum(axis=1) > faces)
    winners = (np.argmax(arterial, axis=1) + 1).astype(artery.dtype)
    chosen = fills[number]
    return at[chosen], winners[number[chosen]]


def _maps(arteries: Arteries | None) -> list[Image]:
    """Give the maps that there are."""
    found = (arteries.full, arteries.trimmed) if arteries is not None else ()
    return [image for image in found if image is not None]


def _box_around(images: Sequence[Image]) -> Box | None:
    """Give the box that holds all voxels other than 0 of some images, and a voxel around it."""
    box = joint_box(nonzero_box(image.array) for image in images)
    return box and pad_box(box, 1, images[0].array.shape)


def _marked(at: Array, shape: tuple[int, ...]) -> Array:
    mask = np.zeros(shape, bool)
    mask[tuple(at.T)] = True
    return mask


def _replaced(image: Image, box: Box, part: Array) -> Image:
    """Give an image with another part; itself where the part is the same."""
    if np.array_equal(image.array[box], part):
        return image
    array = image.array.copy()
    array[box] = part
    return Image(array, image.geometry)
