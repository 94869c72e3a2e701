"""Small pieces of a label map go, by hand."""

from __future__ import annotations

import numpy as np

from CalcScoreLogic.inference.worker.specks import drop_specks


def test_pieces_below_the_volume_go_and_others_stay() -> None:
    labels = np.zeros((12, 12, 12), np.uint8)
    labels[1:5, 1:3, 1:3] = 1  # 16 voxels
    labels[5, 3, 3] = 1  # touches them at a corner: the same piece, 17 voxels
    labels[5, 3, 4] = 3  # touches both, of another label
    labels[8:10, 8:10, 8:10] = 3  # 8 voxels
    labels[11, 11, 0:5] = 4  # 5 voxels
    expected = labels.copy()
    expected[5, 3, 4] = 0
    expected[11, 11] = 0
    drop_specks(labels, 0.5, 4.0)  # 8 voxels stay
    np.testing.assert_array_equal(labels, expected)
    drop_specks(labels, 0.5, 8.51)
    assert not labels.any()


def test_of_the_aorta_what_is_small_beside_its_largest_piece_goes() -> None:
    labels = np.zeros((60, 10, 10), np.uint8)
    labels[:, 4:6, 4:6] = 1  # 240 voxels: a twentieth is 12
    labels[0:11, 0, 0] = 1
    labels[20:32, 0, 0] = 1
    labels[0:11, 9, 9] = 2
    expected = labels.copy()
    expected[0:11, 0, 0] = 0
    drop_specks(labels, 2.0, 4.0)
    np.testing.assert_array_equal(labels, expected)


def test_an_empty_map_stays_empty() -> None:
    labels = np.zeros((3, 3, 3), np.uint8)
    drop_specks(labels, 1.0, 100.0)
    assert not labels.any()
