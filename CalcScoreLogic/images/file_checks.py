"""Whether an image file is there, and whether it holds what its header promises.

ITK reads a NIfTI file that is cut short as zeros and returns unset memory for a damaged compressed
MetaImage, both without an error.
"""

from __future__ import annotations

import os
import struct
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..case_files import image_suffix
from ..errors import InputError
from .boxes import slabs
from .file_headers import read_layout
from .file_layout import Layout, first_bytes
from .geometry import Array

_FORMATS = "NIfTI (.nii, .nii.gz), NRRD (.nrrd, .nhdr, .seg.nrrd) or MetaImage (.mha, .mhd)"
_CHUNK = 1 << 18

_MOST_BYTES_PER_BYTE = {"raw": 1, "hex": 1, "text": 8, "zlib": 1032, "gzip": 1032}
"""Voxel bytes that one byte of a file can hold at most; 1032 is the limit of deflate."""


def check_exists(path: str | os.PathLike[str]) -> None:
    """Refuse a path that does not exist, or whose name ITK cannot take; raises InputError."""
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(f"{str(path)!a}: the name is not valid UTF-8, rename it") from error
    try:
        Path(path).stat()
    except PermissionError as error:
        raise InputError(f"{path}: permission to read it is denied") from error
    except OSError as error:
        raise InputError(f"{path}: no such file or folder, check the path") from error


def open_layout(path: str | os.PathLike[str]) -> Layout:
    """Refuse a path that is not a readable image file; check its header and find its voxel data.

    Parameters
    ----------
    path : path
        What the user gave.

    Returns
    -------
    Layout
        Where the voxel data are.

    Raises
    ------
    InputError
        The path does not exist, is a folder, has an unknown ending, is empty or may not be read; or the
        header is unusable (see `file_headers.read_layout`).
    """
    check_exists(path)
    file, suffix = Path(path), image_suffix(path)
    if file.is_dir():
        raise InputError(f"{path}: this is a folder, give one file in {_FORMATS}")
    if suffix is None:
        hint = ", or the folder of a DICOM series instead of one of its files" if file.suffix.lower() == ".dcm" else ""
        raise InputError(f"{path}: unknown format, give {_FORMATS}{hint}")
    if not file.is_file():
        raise InputError(f"{path}: this is not a regular file, give {_FORMATS}")
    with _opened(path, file) as stream:
        if file.stat().st_size == 0:
            raise InputError(f"{path}: the file is empty, copy or export it again")
        return read_layout(path, suffix, stream)


def check_promise(path: str | os.PathLike[str], layout: Layout, expected: int) -> None:
    """Refuse, before anything is allocated, a file that cannot hold what its header promises.

    Parameters
    ----------
    path : path
        What the message names.
    layout : Layout
        Where the voxel data are.
    expected : int
        Bytes of voxel data that the header promises.

    Raises
    ------
    InputError
        The data file is too small for the promise even at the best compression, or damaged (`zlib`
        only, which ITK would answer with unset memory); or the promise is above the machine's memory.
    """
    if layout.data is not None:
        size = layout.data.stat().st_size
        if layout.encoding == "raw" and size - layout.start < expected:
            raise _cut_short(path, expected, max(size - layout.start, 0))
        if expected > size * _MOST_BYTES_PER_BYTE[layout.encoding] + _CHUNK:
            raise InputError(
                f"{path}: the file is cut short or damaged (its header promises {_megabytes(expected)} of voxel data, "
                f"more than a file of {_megabytes(size)} can hold), copy or export it again"
            )
    memory = _machine_memory()
    if memory is not None and expected > memory:
        raise InputError(
            f"{path}: the volume needs {_megabytes(expected)} of memory and the machine has {_megabytes(memory)}, "
            "crop it or use a larger machine"
        )
    if layout.encoding == "zlib":
        _check_stream(path, layout, expected)


def check_data(path: str | os.PathLike[str], layout: Layout, array: Array) -> None:
    """Refuse a NIfTI file that is damaged or holds NaN, after ITK has read it without a word.

    A compressed file whose voxels were read as they stand in it has the checksum that ends it. Only
    where that fails, e.g. because ITK scaled them or put 0 for NaN, is it decompressed a second time.

    Parameters
    ----------
    path : path
        What the message names.
    layout : Layout
        Where the voxel data are.
    array : ndarray, shape (k, j, i)
        What ITK read, C-contiguous.

    Raises
    ------
    InputError
        The data are cut short or damaged, or a voxel is NaN or infinite.
    """
    if layout.checked_by_itk or layout.data is None:
        return
    if layout.encoding == "raw" and layout.floats:
        _check_stream(path, layout, layout.expected or array.nbytes)
    if layout.encoding == "gzip" and not _has_checksum(path, layout, array):
        _check_stream(path, layout, layout.expected or array.nbytes)


