"""Whether a territory map and a calcification map stand in each other's place, told by their shapes alone."""

from __future__ import annotations

import numpy as np

from ..anatomy import CalcificationLabel, Territory
from ..images.boxes import nonzero_box
from ..images.geometry import Array, Image
from .codes import CodedWarning, WarningCode

_LIES_IN, _MEETS = 1 / 3, 0.1
"""Plaques have over half of their faces in the artery; iliac arteries meet the aorta with 1 to 6 % of theirs."""

_FEW_VOXELS, _LEAST_SHARE = 20, 0.05


def exchange_warning(calcification: Image, arteries: Image) -> CodedWarning | None:
    """Warn where each of two label maps seems to be the other one.

    Parameters
    ----------
    calcification : Image
        Calcification map.
    arteries : Image
        Territory map on the same grid.

    Returns
    -------
    CodedWarning or None
        A sentence where the iliac arteries lie in the aorta as plaques do, or the calcification is whole vessels as
        iliac arteries are.

    Notes
    -----
    Each map can be read as the other only where both have no label over 2: with aorta and iliac arteries alone.
    """
    box = nonzero_box(arteries.array, padding=1)
    if box is None or arteries.array[box].max() > Territory.ILIAC:
        return None
    labels = arteries.array[box]
    iliac = labels == Territory.ILIAC
    calcified = (calcification.array[box] == CalcificationLabel.CALCIFICATION) & (labels > 0)
    rest = (labels > 0) & ~calcified
    reason = None
    if np.count_nonzero(iliac) >= _FEW_VOXELS and _faces_at(iliac, labels == Territory.AORTA) > _LIES_IN:
        reason = "the iliac arteries of the territory map lie in the aorta as plaques do"
    elif np.count_nonzero(calcified) > _LEAST_SHARE * np.count_nonzero(rest) and _faces_at(calcified, rest) < _MEETS:
        reason = "what the calcification map marks is whole vessels"
    if reason is None:
        return None
    text = f"The territory map and the calcification map seem to be exchanged: {reason}; check which file is which."
    return CodedWarning(WarningCode.LABELS, text)


def _faces_at(part: Array, other: Array) -> float:
    """Give the share of the outer faces of a part, shape (k, j, i), that lie at another one."""
    outer = shared = 0
    for axis in range(3):
        for inner, beside in ((slice(None, -1), slice(1, None)), (slice(1, None), slice(None, -1))):
            here, there = ((slice(None),) * axis + (span,) for span in (inner, beside))
            is_outer = part[here] & ~part[there]
            outer += int(np.count_nonzero(is_outer))
            shared += int(np.count_nonzero(is_outer & other[there]))
    return shared / max(outer, 1)
