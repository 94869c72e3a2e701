"""Names, colours and codes of segments in .seg.nrrd files, as 3D Slicer reads and writes them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping

import numpy as np

from ..anatomy import CALCIFICATION_STRUCTURES, STRUCTURES, CalcificationLabel, Structure, Territory
from ..errors import InputError
from .geometry import Array, Geometry, Image, nonzero_box

_LABELS: tuple[Territory | CalcificationLabel, ...] = (*Territory, *CalcificationLabel)
_NAME_KEY = re.compile(r"Segment(\d+)_Name")

_MASTER_LIST = "Segmentation category and type - DICOM master list"
OWN_LIST = "Segmentation category and type - CalcScore"
"""Terminology that the Slicer module brings: none of Slicer's own has a code for calcified plaque."""

_ANATOMY = "SCT^123037004^Anatomical Structure"
_ALTERED = "SCT^49755003^Morphologically Altered Structure"


def has_segments(metadata: Mapping[str, str]) -> bool:
    """Tell whether a file's metadata name segments."""
    return any(_NAME_KEY.fullmatch(key) for key in metadata)


def named_values(path: str | os.PathLike[str], metadata: Mapping[str, str]) -> dict[str, int] | None:
    """Give the voxel value of each segment by its name.

    Parameters
    ----------
    path : path
        What a message names.
    metadata : mapping of str to str
        The file's metadata.

    Returns
    -------
    dict of str to int or None
        None when the file names no segments.

    Raises
    ------
    InputError
        A segment has no value, or shares its name or value with another.
    """
    values: dict[str, int] = {}
    for key, name in metadata.items():
        match = _NAME_KEY.fullmatch(key)
        if not match:
            continue
        value = metadata.get(f"Segment{match[1]}_LabelValue", "").strip()
        if not value.isdecimal():
            raise InputError(f"{path}: the segment {name!r} has no label value, save it again with 3D Slicer 5")
        if name in values or int(value) in values.values():
            raise InputError(f"{path}: the segment {name!r} shares its name or value with another, export it again")
        values[name] = int(value)
    return values or None


def match_labels(path: str | os.PathLike[str], named: Mapping[str, int], labels: Mapping[str, int]) -> dict[int, int]:
    """Tell which label each segment is, by its name.

    Parameters
    ----------
    path : path
        What a message names.
    named : mapping of str to int
        Voxel value of each segment.
    labels : mapping of str to int
        Wanted value of each label by its key. A segment matches by key or title whatever its case, with
        or without "artery" or "arteries" behind it.

    Returns
    -------
    dict of int to int
        Wanted value by voxel value.

    Raises
    ------
    InputError
        A segment's name is not known, or two segments are the same label.
    """
    known = {_structure(label).title.casefold(): labels[label.key] for label in _LABELS if label.key in labels}
    known |= {key.casefold(): value for key, value in labels.items()}
    plain = {name: " ".join(name.replace("_", " ").casefold().split()) for name in named}
    short = {name: re.sub(r" (artery|arteries)$", "", text) for name, text in plain.items()}
    found = {name: known.get(plain[name], known.get(short[name])) for name in named}
    if None in found.values() or len(set(found.values())) < len(found):
        names = ", ".join(repr(name[:60]) for name in list(named)[:8]) + (", …" if len(named) > 8 else "")
        raise InputError(
            f"{path}: the segments are named {names}, expected are {', '.join(labels)}, each at most once; "
            "rename them or tell which is which with calcscore territories --map"
        )
    return {named[name]: label for name, label in found.items() if label is not None}


def segment_metadata(image: Image, segments: Iterable[Territory | CalcificationLabel]) -> dict[str, str]:
    """Describe the segments of a label map as 3D Slicer expects them.

    Parameters
    ----------
    image : Image
        Labels, shape (k, j, i).
    segments : iterable of Territory or CalcificationLabel
        The labels to describe.

    Returns
    -------
    dict of str to str
        Metadata for the file, one layer for all segments.
    """
    array = image.array
    box = nonzero_box(array) or (slice(0, 0),) * 3
    # Without its grid, 3D Slicer crops the volume to the segments when it saves the file again.
    grid = f"Reference image geometry|{_grid(image.geometry)}|Grid of the volume the segments belong to&"
    described = {
        "Segmentation_MasterRepresentation": "Binary labelmap",
        "Segmentation_ContainedRepresentationNames": "Binary labelmap|",
        "Segmentation_ReferenceImageExtentOffset": "0 0 0",
        "Segmentation_ConversionParameters": grid,
    }
    for number, label in enumerate(segments):
        structure = _structure(label)
        fields = {
            "ID": f"Segment_{int(label)}",
            "Name": structure.title,
            "NameAutoGenerated": "0",
            "Color": " ".join(f"{c / 255:.6g}" for c in structure.colour),
            "ColorAutoGenerated": "0",
            "LabelValue": str(int(label)),
            "Layer": "0",
            "Extent": _extent(array[box] == label, box),
            "Tags": f"TerminologyEntry:{terminology_entry(label)}|",
        }
        described |= {f"Segment{number}_{name}": text for name, text in fields.items()}
    return described


def _structure(label: Territory | CalcificationLabel) -> Structure:
    return STRUCTURES[label] if isinstance(label, Territory) else CALCIFICATION_STRUCTURES[label]


def _grid(geometry: Geometry) -> str:
    """Write a grid as 3D Slicer does: the matrix from indices to RAS, row by row, and the index range."""
    matrix = np.eye(4)
    matrix[:3, :3] = geometry.matrix * geometry.spacing
    matrix[:3, 3] = geometry.origin
    matrix[:2] *= -1
    extent = [end for n in geometry.size for end in (0, n - 1)]
    return ";".join([*(f"{v:.17g}" for v in matrix.ravel()), *map(str, extent), ""])


def _extent(mask: Array, box: tuple[slice, ...]) -> str:
    """Give the first and last index of a segment along i, j and k; 0 -1 where it has no voxels."""
    inner = nonzero_box(mask) if mask.size else None
    if inner is None:
        return "0 -1 0 -1 0 -1"
    ends = [f"{o.start + s.start} {o.start + s.stop - 1}" for o, s in zip(box, inner, strict=True)]
    return " ".join(reversed(ends))


def terminology_entry(label: Territory | CalcificationLabel) -> str:
    """Write a label's category and SNOMED CT code as 3D Slicer's terminology entry.

    Parameters
    ----------
    label : Territory or CalcificationLabel
        The label.

    Returns
    -------
    str
        Value of the segment tag ``TerminologyEntry``.
    """
    structure = _structure(label)
    plaque = label is CalcificationLabel.CALCIFICATION
    # Slicer's own list, its default, has none of the arteries' codes: it could name none of them.
    terminology, category = (OWN_LIST, _ALTERED) if plaque else (_MASTER_LIST, _ANATOMY)
    return (
        f"{terminology}~{category}~SCT^{structure.code}^{structure.meaning}~^^~Anatomic codes - DICOM master list~^^~^^"
    )
