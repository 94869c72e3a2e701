"""What names a patient in a DICOM header, and texts without it.

Names stand in up to three writings (DICOM PS3.5, 6.2.1: alphabetic, ideographic, phonetic), in the character
set that the header names, or in another one where it names the wrong one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, MutableSequence
from itertools import permutations
from pathlib import Path
from typing import Any

from ..errors import InputError

IDENTIFIERS = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "OtherPatientIDs",
    "OtherPatientNames",
    "PatientBirthName",
    "PatientMotherBirthName",
    "PatientAddress",
    "PatientTelephoneNumbers",
    "MedicalRecordLocator",
    "AccessionNumber",
    "ReferringPhysicianName",
)
"""Keywords of the elements that name a patient or who sent one."""

_CHARACTER_SETS = ("utf-8", "gb18030", "shift_jis", "euc_kr", "big5")
_SEPARATORS = re.compile(r"[\^=\\,\s]+")
_LETTERS, _DIGITS = r"[^\W\d_]", r"\d"
_SHORT = 3
_GERMAN = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
_UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff]"
)
"""Scripts that put no blanks between words: Thai, Lao, Burmese, Khmer, Hangul, kana, ideographs."""


def header_text(header: Any, keyword: str) -> str:
    """Give an element as one printable line; empty where it is missing or cannot be decoded.

    Parameters
    ----------
    header : pydicom.Dataset
        What was read.
    keyword : str
        DICOM keyword.

    Returns
    -------
    str
        Several values with a backslash between.
    """
    return one_line("\\".join(str(value) for value in header_values(header, keyword)))


def one_line(text: str) -> str:
    """Give text of a header as one printable line, so that no character set breaks the message it goes into."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def header_values(header: Any, keyword: str) -> list[Any]:
    """Give the values of an element; none where it is missing or cannot be decoded."""
    try:
        value = header.get(keyword)
    except Exception:  # pydicom raises errors of many kinds for damaged values.
        return []
    if value is None or value == "":
        return []
    # A person's name can be iterated over too, letter by letter.
    return list(value) if isinstance(value, MutableSequence) else [value]


def read_header(path: Path, keywords: Iterable[str] | None = None) -> Any | None:
    """Read some elements of a DICOM file, with a preamble or without.

    Parameters
    ----------
    path : Path
        The file.
    keywords : iterable of str, optional
        What to read; all but the voxels by default.

    Returns
    -------
    pydicom.Dataset or None
        None where the file cannot be read.

    Raises
    ------
    InputError
        pydicom is not installed.
    """
    try:
        import pydicom
    except ImportError as error:
        raise InputError("DICOM exports need pydicom, install it with: pip install pydicom") from error
    tags = None if keywords is None else list(keywords)
    try:
        header: Any = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=tags, force=True)
    except Exception:  # pydicom raises errors of many kinds for damaged files.
        return None
    return header


def identifiers_of(header: Any) -> set[str]:
    """Give every identifier of the patient in a header.

    Parameters
    ----------
    header : pydicom.Dataset
        With the elements of `IDENTIFIERS`.

    Returns
    -------
    set of str
        Whole and in their parts, names also joined, in every writing; numbers of one or two digits name nobody
        and are left out.
    """
    found: set[str] = set()
    for keyword in IDENTIFIERS:
        for writing in _writings(header, keyword):
            found |= {writing, *_SEPARATORS.split(writing)}
            for group in writing.split("="):
                parts = [part for part in group.split("^")[:2] if part]
                found |= {"".join(order) for order in permutations(parts)}
    spelled = {variant for part in found for variant in _spellings(part)}
    return {part for part in spelled if part and not (part.isdecimal() and len(part) < _SHORT)}


def identifiers_in(paths: Iterable[Path]) -> set[str]:
    """Give every identifier of the patients whose DICOM files these are."""
    found: set[str] = set()
    for path in paths:
        header = read_header(path, IDENTIFIERS)
        if header is not None:
            found |= identifiers_of(header)
    return found


def without_identifiers(text: str, identifiers: Iterable[str]) -> str:
    """Take the patient out of a text that is not of our own words: a description, the name of a file or folder.

    Parameters
    ----------
    text : str
        Any text.
    identifiers : iterable of str
        As `identifiers_of` gives them.

    Returns
    -------
    str
        The text, composed (NFKC), each identifier replaced by ``…``. Short ones in letters count as whole words
        only, other ones wherever they stand.
    """
    clean = unicodedata.normalize("NFKC", text)
    for part in sorted(identifiers, key=len, reverse=True):
        clean = re.sub(_pattern(part), "…", clean, flags=re.IGNORECASE)
    return clean if clean != unicodedata.normalize("NFKC", text) else text


def _pattern(part: str) -> str:
    """Give the expression that finds an identifier."""
    if len(part) > _SHORT or _UNSPACED.search(part):
        return re.escape(part)
    beside = _DIGITS if part.isdecimal() else _LETTERS if part.isalpha() else rf"(?:{_LETTERS}|{_DIGITS})"
    return f"(?<!{beside}){re.escape(part)}(?!{beside})"


def _writings(header: Any, keyword: str) -> Iterator[str]:
    """Give an element as the header's character set reads it, and as other ones do."""
    yield header_text(header, keyword)
    for value in header_values(header, keyword):
        raw = getattr(value, "original_string", b"")
        # Escape sequences tell the character set themselves.
        if not isinstance(raw, bytes) or raw.isascii() or b"\x1b" in raw:
            continue
        for name in _CHARACTER_SETS:
            try:
                yield raw.decode(name).strip()
            except UnicodeDecodeError:
                continue


def _spellings(part: str) -> Iterator[str]:
    """Give an identifier as it is, composed, and as people write it without accents."""
    composed = unicodedata.normalize("NFKC", part).strip()
    yield composed
    if composed.isascii() or _UNSPACED.search(composed):
        return
    yield composed.casefold().translate(_GERMAN)
    yield "".join(c for c in unicodedata.normalize("NFKD", composed) if not unicodedata.combining(c))
