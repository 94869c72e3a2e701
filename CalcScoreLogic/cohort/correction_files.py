"""Corrected segments of a case: .seg.nrrd files of 3D Slicer, or label maps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .. import case_files as files
from ..anatomy import STRUCTURES, CalcificationLabel, Territory
from ..errors import InputError
from ..images import file_checks
from ..images.common_grid import aligned
from ..images.dicom_segments import find_segmentation, read_dicom_segments
from ..images.files import read_calcification, read_territories
from ..images.geometry import Array, Image
from ..images.image_header import ImageHeader
from ..images.segment_files import is_segment_file, read_segments
from ..rescoring import SEGMENTS, overlap_warning

_CALCIFICATION = CalcificationLabel.CALCIFICATION.key
_TERRITORIES, _SHORTENED, _CALCIFIED = (
    files.without_ending(Path(name)) for name in (files.TERRITORIES, files.SHORTENED, files.CALCIFICATION)
)


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
        if is_segment_file(path):
            _take_segments(path, correction, territories, shortened)
        else:
            _take_label_map(path, correction, territories)
    return correction


def _dicom_segmentation(source: Path) -> Path | None:
    """Find the DICOM segmentation that a correction is; none where label maps or .seg.nrrd files speak for it."""
    if files.image_suffix(source) or (source.is_dir() and next(_files(source), None) is not None):
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
    known = (_TERRITORIES, _SHORTENED, _CALCIFIED)
    images = [path for path in sorted(source.iterdir()) if files.image_suffix(path)]
    yield from (p for p in images if files.without_ending(p) in known and not is_segment_file(p))
    yield from filter(is_segment_file, images)


def _take_label_map(path: Path, correction: Correction, reference: Image) -> None:
    """Read a label map whose name tells what it is."""
    stem = files.without_ending(path)
    if stem == _CALCIFIED:
        calcification = read_calcification(path)
        calcification = aligned(reference, calcification, "the case", str(path))
        correction.calcified = calcification.array == CalcificationLabel.CALCIFICATION
        return
    if stem not in (_TERRITORIES, _SHORTENED):
        raise InputError(
            f"{path}: a label map's name must tell what it is, call it {files.SHORTENED}, {files.CALCIFICATION} or "
            f"{files.TERRITORIES}, or give a .seg.nrrd file"
        )
    image = read_territories(path)
    image = aligned(reference, image, "the case", str(path))
    if stem == _SHORTENED:
        correction.shortened = image
    else:
        correction.territories = image


def _take_segments(path: Path, correction: Correction, territories: Image, shortened: Image) -> None:
    """Read the segments of a file, layer by layer."""
    found = read_segments(ImageHeader.read(path), territories.geometry)
    if _CALCIFICATION in found.masks:
        correction.calcified = found.masks[_CALCIFICATION]
    arteries = {territory: found.masks[territory.key] for territory in Territory if territory.key in found.masks}
    full = found.has_cut or files.without_ending(path) == _TERRITORIES
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
    correction.warnings += overlap_warning(overlap, before.geometry.voxel_volume_mm3)
    image = Image(array, before.geometry)
    if full:
        correction.territories = image
    else:
        correction.shortened = image
