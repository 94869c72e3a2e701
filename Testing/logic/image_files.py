"""Image files for tests, put together byte by byte: no reader or writer that is tested has a hand in them.

The grid has 8 x 9 x 10 voxels (i, j, k) of 0.7 x 0.8 x 1.25 mm, axes along L, P and S.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np

SIZE = (8, 9, 10)
SPACING = (0.7, 0.8, 1.25)
ORIGIN = (-3.5, 2.25, 100.0)
SHAPE = SIZE[::-1]

_NIFTI_TYPES = {"u1": 2, "i2": 4, "i4": 8, "f4": 16, "f8": 64, "u2": 512}


def ct_array() -> np.ndarray:
    """HU, shape (10, 9, 8): soft tissue, arteries of 300 HU, plaques of 600 HU."""
    array = np.full(SHAPE, 40, "<i2")
    array[territories_array() > 0] = 300
    array[calcification_array() == 2] = 600
    return array


def territories_array() -> np.ndarray:
    """An aorta that runs along z with one branch of each kind, shape (10, 9, 8)."""
    array = np.zeros(SHAPE, "u1")
    array[2:, 4:6, 3:5] = 1
    array[:2, 4, 2:6] = 2
    array[8, 1:4, 4] = 3
    array[5, 4, 5:8] = 4
    return array


def calcification_array() -> np.ndarray:
    """The arteries with two plaques, shape (10, 9, 8)."""
    array = (territories_array() > 0).astype("u1")
    array[4, 4, 3:5] = 2
    array[5, 4, 6] = 2
    return array


def nifti(array: np.ndarray, patches: Mapping[int, bytes] | None = None, order: str = "<") -> bytes:
    """Write a NIfTI-1 file with an sform; `patches` overwrite header bytes by their offset."""
    header = bytearray(352)
    sform = np.diag([-1.0, -1.0, 1.0]) @ np.column_stack([np.diag(SPACING), ORIGIN])
    for offset, layout, values in (
        (0, "i", [348]),
        (40, "8h", [3, *array.shape[::-1], 1, 1, 1, 1]),
        (70, "2h", [_NIFTI_TYPES[array.dtype.str[1:]], array.dtype.itemsize * 8]),
        (76, "8f", [1, *SPACING, 0, 0, 0, 0]),
        (108, "f", [352]),
        (112, "2f", [1, 0]),
        (252, "2h", [0, 1]),
        (280, "12f", sform.ravel()),
    ):
        struct.pack_into(order + layout, header, offset, *values)
    header[123], header[344:348] = 2, b"n+1\0"
    for offset, patch in (patches or {}).items():
        header[offset : offset + len(patch)] = patch
    return bytes(header) + array.astype(array.dtype.newbyteorder(order)).tobytes()


def nrrd(fields: Mapping[str, str | None] | None = None, data: bytes | None = None, dtype: str = "int16") -> bytes:
    """Write a NRRD file; `fields` replace header fields, add keys (``name:=``), or remove them (None)."""
    header: dict[str, str | None] = {
        "type": dtype,
        "dimension": "3",
        "space": "left-posterior-superior",
        "sizes": "8 9 10",
        "space directions": "(0.7,0,0) (0,0.8,0) (0,0,1.25)",
        "kinds": "domain domain domain",
        "endian": "little",
        "encoding": "raw",
        "space origin": "(-3.5,2.25,100)",
    }
    header |= fields or {}
    lines = [f"{key}:{'' if key.endswith(':') else ' '}{value}" for key, value in header.items() if value is not None]
    # "key:=value" is a key of the user's own; the dictionary holds it as "key:" with "=value".
    text = "\n".join(["NRRD0005", *lines]).replace("::=", ":=")
    return text.encode() + b"\n\n" + (ct_array().tobytes() if data is None else data)


def meta(fields: Mapping[str, str | None] | None = None, data: bytes | None = None) -> bytes:
    """Write a MetaImage file; `fields` replace header fields, or remove them (None)."""
    header: dict[str, str | None] = {
        "ObjectType": "Image",
        "NDims": "3",
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": "False",
        "CompressedData": "False",
        "CompressedDataSize": None,
        "TransformMatrix": "1 0 0 0 1 0 0 0 1",
        "Offset": "-3.5 2.25 100",
        "ElementSpacing": "0.7 0.8 1.25",
        "DimSize": "8 9 10",
        "ElementNumberOfChannels": None,
        "HeaderSize": None,
        "ElementType": "MET_SHORT",
        "ElementDataFile": "LOCAL",
    }
    header |= fields or {}
    text = "".join(f"{key} = {value}\n" for key, value in header.items() if value is not None)
    return text.encode() + (ct_array().tobytes() if data is None else data)


def seg_nrrd(names: Mapping[str, int], array: np.ndarray | None = None, **fields: str | None) -> bytes:
    """Write a .seg.nrrd file whose segments have `names` and values."""
    keys: dict[str, str | None] = {}
    for number, (name, value) in enumerate(names.items()):
        keys[f"Segment{number}_Name:"] = f"={name}"
        keys[f"Segment{number}_LabelValue:"] = f"={value}"
        keys[f"Segment{number}_Layer:"] = "=0"
    voxels = territories_array() if array is None else array
    return nrrd({**keys, **fields}, voxels.tobytes(), dtype="uint8")


def good_ct(folder: Path) -> Path:
    """Write a CT that every command takes."""
    return _written(folder / "good_ct.nii", nifti(ct_array()))


def good_territories(folder: Path) -> Path:
    """Write the territory map of `good_ct`."""
    return _written(folder / "good_territories.nii", nifti(territories_array()))


def good_calcification(folder: Path) -> Path:
    """Write the calcification map of `good_ct`."""
    return _written(folder / "good_calcification.nii", nifti(calcification_array()))


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
