"""Boxes of voxels, against figures worked out by hand."""

from __future__ import annotations

import numpy as np

from CalcScoreLogic.images.boxes import joint_box, nonzero_box


def test_nonzero_box() -> None:
    array = np.zeros((5, 6, 7))
    assert nonzero_box(array) is None
    array[2, 3, 4] = array[2, 5, 6] = 1
    assert nonzero_box(array) == (slice(2, 3), slice(3, 6), slice(4, 7))
    assert nonzero_box(array, padding=2) == (slice(0, 5), slice(1, 6), slice(2, 7))


def test_joint_box() -> None:
    first, second = (slice(2, 3), slice(3, 6), slice(4, 7)), (slice(0, 1), slice(4, 9), slice(5, 6))
    assert joint_box([first, None, second]) == (slice(0, 3), slice(3, 9), slice(4, 7))
    assert joint_box([first]) == first
    assert joint_box([None]) is None
