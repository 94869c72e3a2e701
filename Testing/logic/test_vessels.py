"""Single vessels of painted trees whose sides are known."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from CalcScoreLogic.anatomy import Territory, Vessel
from CalcScoreLogic.scoring import Status, score
from CalcScoreLogic.vessels import separate_vessels
from Testing.trees import Capsule, paint, to_image, to_sitk

SIZE = (100, 80, 120)
X, Y = 50, 45
AORTA = [Capsule(1, (X, Y, 40), (X, Y, 110), 8)]
ILIACS = [Capsule(2, (X, Y, 38), (X + 22, Y, 10), 5), Capsule(2, (X, Y, 38), (X - 22, Y, 10), 5)]
# Distal parts only: what lies beyond the crotch belongs to one side for certain.
RENALS = [Capsule(4, (X, Y, 80), (X + 28, Y + 5, 76), 3), Capsule(4, (X, Y, 83), (X - 28, Y + 8, 80), 3)]
COELIAC = [Capsule(3, (X, Y, 100), (X + 3, Y - 25, 97), 3)]
SMA = [Capsule(3, (X, Y, 88), (X + 1, Y - 18, 80), 3), Capsule(3, (X + 1, Y - 18, 80), (X, Y - 20, 65), 3)]


def separate(capsules: list[Capsule], spacing: tuple = (1.0, 1.0, 1.0)) -> tuple[np.ndarray, np.ndarray, tuple]:
    size = tuple(int(n / mm) for n, mm in zip(SIZE, spacing, strict=True))
    territories = paint(capsules, size, spacing)
    vessel_map, untold = separate_vessels(territories, spacing[::-1])
    return territories, vessel_map, untold


def number(vessel: Vessel) -> int:
    return list(Vessel).index(vessel) + 1


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.8, 0.8, 5.0)])
def test_renals_and_touching_iliacs_fall_to_their_sides(spacing: tuple) -> None:
    territories, vessel_map, untold = separate(AORTA + ILIACS + RENALS, spacing)
    assert untold == ()
    x = np.arange(territories.shape[2]) * spacing[0]
    for territory, left, right in (
        (2, Vessel.LEFT_ILIAC, Vessel.RIGHT_ILIAC),
        (4, Vessel.LEFT_RENAL, Vessel.RIGHT_RENAL),
    ):
        mask = territories == territory
        assert set(np.unique(vessel_map[mask])) == {number(left), number(right)}
        assert (vessel_map[mask & (x > X + 5)] == number(left)).all()
        assert (vessel_map[mask & (x < X - 5)] == number(right)).all()
    assert not vessel_map[territories == Territory.AORTA].any()


def test_an_iliac_that_crosses_the_midline_stays_one_vessel() -> None:
    crossing = [
        Capsule(2, (X + 6, Y, 38), (X + 24, Y, 24), 4),
        Capsule(2, (X + 24, Y, 24), (X + 20, Y, 8), 4),
        Capsule(2, (X - 6, Y, 38), (X - 14, Y, 28), 4),
        Capsule(2, (X - 14, Y, 28), (X + 4, Y, 10), 4),
    ]
    _, vessel_map, _ = separate(AORTA + crossing)
    # The crossing part, right of its own start and left of the aorta's centre, still is the right iliac.
    assert vessel_map[10, Y, X + 4] == number(Vessel.RIGHT_ILIAC)
    assert vessel_map[10, Y, X + 20] == number(Vessel.LEFT_ILIAC)


@pytest.mark.parametrize("order", [1, -1])
def test_coeliac_is_the_upper_origin(order: int) -> None:
    _, vessel_map, untold = separate(AORTA + (COELIAC + SMA)[::order])
    assert untold == ()
    assert vessel_map[97, Y - 22, X + 3] == number(Vessel.COELIAC)
    assert vessel_map[66, Y - 20, X] == number(Vessel.SUPERIOR_MESENTERIC)


def test_a_joined_pair_with_two_origins_is_split() -> None:
    bridge = [Capsule(3, (X + 3, Y - 25, 97), (X + 1, Y - 18, 80), 2)]
    _, vessel_map, untold = separate(AORTA + COELIAC + SMA + bridge)
    assert untold == ()
    assert vessel_map[99, Y - 14, X + 1] == number(Vessel.COELIAC)
    assert vessel_map[70, Y - 19, X] == number(Vessel.SUPERIOR_MESENTERIC)


def test_one_common_trunk_is_not_told_apart() -> None:
    territories, vessel_map, untold = separate(AORTA + COELIAC)
    assert untold == (Territory.MESENTERIC,)
    assert not vessel_map.any()
    image = to_image(to_sitk(territories, (1, 1, 1)))
    scores = score(image, image)
    assert "coeliac" not in scores.vessels
    assert scores.warnings[-1] == (
        "Mesenteric: coeliac and superior mesenteric could not be told apart, so they are scored together; "
        "part them in the artery map to score each."
    )


TOUCHING = [
    Capsule(3, (X, Y, 92), (X + 2, Y - 16, 92), 4),
    Capsule(3, (X + 2, Y - 16, 92), (X + 14, Y - 24, 95), 3),
    Capsule(3, (X + 2, Y - 16, 92), (X - 12, Y - 24, 94), 3),
    Capsule(3, (X, Y, 87), (X + 1, Y - 12, 84), 4),
    Capsule(3, (X + 1, Y - 12, 84), (X, Y - 20, 62), 3),
]
"""A coeliac trunk that forks and a superior mesenteric artery whose origins touch."""


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.7, 0.7, 0.7), (0.8, 0.8, 3.0)])
def test_touching_origins_are_cut_back_from_the_aorta(spacing: tuple) -> None:
    territories, vessel_map, untold = separate(AORTA + TOUCHING, spacing)
    assert untold == ()
    mask = territories == Territory.MESENTERIC
    assert set(np.unique(vessel_map[mask])) == {number(Vessel.COELIAC), number(Vessel.SUPERIOR_MESENTERIC)}
    # What lies outside the aorta, away from the other one's centreline, is known for certain.
    z, y, _ = (axis * mm for axis, mm in zip(np.indices(mask.shape), spacing[::-1], strict=True))
    outside = mask & (y < Y - 12)
    assert (vessel_map[outside & (z > 90)] == number(Vessel.COELIAC)).all()
    assert (vessel_map[outside & (z < 80)] == number(Vessel.SUPERIOR_MESENTERIC)).all()


def test_touching_origins_change_no_row_of_a_territory() -> None:
    plaques = np.where(paint(AORTA + TOUCHING, SIZE, (1, 1, 1)) > 0, 1, 0).astype(np.uint8)
    plaques[84:94, Y - 11 : Y - 8, X - 1 : X + 2] = 2
    calcification = to_image(to_sitk(plaques, (1, 1, 1)))
    rows, vessels = {}, {}
    for name, length in (("touching", TOUCHING), ("trunk", [Capsule(3, (X, Y, 92), (X + 2, Y - 40, 92), 4)])):
        image = to_image(to_sitk(paint(AORTA + length, SIZE, (1, 1, 1)), (1, 1, 1)))
        scores = score(image, calcification)
        rows[name], vessels[name] = scores.territories, scores.vessels
    assert "coeliac" not in vessels["trunk"]
    pair = [vessels["touching"][vessel] for vessel in ("coeliac", "superior_mesenteric")]
    whole = rows["touching"]["mesenteric"]
    assert sum(row.artery_volume_mm3 for row in pair) == whole.artery_volume_mm3
    assert sum(row.calcified_volume_mm3 for row in pair) == whole.calcified_volume_mm3
    assert whole.cluster_count == 1


@pytest.mark.parametrize("fork", [9, 14, 20])
def test_a_coeliac_trunk_that_forks_is_not_two_vessels(fork: int) -> None:
    forked = [
        Capsule(3, (X, Y, 98), (X, Y - fork, 97), 3),
        Capsule(3, (X, Y - fork, 97), (X + 22, Y - fork - 8, 101), 3),
        Capsule(3, (X, Y - fork, 97), (X - 22, Y - fork - 8, 94), 3),
    ]
    _, vessel_map, untold = separate(AORTA + forked)
    assert untold == (Territory.MESENTERIC,)
    assert not vessel_map.any()


def test_a_long_common_trunk_is_one_vessel() -> None:
    common = [
        Capsule(3, (X, Y, 90), (X, Y - 26, 90), 4),
        Capsule(3, (X, Y - 26, 90), (X + 4, Y - 36, 97), 3),
        Capsule(3, (X, Y - 26, 90), (X, Y - 34, 70), 3),
    ]
    _, vessel_map, untold = separate(AORTA + common)
    assert untold == (Territory.MESENTERIC,)
    assert not vessel_map.any()


def test_two_origins_at_one_height_are_not_told_apart() -> None:
    twins = [Capsule(3, (X - d, Y, 90), (X - 3 * d, Y - 25, 90), 3) for d in (5, -5)]
    _, vessel_map, untold = separate(AORTA + twins)
    assert untold == (Territory.MESENTERIC,)
    assert not vessel_map.any()


def test_a_missing_side_is_absent_and_a_missing_territory_keeps_its_status() -> None:
    territories, _, _ = separate(AORTA + ILIACS + RENALS[:1])
    image = to_image(to_sitk(territories, (1, 1, 1)))
    vessels = score(image, image).vessels
    assert vessels["left_renal"].status is Status.OK
    assert (vessels["right_renal"].status, vessels["right_renal"].burden) == (Status.ABSENT, None)
    assert vessels["coeliac"].status is Status.ABSENT


@pytest.mark.parametrize("code", ["RAS", "LAI", "SPL", "IRA"])
def test_sides_are_the_patient_s_in_any_storage(code: str) -> None:
    territories = paint(AORTA + ILIACS + RENALS + COELIAC + SMA, SIZE, (1, 1, 1))
    expected = score(*[to_image(to_sitk(territories, (1, 1, 1)))] * 2).vessels
    stored = to_image(sitk.DICOMOrient(to_sitk(territories, (1, 1, 1)), code))
    assert score(stored, stored).vessels == expected


def test_vessels_add_up_to_their_territory() -> None:
    territories = paint(AORTA + ILIACS + RENALS + COELIAC + SMA, SIZE, (1, 1, 1))
    image = to_image(to_sitk(territories, (1, 1, 1)))
    scores = score(image, image)
    for territory, pair in (
        ("iliac", ("left_iliac", "right_iliac")),
        ("mesenteric", ("coeliac", "superior_mesenteric")),
    ):
        parts = [scores.vessels[vessel].artery_volume_mm3 for vessel in pair]
        assert sum(parts) == scores.territories[territory].artery_volume_mm3
        assert min(parts) > 0.25 * sum(parts)
