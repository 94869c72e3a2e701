"""Corrected segments of a case: .seg.nrrd files of 3D Slicer, or label maps."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from .. import case_files as files
from ..anatomy import STRUCTURES, CalcificationLabel, Territory
from ..errors import InputError
from ..images import file_checks
from ..images.dicom_segments import find_segmentation, read_dicom_segments
from ..images.files import read_calcification, read_territories
from ..images.geometry import Array, Geometry, Image, aligned
from ..images.itk_bridge import plain_errors
from ..images.segments import match_labels
from ..rescoring import SEGMENTS

_FIELD = re.compile(r"Segment(\d+)_(Name|LabelValue|Layer|Tags)")
_TAG = re.compile(r"(?:^|\|)CalcScore\.Structure:(\w+)")
_CUT = "cut"
_CALCIFICATION = CalcificationLabel.CALCIFICATION.key
_KEYS = (*(territory.key for territory in Territory), *(label.key for label in CalcificationLabel))
_ALIGNED = 0.01
"""Grids are the same where no corner lies this share of a voxel off a voxel of the other."""


@dataclass
class Correction:
    """What was corrected; None where the correction does not speak of it.

    Attributes
    ----------
    territories : Image or None
        Territory map at full length.
    shortened : Image or None
        Trimmed territory map.
    calcified : ndarray of bool or None
        Calcification, on the same grid.
    warnings : list of str
        What a reader should know about the segments.
    """

    territories: Image | None = None
    shortened: Image | None = None
    calcified: Array | None = None
    warnings: list[str] = field(default_factory=list)


def read_correction(source: Path, territories: Image, shortened: Image) -> Correction:
    """Read a correction.

    Parameters
    ----------
    source : Path
        A .seg.nrrd file with segments named (or tagged by CalcScore) as territories and calcification; a
        label map named ``territories``, ``shortened`` or ``calcification``; a folder with such files; or a DICOM
        segmentation, or a folder with one and nothing else of these.
    territories, shortened : Image
        The case's maps: what a file has no segment for stays as it is there.

    Returns
    -------
    Correction
        Maps on the case's grid.

    Raises
    ------
    InputError
        Nothing that can be read as a correction, unknown segments, or another grid.
    """
    correction = Correction()
    segmentation = _dicom_segmentation(source)
    if segmentation is not None:
        _take_dicom(segmentation, correction, territories, shortened)
        return correction
    found = list(_files(source))
    if not found:
        raise InputError(
            f"{source}: no corrected segments in this folder, give a .seg.nrrd file, a DICOM segmentation or label "
            f"maps named {files.SHORTENED}, {files.CALCIFICATION} or {files.TERRITORIES}"
        )
    for path in found:
        if file_checks.image_suffix(path) == ".seg.nrrd":
            _take_segments(path, correction, territories, shortened)
        else:
            _take_label_map(path, correction, territories)
    return correction


def _dicom_segmentation(source: Path) -> Path | None:
    """Find the DICOM segmentation that a correction is; none where label maps or .seg.nrrd files speak for it."""
    if file_checks.image_suffix(source) or (source.is_dir() and next(_files(source), None) is not None):
        return None
    return find_segmentation(source)


def _take_dicom(path: Path, correction: Correction, territories: Image, shortened: Image) -> None:
    """Read the segments of a DICOM segmentation: those that are not cut off are what is scored."""
    found = read_dicom_segments(path, territories.geometry)
    correction.calcified = found.calcified
    arteries = {t: found.kept == t for t in Territory if t in found.territories and (found.kept == t).any()}
    _take_arteries(arteries, found.cut_off, correction, territories, shortened)


def _files(source: Path) -> Iterator[Path]:
    """Give the files of a correction, label maps first."""
    file_checks.check_exists(source)
    if not source.is_dir():
        yield source
        return
    known = {name.split(".")[0] for name in (files.TERRITORIES, files.SHORTENED, files.CALCIFICATION)}
    images = [path for path in sorted(source.iterdir()) if file_checks.image_suffix(path)]
    yield from (p for p in images if p.name.split(".")[0] in known and not p.name.lower().endswith(".seg.nrrd"))
    yield from (path for path in images if path.name.lower().endswith(".seg.nrrd"))


def _take_label_map(path: Path, correction: Correction, reference: Image) -> None:
    """Read a label map whose name tells what it is."""
    stem = path.name.split(".")[0]
    if stem == files.CALCIFICATION.split(".")[0]:
        calcification = read_calcification(path)
        calcification = aligned(reference, calcification, "the case", str(path))
        correction.calcified = calcification.array == CalcificationLabel.CALCIFICATION
        return
    if stem not in (files.TERRITORIES.split(".")[0], files.SHORTENED.split(".")[0]):
        raise InputError(
            f"{path}: a label map's name must tell what it is, call it {files.SHORTENED}, {files.CALCIFICATION} or "
            f"{files.TERRITORIES}, or give a .seg.nrrd file"
        )
    image = read_territories(path)
    image = aligned(reference, image, "the case", str(path))
    if stem == files.SHORTENED.split(".")[0]:
        correction.shortened = image
    else:
        correction.territories = image


def _take_segments(path: Path, correction: Correction, territories: Image, shortened: Image) -> None:
    """Read the segments of a file, layer by layer."""
    masks, full = _segments(path, territories.geometry)
    if _CALCIFICATION in masks:
        correction.calcified = masks[_CALCIFICATION]
    arteries = {territory: masks[territory.key] for territory in Territory if territory.key in masks}
    full = full or path.name.split(".")[0] == files.TERRITORIES.split(".")[0]
    _take_arteries(arteries, full, correction, territories, shortened)


def _take_arteries(
    arteries: Mapping[Territory, Array], full: bool, correction: Correction, territories: Image, shortened: Image
) -> None:
    """Take the masks of the arteries of a file, at full length or trimmed."""
    if not arteries:
        return
    before = territories if full else shortened
    missing = [STRUCTURES[territory].title for territory in Territory if territory not in arteries]
    if missing:
        correction.warnings.append(
            f"{SEGMENTS}there is no segment {' or '.join(missing)} in the correction, it stays as it was."
        )
    array = np.zeros(before.array.shape, np.uint8)
    overlap = 0
    for territory in Territory:
        mask = arteries.get(territory, before.array == territory)
        overlap += int(np.count_nonzero(mask & (array > 0)))
        array[mask & (array == 0)] = territory
    if overlap:
        volume = overlap * before.geometry.voxel_volume_mm3
        correction.warnings.append(
            f"{SEGMENTS}territories overlap in {volume:.0f} mm³; the aorta keeps them, then the iliac, "
            "mesenteric and renal arteries in this order."
        )
    image = Image(array, before.geometry)
    if full:
        correction.territories = image
    else:
        correction.shortened = image


def _segments(path: Path, grid: Geometry) -> tuple[dict[str, Array], bool]:
    """Read the masks of a file by their structure's key, and tell whether its arteries have their full length."""
    layers, geometry, metadata = _read_layers(path)
    fields: dict[int, dict[str, str]] = {}
    for key, value in metadata.items():
        match = _FIELD.fullmatch(key)
        if match:
            fields.setdefault(int(match[1]), {})[match[2]] = value
    tags = {number: _TAG.search(found.get("Tags", "")) for number, found in fields.items()}
    keys = {number: tag[1] if tag else "" for number, tag in tags.items()}
    cut = [number for number, key in keys.items() if key == _CUT or fields[number].get("Name", "") == "Cut off"]
    named = {fields[n].get("Name", ""): n for n, key in keys.items() if key not in _KEYS and n not in cut}
    values = match_labels(path, named, {key: number for number, key in enumerate(_KEYS)})
    keys |= {number: _KEYS[value] for number, value in values.items()}
    start = _offset(path, geometry, grid)
    masks: dict[str, Array] = {}
    for number, found in fields.items():
        if number in cut or keys[number] not in _KEYS:
            continue
        layer, value = int(found.get("Layer") or 0), found.get("LabelValue", "")
        if not value.isdecimal() or layer >= layers.shape[-1]:
            raise InputError(f"{path}: the segment {found.get('Name')!r} has no label value, save it with 3D Slicer 5")
        mask = _placed(layers[..., layer] == int(value), start, grid)
        # A segment that was copied counts with its copy.
        masks[keys[number]] = masks[keys[number]] | mask if keys[number] in masks else mask
    if not masks:
        raise InputError(f"{path}: no segments in this file, save the segmentation as .seg.nrrd in 3D Slicer")
    return masks, bool(cut)


