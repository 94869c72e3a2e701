"""A DICOM CT series in a folder, with all that can be wrong about a stack of slices.

The messages name series by description, modality and number of files, never a patient, an identifier
or a date.
"""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..errors import InputError
from .geometry import Array, Geometry, Image
from .itk_bridge import array_of, plain_errors

_NO_IMAGE = re.compile(rb"1\.2\.840\.10008\.(1\.3\.10|5\.1\.4\.1\.1\.(11|66|88|104|481)(\.|$))")
"""SOP classes that lie beside images in exports: directories, presentation states, reports, plans."""

_POSITION = re.compile(rb"\x20\x00\x32\x00(?:DS[\x00-\xff]\x00|[\x00-\xff]\x00\x00\x00)([-+0-9.eE \\]{5,64})")
_PIXEL_DATA = b"\xe0\x7f\x10\x00"

_SAME_POSITION_MM = 0.01


@dataclass(frozen=True)
class _File:
    """What the header of one DICOM file says; `position` and `orientation` are in LPS mm."""

    path: Path
    series: str
    modality: str
    description: str
    size: tuple[int, ...]
    pixel: int
    components: int
    position: tuple[float, ...]
    orientation: tuple[float, ...]
    pixel_spacing: tuple[float, ...]


def read_dicom_series(source: str | os.PathLike[str] | Sequence[Path], name: str | None = None) -> Image:
    """Read the CT series in a folder, or the one that is in a list of files.

    Parameters
    ----------
    source : path or sequence of Path
        A folder with one series, or its files: one file a slice in any order, or one multi-frame file.
        Files that are no DICOM images are passed over; subfolders are not searched.
    name : str, optional
        What messages call it; the folder by default.

    Returns
    -------
    Image
        HU, shape (k, j, i), integer, or float32 where the rescaling is fractional; k grows along the
        normal of the slices; not writeable.

    Raises
    ------
    InputError
        No DICOM image, several series, not CT, fewer than 2 slices, a file that is cut short, slices
        that are missing, doubled, unevenly spaced, shifted sideways (gantry tilt) or unlike each other.
    CalcScoreError
        The memory does not suffice.
    """
    paths = _paths(source) if isinstance(source, (str, os.PathLike)) else source
    folder = name or (str(source) if isinstance(source, (str, os.PathLike)) else "DICOM series")
    files = _files(folder, paths)
    if not files:
        raise InputError(f"{folder}: no DICOM images in this folder (subfolders are not searched)")
    if len({file.series for file in files}) > 1:
        raise InputError(f"{folder}: several series ({_listing(files)}), give a folder with one CT series")
    modalities = sorted({file.modality or "none" for file in files})
    if modalities != ["CT"]:
        raise InputError(f"{folder}: the modality is {', '.join(modalities)}, give a CT series")
    if any(file.components > 1 for file in files):
        raise InputError(f"{folder}: the series holds colour images, give the original CT series")
    if max(math.prod(file.size[2:]) for file in files) > 1:
        return _read_multiframe(folder, files)
    if len(files) < 2:
        raise InputError(f"{folder}: the series has fewer than 2 slices, give the whole series")
    _check_alike(folder, files)
    geometry, order = _stack(folder, files)
    return Image(_read_slices(folder, [files[i] for i in order]), geometry)


def _paths(folder: str | os.PathLike[str]) -> list[Path]:
    """List the files of a folder; raises InputError."""
    try:
        return sorted(path for path in Path(folder).iterdir() if path.is_file())
    except OSError as error:
        raise InputError(f"{folder}: the folder cannot be read ({error.strerror})") from error


def _files(folder: str, paths: Sequence[Path]) -> list[_File]:
    """Read the headers of all DICOM images among some files; raises InputError."""
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    files = []
    for path in paths:
        reader.SetFileName(str(path))
        try:
            reader.ReadImageInformation()
        except RuntimeError as error:
            if _is_image(folder, path):
                problem = "cannot be read as a DICOM image, it is cut short or damaged"
                raise InputError(f"{folder}: the file {path.name} {problem}, export the series again") from error
            continue
        files.append(_header(path, reader))
    return files


