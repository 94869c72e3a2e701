"""What the headers of NIfTI, NRRD and MetaImage files say, where ITK would pass over it.

ITK turns a NIfTI spacing of 0 or NaN into 1 mm, takes 1 mm where a header has no spacing, and reads
"not a number" in a MetaImage as 0, all without an error. What ITK refuses by itself is left to it,
except where it would also print to the terminal.
"""

from __future__ import annotations

import logging
import math
import os
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..errors import InputError
from .geometry import Array

_LOGGER = logging.getLogger(__name__)

_NO_ORIENTATION = "%s: the header has no orientation, its axes are taken to run to the left, posterior and superior"

_HEADER_LIMIT = 1 << 20

_NIFTI = np.dtype(
    {
        "names": ["size", "dim", "type", "pixdim", "start", "scaling", "qform", "sform", "quatern", "affine", "magic"],
        "formats": ["i4", "8i2", "i2", "8f4", "f4", "2f4", "i2", "i2", "6f4", "(3,4)f4", "S4"],
        "offsets": [0, 40, 70, 76, 108, 112, 252, 254, 256, 280, 344],
        "itemsize": 348,
    }
)
_NIFTI_BYTES = {2: 1, 4: 2, 8: 4, 16: 4, 32: 8, 64: 8, 128: 3, 256: 1, 512: 2, 768: 4, 1024: 8, 1280: 8, 2304: 4}
"""Bytes of a voxel by NIfTI data type, for the types ITK reads."""
_NIFTI_FLOATS = {16: "f4", 64: "f8"}

# At about this angle (radians) ITK drops a NIfTI sform without a word.
_SHEAR = 2e-4

_UNITS_MM = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "um": 1e-3, "\u00b5m": 1e-3, "\u03bcm": 1e-3, "micron": 1e-3} | {
    f"{prefix}met{end}": size
    for prefix, size in (("milli", 1.0), ("centi", 10.0), ("", 1000.0), ("micro", 1e-3))
    for end in ("er", "re")
}
"""Units of length by their names, without a plural's s."""

_LABEL_NAME = re.compile(r'<Label[^>]*\bKey="(\d+)"[^>]*>\s*(?:<!\[CDATA\[)?([^<\]]+)')

_NRRD_ENCODINGS = {"raw": "raw", "gz": "gzip", "gzip": "gzip", "hex": "hex"} | dict.fromkeys(
    ("txt", "text", "ascii"), "text"
)


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


