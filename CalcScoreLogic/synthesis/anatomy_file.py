"""Anatomy as the synthesis takes it: a label map read from a file, brought to one frame and completed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from ..errors import InputError
from ..images.files import read_labels
from ..images.geometry import Array, Image
from .extend import Frame, complete
from .label_names import meaning_of, read_names
from .tissues import Tissue

FIELD_MM = 2.0
"""Spacing of an anatomy's label field, mm."""


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
    veins : dict of Tissue to ndarray of float16, shape (k, j, i)
        Distance to the surface of the veins of each kind, mm, negative inside.
    outside, inside : ndarray of float16, shape (k, j, i)
        Distance from and into the hull of muscles and bones, mm.
    bowel, stomach : ndarray of float16, shape (k, j, i)
        Depth inside bowel and stomach, mm.
    heart_floor_mm : float
        Height z of the lower end of the heart.
    """

    name: str
    tissues: Array
    arteries: dict[str, Array]
    veins: dict[Tissue, Array]
    outside: Array
    inside: Array
    bowel: Array
    stomach: Array
    heart_floor_mm: float


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
        The file or its table cannot be read, or aorta, kidneys or vertebrae are missing.
    """
    path = Path(path)
    image = read_labels(path, "anatomy")
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
    return complete_anatomy(path.name.split(".")[0], tissues, arteries)


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
    frame: Frame = complete(tissues, arteries, FIELD_MM)
    kinds = (Tissue.LOWER_VEIN, Tissue.UPPER_VEIN, Tissue.PORTAL_VEIN)
    bowel = np.isin(frame.tissues, (Tissue.BOWEL_WALL,))
    stomach = frame.tissues == Tissue.STOMACH_WALL
    return Anatomy(
        name=name,
        tissues=frame.tissues,
        arteries=frame.arteries,
        veins={kind: _surface_distance(frame.veins[kind]) for kind in kinds},
        outside=(ndimage.distance_transform_edt(~frame.hull) * FIELD_MM).astype(np.float16),
        inside=(ndimage.distance_transform_edt(frame.hull) * FIELD_MM).astype(np.float16),
        bowel=(ndimage.distance_transform_edt(bowel) * FIELD_MM).astype(np.float16),
        stomach=(ndimage.distance_transform_edt(stomach) * FIELD_MM).astype(np.float16),
        heart_floor_mm=frame.heart_floor_mm,
    )


def _surface_distance(mask: Array) -> Array:
    if not mask.any():
        return np.full(mask.shape, 100.0, np.float16)
    smooth = ndimage.gaussian_filter(mask.astype(np.float32), 0.8) > 0.45
    away = ndimage.distance_transform_edt(~smooth) - ndimage.distance_transform_edt(smooth)
    return np.asarray(np.clip(away * FIELD_MM, -60, 60), np.float16)
