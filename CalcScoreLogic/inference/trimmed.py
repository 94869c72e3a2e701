"""Where calcification counts: in the trimmed arteries of the ensemble and of each of its folds."""

from __future__ import annotations

from ..geometry import Array, Geometry, Image
from ..shortening import ShorteningParameters, shorten


class TrimmedArteries:
    """The union of trimmed territory maps of a CTA.

    Parameters
    ----------
    geometry : Geometry
        The CTA's grid.
    lengths : ShorteningParameters or None
        Standard lengths; None takes the arteries as they are.

    Attributes
    ----------
    mask : ndarray of bool, shape (k, j, i), or None
        The union; None before the first map.
    """

    def __init__(self, geometry: Geometry, lengths: ShorteningParameters | None) -> None:
        self._geometry, self._lengths = geometry, lengths
        self.mask: Array | None = None

    def add(self, territories: Array) -> None:
        """Trim a territory map and add its arteries.

        Parameters
        ----------
        territories : ndarray of uint8, shape (k, j, i)
            Full-length territory map.
        """
        labels = Image(territories, self._geometry)
        if self._lengths is not None:
            labels = shorten(labels, self._lengths).territories
        found = labels.array > 0
        if self.mask is None:
            self.mask = found
        else:
            self.mask |= found
