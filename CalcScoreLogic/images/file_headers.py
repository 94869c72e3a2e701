"""What the headers of NRRD and MetaImage files say, where ITK would pass over it; NIfTI's are in `nifti_headers`.

ITK takes 1 mm where a header has no spacing, and reads "not a number" in a MetaImage as 0, both without
an error. What ITK refuses by itself is left to it, except where it would also print to the terminal.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..errors import InputError
from .file_layout import HEADER_LIMIT, Layout, check_spacing, warn_of_no_orientation
from .nifti_headers import nifti_layout

_UNITS_MM = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "um": 1e-3, "\u00b5m": 1e-3, "\u03bcm": 1e-3, "micron": 1e-3} | {
    f"{prefix}met{end}": size
    for prefix, size in (("milli", 1.0), ("centi", 10.0), ("", 1000.0), ("micro", 1e-3))
    for end in ("er", "re")
}
"""Units of length by their names, without a plural's s."""

_NRRD_ENCODINGS = {"raw": "raw", "gz": "gzip", "gzip": "gzip", "hex": "hex"} | dict.fromkeys(
    ("txt", "text", "ascii"), "text"
)


def read_layout(path: str | os.PathLike[str], suffix: str, stream: BinaryIO) -> Layout:
    """Check an image file's header and find its voxel data.

    Parameters
    ----------
    path : path
        The file; messages give it as it is.
    suffix : str
        One of `case_files.IMAGE_SUFFIXES`.
    stream : binary file
        The file, opened, at its begin.

    Returns
    -------
    Layout
        Where the voxel data are.

    Raises
    ------
    InputError
        The header is not one of the format, or it misses or contradicts what places the voxels.
    """
    if suffix in (".nii", ".nii.gz"):
        return nifti_layout(path, suffix, stream)
    return _meta_layout(path, stream) if suffix in (".mha", ".mhd") else _nrrd_layout(path, stream)


def _nrrd_layout(path: str | os.PathLike[str], stream: BinaryIO) -> Layout:
    """Check what ITK passes over in a NRRD header; raises InputError."""
    lines = _header_lines(stream, end=re.compile(rb"^\s*$"))
    if not lines[0].startswith("NRRD"):
        raise InputError(f"{path}: this is not a NRRD file, export it again")
    fields = {key.lower(): value for key, value in _fields(lines, ":").items()}
    if not min(_floats(fields.get("sizes", "")), default=0) >= 1:
        raise InputError(
            f"{path}: the header's size ({_shown(fields, 'sizes')}) is not one of an image, export it again"
        )
    if not np.isfinite(_floats(fields.get("space origin", "(0)").strip("()"), ",")).all():
        raise InputError(f"{path}: the origin is {_shown(fields, 'space origin')}, it must be finite, export it again")
    vectors = [_floats(v, ",") for v in re.findall(r"\(([^)]*)\)", fields.get("space directions", ""))]
    spacing = [math.hypot(*v) for v in vectors] or _floats(fields.get("spacings", ""))[-3:]
    if not spacing:
        raise InputError(f"{path}: the header has no voxel spacing, export it again")
    check_spacing(path, spacing)
    if not vectors:
        warn_of_no_orientation(path)
    encoding = _NRRD_ENCODINGS.get(fields.get("encoding", "").lower())
    if encoding is None:
        raise InputError(f"{path}: NRRD encoding {_shown(fields, 'encoding')} is not read, save it as raw or gzip")
    unit_mm = _unit_mm(path, re.findall(r'"([^"]*)"', fields.get("space units", fields.get("units", ""))))
    data = fields.get("data file", fields.get("datafile"))
    if data is None:
        return Layout(Path(path), encoding, stream.tell(), checked_by_itk=True, unit_mm=unit_mm)
    return Layout(_data_file(path, data), encoding, checked_by_itk=True, unit_mm=unit_mm)


def _unit_mm(path: str | os.PathLike[str], names: Sequence[str]) -> float:
    """Give the unit of length that a header names for its axes, mm; raises InputError."""
    plain = {name.strip().lower() for name in names} - {"", "?", "???"}
    units = {_UNITS_MM.get(name.removesuffix("s")) for name in plain}
    if None in units or len(units) > 1:
        told = " and ".join(repr(name[:20]) for name in sorted(plain))
        raise InputError(f"{path}: the axes are measured in {told}, save the image in millimetres")
    return float(units.pop() or 1.0) if units else 1.0


