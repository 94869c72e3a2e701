"""Anatomy as the synthesis takes it: a label map read from a file, brought to one frame and completed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from ..case_files import without_ending
from ..errors import InputError
from ..images.boxes import nonzero_box
from ..images.files import read_labels
from ..images.geometry import Array, Geometry, Image
from .chest import LungSpace
from .extend import complete, hull_distance
from .label_names import meaning_of, read_names
from .landmarks import Landmarks, find_landmarks
from .tissues import Tissue

FIELD_MM = 2.0
"""Spacing of an anatomy's label field, mm."""

_SMALLEST_MM, _LARGEST_MM = 60.0, 2200.0

VEIN_REACH_MM = 6.0
"""How far around the veins their distance is known, mm."""


class Depths(NamedTuple):
    """Some voxels of a field.

    Attributes
    ----------
    voxels : ndarray of int, shape (n,)
        Flat positions.
    depth : ndarray of float32, shape (n,)
        Distance below the surface of what they belong to, mm; negative outside.
    """

    voxels: Array
    depth: Array


@dataclass(frozen=True, eq=False)
class Anatomy:
    """One labelled patient, completed to a whole trunk.

    The frame is in mm, x to the patient's left, y to posterior, z up, with voxel (0, 0, 0) at its origin.

    Attributes
    ----------
    name : str
        What it is called in messages and in truth files.
    tissues : ndarray of uint8, shape (k, j, i)
        Values of `Tissue` every `FIELD_MM`.
    arteries : dict of str to ndarray, shape (n, 3)
        Centrelines (x, y, z) in mm from their origin on, of those arteries that the labels show.
    landmarks : Landmarks
        Where the arteries lead.
    veins : dict of Tissue to Depths
        Voxels in and up to `VEIN_REACH_MM` around the veins of each kind, and how deep they lie inside.
    bowel, stomach : Depths
        Their voxels.
    outside, inside : ndarray of uint8, shape (k, j, i)
        Distance from and into the hull of muscles and bones, in half millimetres, at most 255.
    lungs : LungSpace
        Fat in which lung may be drawn.
    spine_y_mm : float
        Where the vertebral bodies lie between front and back.
    """

    name: str
    tissues: Array
    arteries: dict[str, Array]
    landmarks: Landmarks
    veins: dict[Tissue, Depths]
    bowel: Depths
    stomach: Depths
    outside: Array
    inside: Array
    lungs: LungSpace
    spine_y_mm: float


def read_anatomy(path: str | os.PathLike[str]) -> Anatomy:
    """Read a labelled patient.

    Parameters
    ----------
    path : path
        A label map (NIfTI, NRRD, MetaImage). What its values mean is told by names: in ``NAME.csv``
        (``value,name``) beside it, in a 3D Slicer colour table in its folder, or else by TotalSegmentator.

    Returns
    -------
    Anatomy
        At `FIELD_MM`; what the scan lacks at its upper and lower end is drawn.

    Raises
    ------
    InputError
        The file or its table cannot be read; aorta, kidneys, vertebrae or iliac arteries are missing; or the map has
        another size than a trunk, or stands on its head.
    """
    path = Path(path)
    image = read_labels(path, "anatomy")
    _check_extent(path, image.canonical().geometry)
    names = read_names(path)
    meanings = {value: meaning_of(name) for value, name in names.items()}
    labels = _on_field(image)
    tissues = np.zeros(labels.shape, np.uint8)
    arteries: dict[str, Array] = {}
    for value in np.unique(labels[labels > 0]):
        meaning = meanings.get(int(value))
        if meaning is None:
            continue
        where = labels == value
        if meaning.tissue is not None:
            tissues[where] = meaning.tissue
        elif meaning.artery is not None:
            arteries[meaning.artery] = where
            tissues[where] = Tissue.FAT
    _check(path, tissues, arteries)
    return complete_anatomy(without_ending(path), tissues, arteries)


def _check(path: Path, tissues: Array, arteries: dict[str, Array]) -> None:
    lacking = [
        what
        for what, there in (
            ("aorta", "aorta" in arteries),
            ("kidneys", (tissues == Tissue.KIDNEY_CORTEX).any()),
            ("vertebrae", (tissues == Tissue.VERTEBRA_MARROW).any()),
            ("common iliac arteries", "common_iliac_left" in arteries and "common_iliac_right" in arteries),
        )
        if not there
    ]
    if lacking:
        raise InputError(
            f"{path}: the anatomy has no {', no '.join(lacking)} among its named labels, "
            "name its labels in a table beside it (see docs/synthesis.md)"
        )
    _check_orientation(path, arteries, tissues == Tissue.VERTEBRA_MARROW)


