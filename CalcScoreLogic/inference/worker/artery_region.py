"""Where calcification counts: in the trimmed arteries, the ensemble's and those of each of its folds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...images.geometry import Array, Geometry, Image
from ...scoring import burdens
from ...shortening import ShorteningParameters, shorten


class TrimmedArteries:
    """The trimmed territory maps of a CTA.

    Parameters
    ----------
    geometry : Geometry
        The CTA's grid.
    lengths : ShorteningParameters or None
        Standard lengths; None takes the arteries as they are.
    folder : Path
        Where the folds' maps wait: they are not in memory together.

    Attributes
    ----------
    mask : ndarray of bool, shape (k, j, i), or None
        The ensemble's trimmed arteries; None before `take`.
    """

    def __init__(self, geometry: Geometry, lengths: ShorteningParameters | None, folder: Path) -> None:
        self._geometry, self._lengths, self._folder = geometry, lengths, folder
        self._files: list[Path] = []
        self.mask: Array | None = None

    @property
    def folds(self) -> int:
        """How many folds have been taken."""
        return len(self._files)

    def take(self, territories: Array) -> None:
        """Take the arteries that are scored.

        Parameters
        ----------
        territories : ndarray of uint8, shape (k, j, i)
            Full-length territory map.
        """
        self.mask = self._trimmed(territories) > 0

    def take_fold(self, territories: Array) -> Array:
        """Take the arteries of the next fold.

        Parameters
        ----------
        territories : ndarray of uint8, shape (k, j, i)
            Full-length territory map.

        Returns
        -------
        ndarray of bool, shape (k, j, i)
            Its trimmed arteries.
        """
        trimmed = self._trimmed(territories)
        file = self._folder / f"trimmed_{self.folds}.npy"
        np.save(file, trimmed)
        self._files.append(file)
        return np.asarray(trimmed > 0)

    def fold_mask(self, position: int) -> Array:
        """Give the trimmed arteries of the fold that was taken as number `position`, shape (k, j, i)."""
        return np.asarray(self._fold(position) > 0)

    def fold_burdens(self, position: int, calcification: Array) -> dict[str, float | None]:
        """Give the burdens in the arteries of a fold.

        Parameters
        ----------
        position : int
            It was taken as number `position`.
        calcification : ndarray of uint8, shape (k, j, i)
            Calcification map.

        Returns
        -------
        dict of str to float or None
            See `scoring.burdens`.
        """
        return burdens(Image(self._fold(position), self._geometry), Image(calcification, self._geometry))

    def _fold(self, position: int) -> Array:
        trimmed: Array = np.load(self._files[position])
        return trimmed

    def _trimmed(self, territories: Array) -> Array:
        labels = Image(territories, self._geometry)
        return (shorten(labels, self._lengths).territories if self._lengths else labels).array
