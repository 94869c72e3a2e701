"""How well a segmentation overlaps its reference.

Paper, "Metrics for the neural network"; distances of surfaces through MONAI.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..images.boxes import nonzero_box
from ..images.geometry import Array

OVERLAP_METRICS = ("dice", "volumetric_similarity", "sensitivity", "precision", "jaccard")
SURFACE_METRICS = ("surface_dice", "hausdorff95_mm")
METRICS = (*OVERLAP_METRICS, *SURFACE_METRICS)

SURFACE_TOLERANCE_MM = 1.0
"""Surfaces no farther apart than this agree, for the surface Dice."""

HAUSDORFF_PERCENTILE = 95


@dataclass(frozen=True)
class Overlap:
    """Voxel counts of a prediction against its reference; a ratio whose denominator is 0 is None.

    Attributes
    ----------
    true_positive, false_positive, false_negative : int
        Voxels in both, in the prediction only, in the reference only.
    """

    true_positive: int
    false_positive: int
    false_negative: int

    @classmethod
    def of(cls, prediction: Array, reference: Array) -> Overlap:
        """Count the voxels of two masks.

        Parameters
        ----------
        prediction, reference : ndarray of bool
            Masks of one shape.

        Returns
        -------
        Overlap
            The counts.
        """
        both = int(np.count_nonzero(prediction & reference))
        return cls(both, int(np.count_nonzero(prediction)) - both, int(np.count_nonzero(reference)) - both)

    @property
    def dice(self) -> float | None:
        """2 TP / (2 TP + FP + FN)."""
        return _ratio(2 * self.true_positive, self._both_sizes)

    @property
    def volumetric_similarity(self) -> float | None:
        """1 - |FN - FP| / (2 TP + FP + FN)."""
        apart = _ratio(abs(self.false_negative - self.false_positive), self._both_sizes)
        return None if apart is None else 1 - apart

    @property
    def sensitivity(self) -> float | None:
        """TP / (TP + FN)."""
        return _ratio(self.true_positive, self.true_positive + self.false_negative)

    @property
    def precision(self) -> float | None:
        """TP / (TP + FP)."""
        return _ratio(self.true_positive, self.true_positive + self.false_positive)

    @property
    def jaccard(self) -> float | None:
        """TP / (TP + FP + FN)."""
        return _ratio(self.true_positive, self.true_positive + self.false_positive + self.false_negative)

    @property
    def _both_sizes(self) -> int:
        return 2 * self.true_positive + self.false_positive + self.false_negative


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def accuracy(prediction: Array, reference: Array, spacing_mm: Sequence[float]) -> dict[str, float | None]:
    """Compare two masks.

    Parameters
    ----------
    prediction, reference : ndarray of bool, shape (z, y, x)
        Masks on one grid.
    spacing_mm : sequence of float
        Spacing along (z, y, x), mm.

    Returns
    -------
    dict of str to float or None
        A value for each of `METRICS`; None where it is not defined.

    Notes
    -----
    Surface Dice: share of both surfaces' area that lies within `SURFACE_TOLERANCE_MM` of the other surface;
    doi:10.2196/26151. Hausdorff: the larger of the two directed 95th percentiles over the surface voxels, mm.
    Where one mask is empty, the surface Dice is 0 and the distance not defined; where both are, neither is.
    """
    overlap = Overlap.of(prediction, reference)
    values: dict[str, float | None] = {name: getattr(overlap, name) for name in OVERLAP_METRICS}
    box = nonzero_box(prediction | reference)
    if box is None:
        return {**values, **dict.fromkeys(SURFACE_METRICS)}
    if not prediction.any() or not reference.any():
        return {**values, "surface_dice": 0.0, "hausdorff95_mm": None}
    # A rim of background, so that a mask that reaches the border of the volume has its surface there.
    return {**values, **_surfaces(np.pad(prediction[box], 1), np.pad(reference[box], 1), spacing_mm)}


def _surfaces(prediction: Array, reference: Array, spacing_mm: Sequence[float]) -> dict[str, float | None]:
    """Compare the surfaces of two masks, neither of them empty."""
    import torch
    from monai.metrics import compute_hausdorff_distance, compute_surface_dice

    masks = [torch.from_numpy(mask)[None, None] for mask in (prediction, reference)]
    spacing = [float(mm) for mm in spacing_mm]
    with warnings.catch_warnings():
        # MONAI calls itself with an argument that it has deprecated.
        warnings.simplefilter("ignore", FutureWarning)
        dice = compute_surface_dice(
            *masks,
            class_thresholds=[SURFACE_TOLERANCE_MM],
            include_background=True,
            spacing=spacing,
            use_subvoxels=True,
        )
        distance = compute_hausdorff_distance(
            *masks, include_background=True, percentile=HAUSDORFF_PERCENTILE, spacing=spacing
        )
    return {"surface_dice": float(dice.item()), "hausdorff95_mm": float(distance.item())}
