"""Segmentations of other tools as arteries or calcification: who is who, and their voxels."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from CalcScoreLogic.anatomy import ARTERY_CODES, CALCIFICATION_CODES, CalcificationLabel, Territory
from CalcScoreLogic.errors import InputError
from CalcScoreLogic.images.geometry import Array, Geometry, Image
from CalcScoreLogic.images.other_tools import TOTALSEGMENTATOR_FILES, Source, TerritoryMap, merge

from ..incremental_work import Steps, run_through
from . import structures
from .segment_voxels import OwnVoxels, SegmentMask, SegmentPrint, own_voxel_steps, placed_steps, segment_state
from .segmentations import TERMINOLOGY_TAG, tag
from .volumes import volume_geometry

Prints = dict[str, SegmentPrint]
"""What tells the voxels of segments from others, by their identifiers."""

_CODE = re.compile(r"SCT\^(\d+)\^")

_KEY_OF_CODE = {
    **{code: territory.key for code, territory in ARTERY_CODES.items()},
    **dict.fromkeys(CALCIFICATION_CODES, structures.CALCIFICATION),
}

_WORDS = (
    ("calcif", structures.CALCIFICATION),
    ("plaque", structures.CALCIFICATION),
    ("aort", Territory.AORTA.key),
    ("iliac", Territory.ILIAC.key),
    ("mesenteric", Territory.MESENTERIC.key),
    ("celiac", Territory.MESENTERIC.key),
    ("coeliac", Territory.MESENTERIC.key),
    ("renal", Territory.RENAL.key),
)
"""Parts of names in English, the first that fits."""

_OTHER_ORGANS = re.compile(
    r"vein|vena|ven(ae|ous)|iliacus|adrenal|suprarenal gland|kidney|pelvis|muscle|thrombus|lumen|inferior mesenteric"
)
"""Names that hold one of the words and mean something else; no territory has the inferior mesenteric artery."""


def guess_structures(segmentation: Any) -> dict[str, str | None]:
    """Guess what the segments of any segmentation are.

    Parameters
    ----------
    segmentation : vtkMRMLSegmentationNode
        For instance what TotalSegmentator made.

    Returns
    -------
    dict of str to (str or None)
        Territory key, ``"calcification"`` or None (not used) of each segment, in their order: by our own
        tag where there is one, else by its SNOMED CT code, else by its name.
    """
    content = segmentation.GetSegmentation()
    return {name: _guess(content.GetSegment(name)) for name in content.GetSegmentIDs()}


def territory_map(segmentation: Any, mapping: Mapping[str, str | None], volume: Any) -> TerritoryMap:
    """Make a territory map from segments.

    Parameters
    ----------
    segmentation : vtkMRMLSegmentationNode
        Where they are.
    mapping : mapping of str to (str or None)
        Territory key of each segment that is used; others are left out.
    volume : vtkMRMLScalarVolumeNode
        The CTA.

    Returns
    -------
    TerritoryMap
        The map on the CTA's grid. Where segments overlap, the aorta wins, else the first one.

    Raises
    ------
    InputError
        No segment is an artery, or those that are have no voxel on the CTA.
    """
    return run_through(territory_steps(segmentation, mapping, volume))[0]


def territory_steps(
    segmentation: Any, mapping: Mapping[str, str | None], volume: Any
) -> Steps[tuple[TerritoryMap, Prints]]:
    """Do what `territory_map` does in pieces, and the rest in a thread; also tells what was in the segments."""
    content = segmentation.GetSegmentation()
    chosen = {
        name: Territory[key.upper()]
        for name, key in mapping.items()
        if key in structures.TERRITORY_KEYS and content.GetSegment(name) is not None
    }
    if not chosen:
        raise InputError(f"{segmentation.GetName()}: no segment is chosen as an artery, tell which segment is which")
    geometry = volume_geometry(volume)
    names = [_unique_name(content, name) for name in chosen]
    masks, prints = yield from _read_steps(segmentation, chosen, volume)
    found = yield lambda: _merged(names, list(chosen.values()), masks, geometry)
    if not any(found.used.values()):
        raise InputError(
            f"{segmentation.GetName()}: its arteries have no voxel on {volume.GetName()}, "
            "check that both belong together"
        )
    return found, prints


def calcification_map(segmentation: Any, segment_ids: Iterable[str], volume: Any) -> Image:
    """Make a calcification map from segments.

    Parameters
    ----------
    segmentation : vtkMRMLSegmentationNode
        Where they are.
    segment_ids : iterable of str
        The segments that are calcification.
    volume : vtkMRMLScalarVolumeNode
        The CTA.

    Returns
    -------
    Image
        0 and `CalcificationLabel.CALCIFICATION` on the CTA's grid; a segment with no voxel is an answer.

    Raises
    ------
    InputError
        No segment is chosen.
    """
    return run_through(calcification_steps(segmentation, segment_ids, volume))[0]


def calcification_steps(segmentation: Any, segment_ids: Iterable[str], volume: Any) -> Steps[tuple[Image, Prints]]:
    """Do what `calcification_map` does in pieces; also tells what was in the segments."""
    content = segmentation.GetSegmentation()
    chosen = [name for name in segment_ids if content.GetSegment(name) is not None]
    if not chosen:
        raise InputError(f"{segmentation.GetName()}: no segment is chosen as calcification, tell which one it is")
    geometry = volume_geometry(volume)
    masks, prints = yield from _read_steps(segmentation, chosen, volume)
    array = np.zeros(geometry.shape, np.uint8)
    for mask in masks:
        array[mask.box][mask.inside] = CalcificationLabel.CALCIFICATION
    return Image(array, geometry), prints


def _read_steps(segmentation: Any, segment_ids: Iterable[str], volume: Any) -> Steps[tuple[list[SegmentMask], Prints]]:
    """Read the voxels of segments, one after the other."""
    masks, own = [], {}
    for name in segment_ids:
        own[name] = yield from own_voxel_steps(segmentation, name)
        masks.append((yield from placed_steps(own[name], segmentation, volume)))
    prints: Prints = yield lambda: _prints_of(own)
    return masks, prints


def print_steps(segmentation: Any, segment_id: str) -> Steps[tuple[object, SegmentPrint]]:
    """Tell what is in a segment, and the state that it was read in, see `segment_state`.

    It is read in pieces, the rest is done in a thread; raises InputError where it is removed meanwhile.
    """
    own = yield from own_voxel_steps(segmentation, segment_id)
    state = segment_state(segmentation, segment_id)
    found: SegmentPrint = yield lambda: own.print
    return state, found


def _prints_of(own: Mapping[str, OwnVoxels]) -> Prints:
    return {name: voxels.print for name, voxels in own.items()}


def _merged(
    names: Sequence[str], territories: Sequence[Territory], masks: Sequence[SegmentMask], geometry: Geometry
) -> TerritoryMap:
    """Lay segments over each other on the CTA's grid; touches no node."""
    grid = Image(np.zeros(geometry.shape, np.uint8), geometry)
    whole = (_whole(mask, geometry.shape) for mask in masks)
    return merge(map(Source, names, territories, whole), grid)


