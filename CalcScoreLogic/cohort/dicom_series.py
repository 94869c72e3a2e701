"""DICOM series, found by their headers wherever the files lie."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..images.dicom_frames import PER_FRAME, SHARED, frame_places, macros
from ..images.dicom_headers import is_named_as_dicom, looks_like_dicom
from ..images.dicom_identifiers import (
    IDENTIFIERS,
    header_text,
    header_values,
    identifiers_of,
    read_header,
    without_identifiers,
)
from ..images.dicom_stack import check_positions, extra_kind, odd_ones
from ..images.geometry import Array
from ..wording import counted

_TAGS = (
    *IDENTIFIERS,
    "SOPClassUID",
    "SOPInstanceUID",
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
    "Columns",
    "NumberOfFrames",
    "SliceThickness",
    "ConvolutionKernel",
    "ContrastBolusAgent",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "RescaleType",
    SHARED,
    PER_FRAME,
)
_DIRECTORY = "1.2.840.10008.1.3.10"
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
    words, protocol : str
        Description of the series, or the protocol's name where it has none, and the protocol's name: as in the
        header, to be read by a rule and never to be shown.
    image_type : tuple of str
        DICOM image type, in capitals.
    units : tuple of str
        Rescale types of its slices, in capitals; empty text for a slice without one.
    is_image, is_colour : bool
        Whether the files hold images, and in colours.
    thickness_mm : float or None
        Slice thickness.
    normal : tuple of float or None
        Normal of the slices, LPS; None where slices differ or have no orientation.
    positions : ndarray, shape (n, 3)
        First pixel of each slice, LPS mm, in order along the normal; empty without a normal. Scouts, pages and
        slices that are there twice are left out.
    hidden : frozenset of str
        The patient's identifiers, for `images.dicom_identifiers.without_identifiers`.
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
    words: str = field(repr=False)
    protocol: str = field(repr=False)
    image_type: tuple[str, ...]
    units: tuple[str, ...]
    is_image: bool
    is_colour: bool
    thickness_mm: float | None
    normal: tuple[float, float, float] | None
    positions: Array
    hidden: frozenset[str] = field(repr=False)

    @property
    def title(self) -> str:
        """Name the series for a reader."""
        number = f"series {self.number}" if self.number >= 0 else "a series"
        count = counted(len(self.files), "file")
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
    """The DICOM series among some files; each file is in one of these.

    Attributes
    ----------
    series : tuple of Series
        By study, series number and UID.
    damaged : tuple of Path
        DICOM files whose headers cannot be read or name no series.
    directories : tuple of Path
        DICOMDIR files, which list others.
    others : tuple of Path
        Files that are no DICOM.
    """

    series: tuple[Series, ...]
    damaged: tuple[Path, ...] = ()
    directories: tuple[Path, ...] = ()
    others: tuple[Path, ...] = ()


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
        The series, and what is none.

    Raises
    ------
    InputError
        pydicom is not installed.
    """
    groups: dict[tuple[str, str], _Members] = {}
    damaged, directories, others = [], [], []
    for path in sorted(paths):
        header = read_header(path, _TAGS) if looks_like_dicom(path) else None
        uid = "" if header is None else header_text(header, "SeriesInstanceUID")
        if header is not None and _is_directory(header):
            directories.append(path)
        elif header is not None and uid:
            study = header_text(header, "StudyInstanceUID")
            groups.setdefault((study, uid), _Members(header)).add(path, header)
        elif _should_be_dicom(path, header):
            damaged.append(path)
        else:
            others.append(path)
    series = [_series(study, uid, members) for (study, uid), members in groups.items()]
    series.sort(key=lambda one: (one.study, one.number, one.uid))
    return Found(tuple(series), tuple(damaged), tuple(directories), tuple(others))


def identity(path: Path) -> tuple[str, str]:
    """Give patient ID and study date of a file, for who keeps identifiers on purpose."""
    header = read_header(path, _TAGS)
    if header is None:
        return "", ""
    return header_text(header, "PatientID") or header_text(header, "PatientName"), header_text(header, "StudyDate")


def _is_directory(header: Any) -> bool:
    """Tell a DICOMDIR, which lists files and is none of a series."""
    return str(header.file_meta.get("MediaStorageSOPClassUID", "")) == _DIRECTORY


def _should_be_dicom(path: Path, header: Any | None) -> bool:
    """Tell a file that names no series and is meant to be DICOM from one that only begins like it."""
    return is_named_as_dicom(path) or (header is not None and (header.preamble is not None or "SOPClassUID" in header))


