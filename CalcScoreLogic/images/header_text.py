"""Headers that are text, those of NRRD and MetaImage: their lines, fields and numbers."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from ..errors import InputError
from .file_layout import HEADER_LIMIT

_UNITS_MM = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "um": 1e-3, "\u00b5m": 1e-3, "\u03bcm": 1e-3, "micron": 1e-3} | {
    f"{prefix}met{end}": size
    for prefix, size in (("milli", 1.0), ("centi", 10.0), ("", 1000.0), ("micro", 1e-3))
    for end in ("er", "re")
}
"""Units of length by their names, without a plural's s."""

_LIST = re.compile(r"LIST( \d)?")
_NUMBERED = re.compile(r"[^\s%]*%0?\d{0,2}d[^\s%]*( -?\d{1,5}){3}( \d)?")


def header_lines(stream: BinaryIO, end: re.Pattern[bytes]) -> Sequence[str]:
    """Read a text header up to the line that `end` matches, that line included."""
    stream.seek(0)
    lines: list[str] = []
    while stream.tell() < HEADER_LIMIT:
        line = stream.readline(HEADER_LIMIT)
        if not line:
            break
        lines.append(line.decode("utf-8", errors="replace").strip())
        if end.match(line):
            break
    return lines


def fields_of(lines: Sequence[str], separator: str) -> dict[str, str]:
    """Take the ``key separator value`` lines of a header."""
    pairs = (line.partition(separator) for line in lines if not line.startswith("#"))
    return {key.strip(): value.strip() for key, found, value in pairs if found and not value.startswith("=")}


def shown(fields: Mapping[str, str], key: str) -> str:
    """Give a header field for a message: in one line, and not longer than one reads."""
    return repr(fields.get(key, "")[:60])


def floats(text: str, separator: str | None = None) -> list[float]:
    """Read numbers; what is none becomes NaN."""
    return [number(word) for word in text.split(separator)]


def number(word: str) -> float:
    """Read a number; NaN where it is none."""
    try:
        return float(word)
    except ValueError:
        return math.nan


def unit_of_length(path: str | os.PathLike[str], names: Sequence[str]) -> float:
    """Give the unit of length that a header names for its axes, mm; raises InputError."""
    plain = {name.strip().lower() for name in names} - {"", "?", "???"}
    units = {_UNITS_MM.get(name.removesuffix("s")) for name in plain}
    if None in units or len(units) > 1:
        told = " and ".join(repr(name[:20]) for name in sorted(plain))
        raise InputError(f"{path}: the axes are measured in {told}, save the image in millimetres")
    return float(units.pop() or 1.0) if units else 1.0


def data_file(path: str | os.PathLike[str], name: str, rest: BinaryIO) -> Path | None:
    """Find the data file that a detached header names.

    Parameters
    ----------
    path : path
        The header; messages name it.
    name : str
        What it says: a file, a pattern with the numbers that go into it, or ``LIST`` before their names.
    rest : binary file
        What follows in the header.

    Returns
    -------
    Path or None
        The file; None where the header names several.

    Raises
    ------
    InputError
        A file does not exist, or a pattern is one that ITK cannot take: it would be C's to format.
    """
    several = _LIST.fullmatch(name)
    if "%" in name:
        if not _NUMBERED.fullmatch(name):
            raise InputError(f"{path}: the header's data files ({name[:60]!r}) cannot be read, save one file")
        return None
    names = [line.decode("utf-8", errors="replace").strip() for line in rest] if several else [name]
    for one in filter(None, names):
        if not _is_file(Path(path).parent / one):
            raise InputError(f"{path}: its data file {one[:100]!r} does not exist, copy all files")
    return None if several else Path(path).parent / name


def _is_file(file: Path) -> bool:
    try:
        return file.is_file()
    except (OSError, ValueError):
        return False
