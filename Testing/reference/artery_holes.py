"""Which calcification fills a hole of the artery map: a literal reading, voxel by voxel."""

from __future__ import annotations

import numpy as np

_STEPS = [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)]


def fill_holes(arteries: np.ndarray, calcified: np.ndarray) -> np.ndarray:
    """Fill the holes of a territory map, shape (z, y, x), with the calcification that lies in them."""
    filled = arteries.copy()
    waiting = {tuple(int(v) for v in at) for at in np.argwhere(calcified)}
    while waiting:
        component, front = set(), [waiting.pop()]
        while front:
            voxel = front.pop()
            component.add(voxel)
            for neighbour in _neighbours(voxel):
                if neighbour in waiting:
                    waiting.remove(neighbour)
                    front.append(neighbour)
        outer = [_value(arteries, n) for voxel in component for n in _neighbours(voxel) if n not in component]
        inside = [value for value in outer if value]
        if not any(arteries[voxel] for voxel in component) and 2 * len(inside) > len(outer):
            # The most faces; the lowest label of equals.
            winner = max(sorted(set(inside)), key=inside.count)
            for voxel in component:
                filled[voxel] = winner
    return filled


def _neighbours(voxel: tuple[int, ...]) -> list[tuple[int, ...]]:
    return [tuple(v + s for v, s in zip(voxel, step, strict=True)) for step in _STEPS]


def _value(array: np.ndarray, at: tuple[int, ...]) -> int:
    inside = all(0 <= v < n for v, n in zip(at, array.shape, strict=True))
    return int(array[at]) if inside else 0
