"""Where the calcification network looked: outside of it, no calcium means nothing."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .boxes import nonzero_box
from .geometry import Array, Geometry


@dataclass(frozen=True, eq=False)
class Coverage:
    """The part of a CTA that was labelled, made of the cells of a grid of planes.

    Attributes
    ----------
    origin : tuple of float
        Centre of the CTA's voxel (0, 0, 0), LPS mm.
    borders : sequence of three ndarrays of int
        Along each array axis (k, j, i): the first voxel of every cell, and the number of voxels at the end.
    cells : ndarray of bool, shape (cells along k, j, i)
        Which cells were labelled.

    Notes
    -----
    A voxel is in it when all tiles that the full run has over it were run, so that its label is that of
    the full run; which tiles were run is settled by planes, hence the cells.
    """

    origin: tuple[float, ...]
    borders: Sequence[Array]
    cells: Array

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels of the CTA along (k, j, i)."""
        return tuple(int(border[-1]) for border in self.borders)

    @property
    def everywhere(self) -> bool:
        """Whether the whole CTA was labelled."""
        return bool(self.cells.all())

    def mask(self, geometry: Geometry | None = None) -> Array:
        """Give the voxels that were labelled.

        Parameters
        ----------
        geometry : Geometry, optional
            The CTA's grid, or that of a box cut out of it; the whole CTA by default.

        Returns
        -------
        ndarray of bool, shape (k, j, i)
            Voxels of a box outside the CTA were not labelled.
        """
        cells = self._cell_of_voxels()
        if geometry is None:
            return np.asarray(self.cells[np.ix_(*cells)])
        shift = -geometry.to_index(self.origin)
        wanted = [
            np.arange(n) + first for n, first in zip(geometry.shape, np.rint(shift[::-1]).astype(np.intp), strict=True)
        ]
        inside = [(at >= 0) & (at < n) for at, n in zip(wanted, self.shape, strict=True)]
        found = self.cells[np.ix_(*(cell[at.clip(0, len(cell) - 1)] for cell, at in zip(cells, wanted, strict=True)))]
        return np.asarray(found & inside[0][:, None, None] & inside[1][:, None] & inside[2])

    def clear_elsewhere(self, labels: Array) -> None:
        """Make a label map of the CTA, shape (k, j, i), empty in place where calcification was not labelled."""
        box = nonzero_box(labels)
        if box is None:
            return
        cells = [cell[span] for cell, span in zip(self._cell_of_voxels(), box, strict=True)]
        labels[box][~self.cells[np.ix_(*cells)]] = 0

    def _cell_of_voxels(self) -> list[Array]:
        """Give the cell that each slice, row and column lies in."""
        return [np.repeat(np.arange(len(border) - 1), np.diff(border)) for border in self.borders]

    def stored_as(self, own: Geometry, grid: Geometry) -> Coverage:
        """Give it in the voxels of a grid that stores the same CTA along other axes, or backwards.

        Parameters
        ----------
        own : Geometry
            The grid that it is given in.
        grid : Geometry
            The other one.

        Returns
        -------
        Coverage
            The same part of the CTA.
        """
        borders = list(self.borders)
        for axis, border in enumerate(self.borders):
            ramp = grid.stored_view(own.canonical_view(np.indices((2, 2, 2))[axis]))
            steps = [ramp[1, 0, 0], ramp[0, 1, 0], ramp[0, 0, 1]] - ramp[0, 0, 0]
            there = int(np.flatnonzero(steps)[0])
            borders[there] = border if steps[there] > 0 else border[-1] - border[::-1]
        return Coverage(grid.origin, borders, grid.stored_view(own.canonical_view(self.cells)))

    def to_dict(self) -> dict[str, Any]:
        """Give it in what JSON can hold: borders in voxels along (k, j, i), cells packed, deflated, in base 64."""
        packed = zlib.compress(np.packbits(self.cells).tobytes(), 9)
        return {
            "origin_mm": list(self.origin),
            "borders_voxel": [[int(at) for at in border] for border in self.borders],
            "cells": base64.b64encode(packed).decode("ascii"),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Coverage:
        """Read what `to_dict` gave."""
        borders = [np.array(border, dtype=np.intp) for border in content["borders_voxel"]]
        shape = [len(border) - 1 for border in borders]
        packed = np.frombuffer(zlib.decompress(base64.b64decode(content["cells"])), np.uint8)
        cells = np.unpackbits(packed, count=int(np.prod(shape))).astype(bool).reshape(shape)
        return cls(tuple(content["origin_mm"]), borders, cells)


def coverage_of(provenance: Mapping[str, Any]) -> Coverage | None:
    """Read where calcification was looked for.

    Parameters
    ----------
    provenance : mapping
        ``provenance`` of ``scores.json``.

    Returns
    -------
    Coverage or None
        None: everywhere.
    """
    content = (provenance.get("inference") or {}).get("coverage")
    return Coverage.from_dict(content) if content else None
