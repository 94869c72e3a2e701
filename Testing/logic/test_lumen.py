"""The lumen's core against a naive search, and its brightness on mixtures whose parts are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from CalcScoreLogic.anatomy import Territory
from CalcScoreLogic.lumen import Lumen, lumen_core, measure_arteries, measure_lumen


def naive_core(mask: np.ndarray, spacing: tuple[float, ...]) -> set[tuple[int, ...]]:
    """Every voxel of the mask from which no voxel outside it lies within 2 mm and 2 voxels."""
    limits = np.maximum(2.0, 2 * np.array(spacing))
    outside = np.argwhere(~mask)
    found = set()
    for voxel in np.argwhere(mask):
        lengths = (((outside - voxel) * spacing / limits) ** 2).sum(axis=1)
        if not (lengths <= 1 + 1e-9).any():
            found.add(tuple(int(n) for n in voxel))
    return found


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    mask=hnp.arrays(bool, st.tuples(*[st.integers(3, 9)] * 3), elements=st.booleans(), fill=st.just(True)),
    spacing=st.tuples(*[st.sampled_from((0.5, 0.7, 1.0, 1.6, 3.0, 5.0))] * 3),
)
def test_the_core_is_two_voxels_and_two_millimetres_inside(mask: np.ndarray, spacing: tuple[float, ...]) -> None:
    assert {tuple(int(n) for n in voxel) for voxel in lumen_core(mask, spacing)} == naive_core(mask, spacing)


def test_a_vessel_that_leaves_the_volume_has_its_core_up_to_the_border() -> None:
    mask = np.zeros((4, 11, 11), bool)
    mask[:, 1:10, 1:10] = True
    core = lumen_core(mask, (1.0, 1.0, 1.0))
    # Nine voxels wide: the middle five are three or more steps from the outside.
    assert len(core) == 4 * 5 * 5
    assert core.min(axis=0).tolist() == [0, 3, 3]


def block(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Put values into the core of a block of artery, with a wall of 5000 HU around them."""
    hu = np.full((len(values) + 4, 5, 5), 5000.0)
    hu[2:-2, 2, 2] = values
    return hu, np.pad(np.ones(np.array(hu.shape), bool), 1)


def measured(values: np.ndarray) -> Lumen | None:
    hu, mask = block(values)
    return measure_lumen(np.pad(hu, 1), mask, (1.0, 1.0, 1.0))


def test_median_and_spread_of_the_core_alone() -> None:
    lumen = measured(np.repeat([290.0, 295.0, 300.0, 305.0, 310.0], 20))
    # Deviations 0, 5, 5, 10, 10: their median is 5.
    assert lumen == Lumen(300.0, 1.4826 * 5, 100)
    assert lumen.calcium_hu == pytest.approx(300 + 4 * 1.4826 * 5)


def test_a_lumen_of_few_voxels_is_not_measured() -> None:
    assert measured(np.full(29, 300.0)) is None
    assert measured(np.full(30, 300.0)) == Lumen(300.0, 1.0, 30)


def normal(mean: float, sd: float, count: int) -> np.ndarray:
    return np.random.default_rng(3).normal(mean, sd, count)


def test_thrombus_in_most_of_the_aorta_does_not_make_the_lumen_calcium() -> None:
    lumen = measured(np.concatenate([normal(40, 15, 600), normal(300, 20, 380), normal(800, 150, 20)]))
    assert lumen is not None
    assert lumen.is_part
    assert 290 < lumen.median_hu < 310
    assert 360 < lumen.calcium_hu < 420


def test_much_calcium_is_not_taken_for_a_second_lumen() -> None:
    lumen = measured(np.concatenate([normal(300, 20, 800), np.linspace(420, 1300, 200)]))
    assert lumen is not None
    assert not lumen.is_part
    assert lumen.calcium_hu < 450


def test_territories_without_enough_lumen_are_left_out() -> None:
    territories = np.zeros((20, 20, 20), np.uint8)
    territories[:, 2:11, 2:11] = Territory.AORTA
    territories[:, 14:18, 14:18] = Territory.RENAL
    hu = np.where(territories == Territory.AORTA, 300.0, 250.0)
    assert measure_arteries(hu, territories, (1.0, 1.0, 1.0)) == {Territory.AORTA: Lumen(300.0, 1.0, 500)}
