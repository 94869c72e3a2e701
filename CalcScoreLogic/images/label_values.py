"""Which labels a volume holds, and what they become, without a copy of the volume."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import InputError
from .boxes import nonzero_box, slabs
from .geometry import Array, Image


def label_values(path: str | os.PathLike[str], array: Array, what: str) -> list[int]:
    """List the values other than 0.

    Parameters
    ----------
    path : path
        What a message names.
    array : ndarray, 3-D
        Finite label values, of any type.
    what : str
        What a message calls the map.

    Returns
    -------
    list of int
        Ascending.

    Raises
    ------
    InputError
        A value is not a whole number.
    """
    box = nonzero_box(array)
    filled = array[box] if box else array[:0]
    found: set[int] = set()
    for slab in (filled[rows] for rows in slabs(filled.shape)):
        low, high = slab.min(), slab.max()
        if not np.issubdtype(array.dtype, np.integer):
            _check_whole(path, slab, what)
        if low < 0 or high > 65535:
            found.update(int(v) for v in np.unique(slab))
        else:
            found.update(np.flatnonzero(np.bincount(slab.astype(np.uint16, copy=False).ravel())).tolist())
    return sorted(found - {0})


def relabelled(image: Image, mapping: Mapping[int, int], dtype: type[np.unsignedinteger[Any]]) -> Image:
    """Give an image other label values.

    Parameters
    ----------
    image : Image
        Whole numbers from 0 to 65535.
    mapping : mapping of int to int
        New value of each value but 0 that the image holds.
    dtype : type
        Unsigned integer type of the result.

    Returns
    -------
    Image
        Not writeable; the image itself where nothing changes.
    """
    if image.array.dtype == dtype and all(old == new for old, new in mapping.items()):
        return image
    array = np.zeros(image.array.shape, dtype)
    box = nonzero_box(image.array)
    if box:
        table = np.zeros(max(mapping) + 1, dtype)
        table[list(mapping)] = list(mapping.values())
        source, target = image.array[box], array[box]
        for rows in slabs(source.shape):
            target[rows] = table[source[rows].astype(np.uint16, copy=False)]
    array.flags.writeable = False
    return Image(array, image.geometry)


def brief(values: Sequence[int]) -> str:
    """List up to five values for a message."""
    return ", ".join(str(v) for v in values[:5]) + (", …" if len(values) > 5 else "")


def _check_whole(path: str | os.PathLike[str], slab: Array, what: str) -> None:
    """Refuse values that are no whole numbers; raises InputError."""
    fractions = slab[slab != np.rint(slab)]
    if fractions.size:
        raise InputError(
            f"{path}: the {what} has values that are no whole numbers (e.g. {fractions[0]:.4g}), "
            "save it as labels, without interpolation"
        )
