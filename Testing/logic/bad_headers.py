"""Text headers that ITK's own readers break on: most of these would end the process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from Testing.logic.bad_file import BadFile, bad_file
from Testing.logic.image_files import meta, nrrd, seg_nrrd


def _far_away(name: str, content: bytes) -> Callable[[Path], Path]:
    """Make a file whose path is over 1000 characters long."""

    def make(folder: Path) -> Path:
        far = folder.joinpath(*["d" * 100] * 10)
        far.mkdir(parents=True)
        (far / name).write_bytes(content)
        return far / name

    return make


def _line(line: bytes) -> bytes:
    """Write a NRRD file with one more line in its header."""
    return nrrd().replace(b"\n", b"\n" + line + b"\n", 1)


_NUMBERED = "%5000d.raw 1 10 1"
"""Names of data files by a format that fills more than a reader has room for."""

ENDS_ITK: dict[str, BadFile] = {
    "nrrd_long_field": BadFile("ct", bad_file("s.nrrd", nrrd({"kinds": "A" * 5000})), "'kinds' is 5007 bytes long"),
    "nrrd_long_segments": BadFile(
        "territories", bad_file("s.seg.nrrd", seg_nrrd({"Aorta": 1}, thicknesses="B " * 900)), "'thicknesses' is"
    ),
    "nrrd_long_line": BadFile("ct", bad_file("s.nrrd", _line(b"A" * 5000)), "line 2 of the header"),
    "nrrd_return": BadFile("ct", bad_file("s.nrrd", _line(b"# a\r" + b"A" * 5000)), "line 2 of the header"),
    "nrrd_blank": BadFile("ct", bad_file("s.nrrd", _line(b" # " + b"A" * 5000)), "line 2 of the header"),
    "nrrd_zero_byte": BadFile("ct", bad_file("s.nrrd", _line(b"content: a\0" + b"A" * 5000)), "line 2 of the header"),
    "nrrd_long_first_line": BadFile("ct", bad_file("s.nrrd", b"NRRD" + b"5" * 5000 + nrrd()[8:]), "not a NRRD file"),
    "nrrd_endless": BadFile("ct", bad_file("s.nrrd", _line(b"#\n" * (1 << 19))), "no end"),
    "nrrd_long_word": BadFile(
        "ct", bad_file("s.nrrd", nrrd({"encoding": "ascii"}, b"4" * 5000)), "not written as text"
    ),
    "nrrd_long_word_far_on": BadFile(
        "ct", bad_file("s.nrrd", nrrd({"encoding": "text"}, b"40 " * 87_300 + b"4" * 5000)), "not written as text"
    ),
    "nrrd_text_in_files": BadFile(
        "ct", bad_file("s.nrrd", nrrd({"encoding": "text", "data file": "x%d.raw 1 10 1"})), "into several files"
    ),
    "nrrd_list": BadFile(
        "ct",
        bad_file("s.nhdr", nrrd({"data file": "LIST"}, b"").rstrip() + b"\n" + b"x" * 5000),
        "does not exist, copy all files",
    ),
    "nrrd_numbered": BadFile("ct", bad_file("s.nhdr", nrrd({"data file": _NUMBERED}, b"")), "data files ('%5000d.raw"),
    "nrrd_numbered_without_end": BadFile(
        "ct", bad_file("s.nhdr", nrrd({"data file": "x%03d.raw 1 2147483647 1"}, b"")), "data files ('x%03d"
    ),
    "nrrd_far_away": BadFile("ct", _far_away("s.nrrd", nrrd()), "path is too long"),
    "nrrd_size_above_32_bits": BadFile("ct", bad_file("s.nrrd", nrrd({"sizes": "4294967304 9 10"})), "4294967304 9 10"),
    "nrrd_dimension": BadFile("ct", bad_file("s.nrrd", nrrd({"dimension": "4"})), "dimension ('4') and sizes"),
    "nrrd_type": BadFile("ct", bad_file("s.nrrd", nrrd({"type": "block"})), "NRRD type 'block'"),
    "nrrd_field_twice": BadFile("ct", bad_file("s.nrrd", _line(b"sizes: 8 9 10")), "'sizes' is there twice"),
    "nrrd_in_metres": BadFile(
        "ct",
        bad_file("s.nrrd", nrrd({"space directions": "(0.0007,0,0) (0,0.0008,0) (0,0,0.00125)"})),
        "0.0007 x 0.0008 x 0.00125 mm, no CT has that",
    ),
    "segments_in_micrometres": BadFile(
        "territories",
        bad_file("s.seg.nrrd", seg_nrrd({"Aorta": 1}, **{"space directions": "(700,0,0) (0,800,0) (0,0,1250)"})),
        "700 x 800 x 1250 mm, no CT has that",
    ),
    "meta_no_type": BadFile("ct", bad_file("s.mha", meta({"ElementType": ""})), "ElementType is missing"),
    "meta_numbered": BadFile(
        "ct", bad_file("s.mhd", meta({"ElementDataFile": "%n%d 1 10 1"}, b"")), "data files ('%n%d 1 10 1')"
    ),
}