def _check_extent(path: Path, geometry: Geometry) -> None:
    """Refuse a map that is no patient's by its size, before memory is taken for it."""
    extent = [n * step for n, step in zip(geometry.size, geometry.spacing, strict=True)]
    if min(extent) < _SMALLEST_MM or max(extent) > _LARGEST_MM:
        told = " x ".join(f"{length:.4g}" for length in extent)
        raise InputError(
            f"{path}: the anatomy measures {told} mm, a trunk {_SMALLEST_MM:g} to {_LARGEST_MM:g} mm along each axis; "
            "check the voxel spacing"
        )


def _check_orientation(path: Path, arteries: dict[str, Array], vertebrae: Array) -> None:
    """Refuse a patient who stands on the head, or whose sides or front and back are exchanged in the header."""
    aorta, left, right, spine = (
        np.argwhere(mask).mean(axis=0) * FIELD_MM
        for mask in (*(arteries[name] for name in ("aorta", "common_iliac_left", "common_iliac_right")), vertebrae)
    )
    wrong = [
        what
        for what, is_so in (
            ("the iliac arteries lie above the aorta", (left[0] + right[0]) / 2 > aorta[0]),
            ("the left iliac artery lies to the right of the right one", left[2] < right[2]),
            ("the spine lies in front of the aorta", spine[1] < aorta[1]),
        )
        if is_so
    ]
    if wrong:
        raise InputError(f"{path}: {' and '.join(wrong)}, correct the direction in its header, or the labels' names")


def _on_field(image: Image) -> Array:
    """Bring labels to axes (superior, posterior, left) at `FIELD_MM`, by the nearest voxel."""
    canonical = image.canonical()
    array = canonical.array
    steps = canonical.geometry.spacing[::-1]
    for axis, step in enumerate(steps):
        count = max(1, round(array.shape[axis] * step / FIELD_MM))
        index = np.clip(np.round(np.arange(count) * FIELD_MM / step), 0, array.shape[axis] - 1).astype(int)
        array = np.take(array, index, axis=axis)
    return np.asarray(array)


def complete_anatomy(name: str, tissues: Array, arteries: dict[str, Array]) -> Anatomy:
    """Complete a patient whose labels are on the field's grid.

    Parameters
    ----------
    name : str
        What it is called.
    tissues : ndarray of uint8, shape (k, j, i)
        Values of `Tissue` every `FIELD_MM`.
    arteries : dict of str to ndarray of bool, shape (k, j, i)
        Where each artery is.

    Returns
    -------
    Anatomy
        With chest, pelvis, hull and distances.
    """
    frame = complete(tissues, arteries, FIELD_MM)
    return Anatomy(
        name=name,
        tissues=frame.tissues,
        arteries=frame.arteries,
        landmarks=find_landmarks(frame.tissues, frame.arteries["aorta"], FIELD_MM),
        veins={kind: _depths(mask, VEIN_REACH_MM) for kind, mask in frame.veins.items()},
        bowel=_depths(frame.tissues == Tissue.BOWEL_WALL),
        stomach=_depths(frame.tissues == Tissue.STOMACH_WALL),
        outside=_half_mm(hull_distance(~frame.hull, FIELD_MM)),
        inside=_half_mm(frame.inside_mm),
        lungs=frame.lungs,
        spine_y_mm=float(np.nonzero(frame.tissues == Tissue.VERTEBRA_MARROW)[1].mean()) * FIELD_MM,
    )


def _half_mm(distance_mm: Array) -> Array:
    return np.asarray(np.clip(distance_mm * 2, 0, 255), np.uint8)


def _depths(mask: Array, reach_mm: float = 0.0) -> Depths:
    """Measure how deep the voxels of a mask lie inside it, and those around it outside."""
    box = nonzero_box(mask, round(reach_mm / FIELD_MM) + 2)
    if box is None:
        return Depths(np.empty(0, np.int64), np.empty(0, np.float32))
    part = mask[box]
    if reach_mm:  # a vein: its slices' steps are smoothed
        part = ndimage.gaussian_filter(part.astype(np.float32), 0.8) > 0.45
    depth = ndimage.distance_transform_edt(part) * FIELD_MM
    if reach_mm:
        depth -= ndimage.distance_transform_edt(~part) * FIELD_MM
    near = depth > -reach_mm if reach_mm else part
    index = [axis + edge.start for axis, edge in zip(np.nonzero(near), box, strict=True)]
    return Depths(np.ravel_multi_index(index, mask.shape), depth[near].astype(np.float32))
