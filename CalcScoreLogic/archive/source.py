"""The instances that a CTA was read from: what DICOM objects refer to, and whose patient and study they take over."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..images.dicom_frames import frame_places
from ..images.dicom_identifiers import read_header
from ..images.geometry import Array, Geometry
from ..images.highdicom_bridge import require_highdicom

_LATER = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
)
"""Attributes that every object has, if need be without a value."""

_NEEDED = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID", "FrameOfReferenceUID")
_OFF = 0.1
"""Share of a voxel that a slice may lie off the CTA's grid: positions are rounded in many headers."""

_Slices = dict[int, tuple[Any, Array, Array]]
"""Header, position and orientation of the instances of a series, by the number of the slice."""


@dataclass(frozen=True, eq=False)
class Source:
    """The instances of a CT series.

    Attributes
    ----------
    headers : tuple of pydicom.Dataset
        One a slice in order along the normal, or a single multi-frame one; without voxels.
    geometry : Geometry
        Their grid: i along a row, j along a column, k along the normal.
    """

    headers: tuple[Any, ...]
    geometry: Geometry


def check_source(files: Iterable[Path], what: str) -> None:
    """Refuse, before any work, a CTA that DICOM objects cannot refer to.

    Parameters
    ----------
    files : iterable of Path
        Files of the CTA.
    what : str
        What a message calls it.

    Raises
    ------
    InputError
        highdicom is not installed, no file is DICOM, or a header lacks an identifier that every object needs.
    """
    require_highdicom()
    found = 0
    for path in files:
        header = read_header(path, [*_NEEDED, "Rows"])
        if header is None or "Rows" not in header:
            continue
        found += 1
        _check_identifiers(header, what)
    if not found:
        raise InputError(f"{what}: this is no DICOM series, which --dicom needs; leave it out or give the DICOM folder")


def read_source(files: Iterable[Path], grid: Geometry, what: str) -> Source:
    """Read the headers of the instances that hold the slices of a CTA.

    Parameters
    ----------
    files : iterable of Path
        Files of the series; others among them (a scout, a slice that was sent twice) are passed over.
    grid : Geometry
        The CTA's grid, in whatever axis order it was read.
    what : str
        What a message calls the CTA.

    Returns
    -------
    Source
        One instance for each slice.

    Raises
    ------
    InputError
        A slice of the grid has no instance, or a header lacks an identifier that every object needs.
    """
    axial = grid.canonical()
    series: dict[str, _Slices] = {}
    for path in sorted(files):
        header = read_header(path)
        if header is None or "Rows" not in header or header.get("Modality") != "CT":
            continue
        places = _places(header)
        if len(places) > 1:
            return _multiframe(header, places, grid, what)
        for place in places:
            number = _slice_number(place, axial, header)
            if number is not None:
                slices = series.setdefault(str(header.get("SeriesInstanceUID")), {})
                slices.setdefault(number, (header, *place))
    whole = [slices for slices in series.values() if len(slices) == _slice_count(slices, axial)]
    if not whole:
        raise InputError(f"{what}: its files do not hold every slice of the CTA any more, export the series again")
    ordered = [whole[0][number] for number in sorted(whole[0])]
    normal = _normal(ordered[0][2])
    if (ordered[-1][1] - ordered[0][1]) @ normal < 0:
        ordered.reverse()
    headers = tuple(header for header, _, _ in ordered)
    for header in headers:
        _complete(header, what)
    return Source(headers, _geometry(headers[0], [place for _, place, _ in ordered], ordered[0][2], grid, what))


def _check_identifiers(header: Any, what: str) -> None:
    missing = [keyword for keyword in _NEEDED if not str(header.get(keyword) or "")]
    if missing:
        raise InputError(
            f"{what}: the DICOM headers lack {' and '.join(missing)}, which results for an archive refer to; "
            "take the series from the archive itself, or leave out --dicom"
        )


def _complete(header: Any, what: str) -> None:
    """Give a header all that its objects copy: attributes that it lacks, or that are no DICOM values, empty."""
    from pydicom.valuerep import DA, TM

    _check_identifiers(header, what)
    for keyword in _LATER:
        value = header.get(keyword)
        try:
            if value and keyword.endswith("Date"):
                DA(value)
            if value and keyword.endswith("Time"):
                TM(value)
            valid = keyword != "PatientSex" or value in ("M", "F", "O")
        except ValueError:
            valid = False
        if value is None or not valid:
            setattr(header, keyword, "")


def _places(header: Any) -> list[tuple[Array, Array]]:
    """Give position and orientation of each frame, LPS mm; empty where one has none."""
    places = frame_places(header)
    if not all(position and orientation for position, orientation in places):
        return []
    return [(np.array(position), np.array(orientation)) for position, orientation in places]


def _normal(orientation: Array) -> Array:
    return np.cross(orientation[:3], orientation[3:])


def _slice_axis(orientation: Array, axial: Geometry) -> int:
    """Tell which canonical axis of the grid runs along the normal of a slice."""
    return int(np.abs(_normal(orientation) @ axial.matrix).argmax())


def _slice_number(place: tuple[Array, Array], axial: Geometry, header: Any) -> int | None:
    """Tell which slice of a grid an instance holds; None for none."""
    position, orientation = place
    along = _slice_axis(orientation, axial)
    if np.abs(_normal(orientation) @ axial.matrix[:, along]) < 1 - 1e-4:
        return None
    at = axial.to_index(position)
    nearest = np.rint(at)
    ends = [axis for axis in range(3) if axis != along]
    on_grid = np.abs(at - nearest).max() <= _OFF
    at_corner = all(nearest[axis] in (0, axial.size[axis] - 1) for axis in ends)
    inside = 0 <= nearest[along] < axial.size[along]
    alike = sorted((int(header.Rows), int(header.Columns))) == sorted(axial.size[axis] for axis in ends)
    return int(nearest[along]) if on_grid and at_corner and inside and alike else None


def _slice_count(slices: _Slices, axial: Geometry) -> int:
    """Tell how many slices a grid has along the normal of some instances."""
    _, _, orientation = next(iter(slices.values()))
    return axial.size[_slice_axis(orientation, axial)]


def _multiframe(header: Any, places: list[tuple[Array, Array]], grid: Geometry, what: str) -> Source:
    """Take a single file with several frames, which lie in order along their normal."""
    _complete(header, what)
    return Source((header,), _geometry(header, [place for place, _ in places], places[0][1], grid, what))


def _geometry(header: Any, positions: Sequence[Array], orientation: Array, grid: Geometry, what: str) -> Geometry:
    """Give the grid of instances in order; raises InputError where it is not that of the CTA."""
    row, column = orientation[:3], orientation[3:]
    axial = grid.canonical()
    along = _slice_axis(orientation, axial)
    across = int(np.abs(row @ axial.matrix).argmax())
    other = 3 - along - across
    geometry = Geometry(
        size=(int(header.Columns), int(header.Rows), len(positions)),
        spacing=(axial.spacing[across], axial.spacing[other], axial.spacing[along]),
        origin=(float(positions[0][0]), float(positions[0][1]), float(positions[0][2])),
        direction=tuple(float(v) for v in np.stack([row, column, _normal(orientation)], axis=1).ravel()),
    )
    mine = geometry.canonical()
    apart = np.abs(mine.to_physical(np.array(mine.size) - 1) - axial.to_physical(np.array(axial.size) - 1))
    if mine.size != axial.size or (apart > 2 * _OFF * np.array(axial.spacing).max()).any():
        raise InputError(f"{what}: its files lie on another grid than the CTA, export the series again")
    return geometry
