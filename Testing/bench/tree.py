"""A life-size arterial tree for the benchmarks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from Testing.trees import Capsule, paint


def life_size_tree(size: Sequence[int], spacing: Sequence[float]) -> np.ndarray:
    """Aorta, iliacs to the groin, renals, coeliac and superior mesenteric artery; axes (z, y, x)."""
    x, y, z = (n * mm / 2 for n, mm in zip(size, spacing, strict=True))
    top = 2 * z
    capsules = [
        Capsule(1, (x, y, z - 40), (x + 4, y - 5, z + 60), 9),
        Capsule(1, (x + 4, y - 5, z + 60), (x, y, top), 11),
        Capsule(4, (x, y, z + 50), (x + 70, y + 20, z + 45), 3),
        Capsule(4, (x, y, z + 55), (x - 70, y + 25, z + 52), 3),
        Capsule(3, (x, y, z + 95), (x + 2, y - 35, z + 92), 3.5),
        Capsule(3, (x + 2, y - 35, z + 92), (x + 50, y - 40, z + 95), 2.5),
        Capsule(3, (x + 2, y - 35, z + 92), (x - 50, y - 40, z + 98), 2.5),
        Capsule(3, (x, y, z + 78), (x, y - 28, z + 65), 3.5),
        Capsule(3, (x, y - 28, z + 65), (x, y - 40, z - 60), 3),
    ]
    for side in (-1, 1):
        capsules += [
            Capsule(2, (x, y, z - 42), (x + side * 45, y + 20, z - 110), 5.5),
            Capsule(2, (x + side * 45, y + 20, z - 110), (x + side * 70, y - 20, z - 200), 4.5),
        ]
    return paint(capsules, size, spacing)
