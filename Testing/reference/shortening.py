"""The paper's shortening algorithm, word by word, on the whole volume.

Written from the paper's steps with scikit-image and SimpleITK only; it shares no code with the library.
Slow on purpose: every dilation covers the whole volume.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import SimpleITK as sitk
from skimage.measure import label
from skimage.morphology import ball, dilation

CROSS = ball(1)
AORTA, SIDE_LABELS = 1, (2, 3, 4)


def shorten_image(image: sitk.Image, length: int = 25, margin: float = 10) -> sitk.Image:
    """Shorten a territory map of any orientation; the result lies on the same grid."""
    stored = sitk.DICOMOrientImageFilter.GetOrientationFromDirectionCosines(image.GetDirection())
    oriented = sitk.DICOMOrient(image, "LPS")
    array = sitk.GetArrayFromImage(oriented)
    # Exact numbers: a tie is one, whatever noise the spacing has from the file.
    spacing = [Fraction(round(mm * 10**9), 10**9) for mm in oriented.GetSpacing()[::-1]]

    sizes = [max(1, round(n * mm)) for n, mm in zip(array.shape, spacing, strict=True)]
    nearest = [
        np.array([min(math.floor(position / mm + Fraction(1, 2)), n - 1) for position in range(size)])
        for size, n, mm in zip(sizes, array.shape, spacing, strict=True)
    ]
    shortened = shorten_isotropic(array[np.ix_(*nearest)], length, margin)

    back = [
        np.array([min(math.floor(index * mm + Fraction(1, 2)), size - 1) for index in range(n)])
        for size, n, mm in zip(sizes, array.shape, spacing, strict=True)
    ]
    result = np.where(shortened[np.ix_(*back)] == array, array, 0).astype(np.uint8)
    result_image = sitk.GetImageFromArray(result)
    result_image.CopyInformation(oriented)
    return sitk.DICOMOrient(result_image, stored)


def shorten_isotropic(territories: np.ndarray, length: int = 25, margin: float = 10) -> np.ndarray:
    """Shorten a 1 mm map with axes (z, y, x), z to Superior."""
    aorta = territories == AORTA
    twice_dilated = dilation(dilation(aorta, CROSS), CROSS)
    result = np.where(aorta, AORTA, 0)
    for side in SIDE_LABELS:
        components = label(territories == side, connectivity=1)
        for number in range(1, components.max() + 1):
            component = components == number
            stump = near_pieces(component & twice_dilated)
            for _ in range(length):
                stump = dilation(stump, CROSS) & component
            result[stump] = side
    branches = np.isin(result, SIDE_LABELS)
    if branches.any():
        top = np.nonzero(branches)[0].max()
        heights = np.arange(result.shape[0])[:, None, None]
        result[(result == AORTA) & (heights > top + margin)] = 0
    return result


def near_pieces(stump: np.ndarray) -> np.ndarray:
    """Drop stump pieces more than 25 mm from the largest one."""
    pieces = label(stump, connectivity=1)
    if pieces.max() < 2:
        return stump
    sizes = [np.count_nonzero(pieces == number) for number in range(1, pieces.max() + 1)]
    largest = sizes.index(max(sizes)) + 1
    anchor = np.argwhere(pieces == largest)
    kept = pieces == largest
    for number in range(1, pieces.max() + 1):
        voxels = np.argwhere(pieces == number)
        squared = ((voxels[:, None, :] - anchor[None, :, :]) ** 2).sum(axis=2)
        if squared.min() <= 25**2:
            kept |= pieces == number
    return kept
