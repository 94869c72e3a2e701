"""Slices as one even stack: what belongs to it, in which order, on which grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import InputError
from .geometry import Array

SAME_POSITION_MM = 0.01
"""Slices nearer than this lie at the same place."""

_EXTRA_TYPES = {"LOCALIZER": "localizer", "SCREEN SAVE": "screen picture", "CT_SOM5 PROT": "protocol page"}
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_OTHER_DIRECTION = 0.1
_MOST_EXTRAS = 3
_ROUNDING_SHARE, _MOST_ROUNDING_MM = 0.125, 0.1
_FEWEST_ROUNDING_SHARE = 0.02


def extra_kind(image_type: Sequence[str], sop_class: str, colours: int) -> str | None:
    """Say what an image is that lies in a CT series and is no slice of it.

    Parameters
    ----------
    image_type : sequence of str
        DICOM image type, in capitals.
    sop_class : str
        UID of its kind.
    colours : int
        Numbers a voxel.

    Returns
    -------
    str or None
        Such as ``"localizer"``; None for a slice.
    """
    marked = [kind for mark, kind in _EXTRA_TYPES.items() if any(value.endswith(mark) for value in image_type)]
    if marked:
        return marked[0]
    if colours > 1 or sop_class.startswith(_SECONDARY_CAPTURE):
        return "screen picture"
    return None


def odd_ones(sizes: Sequence[Sequence[int]], orientations: Sequence[Sequence[float]]) -> dict[int, str]:
    """Find the few images that lie across a stack, or have no place in the patient and another size.

    Parameters
    ----------
    sizes : sequence of tuple of int
        Columns and rows of each image.
    orientations : sequence of tuple of float
        DICOM orientation of each; empty where it has none.

    Returns
    -------
    dict of int to str
        What it is, by its number; empty where they are more than a few.
    """
    placed = [i for i, orientation in enumerate(orientations) if len(orientation)]
    if not placed:
        return {}
    normals = np.array([np.cross(orientations[i][:3], orientations[i][3:]) for i in placed])
    usual = np.median(normals, axis=0)
    across = np.linalg.norm(normals - usual, axis=1) > _OTHER_DIRECTION
    found = {i: "image across the others" for i, is_across in zip(placed, across, strict=True) if is_across}
    rest = [i for i in placed if i not in found]
    if not rest:
        return {}
    own = tuple(sizes[rest[0]])
    found |= {i: "picture without a place" for i in range(len(sizes)) if i not in placed and tuple(sizes[i]) != own}
    return found if len(found) <= _MOST_EXTRAS and 3 * len(found) < len(rest) else {}


def check_positions(folder: str, positions: Array, normal: Array) -> float:
    """Refuse slices that do not lie evenly along their normal.

    Parameters
    ----------
    folder : str
        What the message names.
    positions : ndarray, shape (n, 3)
        Centre of each slice's first pixel, LPS mm, in order along `normal`.
    normal : ndarray, shape (3,)
        Normal of the slices.

    Returns
    -------
    float
        Distance between slices, mm.

    Raises
    ------
    InputError
        Slices at the same position, missing, unevenly spaced or shifted sideways.

    Notes
    -----
    Positions that a program has rounded are even: none is further from its place on an even stack than an eighth
    of a step and 0.1 mm, or 2 % of a step.
    """
    along = positions @ normal
    steps = np.diff(along)
    if steps.min() < SAME_POSITION_MM:
        place, count = along[int(steps.argmin())], int((steps < SAME_POSITION_MM).sum())
        raise InputError(
            f"{folder}: slices lie at the position of another one ({count} of them, at {place:.6g} mm), "
            "give one phase or reconstruction alone"
        )
    usual = float(np.median(steps))
    numbers, step, apart = _even(along, usual)
    tolerance = max(min(_ROUNDING_SHARE * step, _MOST_ROUNDING_MM), _FEWEST_ROUNDING_SHARE * step)
    multiples = np.diff(numbers)
    if apart > tolerance:
        worst = int(np.abs(steps - usual).argmax())
        raise InputError(
            f"{folder}: the slices are unevenly spaced ({steps[worst]:.4g} mm after position {along[worst]:.6g} mm, "
            f"{usual:.4g} mm elsewhere), reconstruct or resample the series evenly"
        )
    gaps = np.flatnonzero(multiples > 1)
    if gaps.size:
        places = ", ".join(f"{multiples[i] - 1:.0f} between {along[i]:.6g} and {along[i + 1]:.6g} mm" for i in gaps[:3])
        more = ", …" if gaps.size > 3 else ""
        raise InputError(f"{folder}: slices are missing ({places}{more}), export the whole series")
    sideways = np.linalg.norm(positions - positions[0] - np.outer(along - along[0], normal), axis=1)
    # Rounded positions wander by hundredths of a mm; a tilt of 0.1 degrees shifts 1.7 mm on 1000 mm.
    if (sideways > _MOST_ROUNDING_MM + 1e-3 * (along - along[0])).any():
        raise InputError(
            f"{folder}: the slices are shifted sideways by {sideways.max():.4g} mm from first to last (gantry tilt), "
            "correct the tilt and resample the series first"
        )
    return step


def _even(along: Array, usual: float) -> tuple[Array, float, float]:
    """Lay an even stack through positions: the number of each slice, the step, the largest distance from it, mm."""
    numbers = np.cumsum([0, *np.maximum(np.rint(np.diff(along) / usual), 1)])
    step, first = np.polyfit(numbers, along, 1)
    # Where steps are rounded, the usual one is not the true one, and many of them miscount a gap.
    again = np.rint((along - first) / step)
    if np.diff(again).min() >= 1:
        numbers = again
        step, first = np.polyfit(numbers, along, 1)
    return numbers, float(step), float(np.abs(along - first - step * numbers).max())
