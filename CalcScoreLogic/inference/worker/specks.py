"""Small pieces of a territory map that are no arteries."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from ...anatomy import Territory
from ...images.geometry import Array

_CORNERS_TOUCH = np.ones((3, 3, 3), bool)
_AORTA_SHARE = 0.05  # of its largest piece: the aorta is one tube, what lies apart from it is bowel or vein


def drop_specks(labels: Array, voxel_mm3: float, least_mm3: float) -> None:
    """Make small pieces of each territory background, in place.

    A speck that touches the aorta would count as its highest branch and shift the cut of the aorta. Of the aorta,
    pieces below a twentieth of its largest one go too.

    Parameters
    ----------
    labels : ndarray of uint8, shape (z, y, x)
        Territory map; changed in place.
    voxel_mm3 : float
        Volume of a voxel, mm³.
    least_mm3 : float
        Pieces below this volume go. Voxels of one label that share a corner are one piece.
    """
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        part = labels[box]
        pieces = np.empty(part.shape, np.int32)
        ndimage.label(part == label, _CORNERS_TOUCH, output=pieces)
        volumes = np.bincount(pieces.reshape(-1)) * voxel_mm3
        share = _AORTA_SHARE if label == Territory.AORTA else 0.0
        small = volumes < max(least_mm3, share * volumes[1:].max())
        small[0] = False
        part[small[pieces]] = 0
