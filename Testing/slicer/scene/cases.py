"""A small artery tree whose figures are worked out by hand, and a phantom."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from CalcScoreLib.scene.case import SceneCase

from CalcScoreLogic.anatomy import Territory
from CalcScoreLogic.images.geometry import Geometry, Image
from CalcScoreLogic.phantom import Phantom, PhantomParameters, make_phantom
from CalcScoreLogic.pipeline import CaseParameters, score_masks
from CalcScoreLogic.results import CaseResult
from CalcScoreLogic.shortening import ShorteningParameters
from Testing.slicer.scene.scenes import add_volume

SHAPE = (60, 30, 40)
GRID = Geometry((40, 30, 60), (1.0, 1.0, 2.0), (5.0, -3.0, 10.0))
VOXEL_MM3 = 2.0


@dataclass(frozen=True, eq=False)
class Maps:
    """CTA and label maps of a case."""

    cta: Image
    territories: Image
    calcification: Image


def small_maps(geometry: Geometry = GRID) -> Maps:
    """An aorta of 8 x 8 x 50 voxels, a left iliac and a left renal artery; no mesenteric one.

    The renal artery leaves the aorta at k = 30 and 31 and is 20 mm long, the iliac artery lies below the
    aorta. The aorta holds a plaque of 12 voxels (k = 20) and one of 4 (k = 10), the iliac artery one of 2.
    """
    territories = np.zeros(SHAPE, np.uint8)
    territories[6:56, 10:18, 10:18] = Territory.AORTA
    territories[2:6, 12:16, 12:16] = Territory.ILIAC
    territories[30:32, 12:16, 18:38] = Territory.RENAL
    calcification = (territories > 0).astype(np.uint8)
    calcification[20, 10:12, 10:16] = 2
    calcification[10, 10, 10:14] = 2
    calcification[3, 12, 12:14] = 2
    hu = np.full(SHAPE, 40, np.int16)
    hu[territories > 0] = 300
    hu[calcification == 2] = 700
    hu[20, 10, 10] = 1240
    return Maps(Image(hu, geometry), Image(territories, geometry), Image(calcification, geometry))


@cache
def phantom(seed: int = 3) -> Phantom:
    """A synthetic patient in voxels of 3 mm."""
    return make_phantom(PhantomParameters(seed, (3.0, 3.0, 3.0)))


def stored(scene: Any, maps: Any, lengths: ShorteningParameters | None = None) -> tuple[SceneCase, CaseResult]:
    """Score maps with the pipeline and put them into the scene."""
    parameters = CaseParameters(lengths or ShorteningParameters(), "network")
    scored = score_masks("CTA", maps.territories, maps.calcification, parameters, maps.cta)
    return SceneCase.write(add_volume(scene, maps.cta), scored), scored.result


def assert_same_scores(found: CaseResult, expected: CaseResult) -> None:
    assert found.scores.territories == expected.scores.territories
    assert found.scores.vessels == expected.scores.vessels
    for one, other in zip(found.scores.clusters, expected.scores.clusters, strict=True):
        # Grids are taken to a grain of 1e-5 mm.
        np.testing.assert_allclose(one.centroid_mm, other.centroid_mm, atol=1e-5)
        assert replace(one, centroid_mm=other.centroid_mm) == other
