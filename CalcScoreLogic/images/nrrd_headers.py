"""What the header of a NRRD file says, where ITK would pass over it or break on it.

ITK takes 1 mm where a header has no spacing, without an error. Its NRRD library writes what it refuses into
a buffer of 1 kB, whatever its length, and takes a name of data files for a format: both end the process. So
a header is checked here line by line, and what ITK is given is as short and as plain as it expects.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..errors import InputError
from .file_layout import HEADER_LIMIT, Layout, check_spacing, warn_of_no_orientation
from .header_text import data_file, floats, shown, unit_of_length

_ENCODINGS = {"raw": "raw", "gz": "gzip", "gzip": "gzip", "hex": "hex"} | dict.fromkeys(
    ("txt", "text", "ascii"), "text"
)

_TYPE_BYTES = (
    dict.fromkeys(("signed char", "int8", "int8_t", "uchar", "unsigned char", "uint8", "uint8_t"), 1)
    | dict.fromkeys(("short", "short int", "signed short", "signed short int", "int16", "int16_t"), 2)
    | dict.fromkeys(("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"), 2)
    | dict.fromkeys(("int", "signed int", "int32", "int32_t", "uint", "unsigned int", "uint32", "uint32_t"), 4)
    | dict.fromkeys(("longlong", "long long", "long long int", "signed long long", "signed long long int"), 8)
    | dict.fromkeys(("int64", "int64_t", "ulonglong", "unsigned long long", "unsigned long long int"), 8)
    | dict.fromkeys(("uint64", "uint64_t", "double"), 8)
    | {"float": 4}
)
"""Bytes of a number by the name of its type, for the types ITK reads."""

_FIELDS = {
    *("content", "number", "type", "block size", "blocksize", "dimension", "space", "space dimension", "sizes"),
    *("spacings", "thicknesses", "axis mins", "axismins", "axis maxs", "axismaxs", "space directions", "centers"),
    *("centerings", "kinds", "labels", "units", "space units", "space origin", "measurement frame", "min", "max"),
    *("old min", "oldmin", "old max", "oldmax", "endian", "encoding", "line skip", "lineskip", "byte skip"),
    *("byteskip", "sample units", "sampleunits", "data file", "datafile"),
}
_FIELD = re.compile(rb"([A-Za-z ]+): (.*)")
_MOST_BYTES = 400
"""Of a line, but for free text, and of the names of the file and its data file together with it."""
_MOST_VOXELS = 2**31 - 1
"""Along an axis: ITK would take the rest of a division by 2**32."""


def nrrd_layout(path: str | os.PathLike[str], stream: BinaryIO) -> Layout:
    """Check a NRRD header; parameters, return and errors as `file_headers.read_layout`."""
    fields = _fields(path, stream)
    count = _count(path, fields)
    if not np.isfinite(floats(fields.get("space origin", "(0)").strip("()"), ",")).all():
        raise InputError(f"{path}: the origin is {shown(fields, 'space origin')}, it must be finite, export it again")
    vectors = [floats(v, ",") for v in re.findall(r"\(([^)]*)\)", fields.get("space directions", ""))]
    spacing = [math.hypot(*v) for v in vectors] or floats(fields.get("spacings", ""))[-3:]
    if not spacing:
        raise InputError(f"{path}: the header has no voxel spacing, export it again")
    check_spacing(path, spacing)
    if not vectors:
        warn_of_no_orientation(path)
    encoding = _ENCODINGS.get(fields.get("encoding", "").lower())
    if encoding is None:
        raise InputError(f"{path}: NRRD encoding {shown(fields, 'encoding')} is not read, save it as raw or gzip")
    size = _TYPE_BYTES.get(fields.get("type", "").lower())
    if size is None:
        raise InputError(f"{path}: voxels of NRRD type {shown(fields, 'type')} are not read, save them as short")
    unit_mm = unit_of_length(path, re.findall(r'"([^"]*)"', fields.get("space units", fields.get("units", ""))))
    name = fields.get("data file", fields.get("datafile"))
    if len(os.fsencode(path)) + len((name or "").encode()) > 2 * _MOST_BYTES:
        raise InputError(f"{path}: the path is too long for a NRRD file, move it to a folder with a shorter one")
    data, start = (Path(path), stream.tell()) if name is None else (data_file(path, name, stream), 0)
    if encoding == "text":
        _check_text(path, data, start)
    return Layout(data, encoding, start, expected=count * size, checked_by_itk=True, unit_mm=unit_mm)


def _fields(path: str | os.PathLike[str], stream: BinaryIO) -> dict[str, str]:
    """Read the fields of a header by their names in small letters; raises InputError."""
    stream.seek(0)
    if not re.fullmatch(rb"NRRD[0-9.]{4,5}\r?\n", stream.readline(_MOST_BYTES)):
        raise InputError(f"{path}: this is not a NRRD file, export it again")
    fields: dict[str, str] = {}
    number = 1
    while stream.tell() < HEADER_LIMIT:
        number += 1
        raw = stream.readline(HEADER_LIMIT)
        line = raw.removesuffix(b"\n").removesuffix(b"\r")
        if not line:
            return fields
        field = _FIELD.fullmatch(line)
        name = field[1].decode("ascii").lower() if field else ""
        if b"\0" in line or b"\r" in line or not (name in _FIELDS or line.startswith(b"#") or b":=" in line):
            raise InputError(f"{path}: line {number} of the header is not one of a NRRD file, export it again")
        if field is None or name not in _FIELDS:
            continue
        if len(line) > _MOST_BYTES and name != "content":
            raise InputError(f"{path}: the header is damaged ({name!r} is {len(line)} bytes long), export it again")
        if name in fields:
            raise InputError(f"{path}: the header is damaged ({name!r} is there twice), export it again")
        fields[name] = field[2].decode("utf-8", errors="replace").strip()
        if fields[name].startswith("LIST") and name.startswith("data"):
            return fields
    raise InputError(f"{path}: the header has no end, export it again")


def _count(path: str | os.PathLike[str], fields: Mapping[str, str]) -> int:
    """Count the numbers that the voxels have in all; raises InputError."""
    words = fields.get("sizes", "").split()
    sizes = [int(word) for word in words if re.fullmatch(r"\d{1,10}", word, re.ASCII)]
    if not sizes or len(sizes) < len(words) or not 1 <= min(sizes) <= max(sizes) <= _MOST_VOXELS:
        raise InputError(
            f"{path}: the header's size ({shown(fields, 'sizes')}) is not one of an image, export it again"
        )
    if str(len(sizes)) != fields.get("dimension"):
        raise InputError(
            f"{path}: the header's dimension ({shown(fields, 'dimension')}) and sizes ({shown(fields, 'sizes')}) "
            "contradict each other, export it again"
        )
    return math.prod(sizes)


def _check_text(path: str | os.PathLike[str], data: Path | None, start: int) -> None:
    """Refuse voxels written as text that no number can be: ITK has no room for them; raises InputError."""
    if data is None:
        raise InputError(f"{path}: voxels written as text into several files are not read, save it as raw or gzip")
    end = b""
    with data.open("rb") as stream:
        stream.seek(start)
        while piece := stream.read(1 << 18):
            if re.search(rb"\S{%d}" % _MOST_BYTES, end + piece):
                raise InputError(f"{path}: the voxels are not written as text as the header says, export it again")
            end = piece[-_MOST_BYTES:]
