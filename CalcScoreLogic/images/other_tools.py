"""Territory maps from the segmentations of other tools, so that anyone can score today."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from ..anatomy import STRUCTURES, Territory
from ..case_files import without_ending
from ..errors import InputError
from .boxes import nonzero_box
from .common_grid import aligned
from .geometry import Array, Image

TOTALSEGMENTATOR_LABELS = {
    52: ("aorta", Territory.AORTA),
    65: ("iliac_artery_left", Territory.ILIAC),
    66: ("iliac_artery_right", Territory.ILIAC),
}
"""Arteries in the label map of TotalSegmentator 2, task ``total`` (doi:10.1148/ryai.230024)."""

TOTALSEGMENTATOR_1_LABELS = {
    7: ("aorta", Territory.AORTA),
    51: ("iliac_artery_left", Territory.ILIAC),
    52: ("iliac_artery_right", Territory.ILIAC),
}
"""The same in TotalSegmentator 1, whose 65 and 66 are ribs."""

_LARGEST_OF_VERSION_1 = 104
_BIFURCATION_MM = 20.0
"""Iliac arteries begin this near to the aorta's end; ribs and other structures do not."""

TOTALSEGMENTATOR_FILES = {
    "aorta": Territory.AORTA,
    "iliac_artery_left": Territory.ILIAC,
    "iliac_artery_right": Territory.ILIAC,
    "celiac_trunk": Territory.MESENTERIC,
    "superior_mesenteric_artery": Territory.MESENTERIC,
    "renal_arteries": Territory.RENAL,
    "renal_artery_left": Territory.RENAL,
    "renal_artery_right": Territory.RENAL,
}
"""File names (without ending) of artery masks in a TotalSegmentator output folder."""


@dataclass(frozen=True)
class Source:
    """A structure of another tool that goes into a territory.

    Attributes
    ----------
    name : str
        What the other tool calls it.
    territory : Territory
        Where it goes.
    mask : ndarray of bool, shape (k, j, i)
        Its voxels.
    """

    name: str
    territory: Territory
    mask: Array


@dataclass(frozen=True)
class TerritoryMap:
    """Result of `merge`.

    Attributes
    ----------
    territories : Image
        Territory map, uint8.
    used : dict of str to float
        Volume of each structure that was used, mm³; 0 where it was given but empty.
    lacked : tuple of Territory
        Territories with no voxels.
    warnings : tuple of str
        What a reader should know.
    """

    territories: Image
    used: dict[str, float]
    lacked: tuple[Territory, ...]
    warnings: tuple[str, ...]


def from_label_map(labels: Image, mapping: Mapping[int, tuple[str, Territory]]) -> TerritoryMap:
    """Make a territory map from another tool's label map.

    Parameters
    ----------
    labels : Image
        Integer labels.
    mapping : mapping of int to (str, Territory)
        Name and territory of each label value that is used; other values are ignored.

    Returns
    -------
    TerritoryMap
        The map, and what was used and lacking.

    Raises
    ------
    InputError
        None of the label values occurs.
    """
    sources = (Source(name, territory, labels.array == value) for value, (name, territory) in mapping.items())
    result = merge(sources, labels)
    if not any(result.used.values()):
        expected = ", ".join(f"{value} ({name})" for value, (name, _) in mapping.items())
        found = ", ".join(str(value) for value in np.flatnonzero(np.bincount(labels.array.ravel()))[1:][:12])
        raise InputError(
            f"no artery label is there (expected {expected}; found {found or 'only background'}), "
            "give the right values with --map"
        )
    return result