def read_layout(path: str | os.PathLike[str], suffix: str, stream: BinaryIO) -> Layout:
    """Check an image file's header and find its voxel data.

    Parameters
    ----------
    path : path
        The file; messages give it as it is.
    suffix : str
        One of `file_checks.IMAGE_SUFFIXES`.
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
        return _nifti_layout(path, suffix, stream)
    return _meta_layout(path, stream) if suffix in (".mha", ".mhd") else _nrrd_layout(path, stream)


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


def _nifti_layout(path: str | os.PathLike[str], suffix: str, stream: BinaryIO) -> Layout:
    """Check a NIfTI-1 header; raises InputError."""
    packed = stream.read(2) == b"\x1f\x8b"
    if packed and suffix == ".nii":
        raise InputError(f"{path}: the file is gzip-compressed, rename it to .nii.gz")
    header = _nifti_header(path, first_bytes(stream, _NIFTI.itemsize))
    rank, dim = int(header["dim"][0]), [int(n) for n in header["dim"][1:]]
    if not 1 <= rank <= 7 or min(dim[:rank]) < 1:
        raise InputError(f"{path}: the header's size {dim} is not one of an image, export it again")
    bytes_per_voxel = _NIFTI_BYTES.get(int(header["type"]))
    if bytes_per_voxel is None:
        raise InputError(f"{path}: voxels of NIfTI type {header['type']} are not read, save them as 16-bit integers")
    start = float(header["start"])
    if not _NIFTI.itemsize + 4 <= start < _HEADER_LIMIT * 64:
        raise InputError(f"{path}: the header lets the voxel data begin at byte {start:g}, export it again")
    slope, intercept = (float(v) for v in header["scaling"])
    # The standard says a slope of 0 means no scaling, ITK adds the intercept all the same.
    if slope == 0 and intercept != 0:
        raise InputError(f"{path}: the header scales voxels by 0 and adds {intercept:g}, export it again")
    # Some programs write negative spacings; which way the axes run is said by the orientation alone.
    _check_spacing(path, np.abs(header["pixdim"][1 : 1 + min(rank, 3)]))
    if rank >= 3:
        _check_nifti_axes(path, header)
    kind = _NIFTI_FLOATS.get(int(header["type"]))
    return Layout(
        Path(path),
        "gzip" if packed else "raw",
        int(start),
        expected=math.prod(dim[:rank]) * bytes_per_voxel,
        floats=None if kind is None else header.dtype["size"].str[0] + kind,
    )


def _nifti_header(path: str | os.PathLike[str], raw: bytes) -> Array:
    """Unpack a NIfTI-1 header of either byte order; raises InputError."""
    if len(raw) < _NIFTI.itemsize:
        raise InputError(f"{path}: the file is cut short or damaged within its header, copy or export it again")
    for layout in (_NIFTI.newbyteorder("<"), _NIFTI.newbyteorder(">")):
        header = np.frombuffer(raw, layout, count=1)[0]
        if header["size"] == _NIFTI.itemsize and header["magic"] == b"n+1":
            return header  # type: ignore[no-any-return]
        if header["size"] == 540:
            raise InputError(f"{path}: this is NIfTI-2, which is not read, save it as NIfTI-1")
        if header["size"] == _NIFTI.itemsize and header["magic"] == b"ni1":
            raise InputError(f"{path}: this is half of a .hdr/.img pair, save it as one NIfTI-1 file")
    raise InputError(f"{path}: this is not a NIfTI-1 file, export it again")


def _check_nifti_axes(path: str | os.PathLike[str], header: Array) -> None:
    """Refuse a qform or sform that is not finite, sheared, of other voxels or of another place; raises InputError."""
    used = [header["quatern"]] if header["qform"] > 0 else []
    used += [header["affine"]] if header["sform"] > 0 else []
    if not used:
        _LOGGER.warning(_NO_ORIENTATION, path)
    if not all(np.isfinite(part).all() for part in used):
        raise InputError(f"{path}: the header's orientation holds values that are not finite, export it again")
    if header["sform"] <= 0:
        return
    columns = header["affine"][:, :3].astype(float)
    lengths = np.linalg.norm(columns, axis=0)
    units = columns / np.where(lengths > 0, lengths, 1)
    if not np.allclose(units.T @ units, np.eye(3), rtol=0, atol=_SHEAR):
        raise InputError(f"{path}: the axes are sheared, resample the volume to a grid with right angles")
    spacing = np.abs(header["pixdim"][1:4].astype(float))
    if not np.allclose(lengths, spacing, rtol=1e-3, atol=0):
        raise InputError(
            f"{path}: the header contradicts itself (voxel spacing {_numbers(spacing)} mm, "
            f"by its sform {_numbers(lengths)} mm), export it again"
        )
    if header["qform"] > 0:
        _check_same_place(path, header)


def _check_same_place(path: str | os.PathLike[str], header: Array) -> None:
    """Refuse an sform and a qform that are more than a voxel apart anywhere; raises InputError."""
    sform, qform = header["affine"].astype(float), _qform(header)
    ends = np.array([[i, j, k, 1] for i in (0, 1) for j in (0, 1) for k in (0, 1)], dtype=float)
    ends[:, :3] *= header["dim"][1:4] - 1
    places = [ends @ matrix.T for matrix in (sform, qform)]
    apart = np.abs(np.linalg.solve(sform[:, :3], (places[1] - places[0]).T)).max(axis=0)
    if apart.max() <= 1:
        return
    worst = int(apart.argmax())
    index = " ".join(f"{v:.0f}" for v in ends[worst, :3])
    raise InputError(
        f"{path}: the header's sform and qform contradict each other (voxel {index} lies at "
        f"{_numbers(places[0][worst])} mm by the sform and at {_numbers(places[1][worst])} mm by the qform, RAS), "
        "set both to the right one"
    )


def _qform(header: Array) -> Array:
    """Give the qform as a matrix from indices to RAS, mm, shape (3, 4); NIfTI-1, "method 2"."""
    b, c, d, *offset = header["quatern"].astype(float)
    a = math.sqrt(max(1 - b * b - c * c - d * d, 0))
    size = math.sqrt(a * a + b * b + c * c + d * d)
    a, b, c, d = (v / size for v in (a, b, c, d))
    turn = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - c * c - b * b],
        ]
    )
    scale = np.abs(header["pixdim"][1:4].astype(float))
    scale[2] *= -1 if header["pixdim"][0] < 0 else 1
    return np.column_stack([turn * scale, offset])


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
    _check_spacing(path, spacing)
    if not vectors:
        _LOGGER.warning(_NO_ORIENTATION, path)
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


def label_names(path: str | os.PathLike[str]) -> dict[int, str]:
    """Read the names of labels that a NIfTI file carries in its header extension, as TotalSegmentator writes them.

    Parameters
    ----------
    path : path
        A label map.

    Returns
    -------
    dict of int to str
        Name of each value; empty where the file has none, or is of another format.
    """
    if not str(path).lower().endswith((".nii", ".nii.gz")):
        return {}
    with Path(path).open("rb") as stream:
        begin = first_bytes(stream, _NIFTI.itemsize + 4)
        if len(begin) < _NIFTI.itemsize + 4 or begin[_NIFTI.itemsize] == 0:
            return {}
        end = int(float(_nifti_header(path, begin)["start"]))
        text = first_bytes(stream, min(end, _HEADER_LIMIT))[_NIFTI.itemsize + 4 :].decode("utf-8", errors="replace")
    return {int(value): name.strip() for value, name in _LABEL_NAME.findall(text)}


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
    _check_spacing(path, _floats(spacing))
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
    while stream.tell() < _HEADER_LIMIT:
        line = stream.readline(_HEADER_LIMIT)
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


def _check_spacing(path: str | os.PathLike[str], spacing: Sequence[float] | Array) -> None:
    """Refuse a spacing that is not finite and above 0; raises InputError."""
    if not all(math.isfinite(s) and s > 0 for s in spacing):
        raise InputError(
            f"{path}: the voxel spacing is {_numbers(spacing)} mm, it must be finite and above 0, correct it"
        )


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


def _numbers(values: Sequence[float] | Array) -> str:
    return " x ".join(f"{v:.7g}" for v in values)
