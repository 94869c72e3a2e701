"""The mean of the folds' logits, of which only one set is in memory at a time where they are large."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

LARGE_BYTES = 2**30
"""Sums above this are kept in a file while a fold is predicted."""


def is_large(logits: torch.Tensor) -> bool:
    """Tell whether logits are too large to be in memory beside those of another fold."""
    return bool(logits.nbytes > LARGE_BYTES)


class FoldSum:
    """Adds the logits of folds as nnU-Net does, in half precision and in their order.

    Parameters
    ----------
    file : Path
        Place for the sum between folds; it must not exist.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._sum: torch.Tensor | None = None
        self._put_away = False

    def make_room(self) -> None:
        """Free the memory of a large sum until the next fold is added."""
        if self._sum is not None and is_large(self._sum):
            self._sum.numpy().tofile(self._file)
            self._sum, self._put_away = None, True

    def add(self, logits: torch.Tensor) -> None:
        """Add a fold.

        Parameters
        ----------
        logits : Tensor of half, shape (heads, z, y, x)
            In main memory; it is changed in place.
        """
        if self._sum is not None:
            self._sum.add_(logits)
            return
        if self._put_away:
            with self._file.open("rb") as stream:
                for logit in logits:
                    before = np.fromfile(stream, np.float16, logit.numel())
                    logit.add_(torch.from_numpy(before.reshape(logit.shape)))
            self._file.unlink()
            self._put_away = False
        self._sum = logits

    def mean(self, folds: int) -> torch.Tensor | None:
        """Give the mean; None where no fold was added.

        Parameters
        ----------
        folds : int
            How many were added.

        Returns
        -------
        Tensor of half, shape (heads, z, y, x), or None
            The sum itself, changed in place.
        """
        if self._sum is not None and folds > 1:
            self._sum /= folds
        return self._sum
