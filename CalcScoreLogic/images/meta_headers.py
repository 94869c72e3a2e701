"""What the header of a MetaImage file says, where ITK would pass over it.

ITK reads "not a number" as 0, without an error.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..errors import InputError
from .file_layout import Layout, check_spacing
from .header_text import data_file, fields_of, floats, header_lines, number, unit_of_length


def meta_layout(path: str | os.PathLike[str], stream: BinaryIO) -> Layout:
    """Check a MetaImage header; parameters, return and errors as `file_headers.read_layout`."""
    fields = fields_of(header_lines(stream, end=re.compile(rb"^\s*ElementDataFile\s*=")), "=")
    missing = [k for k in ("NDims", "DimSize", "ElementType", "ElementDataFile") if not fields.get(k)]
    if missing:
        raise InputError(f"{path}: this is not a whole MetaImage header ({missing[0]} is missing), export it again")
    spacing = fields.get("ElementSpacing", fields.get("ElementSize"))
    if spacing is None:
        raise InputError(f"{path}: the header has no voxel spacing, export it again")
    size = floats(fields["DimSize"])
    if not len(size) == len(floats(spacing)) == number(fields["NDims"]):
        raise InputError(
            f"{path}: the header's NDims, DimSize and ElementSpacing contradict each other, export it again"
        )
    check_spacing(path, floats(spacing))
    placing = [
        fields[k] for k in ("Offset", "Position", "Origin", "TransformMatrix", "Rotation", "Orientation") if k in fields
    ]
    if not min(size, default=0) >= 1 or not np.isfinite(floats(" ".join(placing))).all():
        raise InputError(f"{path}: the header's size, offset or orientation is not one of an image, export it again")
    if not _is_true(fields.get("BinaryData", "True")):
        raise InputError(f"{path}: voxel data written as text are not read, save them as binary")
    unit_mm = unit_of_length(path, [fields.get("DistanceUnits", "")])
    return replace(_meta_data(path, fields, stream), unit_mm=unit_mm)


def _meta_data(path: str | os.PathLike[str], fields: Mapping[str, str], stream: BinaryIO) -> Layout:
    """Find the voxel data of a MetaImage whose header was read; raises InputError."""
    end = stream.tell()
    local = fields["ElementDataFile"].upper() == "LOCAL"
    data = Path(path) if local else data_file(path, fields["ElementDataFile"], stream)
    if not _is_true(fields.get("CompressedData", "False")):
        return Layout(data, "raw", end if local else int(max(number(fields.get("HeaderSize", "0")), 0)))
    length = fields.get("CompressedDataSize", "")
    if local and not length.isdecimal():
        raise InputError(f"{path}: the header lacks CompressedDataSize, export it again")
    return Layout(data, "zlib", end if local else 0, int(length) if length.isdecimal() else None)


def _is_true(text: str) -> bool:
    """Read a MetaImage flag as MetaIO does."""
    return text[:1] in ("T", "t", "1")
