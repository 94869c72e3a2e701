"""What touches the aorta: the legs of the diaphragm around it, the spine behind it, the iliac arteries below it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from CalcScoreLogic.synthesis import Anatomy
from CalcScoreLogic.synthesis.beside import _crura, _give_way
from CalcScoreLogic.synthesis.tissues import Tissue
from CalcScoreLogic.synthesis.vessels import Tree, _at_narrow_angle, _before_bone, _moved_fork, _room_behind

from .conftest import straight

AXIS = np.stack([np.full(240, 40.0), np.full(240, 40.0), np.linspace(120, 30, 240)], axis=1)  # from above, voxels
RADIUS, RENAL = 5.0, 150


def test_crura_embrace_the_aorta_and_open_in_front_below_its_hiatus() -> None:
    z, y, x = np.indices((130, 80, 80))
    distance = np.hypot(y - 40, x - 40)
    front = (y < 40) & (np.abs(x - 40) <= 2)
    bones = np.where(y >= 55, Tissue.VERTEBRA_MARROW, Tissue.FAT).astype(np.uint8)
    open_below = 0
    for seed in range(20):
        field = bones.copy()
        _crura(np.random.default_rng(seed), field, AXIS, np.full(240, RADIUS), RENAL)
        legs = field == Tissue.CRUS
        assert not (legs & (distance < RADIUS - 1)).any()
        assert ((field == Tissue.VERTEBRA_MARROW) == (y >= 55)).all()
        left, right = (np.unique(z[legs & side]) for side in (x > 40, x < 40))
        top, end = int(left.max()), int(min(left.min(), right.min()))
        assert abs(top - int(right.max())) < 40
        assert (legs & front)[min(top, int(right.max())) - 4].any()
        assert (z[legs].max() - end) > 20
        open_below += not (legs & front)[end + 2].any()
    assert open_below == 20


def test_the_gap_between_aorta_and_spine_is_measured(anatomy: Anatomy) -> None:
    tissues = np.full((100, 80, 80), Tissue.FAT, np.uint8)
    tissues[:, 50:] = Tissue.VERTEBRA_MARROW  # from y = 100 mm on
    body = replace(anatomy, tissues=tissues)
    for y_mm, expected in (
        (90.0, 1.0),
        (84.0, 7.0),
        (70.0, 12.0),
        (94.0, 0.0),
    ):  # less a wall of 8 mm and 1 mm; 12 at most
        course = np.stack([np.full(200, 80.0), np.full(200, y_mm), np.linspace(190, 10, 200)], axis=1)
        np.testing.assert_allclose(_room_behind(body, course, np.full(200, 8.0)), expected, atol=1e-6)


def test_iliac_arteries_leave_the_fork_at_a_narrow_angle() -> None:
    fork = np.array([50.0, 40.0, 100.0])
    course = fork + np.array(
        [[0, 0, 4], [3, 1, -4], [0, 1, -15], [20, 2, -20], [-9, 3, -22], [6, 3, -22], [30, 4, -100]]
    )
    found = _at_narrow_angle(course, fork, 4.0, 0.3, 10.0, 0.0)
    # 4 mm and 0.3 mm a mm below the fork: that much over 10 + 8 mm, at most as much below.
    np.testing.assert_allclose(found[:, 0] - 50, [0, 5.2, 8.5, 10, -9, 6, 30])
    np.testing.assert_array_equal(found[:, 1:], course[:, 1:])
    left = _at_narrow_angle(course, fork, -4.0, 0.3, 10.0, 0.0)
    np.testing.assert_allclose(left[:, 0] - 50, [0, -5.2, -8.5, 10, -9, 6, 30])
    # A fork that leans 0.2 mm a mm: all is moved by 0.8, 3, 4 and 4.4 mm; what lies within its limits stays.
    leaning = _at_narrow_angle(course, fork, 4.0, 0.3, 10.0, 0.2)
    np.testing.assert_allclose(leaning[:, 0] - 50, [0, 6, 11.5, 14, -6.2, 6, 30])


def test_the_fork_moves_along_the_aorta_and_between_the_iliac_arteries(anatomy: Anatomy) -> None:
    aorta = np.column_stack([np.full(101, 50.0), np.full(101, 40.0), np.linspace(200, 100, 101)])
    right, left = (np.array([[50.0, 40, 100], [50 + x, 60, 60]]) for x in (-20.0, 40.0))
    body = replace(anatomy, arteries={"aorta": aorta, "common_iliac_left": left, "common_iliac_right": right})
    np.testing.assert_array_equal(_moved_fork(body, 30.0), aorta[:71])
    lower = _moved_fork(body, -20.0)
    np.testing.assert_array_equal(lower[:101], aorta)
    # Half way down the iliac arteries lie 10 mm right and 20 mm left: 5 mm left of the aorta in the middle.
    np.testing.assert_allclose(lower[-1], [50 + 19 / 40 * 10, 40 + 19 / 40 * 20, 81])


def test_a_renal_artery_runs_before_the_spine_not_through_it(anatomy: Anatomy) -> None:
    tissues = np.full((100, 80, 80), Tissue.FAT, np.uint8)
    tissues[:, 30:45] = Tissue.VERTEBRA_MARROW  # from y = 59 mm on, at 2 mm a voxel
    body = replace(anatomy, tissues=tissues)
    for y_mm, expected in ((64.0, 55.0), (58.0, 55.0), (56.0, 56.0), (30.0, 30.0)):  # a radius of 3 mm and 1 mm of room
        course = np.stack([np.linspace(10, 150, 200), np.full(200, y_mm), np.full(200, 100.0)], axis=1)
        moved = _before_bone(body, course, 3.0)
        np.testing.assert_allclose(moved[:, 1], expected, atol=1e-6)
        np.testing.assert_array_equal(moved[:, ::2], course[:, ::2])


def test_the_vena_cava_passes_before_a_renal_artery_and_iliac_veins_behind_the_iliac_ones() -> None:
    for name, sign in (("renal_right", 1), ("iliac_left", -1), ("lumbar", 0)):
        vessel = replace(straight(60, 3.0, 0.5, start=(30, 60, 60), towards=(1, 0, 0)), name=name)
        field = np.full((60, 60, 60), Tissue.LOWER_VEIN, np.uint8)
        _give_way(np.random.default_rng(1), Tree((vessel,)), field)
        rows = np.flatnonzero(field[30, :, 30] == Tissue.LOWER_VEIN)  # across the middle of the artery, at row 30
        kept, freed = rows[(rows - 30) * sign < 0], rows[(rows - 30) * sign >= 0]
        if sign:
            assert abs(np.abs(kept - 30).min() - 2) <= 1  # its wall is 1.5 voxels away
            assert freed.size
            assert np.abs(freed - 30).min() >= 7  # nothing for 14 mm on the other side
        else:
            assert rows.size == 60