def _is_image(folder: str, path: Path) -> bool:
    """Tell whether a file that GDCM cannot read should have been an image of the series."""
    try:
        with path.open("rb") as stream:
            begin = stream.read(1024)
    except OSError as error:
        raise InputError(f"{folder}: the file {path.name} cannot be read ({error.strerror})") from error
    if begin[128:132] != b"DICM":
        return path.suffix.lower() in (".dcm", ".ima")
    # Element (0002,0002), the SOP class, always in explicit little endian.
    _, found, rest = begin.partition(b"\x02\x00\x02\x00UI")
    name = rest[2 : 2 + int.from_bytes(rest[:2], "little")].rstrip(b"\0 ")
    return not (found and _NO_IMAGE.match(name))


def _header(path: Path, reader: sitk.ImageFileReader) -> _File:
    """Take what matters from a header that was read."""

    def text(tag: str) -> str:
        raw = reader.GetMetaData(tag) if reader.HasMetaDataKey(tag) else ""
        # Text in a character set of its own must not break the message it goes into.
        return " ".join("".join(c if c.isprintable() else " " for c in raw).split())

    def numbers(tag: str, count: int) -> tuple[float, ...]:
        try:
            values = tuple(float(v) for v in text(tag).split("\\"))
        except ValueError:
            return ()
        return values if len(values) == count and all(math.isfinite(v) for v in values) else ()

    return _File(
        path=path,
        series=text("0020|000e"),
        modality=text("0008|0060"),
        description=text("0008|103e"),
        size=tuple(reader.GetSize()),
        pixel=reader.GetPixelID(),
        components=reader.GetNumberOfComponents(),
        position=numbers("0020|0032", 3),
        orientation=numbers("0020|0037", 6),
        pixel_spacing=numbers("0028|0030", 2),
    )


def _listing(files: Sequence[_File]) -> str:
    """Describe the series in a folder, up to eight."""
    series = {file.series: file for file in files}
    counts = Counter(file.series for file in files)
    rows = []
    for uid, count in counts.most_common(8):
        description, modality = series[uid].description[:64] or "no description", series[uid].modality or "no modality"
        rows.append(f"{description} [{modality}, {count} file{'s' if count > 1 else ''}]")
    return "; ".join(rows) + ("; …" if len(counts) > 8 else "")


def _check_alike(folder: str, files: Sequence[_File]) -> None:
    """Refuse slices without a place, or that differ in size, pixel spacing or orientation; raises InputError."""
    for file in files:
        if not (file.position and file.orientation and file.pixel_spacing):
            raise InputError(
                f"{folder}: the file {file.path.name} has no position, orientation or pixel spacing, "
                "export the original series"
            )
    for name, values, tolerance in (
        ("size", [file.size[:2] for file in files], 0.0),
        ("pixel spacing", [file.pixel_spacing for file in files], 1e-4),
        ("orientation", [file.orientation for file in files], 1e-3),
    ):
        apart = np.abs(np.array(values, dtype=float) - values[0]).max(axis=1)
        if apart.max() > tolerance:
            other = values[int(apart.argmax())]
            raise InputError(
                f"{folder}: the slices differ in {name} ({_numbers(values[0])} and {_numbers(other)}), "
                "give one series alone"
            )


def _stack(folder: str, files: Sequence[_File]) -> tuple[Geometry, list[int]]:
    """Give the grid of a stack of like slices, and their order along it; raises InputError."""
    row, column = np.array(files[0].orientation).reshape(2, 3)
    normal = np.cross(row, column)
    positions = np.array([file.position for file in files])
    order = np.argsort(positions @ normal, kind="stable")
    step = check_positions(folder, positions[order], normal)
    first = files[order[0]]
    try:
        geometry = Geometry(
            size=(first.size[0], first.size[1], len(files)),
            spacing=(first.pixel_spacing[1], first.pixel_spacing[0], step),
            origin=(first.position[0], first.position[1], first.position[2]),
            direction=tuple(float(v) for v in np.stack([row, column, normal], axis=1).ravel()),
        )
    except InputError as error:
        raise InputError(f"{folder}: {error}") from error
    return geometry, [int(i) for i in order]


