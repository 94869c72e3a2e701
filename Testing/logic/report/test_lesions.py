"""The place of a plaque lies in the plaque."""

from __future__ import annotations

import numpy as np

from CalcScoreLogic.anatomy import Territory
from CalcScoreLogic.images.geometry import Geometry, Image
from CalcScoreLogic.report.lesions import cluster_voxels, inner_positions
from CalcScoreLogic.scoring import score

GRID = Geometry((21, 21, 9), (1.0, 1.0, 2.0), (100.0, 50.0, -20.0))


def test_a_ring_is_shown_at_its_wall_though_a_plaque_lies_in_its_centre() -> None:
    territories = np.zeros((9, 21, 21), np.uint8)
    territories[1:8, 2:19, 2:19] = Territory.AORTA
    calcification = np.zeros_like(territories)
    calcification[4, 4:17, 4:17] = 2
    calcification[4, 5:16, 5:16] = 0
    calcification[4, 10, 10] = 2
    maps = (Image(territories, GRID), Image(calcification, GRID))
    clusters = score(*maps).clusters
    assert [c.centroid_mm for c in clusters] == [(110.0, 60.0, -12.0)] * 2
    voxels = cluster_voxels(clusters, *maps)
    assert [len(own) for own in voxels] == [13**2 - 11**2, 1]
    assert voxels[1].tolist() == [[4, 10, 10]]
    ring, dot = inner_positions(clusters, voxels, GRID)
    assert dot == (110.0, 60.0, -12.0)
    # The nearest voxels of the ring are 6 mm away, in the middle of its sides.
    assert ring in {(104.0, 60.0, -12.0), (116.0, 60.0, -12.0), (110.0, 54.0, -12.0), (110.0, 66.0, -12.0)}


def test_a_plaque_that_is_gone_keeps_its_centroid() -> None:
    territories = np.zeros((9, 21, 21), np.uint8)
    territories[1:8, 2:19, 2:19] = Territory.AORTA
    calcification = np.zeros_like(territories)
    calcification[4, 10, 10:12] = 2
    clusters = score(Image(territories, GRID), Image(calcification, GRID)).clusters
    empty = Image(np.zeros_like(calcification), GRID)
    voxels = cluster_voxels(clusters, Image(territories, GRID), empty)
    assert [len(own) for own in voxels] == [0]
    assert inner_positions(clusters, voxels, GRID) == [(110.5, 60.0, -12.0)]