@dataclass(frozen=True)
class _Place:
    """A slice or frame: where it lies, LPS mm, and what it is where it is no slice of the stack."""

    instance: tuple[str, int]
    extra: str | None
    size: tuple[int, int]
    position: tuple[float, ...]
    orientation: tuple[float, ...]


@dataclass
class _Members:
    """The files of a series as they are found; of their headers only that of the first slice is kept."""

    first: Any
    files: list[Path] = field(default_factory=list)
    places: list[_Place] = field(default_factory=list)
    patients: set[tuple[str, str]] = field(default_factory=set)
    units: set[str] = field(default_factory=set)
    hidden: set[str] = field(default_factory=set)

    def add(self, path: Path, header: Any) -> None:
        """Take in a file."""
        places = _places(header)
        if all(place.extra for place in self.places) and not places[0].extra:
            self.first = header
        self.files.append(path)
        self.places += places
        self.patients.add((header_text(header, "PatientID"), header_text(header, "PatientName")))
        self.units |= _units(header) if not places[0].extra else set()
        self.hidden |= identifiers_of(header)


def _series(study: str, uid: str, members: _Members) -> Series:
    """Describe a series by the headers of its files."""
    first, number = members.first, _number(members.first, "SeriesNumber")
    words, protocol = (header_text(first, keyword) for keyword in ("SeriesDescription", "ProtocolName"))
    described = " / ".join(filter(None, dict.fromkeys((words, protocol))))
    contrast = header_text(first, "ContrastBolusAgent")
    normal, positions = _stack(members.places)
    return Series(
        files=tuple(members.files),
        study=study,
        uid=uid,
        patients=len(members.patients),
        number=-1 if number is None else int(number),
        modality=header_text(first, "Modality") or "no modality",
        description=without_identifiers(described, members.hidden)[:64],
        kernel=header_text(first, "ConvolutionKernel"),
        contrast="" if contrast.lower() in ("no", "none") else without_identifiers(contrast, members.hidden),
        words=words or protocol,
        protocol=protocol,
        image_type=tuple(str(value).upper() for value in header_values(first, "ImageType")),
        units=tuple(sorted(members.units)),
        is_image="Rows" in first,
        is_colour=(_number(first, "SamplesPerPixel") or 1) > 1,
        thickness_mm=_number(first, "SliceThickness") or _number(_measures(first), "SliceThickness"),
        normal=normal,
        positions=positions,
        hidden=frozenset(members.hidden),
    )


def _places(header: Any) -> list[_Place]:
    """Give the place of a slice, or of every frame."""
    size = (int(_number(header, "Columns") or 0), int(_number(header, "Rows") or 0))
    types = tuple(str(value).upper() for value in header_values(header, "ImageType"))
    colours = int(_number(header, "SamplesPerPixel") or 1)
    extra = extra_kind(types, header_text(header, "SOPClassUID"), colours)
    instance = header_text(header, "SOPInstanceUID")
    return [_Place((instance, frame), extra, size, *place) for frame, place in enumerate(frame_places(header))]


def _stack(places: Sequence[_Place]) -> tuple[tuple[float, float, float] | None, Array]:
    """Give the common normal of the slices, and their positions in order along it."""
    once = {place.instance if place.instance[0] else ("", i): place for i, place in enumerate(places)}
    slices = [place for place in once.values() if not place.extra]
    odd = odd_ones([place.size for place in slices], [place.orientation for place in slices])
    slices = [place for i, place in enumerate(slices) if i not in odd]
    if not slices or not all(place.position and place.orientation for place in slices):
        return None, np.empty((0, 3))
    orientations = np.array([place.orientation for place in slices])
    if np.abs(orientations - orientations[0]).max() > _SAME_DIRECTION:
        return None, np.empty((0, 3))
    row, column = orientations[0].reshape(2, 3)
    normal = np.cross(row, column)
    positions = np.array([place.position for place in slices])
    positions = positions[np.argsort(positions @ normal, kind="stable")]
    return (float(normal[0]), float(normal[1]), float(normal[2])), positions


def _units(header: Any) -> set[str]:
    """Give the rescale types of a file and of its frames, in capitals."""
    groups = (*header_values(header, SHARED), *header_values(header, PER_FRAME))
    values = macros(groups, "PixelValueTransformationSequence")
    inside = {header_text(place, "RescaleType").upper() for place in values}
    return inside or {header_text(header, "RescaleType").upper()}


def _measures(header: Any) -> Any:
    """Give the pixel measures that all frames of a multi-frame file share; None without."""
    return next(iter(macros(header_values(header, SHARED)[:1], "PixelMeasuresSequence")), None)


def _number(header: Any, keyword: str) -> float | None:
    try:
        number = float(header_text(header, keyword)) if header is not None else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None