def from_totalsegmentator(labels: Image, names: Mapping[int, str] | None = None) -> TerritoryMap:
    """Make a territory map from TotalSegmentator's label map of either version.

    Parameters
    ----------
    labels : Image
        Integer labels of task ``total``.
    names : mapping of int to str, optional
        Names of the labels, where the file holds them.

    Returns
    -------
    TerritoryMap
        The map, and what was used and lacking.

    Raises
    ------
    InputError
        The version cannot be told, or no artery label occurs.

    Notes
    -----
    Where the file names no labels, the shapes tell: iliac arteries begin where the aorta ends.
    """
    version = _version(labels, names or {})
    if version is None:
        raise InputError(
            "the labels can be those of TotalSegmentator 1 or 2, say which with --map "
            f"{_as_mapping(TOTALSEGMENTATOR_1_LABELS)} (version 1) or --map {_as_mapping(TOTALSEGMENTATOR_LABELS)}"
        )
    if version == 2:
        return from_label_map(labels, TOTALSEGMENTATOR_LABELS)
    found = from_label_map(labels, TOTALSEGMENTATOR_1_LABELS)
    told = "The labels are those of TotalSegmentator 1, so 7, 51 and 52 were taken for the arteries."
    return replace(found, warnings=(told, *found.warnings))


def _as_mapping(labels: Mapping[int, tuple[str, Territory]]) -> str:
    return ",".join(f"{value}={territory.key}" for value, (_, territory) in labels.items())


def _version(labels: Image, names: Mapping[int, str]) -> int | None:
    """Tell the version of TotalSegmentator by the names of labels, or else by what they mark; None: cannot be told."""
    for version, known in ((1, TOTALSEGMENTATOR_1_LABELS), (2, TOTALSEGMENTATOR_LABELS)):
        if any(names.get(value, "").replace(" ", "_") == name for value, (name, _) in known.items()):
            return version
    if labels.array.max(initial=0) > _LARGEST_OF_VERSION_1:
        return 2
    first, second = (
        _looks_like_arteries(labels, known) for known in (TOTALSEGMENTATOR_1_LABELS, TOTALSEGMENTATOR_LABELS)
    )
    if first and not second:
        return 1
    if second and not first:
        return 2
    has_aorta, has_iliac = ((labels.array == value).any() for value in (52, 65))
    has_iliac = has_iliac or bool((labels.array == 66).any())
    # An aorta alone, of a scan that ends above the iliac arteries; iliac arteries alone could be ribs.
    return 2 if first is not True and second is None and not (has_iliac and not has_aorta) else None


def _looks_like_arteries(labels: Image, known: Mapping[int, tuple[str, Territory]]) -> bool | None:
    """Tell whether the iliac arteries begin where the aorta ends; None where one of them is not there."""
    image = labels.canonical()
    parts = []
    for territory in (Territory.AORTA, Territory.ILIAC):
        values = [value for value, (_, own) in known.items() if own is territory]
        parts.append(np.argwhere(np.isin(image.array, values)) * image.geometry.spacing[::-1])
    aorta, iliac = parts
    if not len(aorta) or not len(iliac):
        return None
    begins_at_its_end = iliac[:, 0].max() <= aorta[:, 0].min() + _BIFURCATION_MM
    is_near = cKDTree(aorta).query(iliac, distance_upper_bound=_BIFURCATION_MM)[0].min() <= _BIFURCATION_MM
    return bool(begins_at_its_end and is_near and 2 * len(aorta) > len(iliac))


def from_masks(masks: Iterable[tuple[str, Territory, Image]]) -> TerritoryMap:
    """Make a territory map from one mask a structure.

    Parameters
    ----------
    masks : iterable of (str, Territory, Image)
        Name, territory and mask (non-zero is inside) of each structure.

    Returns
    -------
    TerritoryMap
        The map, and what was used and lacking.

    Raises
    ------
    InputError
        The masks lie on different grids, or there is none.
    """
    listed = list(masks)
    if not listed:
        raise InputError("no mask file is given")
    first_name, _, first = listed[0]
    listed = [(name, territory, aligned(first, mask, first_name, name)) for name, territory, mask in listed]
    return merge((Source(name, territory, mask.array > 0) for name, territory, mask in listed), first)