def check_positions(folder: str, positions: Array, normal: Array) -> float:
    """Refuse slices that do not lie evenly along their normal.

    Parameters
    ----------
    folder : str
        What the message names.
    positions : ndarray, shape (n, 3)
        Centre of each slice's first pixel, LPS mm, in order along `normal`.
    normal : ndarray, shape (3,)
        Normal of the slices.

    Returns
    -------
    float
        Distance between slices, mm.

    Raises
    ------
    InputError
        Slices at the same position, missing, unevenly spaced or shifted sideways.
    """
    along = positions @ normal
    steps = np.diff(along)
    if steps.min() < _SAME_POSITION_MM:
        place, count = along[int(steps.argmin())], int((steps < _SAME_POSITION_MM).sum())
        raise InputError(
            f"{folder}: slices lie at the position of another one ({count} of them, at {place:.6g} mm), "
            "give one phase or reconstruction alone"
        )
    usual = float(np.median(steps))
    tolerance = max(0.02 * usual, 0.02)
    multiples = np.maximum(np.rint(steps / usual), 1)
    wrong = np.abs(steps - usual) > tolerance
    gaps = np.flatnonzero(wrong & (multiples > 1) & (np.abs(steps - multiples * usual) <= multiples * tolerance))
    if wrong.any() and gaps.size == np.count_nonzero(wrong):
        places = ", ".join(f"{multiples[i] - 1:.0f} between {along[i]:.6g} and {along[i + 1]:.6g} mm" for i in gaps[:3])
        more = ", …" if gaps.size > 3 else ""
        raise InputError(f"{folder}: slices are missing ({places}{more}), export the whole series")
    if wrong.any():
        worst = int(np.abs(steps - usual).argmax())
        raise InputError(
            f"{folder}: the slices are unevenly spaced ({steps[worst]:.4g} mm after position {along[worst]:.6g} mm, "
            f"{usual:.4g} mm elsewhere), reconstruct or resample the series evenly"
        )
    sideways = np.linalg.norm(positions - positions[0] - np.outer(along - along[0], normal), axis=1)
    # Rounded positions wander by hundredths of a mm; a tilt of 0.1 degrees shifts 1.7 mm on 1000 mm.
    if (sideways > 0.05 + 1e-3 * (along - along[0])).any():
        raise InputError(
            f"{folder}: the slices are shifted sideways by {sideways.max():.4g} mm from first to last (gantry tilt), "
            "correct the tilt and resample the series first"
        )
    return float((along[-1] - along[0]) / (len(along) - 1))


def _read_slices(folder: str, files: Sequence[_File]) -> Array:
    """Read the voxels of ordered slices, shape (k, j, i); raises InputError or CalcScoreError."""
    reader = sitk.ImageSeriesReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileNames([str(file.path) for file in files])
    pixels = {file.pixel for file in files}
    # One type must hold all slices; fractional rescaling makes 64-bit floats, twice what HU need.
    if len(pixels) > 1 or pixels & {sitk.sitkFloat32, sitk.sitkFloat64}:
        reader.SetOutputPixelType(sitk.sitkFloat32)
    with plain_errors(folder, "the pixel data of the series cannot be read, export it again"):
        return array_of(reader.Execute())


def _read_multiframe(folder: str, files: Sequence[_File]) -> Image:
    """Read one multi-frame file whose frames lie evenly; raises InputError or CalcScoreError."""
    problem = "give one file with evenly spaced frames in order, or export single slices"
    if len(files) > 1:
        raise InputError(f"{folder}: {len(files)} files of which some have several frames, {problem}")
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(files[0].path))
    if files[0].pixel == sitk.sitkFloat64:
        reader.SetOutputPixelType(sitk.sitkFloat32)
    with plain_errors(folder, "the frames cannot be read, export the series again"):
        image = reader.Execute()
    array = array_of(image)
    positions = _frame_positions(files[0].path)
    if len(positions) != array.shape[0]:
        raise InputError(f"{folder}: the positions of the frames cannot be read, {problem}")
    try:
        geometry = Geometry(image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection())
    except InputError as error:
        raise InputError(f"{folder}: {error}") from error
    normal = geometry.matrix[:, 2]
    if (np.diff(positions @ normal) < 0).any():
        raise InputError(f"{folder}: the frames are not in order, {problem}")
    step = check_positions(folder, positions, normal)
    # GDCM falls back to 1 mm on all axes when it cannot make out the frames.
    if abs(step - geometry.spacing[2]) > 0.02 * step:
        raise InputError(f"{folder}: the spacing of the frames cannot be read, {problem}")
    return Image(array, geometry)


def _frame_positions(path: Path) -> Array:
    """Find the positions in the per-frame groups, which GDCM does not hand over; shape (frames, 3), LPS mm."""
    header, _, _ = path.read_bytes().partition(_PIXEL_DATA)
    found = [match[1].decode().strip().split("\\") for match in _POSITION.finditer(header)]
    try:
        return np.array(found, dtype=float).reshape(len(found), 3)
    except ValueError:
        return np.empty((0, 3))


def _numbers(values: Sequence[float]) -> str:
    return " x ".join(f"{v:.6g}" for v in values)