def _guess(segment: Any) -> str | None:
    key = tag(segment, structures.TAG)
    if key:
        return key if key in structures.TRIMMED_KEYS else None
    return _by_code(tag(segment, TERMINOLOGY_TAG)) or _by_name(segment.GetName())


def _by_code(entry: str) -> str | None:
    """Read the structure from a terminology entry; its category, type and region all may tell."""
    return next((_KEY_OF_CODE[code] for code in _CODE.findall(entry) if code in _KEY_OF_CODE), None)


def _by_name(name: str) -> str | None:
    plain = name.casefold().replace("_", " ").strip()
    exact = TOTALSEGMENTATOR_FILES.get(plain.replace(" ", "_"))
    if exact is not None:
        return exact.key
    if _OTHER_ORGANS.search(plain):
        return None
    return next((key for word, key in _WORDS if word in plain), None)


def _unique_name(content: Any, name: str) -> str:
    """Give the name of a segment as a reader sees it; with its identifier where two share one."""
    shown = content.GetSegment(name).GetName()
    shared = [other for other in content.GetSegmentIDs() if content.GetSegment(other).GetName() == shown]
    return shown if len(shared) == 1 else f"{shown} ({name})"


def _whole(mask: SegmentMask, shape: tuple[int, int, int]) -> Array:
    array = np.zeros(shape, bool)
    array[mask.box] = mask.inside
    return array
