"""Calcification by an intensity threshold inside the artery, for comparison with the network.

Paper, "Threshold-based comparison methods". Every method acts inside the artery mask only, and a voxel
is calcification when HU >= threshold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np

from .anatomy import CalcificationLabel, Territory
from .errors import InputError
from .images.boxes import nonzero_box
from .images.common_grid import aligned
from .images.geometry import Array, Image
from .lumen import LEAST_VOXELS, Lumen, measure_arteries, measure_lumen

FIXED_HU = 470.0
"""Mean ideal threshold over the paper's training set."""

IDEAL_STEPS = 100
"""The ideal threshold is sought in steps of 1 % of the intensity range."""


class ThresholdMethod(str, Enum):
    """How the threshold is chosen.

    ``adaptive``: the lumen's median plus four robust SD. ``fixed``: a given HU. ``ideal``: the best Dice against
    a reference. ``otsu``: Otsu's two classes. ``percentile``: a percentile of the intensities inside the artery.
    """

    ADAPTIVE = "adaptive"
    FIXED = "fixed"
    IDEAL = "ideal"
    OTSU = "otsu"
    PERCENTILE = "percentile"


@dataclass(frozen=True)
class AdaptiveThreshold:
    """What the lumen says is calcium.

    Attributes
    ----------
    lumen : Lumen
        What the threshold was found from.
    source : str
        ``"aorta"``, or ``"arteries"`` where the aorta's core is too small.
    branches : dict of Territory to Lumen
        The branches' own lumen, where there is enough of it.
    """

    lumen: Lumen
    source: str
    branches: Mapping[Territory, Lumen] = field(default_factory=dict)

    @property
    def threshold_hu(self) -> float:
        """The threshold, HU."""
        return self.lumen.calcium_hu

    def is_brighter(self, territory: Territory) -> bool:
        """Tell whether a branch's blood is brighter than the aorta's and as uniform: its own lumen counts there."""
        branch = self.branches.get(territory)
        if branch is None:
            return False
        above = branch.median_hu > self.lumen.median_hu + self.lumen.sd_hu
        return above and branch.sd_hu <= 2 * self.lumen.sd_hu and branch.calcium_hu > self.threshold_hu

    def threshold_in(self, territory: Territory) -> float:
        """Give the threshold of a territory, HU: that of all, or a brighter branch's own, so that it stays lumen."""
        return self.branches[territory].calcium_hu if self.is_brighter(territory) else self.threshold_hu

    def to_dict(self) -> dict[str, Any]:
        """Give what ``parameters`` of ``scores.json`` gets beside ``threshold_hu``."""
        return {
            "lumen": {"from": self.source, **_told(self.lumen)},
            "branches": {
                territory.key: {**_told(lumen), "threshold_hu": self.threshold_in(territory)}
                for territory, lumen in self.branches.items()
            },
        }


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
    adaptive : AdaptiveThreshold or None
        What the threshold was found from; ``adaptive`` only.
    """

    calcification: Image
    method: ThresholdMethod
    threshold_hu: float
    dice: float | None = None
    adaptive: AdaptiveThreshold | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give what ``parameters`` of ``scores.json`` gets."""
        return {"threshold_hu": self.threshold_hu, **(self.adaptive.to_dict() if self.adaptive else {})}


