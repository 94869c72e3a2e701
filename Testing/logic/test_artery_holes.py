"""Holes of artery maps: against a literal reading, and what painting can never do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from CalcScoreLogic.anatomy import Territory
from CalcScoreLogic.artery_holes import Arteries, fill_holes
from CalcScoreLogic.errors import InputError
from CalcScoreLogic.images.geometry import Geometry, Image
from CalcScoreLogic.scoring import burdens
from Testing.reference.artery_holes import fill_holes as literal

SPACING = (0.5, 2.0, 3.0)
SHAPE = (6, 5, 7)
ARTERIES = hnp.arrays(np.uint8, SHAPE, elements=st.sampled_from([0, 1, 1, 2, 4]))
PLAQUES = hnp.arrays(np.uint8, SHAPE, elements=st.sampled_from([0, 1, 1, 2]))


def image(array: np.ndarray) -> Image:
    return Image(array, Geometry(array.shape[::-1], SPACING))


@given(ARTERIES, PLAQUES)
@settings(max_examples=60, deadline=None)
def test_holes_are_filled_as_the_rule_reads(arteries: np.ndarray, calcification: np.ndarray) -> None:
    found = fill_holes(Arteries(image(arteries)), image(calcification))
    calcified = calcification == 2
    expected = literal(arteries, calcified)
    np.testing.assert_array_equal(found.arteries.full.array, expected)
    gained = expected[(arteries == 0) & (expected > 0)]
    assert found.filled_mm3 == {t: np.count_nonzero(gained == t) * 3.0 for t in Territory if t in gained}
    assert found.inside_mm3 == np.count_nonzero(calcified & (expected > 0)) * 3
    assert found.outside_mm3 == np.count_nonzero(calcified & (expected == 0)) * 3


@given(ARTERIES, hnp.arrays(bool, SHAPE), hnp.arrays(bool, SHAPE), st.booleans())
@settings(max_examples=60, deadline=None)
def test_painting_never_lowers_a_burden(
    arteries: np.ndarray, before: np.ndarray, stroke: np.ndarray, overwrites: bool
) -> None:
    calcification = np.where(before, 2, 0).astype(np.uint8)
    painted = np.where(before | stroke, 2, 0).astype(np.uint8)
    left = np.where(stroke & overwrites, 0, arteries).astype(np.uint8)
    filled = fill_holes(Arteries(image(left), image(left)), image(painted), Arteries(image(arteries), image(arteries)))
    found = filled.arteries.trimmed
    assert found is not None
    assert (found.array[arteries > 0] == arteries[arteries > 0]).all()
    after = burdens(found, image(painted))
    for name, burden in burdens(image(arteries), image(calcification)).items():
        assert burden is None or (after[name] or 0) >= burden
    np.testing.assert_array_equal(filled.arteries.full.array, found.array)


def tube() -> np.ndarray:
    """An aorta of 5 x 5 x 20 voxels."""
    array = np.zeros((24, 9, 9), np.uint8)
    array[2:22, 2:7, 2:7] = 1
    return array


def test_a_hole_at_the_cut_is_trimmed_like_the_artery_around_it() -> None:
    full = tube()
    calcification = np.zeros_like(full)
    calcification[8:16, 4, 4] = 2
    full[calcification == 2] = 0
    trimmed = full.copy()
    trimmed[12:] = 0
    found = fill_holes(Arteries(image(full), image(trimmed)), image(calcification))
    np.testing.assert_array_equal(found.arteries.full.array, tube())
    assert found.arteries.trimmed is not None
    expected = tube()
    expected[12:] = 0
    np.testing.assert_array_equal(found.arteries.trimmed.array, expected)
    assert found.filled_mm3 == {Territory.AORTA: 24.0}


def test_a_vessel_that_was_taken_away_stays_away() -> None:
    last = tube()
    last[10:12, 4, 7:9] = 4
    calcification = np.zeros_like(last)
    calcification[10, 4, 7] = 2
    without = np.where(last == 4, 0, last).astype(np.uint8)
    found = fill_holes(Arteries(image(without)), image(calcification), Arteries(image(last)))
    assert found.arteries.full.array[10, 4, 7] == 0
    assert (found.filled_mm3, found.outside_mm3) == ({}, 3.0)
    # All of it painted over is another thing: no other voxel was there to be kept.
    calcification[10:12, 4, 7:9] = 2
    found = fill_holes(Arteries(image(without)), image(calcification), Arteries(image(last)))
    np.testing.assert_array_equal(found.arteries.full.array, last)


def test_maps_on_another_grid_are_refused() -> None:
    other = Image(tube(), Geometry((9, 9, 24), (1.0, 1.0, 1.0)))
    with pytest.raises(InputError, match="different grids"):
        fill_holes(Arteries(image(tube())), other)
