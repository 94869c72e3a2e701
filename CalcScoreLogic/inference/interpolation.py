"""Which voxels of the model's grid nnU-Net's export interpolates a CTA voxel from, along one axis."""

from __future__ import annotations

import numpy as np

from ..geometry import Array


def positions(n_model: int, n_cta: int) -> Array:
    """Place the CTA's voxels on an axis of the model's grid, rounded as in ``scipy.ndimage.zoom``.

    Parameters
    ----------
    n_model, n_cta : int
        Voxels of the model's grid and of the transposed, cropped CTA.

    Returns
    -------
    ndarray of float64, shape (n_cta,)
        In voxels of the model's grid; both grids cover the same length.
    """
    return (np.arange(n_cta) + 0.5) * (n_model / n_cta) - 0.5


def neighbours(places: Array, n_model: int) -> tuple[Array, Array]:
    """Find the model voxels between which positions lie.

    Parameters
    ----------
    places : ndarray of float64, shape (n,)
        Positions as `positions` gives them; those beyond a border take the voxel at the border.
    n_model : int
        Voxels of the model's grid.

    Returns
    -------
    below, above : ndarray of int, shape (n,)
        One and the same where it alone has weight.
    """
    inside = np.clip(places, 0, n_model - 1)
    return np.floor(inside).astype(np.intp), np.ceil(inside).astype(np.intp)
