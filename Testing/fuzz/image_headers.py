"""Image files whose headers lie: NIfTI, NRRD, MetaImage, segmentations."""

from __future__ import annotations

import gzip
import struct
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from Testing.logic.image_files import calcification_array, ct_array, meta, nifti, nrrd, seg_nrrd, territories_array

ARRAYS = {"ct": ct_array, "territories": territories_array, "calcification": calcification_array}
SEGMENTS = {
    "ct": {"Aorta": 1},
    "territories": {"Aorta": 1, "Iliac": 2, "Mesenteric": 3, "Renal": 4},
    "calcification": {"Artery": 1, "Calcification": 2},
}
DTYPES = {"<i2": ("int16", "MET_SHORT"), "|u1": ("uint8", "MET_UCHAR")}

ODD_TEXTS = (
    st.sampled_from(
        [
            "",
            "0",
            "-1",
            "nan",
            "inf",
            "-inf",
            "1e308",
            "1e-308",
            "1e-40",
            "2147483648",
            "9" * 30,
            "abc",
            "1,5",
            "3 4",
            "0 0 0",
            "(1,0,0)",
            "(nan,0,0) (0,1,0) (0,0,1)",
            "(0,0,0) (0,1,0) (0,0,1)",
            "none",
            "\x00",
            "ä山",
            "%s%n",
            "../../etc/passwd",
            "1 1 1 1",
            "8 9 10 2",
            "2 8 9 10",
            "LOCAL",
            "LIST",
            "x%03d.raw 1 9 1",
            "x%03d.raw 1 2147483647 1",
            "%n%5000d 1 9 1",
            "4294967304 9 10",
            "True",
            "int8",
            "double",
            "MET_DOUBLE",
            "gzip",
            "A" * 5000,
        ]
    )
    | st.text(max_size=12)
    | st.floats(width=32).map(str)
    | st.lists(st.integers(-3, 12), max_size=4).map(lambda values: " ".join(map(str, values)))
)

NRRD_FIELDS = (
    "type",
    "dimension",
    "space",
    "sizes",
    "space directions",
    "kinds",
    "endian",
    "encoding",
    "space origin",
    "space units",
    "spacings",
    "data file",
    "line skip",
    "byte skip",
    "content",
    "measurement frame",
    "axis mins",
    "thicknesses",
    "old min",
)
META_FIELDS = (
    "ObjectType",
    "NDims",
    "BinaryData",
    "BinaryDataByteOrderMSB",
    "CompressedData",
    "CompressedDataSize",
    "TransformMatrix",
    "Offset",
    "CenterOfRotation",
    "AnatomicalOrientation",
    "ElementSpacing",
    "DimSize",
    "ElementNumberOfChannels",
    "HeaderSize",
    "ElementType",
    "ElementDataFile",
    "ElementSize",
)
SEGMENT_FIELDS = (
    "Segment0_Name:",
    "Segment0_LabelValue:",
    "Segment0_Layer:",
    "Segment0_Extent:",
    "Segment1_Name:",
    "Segment1_LabelValue:",
    "Segment1_Layer:",
    "Segmentation_ReferenceImageExtentOffset:",
)

NIFTI_FIELDS = {
    0: "i",
    40: "h",
    42: "h",
    44: "h",
    46: "h",
    48: "h",
    70: "h",
    72: "h",
    76: "f",
    80: "f",
    84: "f",
    88: "f",
    108: "f",
    112: "f",
    116: "f",
    123: "b",
    252: "h",
    254: "h",
    256: "f",
    260: "f",
    264: "f",
    268: "f",
    272: "f",
    280: "f",
    284: "f",
    288: "f",
    292: "f",
    296: "f",
    300: "f",
    320: "f",
    324: "f",
    344: "i",
}
_ODD_NUMBERS = {
    "f": st.floats(width=32) | st.sampled_from([0.0, -1.0, 1e-38, 1e38, 0.7, 352.0, 1.0]),
    "h": st.integers(-32768, 32767) | st.sampled_from([0, 1, 2, 3, 4, 8, 16, 64, 128, 256, 512, 768]),
    "i": st.integers(-(2**31), 2**31 - 1),
    "b": st.integers(-128, 127),
}


@dataclass(frozen=True)
class OddFile:
    """An image file: its ending and its content."""

    suffix: str
    content: bytes


