"""What lies where, and how much of it: figures of tubes and plaques worked out by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from CalcScoreLogic.synthesis.body import Body
from CalcScoreLogic.synthesis.plaques import Plaque
from CalcScoreLogic.synthesis.pose import Pose
from CalcScoreLogic.synthesis.render import render, role_labels
from CalcScoreLogic.synthesis.tubes import Axes

from .conftest import FAT_HU, LUMEN_HU, contrast, grid, straight

OBLIQUE = straight(72, 6, 1, start=(45, 52, 20), towards=(0.35, 0.2, 1))  # so that no row of voxels decides


def voxel_mm3(axes: Axes) -> float:
    return float(np.prod(axes.steps))


def tube_mm3(radius: float, length: float) -> float:
    """A cylinder with two end caps that are half as high as wide."""
    return float(np.pi * radius**2 * (length + 2 * 2 / 3 * radius / 2))


@pytest.mark.parametrize("steps", [(1.0,), (2.0,), (0.7, 1.3, 0.9)])
def test_a_tube_has_its_volume_at_any_spacing(lay: Callable[..., Body], still: Pose, steps: tuple[float, ...]) -> None:
    axes = grid(1.3, 118, *steps)
    drawn = render(np.random.default_rng(0), lay([OBLIQUE]), still, contrast("none", 40), axes)
    assert (drawn.territories == 1).sum() * voxel_mm3(axes) == pytest.approx(tube_mm3(6, 72), rel=0.02)


def test_with_contrast_a_thin_wall_counts_to_the_edge_that_is_seen(lay: Callable[..., Body], still: Pose) -> None:
    axes = grid(30, 85, 1.0, 0.5, 0.5)
    thin, thick = (
        render(
            np.random.default_rng(0), lay([straight(72, 6, wall, start=(60.17, 60.06, 20))]), still, contrast(), axes
        )
        for wall in (1.2, 2.5)
    )
    middle = len(axes.z) // 2
    assert (thin.territories[middle] > 0).sum() * 0.25 == pytest.approx(np.pi * 5.1**2, rel=0.02)
    assert (thick.territories[middle] > 0).sum() * 0.25 == pytest.approx(np.pi * 6**2, rel=0.02)


def test_a_thin_artery_keeps_its_contrast_in_voxels_as_wide_as_itself(lay: Callable[..., Body], still: Pose) -> None:
    thin = straight(72, 2.0, 1e-3, start=(45, 52, 20), towards=(0.35, 0.2, 1))
    axes = grid(30, 75, 2.0)
    drawn = render(np.random.default_rng(0), lay([thin]), still, contrast(), axes)
    lumen_mm3 = (drawn.image - FAT_HU).sum() * 8 / (LUMEN_HU - FAT_HU)
    shown_mm = (len(axes.z) * 2) * np.linalg.norm([0.35, 0.2, 1])  # of its length, in slices of 2 mm
    # A voxel's share is linear in its depth over a step s, so that the area is pi (r² + s² / 12).
    assert lumen_mm3 == pytest.approx(np.pi * (4 + 4 / 12) * shown_mm, rel=0.02)


def test_a_plaque_has_its_volume_and_lies_in_its_wall(lay: Callable[..., Body], still: Pose) -> None:
    plaque = Plaque(arc=36, angle=0.4, length=9, width=7, thickness=3, sunk=0.3, hu=900)
    axes = grid(40, 80, 0.5)
    drawn = render(np.random.default_rng(0), lay([straight(72, 12, 1)], [(plaque,)]), still, contrast(), axes)
    # Unrolled, an ellipsoid that is 0.25 mm larger on every side; rolled up, a depth d is (1 - d / radius) as wide.
    expected = np.pi / 6 * 9.5 * 7.5 * 3.5 * (1 - (0.3 + 1.5) / 12)
    assert drawn.calcified.sum() * 0.125 == pytest.approx(expected, rel=0.05)
    assert (drawn.artery | ~drawn.calcified).all()
    z, y, x = np.argwhere(drawn.calcified).T
    from_axis = np.hypot(axes.x[x] - 60, axes.y[y] - 60)
    assert from_axis.max() <= 12
    assert from_axis.min() >= 12 - 0.3 - 3 - 0.3
    assert np.ptp(axes.z[z]) == pytest.approx(9, abs=1.0)
    assert drawn.image.max() == pytest.approx(900)


def test_no_plaque_closes_the_mouth_of_a_branch(lay: Callable[..., Body], still: Pose) -> None:
    trunk, branch = straight(72, 10, 1), straight(60, 4, 0.5, label=4)
    branch = branch.__class__(
        "renal_left", 4, branch.points[:, [2, 1, 0]] + np.array([40, 0, -4]), branch.outer, branch.lumen, branch.shift
    )  # from (60, 60, 56) to the left
    shell = Plaque(arc=36, angle=0, length=30, width=62, thickness=2, sunk=0.2, hu=800)
    drawn = render(np.random.default_rng(0), lay([trunk, branch], [(shell,), ()]), still, contrast(), grid(36, 90, 0.8))
    z, y, x = np.argwhere(drawn.calcified).T * 0.8 + 36
    assert len(z) > 200
    in_mouth = (x > 66) & (np.hypot(y - 60, z - 56) < 2.5)
    assert not in_mouth.any()


def test_the_aorta_owns_what_lies_in_it(lay: Callable[..., Body], still: Pose) -> None:
    trunk, branch = straight(72, 10, 1), straight(30, 3, 0.5, label=2)
    drawn = render(np.random.default_rng(0), lay([trunk, branch]), still, contrast(), grid(36, 85, 1.0))
    assert set(np.unique(drawn.territories)) == {0, 1}


def test_calcification_labels_are_artery_and_plaque(lay: Callable[..., Body], still: Pose) -> None:
    plaque = Plaque(arc=36, angle=0.4, length=9, width=7, thickness=3, sunk=0.3, hu=900)
    drawn = render(np.random.default_rng(0), lay([straight(72, 9, 1)], [(plaque,)]), still, contrast(), grid(40, 80, 1))
    labels = role_labels(drawn, "calcification")
    assert ((labels == 2) == drawn.calcified).all()
    assert ((labels > 0) == drawn.artery).all()
    assert (role_labels(drawn, "territories") == drawn.territories).all()


def test_above_and_below_the_body_there_is_nothing(lay: Callable[..., Body], still: Pose) -> None:
    axes = Axes(np.arange(-10.0, 130, 5), np.arange(50.0, 70, 5), np.arange(50.0, 70, 5))
    drawn = render(np.random.default_rng(0), lay([straight(72, 9, 1)]), still, contrast(), axes)
    assert (drawn.outside[:, 0, 0] == ((axes.z < 0) | (axes.z > 118))).all()