def _read_layers(path: Path) -> tuple[Array, Geometry, Mapping[str, str]]:
    """Read a .seg.nrrd file: values of shape (k, j, i, layer), grid and metadata; raises InputError."""
    layout = file_checks.open_layout(path)
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    with plain_errors(path, "the segments cannot be read, the file is damaged, save it again"):
        reader.ReadImageInformation()
        metadata = {key: reader.GetMetaData(key) for key in reader.GetMetaDataKeys() if key.isascii()}
        if reader.GetDimension() != 3:
            raise InputError(f"{path}: the segments are not 3-D, save them again with 3D Slicer 5")
        count = reader.GetNumberOfComponents()
        pixel = sitk.Image([1, 1, 1], reader.GetPixelID(), count).GetSizeOfPixelComponent()
        file_checks.check_promise(path, layout, layout.expected or math.prod(reader.GetSize()) * pixel * count)
        image = reader.Execute()
    array = sitk.GetArrayFromImage(image)
    geometry = Geometry(image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection())
    return array.reshape(*geometry.shape, -1), geometry, metadata


def _offset(path: Path, own: Geometry, grid: Geometry) -> tuple[int, int, int]:
    """Find the voxel (i, j, k) of the case's grid where a file's first voxel lies; raises InputError."""
    ends = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)]) * (np.array(own.size) - 1)
    at = (own.to_physical(ends) - np.array(grid.origin)) @ grid.matrix / np.array(grid.spacing)
    offset = np.rint(at[0])
    if np.abs(at - (ends + offset)).max() > _ALIGNED:
        raise InputError(
            f"{path}: the segments lie on another grid than the case, choose the CTA as their source geometry "
            "and save them again"
        )
    return int(offset[0]), int(offset[1]), int(offset[2])


def _placed(mask: Array, start: tuple[int, int, int], grid: Geometry) -> Array:
    """Put a mask that begins at voxel `start` (i, j, k) into the whole grid; what lies outside is left out."""
    whole = np.zeros(grid.shape, bool)
    target, source = [], []
    for first, count, size in zip(start[::-1], mask.shape, grid.shape, strict=True):
        low, high = max(first, 0), min(first + count, size)
        target.append(slice(low, max(high, low)))
        source.append(slice(low - first, max(high, low) - first))
    whole[tuple(target)] = mask[tuple(source)]
    return whole