def merge(sources: Iterable[Source], grid: Image) -> TerritoryMap:
    """Lay structures over each other; the aorta keeps voxels that a branch claims too.

    Parameters
    ----------
    sources : iterable of Source
        Structures, all on the grid of `grid`.
    grid : Image
        Any image on the grid of the result.

    Returns
    -------
    TerritoryMap
        The map, and what was used and lacking.
    """
    merged = np.zeros(grid.array.shape, np.uint8)
    voxel = grid.geometry.voxel_volume_mm3
    used: dict[str, float] = {}
    overlap = 0
    for source in sources:
        count = 0
        box = nonzero_box(source.mask)
        if box is not None:
            window, inside = merged[box], source.mask[box]
            count = int(np.count_nonzero(inside))
            taken = inside & (window > 0) & (window != source.territory)
            overlap += int(np.count_nonzero(taken))
            wins = inside if source.territory is Territory.AORTA else inside & (window == 0)
            window[wins] = source.territory
        used[source.name] = count * voxel
    return described(Image(merged, grid.geometry), used, overlap)


def described(territories: Image, used: dict[str, float], overlap: int) -> TerritoryMap:
    """Say what a reader of a merged map should know.

    Parameters
    ----------
    territories : Image
        The map.
    used : dict of str to float
        Volume of each structure that was used, mm³.
    overlap : int
        Voxels that structures of several territories claimed.

    Returns
    -------
    TerritoryMap
        With what was lacking, and warnings.
    """
    voxel = territories.geometry.voxel_volume_mm3
    counts = np.array([np.count_nonzero(territories.array == territory) for territory in Territory])
    lacked = tuple(territory for territory, count in zip(Territory, counts, strict=True) if not count)
    warnings = [f"{name} is empty." for name, volume in used.items() if not volume]
    if lacked:
        titles = ", ".join(STRUCTURES[territory].title.lower() for territory in lacked)
        warnings.append(f"No voxels for: {titles}; these rows will have no score.")
    if overlap:
        warnings.append(f"Structures of different territories overlap in {overlap * voxel:.0f} mm³; the aorta wins.")
    return TerritoryMap(territories, used, lacked, tuple(warnings))


def find_totalsegmentator_files(folder: Path) -> list[tuple[str, Territory, Path]]:
    """Find the artery masks in a TotalSegmentator output folder.

    Parameters
    ----------
    folder : Path
        Folder with one mask file a structure.

    Returns
    -------
    list of (str, Territory, Path)
        Name, territory and file of each artery, aorta first.

    Raises
    ------
    InputError
        The folder holds none.
    """
    stems = {without_ending(path): path for path in sorted(folder.iterdir()) if path.is_file()}
    found = [(name, territory, stems[name]) for name, territory in TOTALSEGMENTATOR_FILES.items() if name in stems]
    if not found:
        expected = ", ".join(f"{name}.nii.gz" for name in TOTALSEGMENTATOR_FILES)
        raise InputError(f"{folder}: no artery mask is in this folder; expected one or more of {expected}")
    return found


def parse_mapping(text: str) -> dict[int, tuple[str, Territory]]:
    """Read a mapping such as ``52=aorta,65=iliac,66=iliac``.

    Parameters
    ----------
    text : str
        Pairs of a label value and a territory's name.

    Returns
    -------
    dict of int to (str, Territory)
        Name (``"label 52"``) and territory of each value.

    Raises
    ------
    InputError
        A pair that cannot be read, an unknown territory, a value given twice.
    """
    mapping: dict[int, tuple[str, Territory]] = {}
    for pair in text.split(","):
        value, _, key = (part.strip() for part in pair.partition("="))
        if not value.isdecimal() or int(value) == 0 or key.lower() not in {t.key for t in Territory}:
            names = ", ".join(t.key for t in Territory)
            raise InputError(f"--map: {pair.strip()!r} is not LABEL=TERRITORY (a territory is one of {names})")
        if int(value) in mapping:
            raise InputError(f"--map: label {value} is given twice")
        mapping[int(value)] = (f"label {value}", Territory[key.upper()])
    return mapping
