"""`shorten` against the literal reading of the paper on a 600 x 350 x 350 tree of 1 mm voxels."""

from __future__ import annotations

import time

import numpy as np

from CalcScoreLogic.images.geometry import Geometry, Image
from CalcScoreLogic.shortening import shorten
from Testing.bench.tree import life_size_tree
from Testing.reference.shortening import shorten_isotropic

SIZE = (350, 350, 600)
REPEATS = 5


def run() -> None:
    """Print both times, their ratio, and whether the voxels are the same."""
    tree = life_size_tree(SIZE, (1.0, 1.0, 1.0))
    image = Image(tree, Geometry(SIZE, (1.0, 1.0, 1.0)))
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        shortened = shorten(image).territories.array
        times.append(time.perf_counter() - start)
    start = time.perf_counter()
    expected = shorten_isotropic(tree)
    baseline = time.perf_counter() - start
    same = np.array_equal(shortened, expected)
    ours = float(np.median(times))
    ratio = f"{baseline / ours:.0f} times faster"
    print(f"library {ours:.3f} s, literal reading {baseline:.1f} s: {ratio}, same voxels: {same}")