def check_finite(path: str | os.PathLike[str], count: int) -> None:
    """Refuse a file in which `count` voxels are NaN or infinite; raises InputError unless it is 0."""
    if count:
        raise InputError(f"{path}: {count} of the voxels are NaN or infinite, give them values (air is -1024 HU)")


def count_not_finite(array: Array) -> int:
    """Count voxels that are NaN or infinite, shape (k, j, i), without a copy of the volume."""
    if not np.issubdtype(array.dtype, np.floating):
        return 0
    return sum(int(np.count_nonzero(~np.isfinite(array[rows]))) for rows in slabs(array.shape))


def _has_checksum(path: str | os.PathLike[str], layout: Layout, array: Array) -> bool:
    """Tell whether the header and `array` have the length and checksum that end a gzip file."""
    with _opened(path, layout.data or Path(path)) as stream:
        header = first_bytes(stream, layout.start)
        stream.seek(-8, os.SEEK_END)
        checksum, length = struct.unpack("<2I", stream.read(8))
    if length != (len(header) + array.nbytes) % 2**32:
        return False
    voxels = array.reshape(-1).view(np.uint8).data
    return zlib.crc32(voxels, zlib.crc32(header)) == int(checksum)


def _check_stream(path: str | os.PathLike[str], layout: Layout, expected: int) -> None:
    """Count the voxel data of a file, and those that are not finite, piece by piece; raises InputError."""
    held = not_finite = 0
    rest = b""
    for piece in _voxel_data(path, layout, expected):
        held += len(piece)
        if layout.floats:
            rest += piece
            whole = len(rest) - len(rest) % 8 if held < expected else len(rest)
            not_finite += count_not_finite(np.frombuffer(rest[:whole], layout.floats))
            rest = rest[whole:]
    if held < expected:
        raise _cut_short(path, expected, held)
    check_finite(path, not_finite)


def _voxel_data(path: str | os.PathLike[str], layout: Layout, expected: int) -> Iterator[bytes]:
    """Give the voxel data of a file in pieces, and go on to the last checksum; raises InputError."""
    skip = layout.start if layout.encoding == "gzip" else 0
    with _opened(path, layout.data or Path(path)) as stream:
        stream.seek(layout.start - skip)
        raw = iter(lambda: stream.read(_CHUNK), b"")
        try:
            for piece in raw if layout.encoding == "raw" else _inflate(stream, layout.length):
                voxels = piece[skip:][:expected]
                skip = max(skip - len(piece), 0)
                expected -= len(voxels)
                yield voxels
        except zlib.error as error:
            raise InputError(f"{path}: the compressed data are damaged, copy or export it again") from error
        except EOFError as error:
            problem = "the file is cut short (its compressed data break off)"
            raise InputError(f"{path}: {problem}, copy or export it again") from error


def _inflate(stream: BinaryIO, length: int | None) -> Iterator[bytes]:
    """Decompress the gzip members or the zlib data that begin where `stream` stands.

    Parameters
    ----------
    stream : binary file
        The compressed data.
    length : int or None
        How many bytes of it to use, None for all.

    Yields
    ------
    bytes
        At most 256 kB at a time.

    Raises
    ------
    zlib.error
        The data or a checksum are wrong.
    EOFError
        The data end before their checksum.
    """
    left = os.fstat(stream.fileno()).st_size if length is None else length
    waiting = b""
    unpacker = zlib.decompressobj(47)
    while True:
        if not waiting:
            waiting = stream.read(min(_CHUNK, left))
            left -= len(waiting)
        if unpacker.eof:
            # What follows the data and is no further member is padding, which ITK passes over too.
            if not waiting.startswith(b"\x1f\x8b"):
                return
            unpacker = zlib.decompressobj(47)
        if not waiting:
            raise EOFError
        yield unpacker.decompress(waiting, _CHUNK)
        waiting = unpacker.unused_data or unpacker.unconsumed_tail


@contextmanager
def _opened(path: str | os.PathLike[str], file: Path) -> Iterator[BinaryIO]:
    """Open a file to read; what the system refuses becomes an InputError that names `path`."""
    try:
        with file.open("rb") as stream:
            yield stream
    except PermissionError as error:
        raise InputError(f"{path}: permission to read it is denied") from error
    except OSError as error:
        raise InputError(f"{path}: the file cannot be read ({error.strerror}), copy it again") from error


def _cut_short(path: str | os.PathLike[str], expected: int, held: int) -> InputError:
    return InputError(
        f"{path}: the file is cut short (its header promises {expected} bytes of voxel data, it holds {held}), "
        "copy or export it again"
    )


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.3g} MB" if count < 1e9 else f"{count / 1e9:.3g} GB"


def _machine_memory() -> int | None:
    """Bytes of memory that the machine has, None where the system does not tell."""
    if sys.platform == "win32" or "SC_PHYS_PAGES" not in os.sysconf_names:
        return None
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
