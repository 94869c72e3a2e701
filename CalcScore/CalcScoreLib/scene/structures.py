"""The keys by which segments are known, whatever their names: what each is called, coloured and coded."""

from __future__ import annotations

from collections.abc import Iterable

from CalcScoreLogic.anatomy import (
    CALCIFICATION_STRUCTURES,
    CUT_STRUCTURE,
    STRUCTURES,
    CalcificationLabel,
    Structure,
    Territory,
)
from CalcScoreLogic.images.segments import terminology_entry

TAG = "CalcScore.Structure"
"""Segment tag that holds the key."""

CALCIFICATION = CalcificationLabel.CALCIFICATION.key
CUT = "cut"
"""What the trimming took away; made for display, and read where the last trimmed arteries have to be rebuilt."""

FULL = "full."
"""Goes before a territory's key where its full length is meant."""

TERRITORY_KEYS = tuple(territory.key for territory in Territory)
TRIMMED_KEYS = (*TERRITORY_KEYS, CALCIFICATION)
FULL_KEYS = tuple(FULL + key for key in TERRITORY_KEYS)


def territory_of(key: str) -> Territory:
    """Give the territory of a key, with or without `FULL` before it."""
    return Territory[key.removeprefix(FULL).upper()]


def structure(key: str) -> Structure:
    """Give the name, colour and code of a key."""
    plain = key.removeprefix(FULL)
    if plain == CUT:
        return CUT_STRUCTURE
    if plain == CALCIFICATION:
        return CALCIFICATION_STRUCTURES[CalcificationLabel.CALCIFICATION]
    return STRUCTURES[territory_of(plain)]


def title(key: str) -> str:
    """Name a key for a reader, e.g. ``"Aorta, full length"``."""
    name = structure(key).title
    return f"{name}, full length" if key.startswith(FULL) else name


def titles(keys: Iterable[str]) -> str:
    """Name several keys for a reader."""
    return ", ".join(title(key) for key in keys)


def terminology(key: str) -> str:
    """Write a key's category and code as Slicer's terminology entry."""
    plain = key.removeprefix(FULL)
    if plain == CALCIFICATION:
        return terminology_entry(CalcificationLabel.CALCIFICATION)
    return terminology_entry(CalcificationLabel.ARTERY if plain == CUT else territory_of(plain))
