"""Label maps of another patient, and thresholds inside the blood, are told."""

from __future__ import annotations

import numpy as np
import pytest

from CalcScoreLogic.anatomy import Territory
from CalcScoreLogic.images.geometry import Image
from CalcScoreLogic.phantom import Phantom, PhantomParameters, make_phantom
from CalcScoreLogic.quality.belonging import belonging_warnings
from CalcScoreLogic.quality.codes import WarningCode


@pytest.fixture(scope="module", params=[7, 20])
def case(request: pytest.FixtureRequest) -> Phantom:
    return make_phantom(PhantomParameters(request.param, (3.0, 3.0, 3.0)))


def marked(case: Phantom, hu: float) -> Image:
    """Mark what is brighter inside the arteries."""
    inside = case.territories.array > 0
    values = np.where(inside & (case.cta.array > hu), 2, inside).astype(np.uint8)
    return Image(values, case.territories.geometry)


def test_maps_that_belong_together_are_not_doubted(case: Phantom) -> None:
    assert belonging_warnings(case.cta, case.territories, case.calcification) == ()
    nothing = Image(np.zeros_like(case.territories.array), case.territories.geometry)
    assert belonging_warnings(case.cta, case.territories, nothing) == ()
    assert belonging_warnings(case.cta, nothing, nothing) == ()


@pytest.mark.parametrize("axis", [0, 1])
def test_a_flipped_map_lies_in_fat(axis: int, case: Phantom) -> None:
    arteries = Image(np.flip(case.territories.array, axis), case.territories.geometry)
    found = belonging_warnings(case.cta, arteries, marked(case, 470))
    named = {w.territory for w in found if w.code is WarningCode.ARTERY_IN_FAT}
    medians = {t.key: np.median(case.cta.array[arteries.array == t]) for t in Territory}
    assert named == {key for key, median in medians.items() if median < 0}
    assert named


@pytest.mark.parametrize("above", [-2000, 130, 250])
def test_a_threshold_inside_the_blood_is_told(above: float, case: Phantom) -> None:
    labels = marked(case, above)
    (found,) = belonging_warnings(case.cta, case.territories, labels)
    assert found.code is WarningCode.BLOOD_COUNTED
    share = (labels.array == 2).sum() / (case.territories.array > 0).sum()
    assert found.startswith(f"{100 * share:.0f} % of the arteries are marked")


def test_a_threshold_at_the_blood_is_told_by_how_bright_it_is(case: Phantom) -> None:
    arteries = case.territories.array > 0
    at = float(np.quantile(case.cta.array[arteries], 0.75))
    codes = [w.code for w in belonging_warnings(case.cta, case.territories, marked(case, at))]
    assert codes == [WarningCode.BLOOD_COUNTED]


def test_a_fifth_of_dense_calcium_is_a_patient(case: Phantom) -> None:
    arteries = np.flatnonzero(case.territories.array)
    hu, labels = case.cta.array.astype(np.int16), (case.territories.array > 0).astype(np.uint8)
    hu.flat[arteries[::5]], labels.flat[arteries[::5]] = 800, 2
    geometry = case.territories.geometry
    assert belonging_warnings(Image(hu, geometry), case.territories, Image(labels, geometry)) == ()
