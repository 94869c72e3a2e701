"""Segments in .seg.nrrd files of 3D Slicer: in layers, cropped, arteries and calcification together."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..anatomy import CUT_STRUCTURE, CalcificationLabel, Territory
from ..errors import InputError
from .common_grid import laid_onto
from .geometry import Array, Geometry, Image
from .image_header import ImageHeader
from .itk_bridge import plain_errors
from .label_values import brief
from .segments import match_labels

_FIELD = re.compile(r"Segment(\d+)_(Name|LabelValue|Layer|Tags)")
_TAG = re.compile(r"(?:^|\|)CalcScore\.Structure:(\w+)")
_CUT = "cut"
_KEYS = (*(territory.key for territory in Territory), *(label.key for label in CalcificationLabel))
_REFERENCE = re.compile(r"(?:^|&)Reference image geometry\|([^|]*)\|")


@dataclass(frozen=True, eq=False)
class SegmentFile:
    """The segments of a file.

    Attributes
    ----------
    masks : dict of str to ndarray of bool
        Voxels of each structure that has a segment, by its key (`anatomy`), on `geometry`.
    geometry : Geometry
        The grid.
    has_cut : bool
        Whether a segment holds what was cut off: the arteries have their full length then.
    unnamed : tuple of int
        Values that no segment has.
    """

    masks: dict[str, Array]
    geometry: Geometry
    has_cut: bool
    unnamed: tuple[int, ...]


def read_segments(header: ImageHeader, grid: Geometry | None = None) -> SegmentFile:
    """Read a .seg.nrrd file whose header was read.

    Parameters
    ----------
    header : ImageHeader
        The file. Segments are known by the tag of CalcScore's module, or by their names.
    grid : Geometry, optional
        The grid that the segments are laid onto without interpolation; by default that of the volume they were
        made on, where the file names it, and otherwise the file's own.

    Returns
    -------
    SegmentFile
        Masks on one grid; what lies outside of it is left out.

    Raises
    ------
    InputError
        The file cannot be read, a segment is not known or has no value, or the segments lie on another grid.
    """
    path, layers, own = header.path, _read_layers(header), header.geometry
    fields: dict[int, dict[str, str]] = {}
    for key, text in header.metadata.items():
        match = _FIELD.fullmatch(key)
        if match:
            fields.setdefault(int(match[1]), {})[match[2]] = text
    keys = _structures(path, fields)
    places = {number: _place(path, found, layers.shape[-1]) for number, found in fields.items()}
    if len(set(places.values())) < len(places):
        raise InputError(f"{path}: a segment shares its value with another, save the segmentation again")
    target = grid or _reference(header.metadata, own) or own
    masks: dict[str, Array] = {}
    for number, (layer, value) in places.items():
        if keys[number] == _CUT:
            continue
        mask = laid_onto(layers[..., layer] == value, own, target)
        if mask is None:
            raise InputError(
                f"{path}: the segments lie on another grid than the case, choose the CTA as their source geometry "
                "and save them again"
            )
        # A segment that was copied counts with its copy.
        masks[keys[number]] = masks[keys[number]] | mask if keys[number] in masks else mask
    if not masks:
        raise InputError(f"{path}: no segments in this file, save the segmentation as .seg.nrrd in 3D Slicer")
    values = {(layer, int(v)) for layer in range(layers.shape[-1]) for v in np.unique(layers[..., layer])}
    unnamed = sorted({value for layer, value in values - set(places.values()) if value})
    return SegmentFile(masks, target, _CUT in keys.values(), tuple(unnamed))


def segment_map(header: ImageHeader, labels: Mapping[str, int], what: str, grid: Geometry | None) -> Image:
    """Make a label map of the segments of a file; other segments that CalcScore knows are passed over.

    Parameters
    ----------
    header : ImageHeader
        The file.
    labels : mapping of str to int
        Value of each structure by its key.
    what : str
        What a message calls the map.
    grid : Geometry or None
        See `read_segments`.

    Returns
    -------
    Image
        Labels, shape (k, j, i), uint8. Calcification goes before the artery that it lies in.

    Raises
    ------
    InputError
        As `read_segments`; or no segment is one of the labels, values have no segment, or territories overlap.
    """
    path, found = header.path, read_segments(header, grid)
    if found.unnamed:
        raise InputError(f"{path}: the {what} has unknown labels ({brief(found.unnamed)}), no segment has this value")
    masks = {key: mask for key, mask in found.masks.items() if key in labels}
    if not masks:
        there = ", ".join(found.masks)
        raise InputError(f"{path}: the {what} needs segments named {', '.join(labels)}; there are {there}")
    for one, other in combinations(masks, 2):
        shared = np.count_nonzero(masks[one] & masks[other])
        if shared and CalcificationLabel.CALCIFICATION.key not in (one, other):
            volume = shared * found.geometry.voxel_volume_mm3
            raise InputError(f"{path}: the segments {one} and {other} overlap in {volume:.3g} mm³, remove the overlap")
    array = np.zeros(found.geometry.shape, np.uint8)
    for key in sorted(masks, key=lambda key: labels[key]):
        array[masks[key]] = labels[key]
    array.flags.writeable = False
    return Image(array, found.geometry)


def _structures(path: str | os.PathLike[str], fields: Mapping[int, Mapping[str, str]]) -> dict[int, str]:
    """Tell which structure each segment is; raises InputError."""
    tags = {number: _TAG.search(found.get("Tags", "")) for number, found in fields.items()}
    keys = {number: tag[1] if tag else "" for number, tag in tags.items()}
    names = {number: found.get("Name", "") for number, found in fields.items()}
    cut = [number for number, key in keys.items() if key == _CUT or names[number] == CUT_STRUCTURE.title]
    keys |= dict.fromkeys(cut, _CUT)
    waiting = [number for number, key in keys.items() if key not in (*_KEYS, _CUT)]
    named = {names[number]: number for number in waiting}
    if len(named) < len(waiting):
        raise InputError(f"{path}: a segment shares its name with another, rename it")
    values = match_labels(path, named, {key: number for number, key in enumerate(_KEYS)})
    return keys | {number: _KEYS[value] for number, value in values.items()}


def _place(path: str | os.PathLike[str], found: Mapping[str, str], layers: int) -> tuple[int, int]:
    """Give the layer and the value of a segment; raises InputError."""
    layer, value = found.get("Layer", "").strip() or "0", found.get("LabelValue", "").strip()
    if not value.isdecimal() or not layer.isdecimal() or int(layer) >= layers:
        raise InputError(f"{path}: the segment {found.get('Name')!r} has no label value, save it with 3D Slicer 5")
    return int(layer), int(value)


def _read_layers(header: ImageHeader) -> Array:
    """Read the values of all layers, shape (k, j, i, layer); raises InputError."""
    if header.reader.GetDimension() != 3:
        raise InputError(f"{header.path}: the segments are not 3-D, save them again with 3D Slicer 5")
    header.check_promise()
    with plain_errors(header.path, "the segments cannot be read, the file is damaged, save it again"):
        array = sitk.GetArrayFromImage(header.reader.Execute())
    return np.asarray(array.reshape(*header.geometry.shape, -1))


def _reference(metadata: Mapping[str, str], own: Geometry) -> Geometry | None:
    """Give the grid of the volume that the segments were made on; None where the file does not name it."""
    match = _REFERENCE.search(metadata.get("Segmentation_ConversionParameters", ""))
    try:
        numbers = [float(word) for word in match[1].split(";") if word.strip()] if match else []
        if len(numbers) != 22:
            return None
        to_lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ np.array(numbers[:16]).reshape(4, 4)
        extent = np.array(numbers[16:], dtype=np.intp).reshape(3, 2)
        size = extent[:, 1] - extent[:, 0] + 1
        origin = (to_lps @ [*extent[:, 0], 1])[:3]
        found = Geometry.from_axes(size, to_lps[:3, :3], origin).on_grain()
    except (ValueError, InputError):
        return None
    # A part of it is meant; what does not lie in it was made elsewhere.
    laid = laid_onto(np.ones(own.shape, bool), own, found)
    return found if laid is not None and np.count_nonzero(laid) == math.prod(own.size) else None


def is_segment_file(path: str | os.PathLike[str]) -> bool:
    """Tell whether a file is named as one with segments."""
    return Path(path).name.lower().endswith(".seg.nrrd")
