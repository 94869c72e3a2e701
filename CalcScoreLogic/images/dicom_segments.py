"""Arteries and calcification from DICOM segmentations, whoever wrote them.

Segments are known by their codes first, then by their labels; all others are passed over.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..anatomy import (
    ARTERY_CODES,
    CALCIFICATION_CODES,
    CALCIFICATION_STRUCTURES,
    CUT_OFF,
    PRIVATE_SCHEME,
    STRUCTURES,
    CalcificationLabel,
    Territory,
)
from ..case_files import files_of
from ..errors import InputError
from .common_grid import laid_onto
from .geometry import Array, Geometry, Image
from .highdicom_bridge import plain_errors, require_highdicom
from .other_tools import TOTALSEGMENTATOR_FILES, TerritoryMap, described
from .segments import plain_name, without_artery

_SOP_CLASSES = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
"""Segmentation Storage, binary and as a label map."""

_NOT_WHOLE = (
    "The map covers the slices of the DICOM segmentation, which may end before the CTA does; --cta lays it onto the "
    "grid of the CTA."
)
_CUT = re.compile(r"[, ]+cut[ -]off$")


@dataclass(eq=False)
class DicomSegments:
    """What a DICOM segmentation holds of arteries and calcification.

    Attributes
    ----------
    geometry : Geometry
        The grid of all maps.
    kept, cut : ndarray of uint8, shape (k, j, i)
        Territories: as they are, and what trimming has cut off them, where the file tells it apart.
    calcified : ndarray of bool or None
        Calcification; None without such a segment, unless the file is ours and tells of no calcification thereby.
    arteries : dict of str to float
        Volume of each segment that is an artery, mm³, by its label.
    territories : set of Territory
        Those that have a segment.
    cut_off : bool
        Whether a segment holds what was cut off all arteries, so that these have their full length.
    is_whole : bool
        Whether the grid is known to be that of the CTA: files of other tools leave slices out at its ends.
    overlap : int
        Voxels that several territories claim; the first of them keeps them, so that the aorta wins.
    """

    geometry: Geometry
    kept: Array
    cut: Array
    calcified: Array | None = None
    arteries: dict[str, float] = field(default_factory=dict)
    territories: set[Territory] = field(default_factory=set)
    cut_off: bool = False
    is_whole: bool = False
    overlap: int = 0

    def territory_map(self, trimmed: bool = False) -> Image:
        """Give the territory map, with what was cut off unless it is to be left `trimmed`."""
        return Image(self.kept if trimmed else np.where(self.kept > 0, self.kept, self.cut), self.geometry)

    def artery_map(self) -> TerritoryMap:
        """Give the full-length territory map with what was used of the file, and what was lacking."""
        found = described(self.territory_map(), self.arteries, self.overlap)
        return found if self.is_whole else replace(found, warnings=(*found.warnings, _NOT_WHOLE))

    def calcification_map(self, path: Path) -> Image:
        """Give the calcification map, with arteries; raises InputError where the file at `path` tells of none."""
        calcified = self.calcified
        if calcified is None:
            raise InputError(f"{path}: no segment is calcification ({', '.join(self.arteries)}), name or code it")
        artery = (self.territory_map().array > 0).astype(np.uint8)
        return Image(np.where(calcified, np.uint8(CalcificationLabel.CALCIFICATION), artery), self.geometry)


def find_segmentation(path: str | os.PathLike[str]) -> Path | None:
    """Find the DICOM segmentation that a path is, or that lies in a folder.

    Parameters
    ----------
    path : path
        A file or folder; subfolders are not searched.

    Returns
    -------
    Path or None
        The file; None where there is none.

    Raises
    ------
    InputError
        The folder holds several.
    """
    found = [file for file in files_of(Path(path)) if _is_segmentation(file)]
    if len(found) > 1:
        raise InputError(f"{path}: {len(found)} DICOM segmentations are in this folder, give the file of one of them")
    return found[0] if found else None


def read_dicom_segments(path: Path, grid: Geometry | None = None) -> DicomSegments:
    """Read a DICOM segmentation.

    Parameters
    ----------
    path : Path
        The file.
    grid : Geometry, optional
        The CTA's grid, onto which the segments are laid without interpolation: axes may be stored in another
        order, and slices without segments may be lacking. By default, the file's own.

    Returns
    -------
    DicomSegments
        Arteries and calcification.

    Raises
    ------
    InputError
        highdicom is not installed, the file is damaged or holds probabilities, no segment is an artery or
        calcification, the segments do not lie on `grid`, or slices are lacking and no grid is given.
    """
    require_highdicom()
    from highdicom.seg import SegmentationTypeValues, segread

    with plain_errors(f"{path}: the DICOM segmentation cannot be read, export it again"):
        dataset = segread(path)
        if dataset.segmentation_type is SegmentationTypeValues.FRACTIONAL:
            raise InputError(f"{path}: the segments are probabilities, save them as a binary segmentation")
        known = {number: key for number, key in _keys(dataset) if key}
        if not known:
            raise InputError(
                f"{path}: no segment is an artery or calcification ({_labels(dataset)}), name or code them, or tell "
                "which is which with calcscore territories --map"
            )
        found = _read(dataset, known)
        lacking = _referenced(dataset) - found.geometry.size[2]
    if grid is not None:
        return _laid_onto(path, found, grid)
    if lacking > 0:
        raise InputError(
            f"{path}: {lacking} of {_referenced(dataset)} slices were left out since they have no segment, so that "
            "nothing tells where the CTA ends; give it with --cta"
        )
    return found


def read_segment_numbers(path: Path) -> Image:
    """Read a DICOM segmentation as a label map whose values are the numbers of the segments; the first one wins.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    Image
        Labels, uint16.

    Raises
    ------
    InputError
        highdicom is not installed, or the file is damaged.
    """
    require_highdicom()
    from highdicom.seg import segread

    with plain_errors(f"{path}: the DICOM segmentation cannot be read, export it again"):
        dataset = segread(path)
        geometry, flipped = _geometry(dataset)
        labels = np.zeros(geometry.shape, np.uint16)
        for number in dataset.segment_numbers:
            labels[_mask(dataset, number, flipped) & (labels == 0)] = number
    return Image(labels, geometry)


def _is_segmentation(path: Path) -> bool:
    """Tell a DICOM segmentation by its SOP class."""
    import pydicom

    try:
        with path.open("rb") as stream:
            if stream.read(132)[128:] != b"DICM":
                return False
        header: Any = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["SOPClassUID"])
        return header.get("SOPClassUID") in _SOP_CLASSES
    except Exception:  # pydicom raises errors of many kinds for what is no DICOM file.
        return False


def _keys(dataset: Any) -> Iterator[tuple[int, str]]:
    """Give the number and the key of each segment; an empty key for what is neither artery nor calcification."""
    for number in dataset.segment_numbers:
        described = dataset.get_segment_description(number)
        yield number, _key_of(described)


def _key_of(described: Any) -> str:
    """Tell what a segment is, by its code, else by its label."""
    from pydicom.sr.coding import Code

    kind = described.SegmentedPropertyTypeCodeSequence[0]
    label = plain_name(described.segment_label)
    modifiers = kind.get("SegmentedPropertyTypeModifierCodeSequence") or []
    cut = any((m.CodeValue, m.CodingSchemeDesignator) == (CUT_OFF.code, CUT_OFF.scheme) for m in modifiers)
    prefix = "cut." if cut or _CUT.search(label) else ""
    found = Code(kind.get("CodeValue", ""), kind.get("CodingSchemeDesignator", ""), kind.get("CodeMeaning", ""))
    if any(found == Code(code, "SCT", "") for code in CALCIFICATION_CODES):
        return CalcificationLabel.CALCIFICATION.key
    for code, territory in ARTERY_CODES.items():
        if found == Code(code, "SCT", ""):
            return prefix + territory.key
    plain = without_artery(_CUT.sub("", label))
    if label == "cut off":
        return "cut"
    return next((prefix + key for key, names in _names().items() if plain in names or label in names), "")


def _names() -> dict[str, set[str]]:
    """Give the labels by which each structure is known."""
    names = {territory.key: {territory.key, STRUCTURES[territory].title.casefold()} for territory in Territory}
    for name, territory in TOTALSEGMENTATOR_FILES.items():
        names[territory.key].add(name.replace("_", " "))
    calcification = CalcificationLabel.CALCIFICATION
    return {**names, calcification.key: {calcification.key, CALCIFICATION_STRUCTURES[calcification].title.casefold()}}


def _labels(dataset: Any) -> str:
    """List the labels of the segments, up to eight."""
    labels = [repr(dataset.get_segment_description(number).segment_label) for number in dataset.segment_numbers]
    return ", ".join(labels[:8]) + (", …" if len(labels) > 8 else "")


def _read(dataset: Any, known: dict[int, str]) -> DicomSegments:
    """Read the segments that are known, on the file's own grid."""
    geometry, flipped = _geometry(dataset)
    found = DicomSegments(geometry, np.zeros(geometry.shape, np.uint8), np.zeros(geometry.shape, np.uint8))
    # The aorta first: it keeps what others claim too.
    for number in sorted(known, key=lambda number: (known[number] != Territory.AORTA.key, number)):
        key = known[number]
        if key == "cut":
            found.cut_off = True
            continue
        mask = _mask(dataset, number, flipped)
        if key == CalcificationLabel.CALCIFICATION.key:
            found.calcified = mask if found.calcified is None else found.calcified | mask
        else:
            territory = Territory[key.removeprefix("cut.").upper()]
            target = found.cut if key.startswith("cut.") else found.kept
            found.overlap += int(np.count_nonzero(mask & (target > 0) & (target != territory)))
            target[mask & (target == 0)] = territory
            found.territories.add(territory)
            label = str(dataset.get_segment_description(number).segment_label)
            volume = float(np.count_nonzero(mask) * geometry.voxel_volume_mm3)
            found.arteries[label] = found.arteries.get(label, 0.0) + volume
    schemes = dataset.get("CodingSchemeIdentificationSequence") or []
    found.is_whole = any(scheme.CodingSchemeDesignator == PRIVATE_SCHEME for scheme in schemes)
    if found.calcified is None and found.is_whole:
        found.calcified = np.zeros(geometry.shape, bool)
    return found


