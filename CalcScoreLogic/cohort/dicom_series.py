"""DICOM series, found by their headers wherever the files lie."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, MutableSequence, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..images.dicom_stack import check_positions
from ..images.geometry import Array

_IDENTIFIERS = (
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
_TAGS = (
    *_IDENTIFIERS,
    "SOPClassUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "StudyDate",
    "SeriesNumber",
    "SeriesDescription",
    "ProtocolName",
    "Modality",
    "ImageType",
    "SamplesPerPixel",
    "Rows",
    "NumberOfFrames",
    "SliceThickness",
    "ConvolutionKernel",
    "ContrastBolusAgent",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
)
_SHORTEST_PART = 3
_SAME_DIRECTION = 1e-3


@dataclass(frozen=True, eq=False)
class Series:
    """What the headers of a DICOM series say, without the patient.

    Attributes
    ----------
    files : tuple of Path
        Its files, sorted.
    study, uid : str
        Study and series instance UID.
    patients : int
        Number of patients its files name; more than one is a mistake of the export.
    number : int
        Series number; -1 where there is none.
    modality, description, kernel, contrast : str
        As in the header, the patient's identifiers taken out; `description` with the protocol's name.
    image_type : tuple of str
        DICOM image type, in capitals.
    is_image, is_colour : bool
        Whether the files hold images, and in colours.
    thickness_mm : float or None
        Slice thickness.
    normal : tuple of float or None
        Normal of the slices, LPS; None where slices differ or have no orientation.
    positions : ndarray, shape (n, 3)
        First pixel of each slice, LPS mm, in order along the normal; empty without a normal.
    """

    files: tuple[Path, ...]
    study: str
    uid: str
    patients: int
    number: int
    modality: str
    description: str
    kernel: str
    contrast: str
    image_type: tuple[str, ...]
    is_image: bool
    is_colour: bool
    thickness_mm: float | None
    normal: tuple[float, float, float] | None
    positions: Array

    @property
    def title(self) -> str:
        """Name the series for a reader."""
        number = f"series {self.number}" if self.number >= 0 else "a series"
        count = f"{len(self.files)} file{'s' if len(self.files) > 1 else ''}"
        return (
            f"{number} of {study_name(self.study)}: {self.description or 'no description'} [{self.modality}, {count}]"
        )

    @property
    def spacing_mm(self) -> float | None:
        """Usual distance between slices, mm; None for fewer than two."""
        if len(self.positions) < 2:
            return None
        return float(np.median(np.diff(self.positions @ np.array(self.normal))))

    @property
    def coverage_mm(self) -> float:
        """Length from the first slice to the last, mm."""
        if len(self.positions) < 2:
            return 0.0
        along = self.positions @ np.array(self.normal)
        return float(along[-1] - along[0])

    @property
    def problem(self) -> str | None:
        """What keeps the slices from being one even stack."""
        if self.normal is None or len(self.positions) < 2:
            return "its slices have no common orientation"
        try:
            check_positions("", self.positions, np.array(self.normal))
        except InputError as error:
            return str(error).removeprefix(": ")
        return None


@dataclass(frozen=True)
class Found:
    """The DICOM series among some files.

    Attributes
    ----------
    series : tuple of Series
        By study, series number and UID.
    damaged : int
        Number of DICOM files whose headers cannot be read.
    """

    series: tuple[Series, ...]
    damaged: int


def study_name(uid: str) -> str:
    """Name a study after a hash of its UID.

    Parameters
    ----------
    uid : str
        Study instance UID.

    Returns
    -------
    str
        ``study_`` and ten hexadecimal digits; the same for the same study, on every machine.
    """
    return f"study_{hashlib.sha256(uid.encode()).hexdigest()[:10]}"


def find_series(paths: Iterable[Path]) -> Found:
    """Read the headers of the DICOM files among some files and sort them into series.

    Parameters
    ----------
    paths : iterable of Path
        Files of any kind.

    Returns
    -------
    Found
        The series; DICOM directories are passed over.

    Raises
    ------
    InputError
        pydicom is not installed.
    """
    groups: dict[tuple[str, str], _Members] = {}
    damaged = 0
    for path in sorted(paths):
        if not looks_like_dicom(path):
            continue
        header = _header(path)
        if header is not None and _is_directory(header):
            continue
        uid = "" if header is None else _text(header, "SeriesInstanceUID")
        if header is None or not uid:
            damaged += 1
            continue
        groups.setdefault((_text(header, "StudyInstanceUID"), uid), _Members(header)).add(path, header)
    series = [_series(study, uid, members) for (study, uid), members in groups.items()]
    return Found(tuple(sorted(series, key=lambda one: (one.study, one.number, one.uid))), damaged)


def looks_like_dicom(path: Path) -> bool:
    """Tell a DICOM file by its first bytes, or one without a preamble by its name."""
    try:
        with path.open("rb") as stream:
            return stream.read(132)[128:] == b"DICM" or path.suffix.lower() in (".dcm", ".ima")
    except OSError:
        return False


def identity(path: Path) -> tuple[str, str]:
    """Give patient ID and study date of a file, for who keeps identifiers on purpose."""
    header = _header(path)
    if header is None:
        return "", ""
    return _text(header, "PatientID") or _text(header, "PatientName"), _text(header, "StudyDate")


def without_identifiers(text: str, paths: Iterable[Path]) -> str:
    """Take the patient out of a text.

    Parameters
    ----------
    text : str
        A message, a description, a name.
    paths : iterable of Path
        DICOM files of the patient; their headers tell what must not be in the text.

    Returns
    -------
    str
        The text, each identifier and each part of a name replaced by ``…``.
    """
    found: set[str] = set()
    for path in paths:
        header = _header(path)
        if header is not None:
            found |= _identifiers(header)
    return _redacted(text, found)


def _header(path: Path) -> Any | None:
    """Read what matters from a header; None where it cannot be read."""
    try:
        import pydicom
    except ImportError as error:
        raise InputError("DICOM exports need pydicom, install it with: pip install pydicom") from error
    try:
        header: Any = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(_TAGS), force=True)
    except Exception:  # pydicom raises errors of many kinds for damaged files.
        return None
    return header


def _is_directory(header: Any) -> bool:
    """Tell a DICOMDIR, which lists files and is none of a series."""
    return str(header.file_meta.get("MediaStorageSOPClassUID", "")) == "1.2.840.10008.1.3.10"


@dataclass
class _Members:
    """The files of a series as they are found; of their headers only the first one is kept."""

    first: Any
    files: list[Path] = field(default_factory=list)
    places: list[tuple[list[float], list[float]] | None] = field(default_factory=list)
    patients: set[tuple[str, str]] = field(default_factory=set)
    hidden: set[str] = field(default_factory=set)

    def add(self, path: Path, header: Any) -> None:
        """Take in a file."""
        self.files.append(path)
        self.places += _places(header)
        self.patients.add((_text(header, "PatientID"), _text(header, "PatientName")))
        self.hidden |= _identifiers(header)


def _series(study: str, uid: str, members: _Members) -> Series:
    """Describe a series by the headers of its files."""
    first, number = members.first, _number(members.first, "SeriesNumber")
    described = dict.fromkeys(_text(first, keyword) for keyword in ("SeriesDescription", "ProtocolName"))
    contrast = _text(first, "ContrastBolusAgent")
    normal, positions = _stack(members.places)
    return Series(
        files=tuple(members.files),
        study=study,
        uid=uid,
        patients=len(members.patients),
        number=-1 if number is None else int(number),
        modality=_text(first, "Modality") or "no modality",
        description=_redacted(" / ".join(filter(None, described)), members.hidden)[:64],
        kernel=_text(first, "ConvolutionKernel"),
        contrast="" if contrast.lower() in ("no", "none") else _redacted(contrast, members.hidden),
        image_type=tuple(str(value).upper() for value in _values(first, "ImageType")),
        is_image="Rows" in first,
        is_colour=(_number(first, "SamplesPerPixel") or 1) > 1,
        thickness_mm=_number(first, "SliceThickness") or _number(_measures(first), "SliceThickness"),
        normal=normal,
        positions=positions,
    )


def _places(header: Any) -> list[tuple[list[float], list[float]] | None]:
    """Give position and orientation of a slice, or of every frame; None for one that has none."""
    places: list[tuple[list[float], list[float]] | None] = []
    shared = (header.get("SharedFunctionalGroupsSequence") or [None])[0]
    for frame in header.get("PerFrameFunctionalGroupsSequence") or [None]:
        where = [_inside(group, "PlanePositionSequence") for group in (frame, shared)]
        turned = [_inside(group, "PlaneOrientationSequence") for group in (frame, shared)]
        position = _first_vector((header, *where), "ImagePositionPatient", 3)
        orientation = _first_vector((header, *turned), "ImageOrientationPatient", 6)
        places.append(None if position is None or orientation is None else (position, orientation))
    return places


def _stack(
    places: Sequence[tuple[list[float], list[float]] | None],
) -> tuple[tuple[float, float, float] | None, Array]:
    """Give the common normal of the slices, and their positions in order along it."""
    known = [place for place in places if place is not None]
    orientations = np.array([orientation for _, orientation in known])
    if len(known) < len(places) or np.abs(orientations - orientations[0]).max() > _SAME_DIRECTION:
        return None, np.empty((0, 3))
    row, column = orientations[0].reshape(2, 3)
    normal = np.cross(row, column)
    positions = np.array([position for position, _ in known])
    positions = positions[np.argsort(positions @ normal, kind="stable")]
    return (float(normal[0]), float(normal[1]), float(normal[2])), positions


def _measures(header: Any) -> Any:
    """Give the pixel measures that all frames of a multi-frame file share; None without."""
    return _inside((header.get("SharedFunctionalGroupsSequence") or [None])[0], "PixelMeasuresSequence")


def _inside(group: Any, keyword: str) -> Any:
    """Give the first item of a sequence; None without."""
    return (group.get(keyword) or [None])[0] if group is not None else None


def _first_vector(places: Iterable[Any], keyword: str, count: int) -> list[float] | None:
    """Read a vector from the first place that has it whole; None where none has."""
    for place in places:
        values = _values(place, keyword) if place is not None else []
        try:
            numbers = [float(value) for value in values]
        except (TypeError, ValueError):
            continue
        if len(numbers) == count and all(math.isfinite(v) for v in numbers):
            return numbers
    return None


def _values(header: Any, keyword: str) -> list[Any]:
    try:
        value = header.get(keyword)
    except Exception:  # A value that cannot be decoded is as good as none.
        return []
    if value is None or value == "":
        return []
    # A person's name can be iterated over too, letter by letter.
    return list(value) if isinstance(value, MutableSequence) else [value]


def _text(header: Any, keyword: str) -> str:
    """Give an element as one printable line."""
    raw = "\\".join(str(value) for value in _values(header, keyword))
    return " ".join("".join(c if c.isprintable() else " " for c in raw).split())


def _number(header: Any, keyword: str) -> float | None:
    try:
        number = float(_text(header, keyword)) if header is not None else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _identifiers(header: Any) -> set[str]:
    """Give every identifier of the patient in a header, whole and in its parts."""
    found = set()
    for keyword in _IDENTIFIERS:
        whole = _text(header, keyword)
        found |= {whole, *re.split(r"[\^=\\,\s]+", whole)}
    return {part for part in found if len(part) >= _SHORTEST_PART}


def _redacted(text: str, identifiers: Iterable[str]) -> str:
    """Replace identifiers in a text; one as short as "Lee" only where it is a word of its own."""
    for part in sorted(identifiers, key=len, reverse=True):
        before, after = (r"(?<![^\W_])", r"(?![^\W_])") if len(part) == _SHORTEST_PART else ("", "")
        text = re.sub(f"{before}{re.escape(part)}{after}", "…", text, flags=re.IGNORECASE)
    return text