@st.composite
def odd_files(draw: st.DrawFn, role: str) -> OddFile:
    """Draw an image file of a role whose header, data or length is changed somewhere."""
    array = draw(arrays(role))
    kind = draw(st.sampled_from(["nifti", "nifti", "nrrd", "segments", "meta"]))
    if kind == "nifti":
        return _ending(draw, *_nifti(draw, array))
    names = DTYPES.get(array.dtype.str)
    if names is None:
        array, names = array.astype("<i2"), DTYPES["<i2"]
    if kind == "meta":
        fields = draw(changes(META_FIELDS))
        content = meta({"ElementType": names[1], "DimSize": _sizes(array)} | fields, array.tobytes())
        return _ending(draw, ".mha", content)
    fields = draw(changes(NRRD_FIELDS))
    if kind == "nrrd" or array.dtype.str != "|u1":
        return _ending(draw, ".nrrd", nrrd({"sizes": _sizes(array)} | fields, array.tobytes(), names[0]))
    content = seg_nrrd(SEGMENTS[role], array, **{"sizes": _sizes(array), **fields, **draw(segment_changes())})
    return _ending(draw, ".seg.nrrd", content)


@st.composite
def arrays(draw: st.DrawFn, role: str) -> np.ndarray:
    """Draw the voxels of a role, sometimes with some that do not belong there."""
    array = ARRAYS[role]()
    how = draw(st.sampled_from(["good", "good", "empty", "full", "spots", "short", "float"]))
    if how == "empty":
        return np.zeros_like(array)
    if how == "full":
        return np.full_like(array, draw(st.integers(0, 120)))
    if how == "spots":
        array = array.copy()
        for place in draw(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 8), st.integers(0, 7)), max_size=30)):
            array[place] = draw(st.integers(0, 120))
    if how == "short":
        return np.ascontiguousarray(array[: draw(st.integers(1, 10)), : draw(st.integers(1, 9))])
    if how == "float":
        values = array.astype("<f4")
        values[draw(st.integers(0, 9))] = draw(st.floats(width=32))
        return values
    return array


def changes(fields: tuple[str, ...]) -> st.SearchStrategy[dict[str, str | None]]:
    """Change up to three header fields, or remove them."""
    return st.just({}) | st.dictionaries(st.sampled_from(fields), st.none() | ODD_TEXTS.map(_one_line), max_size=3)


def segment_changes() -> st.SearchStrategy[dict[str, str | None]]:
    """Change up to three fields of segments, or remove them."""
    values = st.none() | ODD_TEXTS.map(lambda text: f"={_one_line(text)}")
    return st.just({}) | st.dictionaries(st.sampled_from(SEGMENT_FIELDS), values, max_size=3)


def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """Flip some bytes, cut, repeat or pad a file, or leave it."""
    how = draw(st.sampled_from(["as it is"] * 8 + ["flip", "cut", "pad", "begin"]))
    if how == "flip":
        raw = bytearray(content)
        for _ in range(draw(st.integers(1, 8))):
            raw[draw(st.integers(0, min(len(raw), 600) - 1))] = draw(st.integers(0, 255))
        return bytes(raw)
    if how == "cut":
        return content[: draw(st.integers(0, len(content)))]
    if how == "pad":
        return content + draw(st.binary(max_size=40))
    return draw(st.binary(max_size=8)) + content if how == "begin" else content


def _nifti(draw: st.DrawFn, array: np.ndarray) -> tuple[str, bytes]:
    order = draw(st.sampled_from("<<<>"))
    patches = {}
    for offset in draw(st.lists(st.sampled_from(sorted(NIFTI_FIELDS)), max_size=3, unique=True)):
        layout = NIFTI_FIELDS[offset]
        patches[offset] = struct.pack(order + layout, draw(_ODD_NUMBERS[layout]))
    content = nifti(array, patches, order)
    if draw(st.booleans()):
        return ".nii.gz", gzip.compress(content, 1)
    return ".nii", content


def _ending(draw: st.DrawFn, suffix: str, content: bytes) -> OddFile:
    """Damage a file, and now and then give it the ending of another format."""
    others = [".nii", ".nii.gz", ".nrrd", ".seg.nrrd", ".mha", ".mhd", ".nhdr", ".dcm", ""]
    other = draw(st.sampled_from([suffix] * 12 + others))
    return OddFile(other, damaged(draw, content))


def _sizes(array: np.ndarray) -> str:
    return " ".join(str(n) for n in array.shape[::-1])


def _one_line(text: str) -> str:
    return text.replace("\n", " ").encode("utf-8", "replace").decode()