def _geometry(dataset: Any) -> tuple[Geometry, bool]:
    """Give the grid of the frames, and whether their order has to be turned for k to run along their normal."""
    volume = dataset.get_volume_geometry()
    if volume is None:
        raise InputError("the frames of the DICOM segmentation do not lie evenly, export it again")
    affine = np.asarray(volume.affine, float)
    planes, rows, columns = volume.spatial_shape
    across, down, along = affine[:3, 2], affine[:3, 1], affine[:3, 0]
    flipped = bool(np.cross(across, down) @ along < 0)
    origin = affine[:3, 3] + (along * (planes - 1) if flipped else 0)
    axes = np.stack([across, down, -along if flipped else along], axis=1)
    return Geometry.from_axes((columns, rows, planes), axes, origin).on_grain(), flipped


def _mask(dataset: Any, number: int, flipped: bool) -> Array:
    """Read the mask of a segment, shape (k, j, i)."""
    array = dataset.get_volume(segment_numbers=[number]).array[..., 0]
    return np.asarray(array[::-1] if flipped else array).astype(bool)


def _referenced(dataset: Any) -> int:
    """Count the slices that the segmentation says it was made for; 0 where it names a multi-frame image or none."""
    series = dataset.get("ReferencedSeriesSequence") or []
    count = max((len(one.get("ReferencedInstanceSequence") or []) for one in series), default=0)
    return count if count > 1 else 0


def _laid_onto(path: Path, found: DicomSegments, grid: Geometry) -> DicomSegments:
    """Lay all maps onto a grid."""
    found.kept, found.cut = (_on_grid(path, array, found.geometry, grid) for array in (found.kept, found.cut))
    if found.calcified is not None:
        found.calcified = _on_grid(path, found.calcified, found.geometry, grid)
    found.geometry, found.is_whole = grid, True
    return found


def _on_grid(path: Path, array: Array, own: Geometry, grid: Geometry) -> Array:
    """Lay an array onto a grid that its own is a part of, whatever the order of the axes; raises InputError."""
    whole = laid_onto(array, own, grid)
    if whole is None or np.count_nonzero(whole) < np.count_nonzero(array):
        difference = grid.difference(own) or "shifted"
        raise InputError(
            f"{path}: the segments lie on another grid than the CTA ({difference}); segments are never resampled, "
            "save them on the grid of the CTA"
        )
    return whole
