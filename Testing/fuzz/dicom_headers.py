"""DICOM series whose attributes lie: values changed, removed or of another type, in one slice or in all."""

from __future__ import annotations

from pathlib import Path

from hypothesis import strategies as st
from pydicom.datadict import tag_for_keyword

from Testing.fuzz.image_headers import damaged
from Testing.logic.dicom_files import COUNT, STEP, write_multiframe, write_slice

KEYWORDS = (
    "SpecificCharacterSet",
    "ImageType",
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyDate",
    "Modality",
    "SeriesDescription",
    "PatientName",
    "PatientID",
    "SliceThickness",
    "ProtocolName",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SeriesNumber",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "PixelSpacing",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "RescaleIntercept",
    "RescaleSlope",
    "RescaleType",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    "PixelData",
)
SEGMENT_KEYWORDS = (
    "SegmentSequence",
    "SegmentNumber",
    "SegmentLabel",
    "SegmentationType",
    "ReferencedSegmentNumber",
    "SegmentIdentificationSequence",
    "SegmentedPropertyTypeCodeSequence",
    "CodeValue",
    "CodeMeaning",
    "PlanePositionSequence",
    "FrameContentSequence",
    "DimensionIndexSequence",
    "MaximumFractionalValue",
)
_SPACING = ("PixelSpacing", b"0.8\\0.7 ")
"""That of the image files, so that they lie on one grid."""

_LONG = (b"OB", b"OW", b"SQ", b"UN", b"UT", b"OF")

ODD_VALUES = st.sampled_from(
    [
        b"",
        b"0",
        b"-1",
        b"nan",
        b"inf",
        b"1e308",
        b"abc ",
        b"1\\2",
        b"1\\2\\3",
        b"0\\0\\0\\0\\0\\0",
        b"1\\0\\0\\0\\1\\0",
        b"1\\0\\0\\0\\0\\-1",
        b"nan\\nan\\nan",
        b"\\\\\\\\",
        b"\0\0",
        b"\xff\xff",
        b"\x01\x00",
        b"\x03\x00",
        b"\x10\x00",
        b"ISO_IR 192",
        b"\\ISO 2022 IR 87",
        b"GB18030 ",
        b"NOT A SET ",
        b"MONOCHROME1 ",
        b"RGB ",
        b"LOCALIZER ",
        b"MR",
        b"HU",
        b"MGML",
        b"\xe5\xb1\xb1^\xe7\x94\xb0",
        b"\x1b$B;3ED\x1b(B^x",
        b"1.2.840.10008.1.3.10",
        b"9" * 70,
        b"2 ",
        b"10",
    ]
) | st.binary(max_size=10).map(lambda raw: raw + b" " * (len(raw) % 2))


@st.composite
def odd_series(draw: st.DrawFn) -> list[tuple[str, list[tuple[str, bytes | None]]]]:
    """Draw what is changed: for each file its name's ending, and the values of some attributes."""
    general = draw(st.just([]) | st.lists(st.tuples(st.sampled_from(KEYWORDS), st.none() | ODD_VALUES), max_size=2))
    special = draw(
        st.dictionaries(
            st.integers(0, COUNT - 1),
            st.lists(st.tuples(st.sampled_from(KEYWORDS), st.none() | ODD_VALUES), max_size=2),
            max_size=3,
        )
    )
    suffix = draw(st.sampled_from([".dcm", ".dcm", "", ".IMA"]))
    return [(suffix, [*general, *special.get(index, [])]) for index in range(COUNT)]


def write_odd_series(draw: st.DrawFn, folder: Path) -> None:
    """Write a series, or one multi-frame file, with what was drawn."""
    folder.mkdir(parents=True)
    if draw(st.sampled_from([False, False, True])):
        path = write_multiframe(folder / "frames.dcm", [100 + STEP * i for i in range(COUNT)])
        content = _changed(path.read_bytes(), [_SPACING, *draw(odd_series())[0][1]])
        path.write_bytes(damaged(draw, content))
        return
    for index, (suffix, changes) in enumerate(draw(odd_series())):
        path = write_slice(folder / f"{index}{suffix or '.tmp'}", index, FrameOfReferenceUID="1.2.840.1.2")
        content = _changed(path.read_bytes(), [_SPACING, *changes])
        if draw(st.sampled_from([False] * 30 + [True])):
            content = damaged(draw, content)
        path.unlink()
        start = 132 if draw(st.sampled_from([False] * 30 + [True])) else 0
        (folder / f"{index}{suffix}").write_bytes(content[start:])


def write_good_series(folder: Path) -> Path:
    """Write the series that others are made from."""
    folder.mkdir(parents=True)
    for index in range(COUNT):
        path = write_slice(folder / f"{index}.dcm", index, FrameOfReferenceUID="1.2.840.1.2")
        path.write_bytes(_changed(path.read_bytes(), [_SPACING]))
    return folder


def odd_segmentation(draw: st.DrawFn, content: bytes) -> bytes:
    """Change a DICOM segmentation: some attributes, or bytes anywhere."""
    keywords = st.sampled_from((*KEYWORDS, *SEGMENT_KEYWORDS))
    return damaged(draw, _changed(content, draw(st.lists(st.tuples(keywords, st.none() | ODD_VALUES), max_size=3))))


def _changed(raw: bytes, changes: list[tuple[str, bytes | None]]) -> bytes:
    """Give an element of a file in explicit little endian another value, or take it out."""
    for keyword, value in changes:
        tag = tag_for_keyword(keyword)
        assert tag is not None
        mark = (tag >> 16).to_bytes(2, "little") + (tag & 0xFFFF).to_bytes(2, "little")
        place = raw.find(mark, 132)
        if place < 0:
            continue
        kind = raw[place + 4 : place + 6]
        head, width = (8, 4) if kind in _LONG else (6, 2)
        length = int.from_bytes(raw[place + head : place + head + width], "little")
        end = place + head + width + (length if length < len(raw) else 0)
        new = b"" if value is None else raw[place : place + head] + len(value).to_bytes(width, "little") + value
        raw = raw[:place] + new + raw[end:]
    return raw