def _meta_layout(path: str | os.PathLike[str], stream: BinaryIO) -> Layout:
    """Check what ITK passes over in a MetaImage header; raises InputError."""
    fields = _fields(_header_lines(stream, end=re.compile(rb"^\s*ElementDataFile\s*=")), "=")
    missing = [k for k in ("NDims", "DimSize", "ElementType", "ElementDataFile") if k not in fields]
    if missing:
        raise InputError(f"{path}: this is not a whole MetaImage header ({missing[0]} is missing), export it again")
    spacing = fields.get("ElementSpacing", fields.get("ElementSize"))
    if spacing is None:
        raise InputError(f"{path}: the header has no voxel spacing, export it again")
    size = _floats(fields["DimSize"])
    if not len(size) == len(_floats(spacing)) == _float(fields["NDims"]):
        raise InputError(
            f"{path}: the header's NDims, DimSize and ElementSpacing contradict each other, export it again"
        )
    check_spacing(path, _floats(spacing))
    placing = [
        fields[k] for k in ("Offset", "Position", "Origin", "TransformMatrix", "Rotation", "Orientation") if k in fields
    ]
    if not min(size, default=0) >= 1 or not np.isfinite(_floats(" ".join(placing))).all():
        raise InputError(f"{path}: the header's size, offset or orientation is not one of an image, export it again")
    if not _is_true(fields.get("BinaryData", "True")):
        raise InputError(f"{path}: voxel data written as text are not read, save them as binary")
    unit_mm = _unit_mm(path, [fields.get("DistanceUnits", "")])
    return replace(_meta_data(path, fields, stream.tell()), unit_mm=unit_mm)


def _meta_data(path: str | os.PathLike[str], fields: Mapping[str, str], end: int) -> Layout:
    """Find the voxel data of a MetaImage whose header ends at byte `end`; raises InputError."""
    local = fields["ElementDataFile"].upper() == "LOCAL"
    data = Path(path) if local else _data_file(path, fields["ElementDataFile"])
    if not _is_true(fields.get("CompressedData", "False")):
        return Layout(data, "raw", end if local else int(max(_float(fields.get("HeaderSize", "0")), 0)))
    length = fields.get("CompressedDataSize", "")
    if local and not length.isdecimal():
        raise InputError(f"{path}: the header lacks CompressedDataSize, export it again")
    return Layout(data, "zlib", end if local else 0, int(length) if length.isdecimal() else None)


def _data_file(path: str | os.PathLike[str], name: str) -> Path | None:
    """Give the file that a detached header names, or None when it names several; raises InputError."""
    if re.search(r"%\d*d|^LIST\b", name):
        return None
    file = Path(path).parent / name
    if not file.is_file():
        raise InputError(f"{path}: its data file {name[:100]!r} does not exist, copy both files")
    return file


def _header_lines(stream: BinaryIO, end: re.Pattern[bytes]) -> Sequence[str]:
    """Read a text header up to the line that `end` matches, that line included."""
    stream.seek(0)
    lines: list[str] = []
    while stream.tell() < HEADER_LIMIT:
        line = stream.readline(HEADER_LIMIT)
        if not line:
            break
        lines.append(line.decode("utf-8", errors="replace").strip())
        if end.match(line):
            break
    return lines


def _fields(lines: Sequence[str], separator: str) -> dict[str, str]:
    """Take the ``key separator value`` lines of a header."""
    pairs = (line.partition(separator) for line in lines if not line.startswith("#"))
    return {key.strip(): value.strip() for key, found, value in pairs if found and not value.startswith("=")}


def _shown(fields: Mapping[str, str], key: str) -> str:
    """Give a header field for a message: in one line, and not longer than one reads."""
    return repr(fields.get(key, "")[:60])


def _is_true(text: str) -> bool:
    """Read a MetaImage flag as MetaIO does."""
    return text[:1] in ("T", "t", "1")


def _floats(text: str, separator: str | None = None) -> list[float]:
    """Read numbers; what is none becomes NaN."""
    return [_float(word) for word in text.split(separator)]


def _float(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        return math.nan
