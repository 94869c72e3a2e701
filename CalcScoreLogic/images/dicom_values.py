"""From stored values to HU: what a DICOM header says for a slice, and what it leaves open.

DICOM PS3.3, C.11.1: a slice, or a frame, has either a rescale slope with an intercept or a modality LUT.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .dicom_identifiers import header_text, header_values
from .geometry import Array

HU_UNITS = ("", "HU", "US")
"""Rescale types under which values can be HU: none given, HU, unspecified."""

AIR_HU = -1024.0
_LARGEST_HU = 32767


@dataclass(frozen=True)
class Rescale:
    """HU = slope x stored value + intercept."""

    slope: float
    intercept: float

    @classmethod
    def read(cls, slope: str, intercept: str) -> Rescale | None:
        """Read both numbers; None where one is missing, not finite, or the slope is 0."""
        try:
            found = cls(float(slope), float(intercept))
        except ValueError:
            return None
        return found if found.slope and math.isfinite(found.slope + found.intercept) else None

    def __call__(self, stored: Array) -> Array:
        """Give the HU of stored values."""
        return np.asarray(self.slope * stored.astype(np.float64) + self.intercept)

    def stored(self, values: Array) -> Array:
        """Give the stored values, whole numbers, that HU were made from."""
        return np.rint((values - self.intercept) / self.slope).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Lookup:
    """A modality LUT: stored values from `first` on become the entries of `table`, others the nearest entry."""

    first: int
    table: Array

    def __call__(self, stored: Array) -> Array:
        """Give the HU of stored values."""
        return np.asarray(self.table[np.clip(stored - self.first, 0, len(self.table) - 1)])


@dataclass(frozen=True)
class Values:
    """What makes HU, None where the header does not tell; and the unit that it names, in capitals."""

    to_hu: Rescale | Lookup | None
    unit: str


def values_in(places: Sequence[Any]) -> Values:
    """Read what makes HU of stored values.

    Parameters
    ----------
    places : sequence of pydicom.Dataset
        Where it may stand, the most special first: items of a frame, of all frames, the header.

    Returns
    -------
    Values
        From the first place that has any of it.
    """
    for place in places:
        luts = header_values(place, "ModalityLUTSequence")
        rescale = Rescale.read(header_text(place, "RescaleSlope"), header_text(place, "RescaleIntercept"))
        if luts and rescale is None:
            return Values(_lookup(place, luts[0]), header_text(luts[0], "ModalityLUTType").upper())
        if rescale is not None or header_text(place, "RescaleType"):
            return Values(rescale, header_text(place, "RescaleType").upper())
    return Values(None, "")


def _lookup(place: Any, item: Any) -> Lookup | None:
    """Read a modality LUT; None where it is not whole."""
    try:
        count, first, _ = (int(value) for value in header_values(item, "LUTDescriptor"))
        table = _entries(item["LUTData"].value, count or 1 << 16)
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    if len(table) < (count or 1 << 16):
        return None
    if header_text(place, "PixelRepresentation") == "1" and first >= 1 << 15:
        first -= 1 << 16
    return Lookup(first, table)


def _entries(data: Any, count: int) -> Array:
    """Give the entries of a LUT; what no HU can be as unsigned is signed."""
    if isinstance(data, bytes):
        table = np.frombuffer(data, "u1" if len(data) < 2 * count else "<u2")[:count].astype(np.int64)
    else:
        table = np.atleast_1d(np.array(data, dtype=np.int64))[:count]
    return np.where(table > _LARGEST_HU, table - (1 << 16), table)
