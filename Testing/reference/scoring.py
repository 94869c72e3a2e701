"""The figures of a territory, counted voxel by voxel on the whole volume with scikit-image."""

from __future__ import annotations

import numpy as np
from skimage.measure import label


def figures(artery: np.ndarray, calcified: np.ndarray, voxel_mm3: float) -> dict:
    """Artery volume, calcified volume, burden, clusters and mean cluster size of a mask."""
    inside = artery & calcified
    clusters = int(label(inside, connectivity=1).max())
    return {
        "artery_volume_mm3": artery.sum() * voxel_mm3,
        "calcified_volume_mm3": inside.sum() * voxel_mm3,
        "burden": inside.sum() / artery.sum() if artery.any() else None,
        "cluster_count": clusters,
        "mean_cluster_volume_mm3": inside.sum() * voxel_mm3 / clusters if clusters else None,
    }