def threshold(
    cta: Image,
    arteries: Image,
    method: ThresholdMethod = ThresholdMethod.ADAPTIVE,
    value: float | None = None,
    reference: Image | None = None,
) -> Thresholding:
    """Call the bright voxels inside the arteries calcification.

    Parameters
    ----------
    cta : Image
        Intensities, HU.
    arteries : Image
        Territory map on the same grid; every non-zero voxel is artery, so a mask will do.
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
        Grids that differ, no artery, a value or a reference that the method needs or does not take, or too little
        lumen for ``adaptive``.
    """
    method = ThresholdMethod(method)
    check_arguments(method, value, reference is not None)
    arteries = aligned(cta, arteries, "the CTA", "the artery mask")
    if reference is not None:
        reference = aligned(cta, reference, "the CTA", "the reference calcification")
    box = nonzero_box(arteries.array)
    if box is None:
        raise InputError("the artery mask is empty, so there is nothing to threshold; check the segmentation")
    labels, artery = arteries.array[box], arteries.array[box] > 0
    inside = cta.array[box][artery]
    dice = adaptive = None
    limit: Array | float
    if method is ThresholdMethod.IDEAL and reference is not None:
        truth = reference.array == CalcificationLabel.CALCIFICATION
        limit, dice = ideal_threshold(inside, truth[box][artery], int(np.count_nonzero(truth)))
    elif method is ThresholdMethod.ADAPTIVE:
        adaptive = adaptive_threshold(cta, arteries)
        limit = _limits_at(labels[artery], adaptive)
    else:
        limit = _plain_limit(inside, method, value)
    found = np.zeros(arteries.array.shape, np.uint8)
    found[box][artery] = np.where(inside >= limit, CalcificationLabel.CALCIFICATION, CalcificationLabel.ARTERY)
    threshold_hu = adaptive.threshold_hu if adaptive else float(limit)
    return Thresholding(Image(found, cta.geometry), method, threshold_hu, dice, adaptive)


def adaptive_threshold(cta: Image, arteries: Image) -> AdaptiveThreshold:
    """Find the threshold from the lumen's own brightness.

    Parameters
    ----------
    cta : Image
        Intensities, HU.
    arteries : Image
        Territory map on the same grid; in a mask of 1 all arteries count as aorta.

    Returns
    -------
    AdaptiveThreshold
        Median of the aorta's core plus `lumen.CALCIUM_SDS` robust SD of it; of all arteries' cores where the aorta's
        is too small.

    Raises
    ------
    InputError
        The arteries' cores are too small.
    """
    spacing = cta.geometry.spacing[::-1]
    measured = measure_arteries(cta.array, arteries.array, spacing)
    lumen, source = measured.pop(Territory.AORTA, None), "aorta"
    if lumen is None:
        lumen, source = measure_lumen(cta.array, arteries.array > 0, spacing), "arteries"
    if lumen is None:
        raise InputError(
            f"the arteries hold fewer than {LEAST_VOXELS} voxels of lumen away from the wall, so no adaptive threshold "
            "can be found; give one in HU"
        )
    return AdaptiveThreshold(lumen, source, measured)


def _plain_limit(inside: Array, method: ThresholdMethod, value: float | None) -> float:
    """Give the threshold of a method that looks at no more than the intensities inside the arteries."""
    if method is ThresholdMethod.OTSU:
        return otsu_threshold(inside)
    if method is ThresholdMethod.PERCENTILE and value is not None:
        return float(np.percentile(inside, value))
    return FIXED_HU if value is None else float(value)


def _limits_at(territories: Array, adaptive: AdaptiveThreshold) -> Array:
    """Give the threshold of each voxel by its label."""
    limits = np.full(int(territories.max()) + 1, adaptive.threshold_hu)
    for territory in adaptive.branches:
        limits[territory] = adaptive.threshold_in(territory)
    return np.asarray(limits[territories])


def _told(lumen: Lumen) -> dict[str, Any]:
    return {"median_hu": lumen.median_hu, "sd_hu": lumen.sd_hu, "voxels": lumen.voxels}


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
    if method in (ThresholdMethod.ADAPTIVE, ThresholdMethod.IDEAL, ThresholdMethod.OTSU):
        raise InputError(
            f"the {method.value} threshold is found from the image and takes no value (--value), choose the fixed one"
        )
    if not np.isfinite(value):
        raise InputError(f"the value is {value:g}, it must be a number")
    if method is ThresholdMethod.PERCENTILE and not 0 <= value <= 100:
        raise InputError(f"the percentage is {value:g}, it runs from 0 to 100")
