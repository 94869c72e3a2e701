"""What the functional groups of a DICOM file say of its frames; a file without them is one frame."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from .dicom_identifiers import header_text, header_values

SHARED, PER_FRAME = "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"

Vector = tuple[float, ...]


def frame_groups(header: Any, count: int | None = None) -> list[list[Any]]:
    """Give the functional groups of each frame, its own before those that all share.

    Parameters
    ----------
    header : pydicom.Dataset
        Header of a file.
    count : int, optional
        Number of frames; by default as many as have groups of their own, and at least 1.

    Returns
    -------
    list of list of pydicom.Dataset
        One or two groups a frame, or none.
    """
    own, shared = header_values(header, PER_FRAME), header_values(header, SHARED)[:1]
    return [[*own[frame : frame + 1], *shared] for frame in range(count or len(own) or 1)]


def frame_places(header: Any) -> list[tuple[Vector, Vector]]:
    """Give position and orientation of a slice, or of every frame.

    Parameters
    ----------
    header : pydicom.Dataset
        Header of a file.

    Returns
    -------
    list of (tuple of float, tuple of float)
        Position of the first voxel, 3 numbers, and direction of rows and columns, 6 numbers, LPS mm; empty where the
        header does not tell.
    """
    return [
        (
            vector([*macros(groups, "PlanePositionSequence"), header], "ImagePositionPatient", 3),
            vector([*macros(groups, "PlaneOrientationSequence"), header], "ImageOrientationPatient", 6),
        )
        for groups in frame_groups(header)
    ]


def macros(groups: Iterable[Any], keyword: str) -> list[Any]:
    """Give the first item of a sequence in each of some functional groups that have it."""
    return [items[0] for group in groups if (items := header_values(group, keyword))]


def vector(places: Iterable[Any], keyword: str, count: int) -> Vector:
    """Read a vector from the first place that has it whole; empty where none has."""
    return next(filter(None, (numbers(header_text(place, keyword), count) for place in places)), ())


def numbers(text: str, count: int) -> Vector:
    """Read so many finite numbers; empty where there are others."""
    try:
        values = tuple(float(v) for v in text.split("\\"))
    except ValueError:
        return ()
    return values if len(values) == count and all(math.isfinite(v) for v in values) else ()
