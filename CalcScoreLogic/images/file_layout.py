"""Where an image file keeps its voxel data, and what the headers of all formats have in common."""

from __future__ import annotations

import logging
import math
import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..errors import InputError
from .geometry import Array

_LOGGER = logging.getLogger(__name__)

HEADER_LIMIT = 1 << 20
"""No header is read beyond so many bytes."""

_SMALLEST_MM, _LARGEST_MM = 0.01, 100.0
"""A spacing of 0.7 mm lies beyond them where it was written in metres or micrometres."""


@dataclass(frozen=True)
class Layout:
    """Where a file keeps its voxel data.

    Attributes
    ----------
    data : Path or None
        The file that holds them, None when they are spread over several files.
    encoding : str
        ``raw``, ``gzip``, ``zlib``, ``text`` or ``hex``.
    start : int
        Bytes before them, in the decompressed file for ``gzip``.
    length : int or None
        Bytes of the compressed data, where the header says it.
    expected : int or None
        Bytes of voxel data, where the header alone tells: ITK may change the type on reading.
    floats : str or None
        NumPy type of the voxels in the file where ITK would turn NaN and infinity into 0 (NIfTI).
    checked_by_itk : bool
        ITK refuses missing and damaged data of this format by itself.
    unit_mm : float
        What the header's distances are measured in, mm, where ITK takes them for millimetres (NRRD, MetaImage).
    """

    data: Path | None
    encoding: str
    start: int = 0
    length: int | None = None
    expected: int | None = None
    floats: str | None = None
    checked_by_itk: bool = False
    unit_mm: float = 1.0


def first_bytes(stream: BinaryIO, count: int) -> bytes:
    """Read the first `count` bytes of a file, decompressed if it is gzip; fewer where it ends or is damaged."""
    stream.seek(0)
    packed = stream.read(2) == b"\x1f\x8b"
    stream.seek(0)
    if not packed:
        return stream.read(count)
    unpacker = zlib.decompressobj(31)
    found = b""
    while len(found) < count and not unpacker.eof:
        data = unpacker.unconsumed_tail or stream.read(1 << 12)
        if not data:
            break
        try:
            found += unpacker.decompress(data, count - len(found))
        except zlib.error:
            break
    return found


def check_spacing(path: str | os.PathLike[str], spacing: Sequence[float] | Array) -> None:
    """Refuse a spacing that is not finite and above 0; raises InputError."""
    if not all(math.isfinite(s) and s > 0 for s in spacing):
        raise InputError(
            f"{path}: the voxel spacing is {in_a_row(spacing)} mm, it must be finite and above 0, correct it"
        )


def check_scale(path: str | os.PathLike[str], spacing_mm: Sequence[float]) -> None:
    """Refuse a spacing that no CT has, mm, such as one in metres or micrometres; raises InputError."""
    if not _SMALLEST_MM <= min(spacing_mm) <= max(spacing_mm) <= _LARGEST_MM:
        raise InputError(
            f"{path}: the voxel spacing is {in_a_row(spacing_mm)} mm, no CT has that; is it in another unit? "
            "Correct it in the file"
        )


def warn_of_no_orientation(path: str | os.PathLike[str]) -> None:
    """Log that a header does not say which way its axes run."""
    _LOGGER.warning(
        "%s: the header has no orientation, its axes are taken to run to the left, posterior and superior", path
    )


def in_a_row(values: Sequence[float] | Array) -> str:
    """Write numbers for a message, such as ``1 x 2.5 x 3``."""
    return " x ".join(f"{v:.7g}" for v in values)
