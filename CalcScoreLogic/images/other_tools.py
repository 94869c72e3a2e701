"""Territory maps from the segmentations of other tools, so that anyone can score today."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..anatomy import STRUCTURES, Territory
from ..case_files import without_ending
from ..errors import InputError
from .geometry import Array, Image, aligned, nonzero_box

TOTALSEGMENTATOR_LABELS = {
    52: ("aorta", Territory.AORTA),
    65: ("iliac_artery_left", Territory.ILIAC),
    66: ("iliac_artery_right", Territory.ILIAC),
}
"""Arteries in the label map of TotalSegmentator 2, task ``total`` (doi:10.1148/ryai.230024)."""

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
