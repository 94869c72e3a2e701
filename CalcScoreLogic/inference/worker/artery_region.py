"""Where calcification counts: in the trimmed arteries, the ensemble's and those of each of its folds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...images.boxes import Box, nonzero_box
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
        self._waiting: list[_Waiting] = []
        self.mask: Array | None = None

    @property
    def folds(self) -> int:
        """How many folds have been taken."""
        return len(self._waiting)

    def take(self, territories: Array) -> None:
        """Take the arteries that are scored.

        Parameters
        ----------
        territories : ndarray of uint8, shape (k, j, i)
            Full-length territory map.
        """
        trimmed = self._trimmed(territories)
        box = nonzero_box(trimmed)
        self.mask = self._mask(box, trimmed[box] if box else None)

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
        box = nonzero_box(trimmed)
        part = trimmed[box] if box else None
        waiting = _Waiting(box, self._folder / f"trimmed_{self.folds}.npy")
        if part is not None:
            np.save(waiting.file, part)
        self._waiting.append(waiting)
        return self._mask(box, part)

    def fold_mask(self, position: int) -> Array:
        """Give the trimmed arteries of the fold that was taken as number `position`, shape (k, j, i)."""
        return self._mask(*self._fold(position))

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
        trimmed = self._in_whole(*self._fold(position), np.uint8)
        return burdens(Image(trimmed, self._geometry), Image(calcification, self._geometry))

    def _fold(self, position: int) -> tuple[Box | None, Array | None]:
        """Give the part of a fold's map that holds its arteries, and the part's box."""
        waiting = self._waiting[position]
        return waiting.box, None if waiting.box is None else np.load(waiting.file)

    def _mask(self, box: Box | None, part: Array | None) -> Array:
        """Give where a part of a map holds arteries, in an array of the CTA."""
        return self._in_whole(box, None if part is None else part > 0, np.bool_)

    def _in_whole(self, box: Box | None, part: Array | None, kind: type[np.generic]) -> Array:
        """Put a part into an array of the CTA; pages of memory that hold nothing are never touched."""
        whole = np.zeros(self._geometry.shape, kind)
        if box is not None:
            whole[box] = part
        return whole

    def _trimmed(self, territories: Array) -> Array:
        labels = Image(territories, self._geometry)
        return (shorten(labels, self._lengths).territories if self._lengths else labels).array


@dataclass(frozen=True)
class _Waiting:
    """A fold's trimmed map on disk: its box, None where it is empty, and what is in it."""

    box: Box | None
    file: Path
