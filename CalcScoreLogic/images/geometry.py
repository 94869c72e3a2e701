"""Where voxels lie in the patient: one type that crosses every layer.

Arrays are stored as SimpleITK hands them over, axes (k, j, i); everything a `Geometry` holds is in
the order (i, j, k), in millimetres, in LPS coordinates (x grows to the patient's Left, y to Posterior,
z to Superior), as in DICOM and ITK.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations, product
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError

Array = npt.NDArray[Any]

CORNERS = np.array(list(product((0, 1), repeat=3)))
"""The eight corners of a box, shape (8, 3), 0 or 1 along each axis."""

GRID_TOLERANCE = 0.01
"""Two grids are the same when no corner differs by more than this share of a voxel along any axis, ..."""

GRID_TOLERANCE_MM = 0.05
"""... and by no more than this."""

_GRAINS_A_MM = 1e5
_DIRECTION_GRAINS = 1e7
# Plain numbers such as 0.703125 end on half a grain; what is rounded up begins below, so that noise tips nothing.
_ROUND_UP = 0.53

_ORTHONORMAL_TOLERANCE = 1e-3
"""Headers hold rounded cosines; what is further off is sheared or scaled."""


@dataclass(frozen=True)
class Geometry:
    """The grid of a 3-D image.

    Parameters
    ----------
    size : tuple of int
        Voxels along (i, j, k).
    spacing : tuple of float
        Distance between voxel centres along (i, j, k), mm.
    origin : tuple of float
        Centre of voxel (0, 0, 0), LPS mm.
    direction : tuple of float
        3 x 3 matrix, row by row; its columns are the unit vectors of the i, j and k axis in LPS.

    Raises
    ------
    InputError
        A size below 1, a spacing that is not finite and positive, an origin that is not finite, or a
        direction matrix that is not orthonormal (sheared or scaled axes).
    """

    size: tuple[int, int, int]
    spacing: tuple[float, float, float]
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    direction: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)

    def __post_init__(self) -> None:
        if min(self.size) < 1:
            raise InputError(f"the grid has no voxels (size {_numbers(self.size)})")
        if not all(np.isfinite(s) and s > 0 for s in self.spacing):
            raise InputError(f"the voxel spacing is {_numbers(self.spacing)} mm, it must be finite and above 0")
        if not np.isfinite(self.origin).all():
            raise InputError(f"the origin is {_numbers(self.origin)} mm, it must be finite")
        gram = self.matrix.T @ self.matrix
        if not np.allclose(gram, np.eye(3), rtol=0, atol=_ORTHONORMAL_TOLERANCE):
            raise InputError(
                f"the axes are sheared (direction matrix {_numbers(self.direction)}), "
                "resample the volume to a grid with right angles"
            )

    @classmethod
    def from_axes(cls, size: Iterable[int], axes: Array, origin: Iterable[float]) -> Geometry:
        """Make a grid of the steps from voxel to voxel.

        Parameters
        ----------
        size : iterable of int
            Voxels along (i, j, k).
        axes : ndarray, shape (3, 3)
            Column a is the step along axis a, LPS mm.
        origin : iterable of float
            Centre of voxel (0, 0, 0), LPS mm.

        Returns
        -------
        Geometry
            The grid.

        Raises
        ------
        InputError
            As the class.
        """
        spacing = np.linalg.norm(axes, axis=0)
        return cls(
            size=_triple(int(n) for n in size),
            spacing=_triple(float(v) for v in spacing),
            origin=_triple(float(v) for v in origin),
            direction=tuple(float(v) for v in (axes / spacing).ravel()),
        )

    @cached_property
    def matrix(self) -> Array:
        """Direction matrix, shape (3, 3); column a is the unit vector of axis a in LPS."""
        return np.array(self.direction, dtype=float).reshape(3, 3)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of an array on this grid, (k, j, i)."""
        return self.size[2], self.size[1], self.size[0]

    @property
    def voxel_volume_mm3(self) -> float:
        """Volume of one voxel, mm³."""
        return float(np.prod(self.spacing))

    def on_grain(self) -> Geometry:
        """Give this grid as all file formats agree on it.

        Returns
        -------
        Geometry
            Spacing and origin in whole grains of 1e-5 mm, direction in grains of 1e-7: the noise of single
            precision, in which NIfTI stores them, is gone.
        """
        return Geometry(
            self.size,
            _triple(_on_grain(v, _GRAINS_A_MM) for v in self.spacing),
            _triple(_on_grain(v, _GRAINS_A_MM) for v in self.origin),
            tuple(_on_grain(v, _DIRECTION_GRAINS) for v in self.direction),
        )

    def to_physical(self, indices: npt.ArrayLike) -> Array:
        """Turn voxel indices into positions.

        Parameters
        ----------
        indices : array_like, shape (..., 3)
            Indices (i, j, k); fractions are allowed.

        Returns
        -------
        ndarray, shape (..., 3)
            Positions in LPS, mm.
        """
        scaled = np.asarray(indices, dtype=float) * np.array(self.spacing)
        return np.asarray(scaled @ self.matrix.T + np.array(self.origin))

    def to_index(self, positions: npt.ArrayLike) -> Array:
        """Turn positions, shape (..., 3), LPS in mm, into indices (i, j, k) with fractions: undoes `to_physical`."""
        turned = (np.asarray(positions, dtype=float) - np.array(self.origin)) @ self.matrix
        return np.asarray(turned / np.array(self.spacing))

    def difference(self, other: Geometry) -> str | None:
        """Say how another grid differs from this one.

        Parameters
        ----------
        other : Geometry
            The grid to compare with.

        Returns
        -------
        str or None
            The first difference in words, or None when both have the same size and no corner lies further
            apart than `GRID_TOLERANCE` and `GRID_TOLERANCE_MM` allow. The order of the axes matters.
        """
        if self.size != other.size:
            return f"size {_numbers(self.size)} against {_numbers(other.size)} voxels"
        # Outer corners, not voxel centres: a single slice has a thickness too.
        corners = CORNERS * self.size - 0.5
        apart = self.to_physical(corners) - other.to_physical(corners)
        in_voxels = np.abs(apart @ self.matrix / np.array(self.spacing)).max()
        # A hair more, so that a difference of exactly the tolerance is the same in any direction.
        if in_voxels <= 1.001 * GRID_TOLERANCE and np.linalg.norm(apart, axis=1).max() <= GRID_TOLERANCE_MM:
            return None
        if not np.allclose(self.spacing, other.spacing, rtol=0, atol=1e-6):
            return f"spacing {_numbers(self.spacing)} against {_numbers(other.spacing)} mm"
        if not np.allclose(self.direction, other.direction, rtol=0, atol=1e-6):
            return f"direction {_numbers(self.direction)} against {_numbers(other.direction)}"
        return f"origin {_numbers(self.origin)} against {_numbers(other.origin)} mm"

    @cached_property
    def _canonical_axes(self) -> tuple[tuple[int, int, int], tuple[bool, bool, bool]]:
        """Stored axis behind each canonical axis (x, y, z), and whether it runs backwards."""
        candidates = []
        for order in permutations(range(3)):
            columns = self.matrix[:, order]
            signs = np.array([_sign(columns[:, a], a) for a in range(3)])
            oriented = columns * signs
            # A tie (an axis at 45 degrees) is settled by the axes themselves, never by how they are stored.
            key = (np.round(np.trace(oriented), 9), tuple(np.round(oriented.ravel(), 9)))
            candidates.append((key, order, tuple(bool(s < 0) for s in signs)))
        _, order, flips = max(candidates)
        return order, flips  # type: ignore[return-value]

    def canonical(self) -> Geometry:
        """Give the same grid with its axes stored closest to L, P and S.

        Returns
        -------
        Geometry
            Axes permuted and flipped, no voxel moved.
        """
        order, flips = self._canonical_axes
        first = [self.size[a] - 1 if flip else 0 for a, flip in zip(order, flips, strict=True)]
        corner = np.zeros(3)
        corner[list(order)] = first
        columns = self.matrix[:, order] * np.where(flips, -1.0, 1.0)
        return Geometry(
            size=_triple(self.size[a] for a in order),
            spacing=_triple(self.spacing[a] for a in order),
            origin=_triple(float(v) for v in self.to_physical(corner)),
            direction=tuple(float(v) for v in columns.ravel()),
        )

    def canonical_view(self, array: Array) -> Array:
        """See an array on this grid in canonical storage.

        Parameters
        ----------
        array : ndarray, shape (k, j, i)
            Values on this grid.

        Returns
        -------
        ndarray, shape (z, y, x)
            A view: z grows to Superior, y to Posterior, x to Left. Writing to it writes to `array`.
        """
        order, flips = self._canonical_axes
        view = array.transpose([2 - order[2], 2 - order[1], 2 - order[0]])
        flipped = tuple(slice(None, None, -1 if flips[a] else 1) for a in (2, 1, 0))
        return np.asarray(view[flipped])

    def stored_view(self, canonical: Array) -> Array:
        """See an array in canonical storage as it is stored on this grid: undoes `canonical_view`.

        Parameters
        ----------
        canonical : ndarray, shape (z, y, x)
            Values on the canonical form of this grid.

        Returns
        -------
        ndarray, shape (k, j, i)
            A view.
        """
        order, flips = self._canonical_axes
        flipped = tuple(slice(None, None, -1 if flips[a] else 1) for a in (2, 1, 0))
        return np.asarray(canonical[flipped].transpose(np.argsort([2 - order[a] for a in (2, 1, 0)])))


