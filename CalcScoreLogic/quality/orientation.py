"""Whether a patient lies in the volume as its header says, told by the arteries."""

from __future__ import annotations

import numpy as np

from ..anatomy import Territory
from ..images.boxes import nonzero_box
from ..images.geometry import Array, Image
from .codes import CodedWarning, WarningCode

_BESIDE = 3.0
"""Iliac arteries run at least a third as far down as to any side."""


def orientation_warning(arteries: Image) -> CodedWarning | None:
    """Warn of a volume that stands on its head or lies on its side: the aorta is trimmed at its upper end.

    Parameters
    ----------
    arteries : Image
        Territory map at full length.

    Returns
    -------
    CodedWarning or None
        A sentence where the iliac arteries do not lie below the aorta; None also where one of them is not labelled.
    """
    image = arteries.canonical()
    box = nonzero_box(image.array)
    if box is None:
        return None
    aorta, iliac = (image.array[box] == label for label in (Territory.AORTA, Territory.ILIAC))
    if not (aorta.any() and iliac.any()):
        return None
    up, back, left = (_centre(iliac) - _centre(aorta)) * image.geometry.spacing[::-1]
    if -up * _BESIDE > max(abs(back), abs(left)):
        return None
    where = "above" if up > max(abs(back), abs(left)) / _BESIDE else "beside"
    text = (
        f"The iliac arteries lie {where} the aorta, so the file's orientation is not the patient's, and the arteries "
        "are trimmed at the wrong ends; export the images and the label maps again."
    )
    return CodedWarning(WarningCode.ORIENTATION, text)


def _centre(mask: Array) -> Array:
    """Give the mean index (z, y, x) of a mask that is not empty, in voxels."""
    counts = [mask.sum(axis=tuple({0, 1, 2} - {axis})) for axis in range(3)]
    return np.array([np.average(np.arange(len(n)), weights=n) for n in counts])
