"""Calcification by an intensity threshold inside the artery, for comparison with the network.

Paper, "Threshold-based comparison methods". Every method acts inside the artery mask only, and a voxel
is calcification when HU >= threshold.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from .anatomy import CalcificationLabel
from .errors import InputError
from .images.geometry import Array, Image, check_same_grid, nonzero_box

FIXED_HU = 470.0
"""Mean ideal threshold over the paper's training set."""

IDEAL_STEPS = 100
"""The ideal threshold is sought in steps of 1 % of the intensity range."""


class ThresholdMethod(str, Enum):
    """How the threshold is chosen.

    ``fixed``: a given HU. ``ideal``: the best Dice against a reference. ``otsu``: Otsu's two classes.
    ``percentile``: a percentile of the intensities inside the artery.
    """

    FIXED = "fixed"
    IDEAL = "ideal"
    OTSU = "otsu"
    PERCENTILE = "percentile"


@dataclass(frozen=True)
class Thresholding:
    """Result of `threshold`.

    Attributes
    ----------
    calcification : Image
        Calcification map, uint8, values of `anatomy.CalcificationLabel`.
    method : ThresholdMethod
        How the threshold was chosen.
    threshold_hu : float
        The threshold, HU.
    dice : float or None
        Dice against the reference; ``ideal`` only.
    """

    calcification: Image
    method: ThresholdMethod
    threshold_hu: float
    dice: float | None = None


def threshold(
    cta: Image,
    arteries: Image,
    method: ThresholdMethod = ThresholdMethod.FIXED,
    value: float | None = None,
    reference: Image | None = None,
) -> Thresholding:
    """Call the bright voxels inside the arteries calcification.

    Parameters
    ----------
    cta : Image
        Intensities, HU.
    arteries : Image
        Artery mask on the same grid: every non-zero voxel, so a territory map will do.
    method : ThresholdMethod
        How the threshold is chosen.
    value : float, optional
        HU for ``fixed`` (470 by default), percent (0 to 100) for ``percentile``; nothing else takes one.
    reference : Image, optional
        Calcification map that ``ideal`` is measured against.

    Returns
    -------
    Thresholding
        The calcification map and the threshold.

    Raises
    ------
    InputError
        Grids that differ, no artery, a value or a reference that the method needs or does not take.
    """
    method = ThresholdMethod(method)
    check_arguments(method, value, reference is not None)
    check_same_grid(cta, arteries, "the CTA", "the artery mask")
    if reference is not None:
        check_same_grid(cta, reference, "the CTA", "the reference calcification")
    box = nonzero_box(arteries.array)
    if box is None:
        raise InputError("the artery mask is empty, so there is nothing to threshold; check the segmentation")
    hu, artery = cta.array[box], arteries.array[box] > 0
    inside = hu[artery]
    dice = None
    if method is ThresholdMethod.IDEAL and reference is not None:
        calcified = reference.array == CalcificationLabel.CALCIFICATION
        limit, dice = ideal_threshold(inside, calcified[box][artery], int(np.count_nonzero(calcified)))
    elif method is ThresholdMethod.OTSU:
        limit = otsu_threshold(inside)
    elif method is ThresholdMethod.PERCENTILE and value is not None:
        limit = float(np.percentile(inside, value))
    else:
        limit = FIXED_HU if value is None else float(value)
    labels = np.zeros(arteries.array.shape, np.uint8)
    labels[box][artery] = np.where(inside >= limit, CalcificationLabel.CALCIFICATION, CalcificationLabel.ARTERY)
    return Thresholding(Image(labels, cta.geometry), method, limit, dice)


def ideal_threshold(intensities: Array, calcified: Array, reference_voxels: int | None = None) -> tuple[float, float]:
    """Find the threshold with the best Dice against a reference.

    Parameters
    ----------
    intensities : ndarray, shape (n,)
        HU inside the reference arteries.
    calcified : ndarray of bool, shape (n,)
        The reference calcification at these voxels.
    reference_voxels : int, optional
        All voxels of the reference calcification, those outside the arteries included; by default those
        in `calcified`.

    Returns
    -------
    threshold_hu : float
        The best of 101 thresholds at 1 % steps from the lowest to the highest intensity; the lowest of
        equals.
    dice : float
        Its Dice coefficient.

    Raises
    ------
    InputError
        No intensities, or no calcification in the reference.
    """
    total = int(np.count_nonzero(calcified)) if reference_voxels is None else reference_voxels
    if not intensities.size or not total:
        raise InputError(
            "the reference holds no calcification inside an artery, so no threshold is ideal; "
            "choose the fixed threshold for this case"
        )
    low, high = float(intensities.min()), float(intensities.max())
    step = np.arange(IDEAL_STEPS + 1)
    # One division at the end: a threshold that is a whole HU comes out exactly whole.
    limits = (low * (IDEAL_STEPS - step) + high * step) / IDEAL_STEPS
    selected = intensities.size - np.searchsorted(np.sort(intensities), limits, side="left")
    hits = np.count_nonzero(calcified) - np.searchsorted(np.sort(intensities[calcified]), limits, side="left")
    dice = 2.0 * hits / (selected + total)
    best = int(np.argmax(dice))
    return float(limits[best]), float(dice[best])


def otsu_threshold(intensities: Array) -> float:
    """Find the lowest intensity of the brighter of Otsu's two classes.

    Parameters
    ----------
    intensities : ndarray, shape (n,)
        HU inside the arteries.

    Returns
    -------
    float
        Threshold, HU; doi:10.1109/TSMC.1979.4310076.

    Raises
    ------
    InputError
        All intensities are the same.
    """
    from skimage.filters import threshold_otsu

    if not intensities.size or intensities.min() == intensities.max():
        raise InputError("all voxels inside the arteries have the same intensity, so Otsu's method finds no threshold")
    # scikit-image puts its threshold into the lower class; ours is the first value of the upper one.
    return float(intensities[intensities > threshold_otsu(intensities)].min())


def check_arguments(method: ThresholdMethod, value: float | None, has_reference: bool) -> None:
    """Refuse a value or a reference that a method needs and lacks, or does not take.

    Parameters
    ----------
    method : ThresholdMethod
        How the threshold is chosen.
    value : float or None
        HU for ``fixed``, percent for ``percentile``.
    has_reference : bool
        Whether a reference calcification is given.

    Raises
    ------
    InputError
        They do not go together.
    """
    if method is ThresholdMethod.IDEAL and not has_reference:
        raise InputError("the ideal threshold needs a reference calcification (--reference)")
    if method is not ThresholdMethod.IDEAL and has_reference:
        raise InputError(f"the {method.value} threshold takes no reference calcification (--reference)")
    if value is None:
        if method is ThresholdMethod.PERCENTILE:
            raise InputError("the percentile threshold needs a percentage from 0 to 100 (--value)")
        return
    if method in (ThresholdMethod.IDEAL, ThresholdMethod.OTSU):
        raise InputError(f"the {method.value} threshold is found from the image and takes no value (--value)")
    if not np.isfinite(value):
        raise InputError(f"the value is {value:g}, it must be a number")
    if method is ThresholdMethod.PERCENTILE and not 0 <= value <= 100:
        raise InputError(f"the percentage is {value:g}, it runs from 0 to 100")
