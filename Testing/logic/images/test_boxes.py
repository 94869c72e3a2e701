"""Boxes of voxels, against figures worked out by hand."""

from __future__ import annotations

import numpy as np

from CalcScoreLogic.images.boxes import SLAB_VOXELS, joint_box, nonzero_box, slabs


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


def test_slabs() -> None:
    plane = SLAB_VOXELS // 3
    assert [range(8)[rows] for rows in slabs((8, plane, 1))] == [range(0, 3), range(3, 6), range(6, 8)]
    assert [range(2)[rows] for rows in slabs((2, 2 * SLAB_VOXELS, 1))] == [range(0, 1), range(1, 2)]
    assert [*slabs((0, 4, 4))] == []
    assert [range(5)[rows] for rows in slabs((5, 0, 4))] == [range(5)]
