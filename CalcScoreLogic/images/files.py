"""Images in and out: NIfTI, NRRD, MetaImage and DICOM folders, each with its own reasons to refuse.

Voxels are read once and never copied without need: the arrays look into the memory of the SimpleITK
image that read them, and cannot be written to.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..anatomy import CalcificationLabel, Territory
from ..atomic import atomic_path
from ..case_files import image_suffix
from ..errors import CalcScoreError, InputError
from . import file_checks
from .dicom import read_dicom_series
from .dicom_segments import find_segmentation, read_dicom_segments, read_segment_numbers
from .geometry import Geometry, Image
from .image_header import ImageHeader
from .itk_bridge import array_of, itk_image, plain_errors
from .label_values import brief, label_values, relabelled
from .segment_files import segment_map
from .segments import has_segments, segment_metadata

OUTPUT_SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".seg.nrrd", ".mha")
"""Endings of the image files that are written."""

_MOST_LABELS = 64

_LOGGER = logging.getLogger(__name__)


def read_image(path: str | os.PathLike[str]) -> Image:
    """Read a 3-D image with one number a voxel.

    Parameters
    ----------
    path : path
        A file in NIfTI, NRRD or MetaImage format.

    Returns
    -------
    Image
        The values as they are stored, shape (k, j, i), not writeable.

    Raises
    ------
    InputError
        The file is missing, unreadable, cut short or damaged, not 3-D, has several components, fewer
        than 2 slices, voxels that are NaN or infinite, or a grid that `Geometry` refuses.
    CalcScoreError
        The memory does not suffice.
    """
    return _read(ImageHeader.read(path))


def read_ct(path: str | os.PathLike[str]) -> Image:
    """Read a CT: an image file, or a folder that holds one DICOM series.

    Parameters
    ----------
    path : path
        The file or folder.

    Returns
    -------
    Image
        HU, shape (k, j, i), integer or float32, not writeable.

    Raises
    ------
    InputError
        As `read_image` and `dicom.read_dicom_series`.
    CalcScoreError
        The memory does not suffice.
    """
    file_checks.check_exists(path)
    if Path(path).is_dir():
        return read_dicom_series(path)
    return _read(ImageHeader.read(path), at_most_float32=True)


def refuse_label_map(image: Image, name: str) -> None:
    """Refuse what was given for a CTA and has few values, none below 0; raises InputError with the name."""
    if image.array.min() >= 0 and len(np.unique(image.array[:: max(1, len(image.array) // 32)])) <= _MOST_LABELS:
        raise InputError(f"{name}: this looks like a label map and not like a CT, give the CTA")


def read_territories(path: str | os.PathLike[str], grid: Geometry | None = None, trimmed: bool = False) -> Image:
    """Read a territory map.

    Parameters
    ----------
    path : path
        A label map (`read_label_map`), or a DICOM segmentation or a folder with one (`read_dicom_segments`).
    grid : Geometry, optional
        The CTA's grid, which segments that are stored cropped (.seg.nrrd, DICOM) are laid onto.
    trimmed : bool
        Leave out what a DICOM segmentation says was cut off.

    Returns
    -------
    Image
        Values of `Territory`, shape (k, j, i), uint8.

    Raises
    ------
    InputError, CalcScoreError
        As `read_label_map` and `read_dicom_segments`.
    """
    segmentation = _dicom_segmentation(path)
    if segmentation is not None:
        return read_dicom_segments(segmentation, grid).territory_map(trimmed)
    return read_label_map(path, {label.key: int(label) for label in Territory}, "territory map", grid)


def read_calcification(path: str | os.PathLike[str], grid: Geometry | None = None) -> Image:
    """Read a calcification map.

    Parameters
    ----------
    path : path
        A label map (`read_label_map`), or a DICOM segmentation or a folder with one (`read_dicom_segments`).
    grid : Geometry, optional
        The CTA's grid, which segments that are stored cropped (.seg.nrrd, DICOM) are laid onto.

    Returns
    -------
    Image
        Values of `CalcificationLabel`, shape (k, j, i), uint8.

    Raises
    ------
    InputError, CalcScoreError
        As `read_label_map` and `read_dicom_segments`.
    """
    segmentation = _dicom_segmentation(path)
    if segmentation is not None:
        return read_dicom_segments(segmentation, grid).calcification_map(segmentation)
    return read_label_map(path, {label.key: int(label) for label in CalcificationLabel}, "calcification map", grid)


def read_label_map(
    path: str | os.PathLike[str], labels: Mapping[str, int], what: str, grid: Geometry | None = None
) -> Image:
    """Read a label map with known labels.

    Parameters
    ----------
    path : path
        An image file. Where it names its segments (.seg.nrrd, whatever its ending is now), their names tell the
        labels; otherwise the values do.
    labels : mapping of str to int
        Value of each label by its key, e.g. ``{"aorta": 1}``; 0 is background.
    what : str
        What a message calls the map, e.g. ``"territory map"``.
    grid : Geometry, optional
        The grid that segments are laid onto, see `segment_files.read_segments`; other maps stay on their own.

    Returns
    -------
    Image
        Labels, shape (k, j, i), uint8, not writeable.

    Raises
    ------
    InputError
        As `read_image` and `segment_files.segment_map`; or values that are no whole numbers, or unknown.
    CalcScoreError
        The memory does not suffice.
    """
    header = ImageHeader.read(path)
    if has_segments(header.metadata):
        return segment_map(header, labels, what, grid)
    image = _read(header)
    values = label_values(path, image.array, what)
    unknown = [v for v in values if v not in labels.values()]
    if unknown:
        expected = ", ".join(f"{value} {key}" for key, value in sorted(labels.items(), key=lambda item: item[1]))
        raise InputError(
            f"{path}: the {what} has unknown labels ({brief(unknown)}), expected are 0 background, {expected}"
        )
    return relabelled(image, {v: v for v in values}, np.uint8)


def read_mask(path: str | os.PathLike[str]) -> Image:
    """Read the mask of one structure.

    Parameters
    ----------
    path : path
        An image file with 0 and at most one other value.

    Returns
    -------
    Image
        0 and 1, shape (k, j, i), uint8, not writeable.

    Raises
    ------
    InputError
        As `read_image`; or values that are no whole numbers, or several values besides 0.
    CalcScoreError
        The memory does not suffice.
    """
    image = _read(ImageHeader.read(path))
    values = label_values(path, image.array, "mask")
    if len(values) > 1:
        raise InputError(f"{path}: the mask has several values besides 0 ({brief(values)}), save one structure alone")
    if image.array.dtype == np.uint8 and values in ([], [1]):
        return image
    # Whatever the value is: -1, 255 or 100000.
    array = (image.array != 0).view(np.uint8)
    array.flags.writeable = False
    return Image(array, image.geometry)


def read_labels(path: str | os.PathLike[str], what: str = "segmentation") -> Image:
    """Read a label map with any labels.

    Parameters
    ----------
    path : path
        An image file with whole numbers from 0 to 65535; or a DICOM segmentation, whose labels are the numbers
        of its segments.
    what : str
        What a message calls it.

    Returns
    -------
    Image
        Labels, shape (k, j, i), uint8 or uint16, not writeable.

    Raises
    ------
    InputError
        As `read_image`; or values that are no whole numbers from 0 to 65535.
    CalcScoreError
        The memory does not suffice.
    """
    segmentation = _dicom_segmentation(path)
    image = read_segment_numbers(segmentation) if segmentation is not None else _read(ImageHeader.read(path))
    values = label_values(path, image.array, what)
    outside = [v for v in values if not 0 <= v <= 65535]
    if outside:
        raise InputError(f"{path}: the {what} has the value {outside[0]}, labels go from 0 to 65535, renumber them")
    return relabelled(image, {v: v for v in values}, np.uint8 if max(values, default=0) < 256 else np.uint16)


def write_image(
    path: str | os.PathLike[str],
    image: Image,
    segments: Iterable[Territory | CalcificationLabel] | None = None,
    note: str | None = None,
) -> None:
    """Write an image file, compressed where the format can.

    Parameters
    ----------
    path : path
        The file to make; its ending is one of `OUTPUT_SUFFIXES`.
    image : Image
        What to write; bool is written as uint8.
    segments : iterable of Territory or CalcificationLabel, optional
        The labels that the image holds, needed for .seg.nrrd, which stores their names and colours.
    note : str, optional
        A remark for the header, 79 ASCII characters at most in NIfTI.

    Raises
    ------
    InputError
        The ending is none of `OUTPUT_SUFFIXES`, .seg.nrrd is asked for an image without labels, or the
        folder cannot be written to.
    CalcScoreError
        The file could not be written whole.
    """
    suffix = image_suffix(path)
    if suffix in (".nhdr", ".mhd"):
        raise InputError(f"{path}: {suffix} needs two files, which cannot appear at once, write .nrrd or .mha instead")
    if suffix is None:
        raise InputError(f"{path}: unknown format, the name must end in {', '.join(OUTPUT_SUFFIXES)}")
    if suffix == ".seg.nrrd" and segments is None:
        raise InputError(f"{path}: .seg.nrrd holds labelled structures, write this image as .nrrd")
    with atomic_path(path) as temporary:
        output = itk_image(image)
        if note is not None:
            output.SetMetaData("ITK_FileNotes", note)
        if suffix == ".seg.nrrd" and segments is not None:
            for key, value in segment_metadata(image, segments).items():
                output.SetMetaData(key, value)
        _write_whole(path, temporary, output)


def write_label_map(
    path: str | os.PathLike[str],
    image: Image,
    labels: Iterable[Territory | CalcificationLabel],
    note: str | None = None,
) -> None:
    """Write a label map, with names and colours where the format has them (.seg.nrrd).

    Parameters
    ----------
    path : path
        The file to make; its ending is one of `OUTPUT_SUFFIXES`.
    image : Image
        Values of `labels`, shape (k, j, i), unsigned.
    labels : iterable of Territory or CalcificationLabel
        The labels that the map may hold.
    note : str, optional
        A remark for the header, 79 ASCII characters at most in NIfTI.

    Raises
    ------
    InputError, CalcScoreError
        As `write_image`.
    """
    write_image(path, image, labels, note)


def _dicom_segmentation(path: str | os.PathLike[str]) -> Path | None:
    """Find the DICOM segmentation that a path is or holds; None for every other file or folder."""
    return None if image_suffix(path) else find_segmentation(path)


def _read(header: ImageHeader, at_most_float32: bool = False) -> Image:
    """Read the voxels of an image file; raises what `read_image` raises."""
    path, layout, reader = header.path, header.layout, header.reader
    _check_components(header)
    geometry = header.geometry
    if min(geometry.size) < 2:
        shape = " x ".join(str(n) for n in geometry.size)
        raise InputError(f"{path}: the volume has fewer than 2 slices along an axis ({shape}), give the whole volume")
    header.check_promise()
    if at_most_float32 and reader.GetPixelID() == sitk.sitkFloat64:
        reader.SetOutputPixelType(sitk.sitkFloat32)
    if reader.GetDimension() > 3:
        reader.SetExtractSize([*geometry.size, *[0] * (reader.GetDimension() - 3)])
    with plain_errors(path, "the voxel data are cut short or damaged, export the file again"):
        array = array_of(reader.Execute())
    file_checks.check_data(path, layout, array)
    file_checks.check_finite(path, file_checks.count_not_finite(array))
    return Image(array.reshape(geometry.shape), geometry)


def _check_components(header: ImageHeader) -> None:
    """Refuse voxels that are more than one real number; raises InputError."""
    path, count = header.path, header.reader.GetNumberOfComponents()
    if "complex" in sitk.GetPixelIDValueAsString(header.reader.GetPixelID()):
        raise InputError(f"{path}: the voxels are complex numbers, save their magnitude")
    if count > 1 and has_segments(header.metadata):
        raise InputError(
            f"{path}: the segments are stored in {count} layers, export them as one label map, or name them as the "
            "territories and calcification"
        )
    if count > 1:
        raise InputError(f"{path}: the voxels have {count} components (colours or vectors), save one number a voxel")


def _write_whole(path: str | os.PathLike[str], temporary: Path, output: sitk.Image) -> None:
    """Write an image and make sure that all of it is in the file; raises CalcScoreError."""
    problem = f"{path}: the file could not be written whole, is the disk full?"
    try:
        sitk.WriteImage(output, str(temporary), useCompression=temporary.suffix != ".nii")
        # ITK does not notice when the system writes only a part of a NIfTI file.
        if image_suffix(temporary) in (".nii", ".nii.gz"):
            layout = file_checks.open_layout(temporary)
            file_checks.check_promise(temporary, layout, layout.expected or 0)
            file_checks.check_data(temporary, layout, array_of(output))
    except (RuntimeError, InputError) as error:
        _LOGGER.debug("%s: %s", path, error)
        raise CalcScoreError(problem) from error
