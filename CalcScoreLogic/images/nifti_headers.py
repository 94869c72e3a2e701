"""What the header of a NIfTI-1 file says, where ITK would pass over it.

ITK turns a spacing of 0 or NaN into 1 mm and drops a sheared sform, both without an error.
"""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..errors import InputError
from .file_layout import HEADER_LIMIT, Layout, check_spacing, first_bytes, in_a_row, warn_of_no_orientation
from .geometry import CORNERS, Array

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

_LABEL_NAME = re.compile(r'<Label[^>]*\bKey="(\d+)"[^>]*>\s*(?:<!\[CDATA\[)?([^<\]]+)')


def nifti_layout(path: str | os.PathLike[str], suffix: str, stream: BinaryIO) -> Layout:
    """Check a NIfTI-1 header; parameters, return and errors as `file_headers.read_layout`."""
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
    if not _NIFTI.itemsize + 4 <= start < HEADER_LIMIT * 64:
        raise InputError(f"{path}: the header lets the voxel data begin at byte {start:g}, export it again")
    slope, intercept = (float(v) for v in header["scaling"])
    # The standard says a slope of 0 means no scaling, ITK adds the intercept all the same.
    if slope == 0 and intercept != 0:
        raise InputError(f"{path}: the header scales voxels by 0 and adds {intercept:g}, export it again")
    # Some programs write negative spacings; which way the axes run is said by the orientation alone.
    check_spacing(path, np.abs(header["pixdim"][1 : 1 + min(rank, 3)]))
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
        warn_of_no_orientation(path)
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
            f"{path}: the header contradicts itself (voxel spacing {in_a_row(spacing)} mm, "
            f"by its sform {in_a_row(lengths)} mm), export it again"
        )
    if header["qform"] > 0:
        _check_same_place(path, header)


def _check_same_place(path: str | os.PathLike[str], header: Array) -> None:
    """Refuse an sform and a qform that are more than a voxel apart anywhere; raises InputError."""
    sform, qform = header["affine"].astype(float), _qform(header)
    ends = np.column_stack([CORNERS * (header["dim"][1:4] - 1.0), np.ones(len(CORNERS))])
    places = [ends @ matrix.T for matrix in (sform, qform)]
    apart = np.abs(np.linalg.solve(sform[:, :3], (places[1] - places[0]).T)).max(axis=0)
    if apart.max() <= 1:
        return
    worst = int(apart.argmax())
    index = " ".join(f"{v:.0f}" for v in ends[worst, :3])
    raise InputError(
        f"{path}: the header's sform and qform contradict each other (voxel {index} lies at "
        f"{in_a_row(places[0][worst])} mm by the sform and at {in_a_row(places[1][worst])} mm by the qform, RAS), "
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
        text = first_bytes(stream, min(end, HEADER_LIMIT))[_NIFTI.itemsize + 4 :].decode("utf-8", errors="replace")
    return {int(value): name.strip() for value, name in _LABEL_NAME.findall(text)}
