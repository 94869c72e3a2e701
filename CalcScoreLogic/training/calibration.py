"""Shifts of a network's last biases, after which it finds as much of each label as there is.

A network that is trained for a short time leaves out the rims of thin arteries.
"""

from __future__ import annotations

import numpy as np

from ..geometry import Array

_WIDEST_SHIFT = 4.0
_SWEEPS, _HALVINGS = 4, 16


def relevant(logits: Array, target: Array) -> tuple[Array, Array]:
    """Leave out the voxels that no shift can turn from background into a label.

    Parameters
    ----------
    logits : ndarray, shape (labels, ...)
        What the network says of each voxel; background first.
    target : ndarray
        True label of each voxel.

    Returns
    -------
    logits : ndarray, shape (labels, n)
        Of the voxels that are left.
    target : ndarray, shape (n,)
        Their labels.
    """
    logits, target = logits.reshape(len(logits), -1), target.ravel()
    kept = (target > 0) | (logits[1:].max(axis=0) > logits[0] - _WIDEST_SHIFT)
    return logits[:, kept], target[kept]


def balancing_shifts(logits: Array, target: Array) -> Array:
    """Find what to add to the logits so that each label gets as many voxels as it has.

    Parameters
    ----------
    logits : ndarray, shape (labels, n)
        What the network says; background first.
    target : ndarray, shape (n,)
        True labels.

    Returns
    -------
    ndarray, shape (labels,)
        Shifts, each between -4 and 4; 0 for background and for a label that has no voxels.

    Notes
    -----
    The count of a label grows with its own shift, so each is found by halving, in a few sweeps over the labels.
    """
    shifts = np.zeros(len(logits))
    wanted = np.bincount(target.astype(int), minlength=len(logits))
    for _ in range(_SWEEPS):
        for label in range(1, len(logits)):
            if not wanted[label]:
                continue
            others = np.delete(logits + shifts[:, None], label, axis=0).max(axis=0)
            low, high = -_WIDEST_SHIFT, _WIDEST_SHIFT
            for _ in range(_HALVINGS):
                middle = (low + high) / 2
                enough = np.count_nonzero(logits[label] + middle > others) >= wanted[label]
                low, high = (low, middle) if enough else (middle, high)
            shifts[label] = high
    return shifts