@dataclass(frozen=True, eq=False)
class Image:
    """Voxel values with the grid they lie on.

    Parameters
    ----------
    array : ndarray, shape (k, j, i)
        Voxel values: HU, label values or a mask.
    geometry : Geometry
        The grid.
    notes : tuple of str
        Sentences about how it was read that a reader should know.

    Raises
    ------
    ValueError
        The array's shape is not the grid's.
    """

    array: Array
    geometry: Geometry
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.array.shape != self.geometry.shape:
            raise ValueError(f"array shape {self.array.shape} is not the grid's {self.geometry.shape}")

    def canonical(self) -> Image:
        """Give the same image in canonical storage (a view, see `Geometry.canonical_view`)."""
        return Image(self.geometry.canonical_view(self.array), self.geometry.canonical())


def _sign(column: Array, axis: int) -> float:
    """Orientation that makes `column` point along its canonical axis."""
    # An axis at right angles to its canonical one has no sign there but noise.
    decisive = column[axis] if abs(column[axis]) > 1e-9 else next(v for v in column if abs(v) > 1e-9)
    return float(np.sign(decisive))


def _on_grain(value: float, grains: float) -> float:
    """Round to whole grains."""
    return float(np.floor(value * grains + _ROUND_UP) / grains)


def _triple(values: Any) -> Any:
    """Make a tuple of three; the type checker cannot count a generator."""
    return tuple(values)


def _numbers(values: Any) -> str:
    """Write numbers for a message: short, but with the digits that differ."""
    return " x ".join(f"{v:.7g}" for v in values) if len(values) == 3 else " ".join(f"{v:.4g}" for v in values)
