"""The benchmark on real CT: how it counts plaques."""

from __future__ import annotations

import numpy as np

from Testing.bench.real import PlaqueCount, count_plaques


def test_plaques_are_matched_by_touch() -> None:
    drawn = np.zeros((9, 9, 30), bool)
    drawn[1:4, 1:4, 1:4] = True  # 27 mm³, found in part
    drawn[1:4, 1:4, 8:11] = True  # 27 mm³, missed
    drawn[7, 7, 1] = True  # 1 mm³, found by a voxel one step aside
    drawn[7, 7, 8] = True  # 1 mm³, missed: the nearest found voxel is two steps away
    found, ignore = np.zeros_like(drawn), np.zeros_like(drawn)
    found[3, 3, 3] = True
    found[7, 7, 2] = True
    found[7, 7, 6] = True  # false, 1 mm³
    found[1:3, 1, 20] = True  # false, 2 mm³
    found[7, 7, 25] = True
    ignore[7, 7, 25] = True  # where nobody is sure
    assert count_plaques(found, drawn, ignore, 1.0) == PlaqueCount(2, 1, 2, 1, 2, 3.0)


def test_nothing_drawn_and_nothing_found() -> None:
    none = np.zeros((3, 3, 3), bool)
    assert count_plaques(none, none, none, 1.0) == PlaqueCount(0, 0, 0, 0, 0, 0.0)
