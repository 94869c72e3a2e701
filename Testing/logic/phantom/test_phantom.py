"""Phantoms: exact labels, plausible and varied anatomy, no dependence of the anatomy on the grid."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
from scipy import ndimage

from CalcScoreLogic.anatomy import SIDE_TERRITORIES, CalcificationLabel, Territory
from CalcScoreLogic.errors import InputError
from CalcScoreLogic.images.geometry import Image
from CalcScoreLogic.phantom import AortaShape, Phantom, PhantomParameters, make_phantom
from CalcScoreLogic.phantom.arteries import ArterialTree, Artery
from CalcScoreLogic.phantom.content import tree_content
from CalcScoreLogic.phantom.plan import PhantomPlan, draw_plan
from CalcScoreLogic.phantom.plaques import FAINTEST_ABOVE_LUMEN_HU, NODULE, PATCH, Plaque
from CalcScoreLogic.phantom.render import form_image, lay_grid, paint_arteries
from CalcScoreLogic.phantom.shapes import Canvas
from CalcScoreLogic.phantom.tubes import smooth_tube

COHORT = 100


def phantom(seed: int, spacing_mm: float) -> Phantom:
    return make_phantom(PhantomParameters(seed, (spacing_mm, spacing_mm, spacing_mm)))


def volumes_cm3(territories: Image) -> dict[Territory, float]:
    voxel = territories.geometry.voxel_volume_mm3 / 1000
    return {t: voxel * float((territories.array == t).sum()) for t in Territory}


class Member(NamedTuple):
    """A case without the CTA: its plan and its labels."""

    plan: PhantomPlan
    territories: Image
    calcified: np.ndarray


def member(seed: int, spacing_mm: float) -> Member:
    plan = draw_plan(np.random.default_rng(seed))
    canvas, geometry = lay_grid(plan.body, (spacing_mm, spacing_mm, spacing_mm))
    territories, calcified = paint_arteries(canvas, plan)
    return Member(plan, Image(territories, geometry), calcified)


@pytest.fixture(scope="module")
def cohort() -> list[Member]:
    return [member(seed, 5.0) for seed in range(COHORT)]


@pytest.fixture(scope="module")
def some() -> list[Phantom]:
    """Give a few cases on a grid fine enough to look at single vessels."""
    return [phantom(seed, 2.0) for seed in range(8)]


def test_same_seed_gives_the_same_voxels() -> None:
    first, second = phantom(4, 3.0), phantom(4, 3.0)
    assert first.details == second.details
    for name in ("cta", "territories", "calcification"):
        np.testing.assert_array_equal(getattr(first, name).array, getattr(second, name).array)


def test_a_hundred_seeds_give_different_cases(cohort: list[Member]) -> None:
    trees = [member.plan.tree for member in cohort]
    assert len({tree.lumen_hu for tree in trees}) == COHORT
    assert all(250 <= tree.lumen_hu <= 500 for tree in trees)
    assert len({member.territories.array.tobytes() for member in cohort}) == COHORT
    shapes = Counter(tree.shape for tree in trees)
    assert set(shapes) == set(AortaShape)
    assert min(shapes.values()) > 0.1 * COHORT
    with_thrombus = [tree.shape for tree in trees if tree.thrombus is not None]
    assert set(with_thrombus) == {AortaShape.ANEURYSMAL}
    assert len(with_thrombus) < shapes[AortaShape.ANEURYSMAL]
    renal = Counter(sum(artery.territory is Territory.RENAL for artery in tree.arteries) for tree in trees)
    assert renal[2] > renal[3] > 0


def test_burden_runs_from_nearly_healthy_to_heavy(cohort: list[Member]) -> None:
    counts = np.array([len(member.plan.plaques) for member in cohort])
    calcified = np.array([member.calcified.sum() for member in cohort])
    assert 0.04 < (counts <= 3).mean() < 0.2
    assert (counts > 40).mean() > 0.1
    assert (counts == 0).any()
    assert not calcified[counts == 0].any()
    assert calcified[counts > 40].min() > 0
    assert np.corrcoef(counts, calcified)[0, 1] > 0.7


def test_every_territory_carries_plaques_in_most_cases(cohort: list[Member]) -> None:
    for territory in Territory:
        carriers = [
            any(member.plan.tree.arteries[plaque.artery].territory is territory for plaque in member.plan.plaques)
            for member in cohort
        ]
        assert np.mean(carriers) > 0.8


def test_volumes_are_those_of_human_arteries(cohort: list[Member]) -> None:
    limits = {
        Territory.AORTA: (25, 120),
        Territory.ILIAC: (3.5, 16),
        Territory.MESENTERIC: (2, 7),
        Territory.RENAL: (0.9, 6),
    }
    for seed, member in enumerate(cohort):
        assert not (member.calcified & (member.territories.array == 0)).any()
        for territory, volume in volumes_cm3(member.territories).items():
            low, high = limits[territory]
            assert low < volume < high, (seed, territory)


@pytest.mark.parametrize("seed", range(12))
def test_both_label_maps_cover_the_same_voxels(seed: int) -> None:
    case = phantom(seed, 3.0)
    np.testing.assert_array_equal(case.calcification.array > 0, case.territories.array > 0)
    assert set(np.unique(case.territories.array)) == {0, *Territory}
    assert set(np.unique(case.calcification.array)) <= {0, *CalcificationLabel}
    assert case.territories.array.dtype == case.calcification.array.dtype == np.uint8
    assert case.cta.array.dtype == np.int16
    assert -1024 <= case.cta.array.min() < -950
    assert case.cta.array.max() <= 3071


@pytest.mark.parametrize(("seed", "spacing_mm"), [(1, 1.5), (6, 1.5), (7, 1.5), (13, 1.5), (6, 2.0), (43, 2.0)])
def test_every_piece_of_a_side_artery_touches_the_aorta(seed: int, spacing_mm: float) -> None:
    labels = member(seed, spacing_mm).territories.array
    reach = ndimage.binary_dilation(labels == Territory.AORTA)
    assert ndimage.label(labels == Territory.AORTA)[1] == 1
    for territory in SIDE_TERRITORIES:
        pieces, count = ndimage.label(labels == territory)
        assert set(np.unique(pieces[reach])) - {0} == set(range(1, count + 1))


def test_side_arteries_are_longer_than_the_standard_length(some: list[Phantom]) -> None:
    least = {Territory.ILIAC: 45, Territory.MESENTERIC: 30, Territory.RENAL: 30}
    for case in some:
        spacing = case.territories.geometry.spacing[::-1]
        away = ndimage.distance_transform_edt(case.territories.array != Territory.AORTA, sampling=spacing)
        for territory, length in least.items():
            assert away[case.territories.array == territory].max() > length


def test_coeliac_and_superior_mesenteric_are_two_pieces(some: list[Phantom]) -> None:
    pieces = [ndimage.label(case.territories.array == Territory.MESENTERIC)[1] for case in some]
    assert Counter(pieces).most_common(1)[0][0] == 2


def test_anatomy_does_not_depend_on_the_spacing() -> None:
    fine, coarse = phantom(3, 1.0), phantom(3, 2.0)
    flat = make_phantom(PhantomParameters(3, (0.9, 1.1, 2.5)))
    assert fine.details == coarse.details == flat.details
    for other in (coarse, flat):
        for territory, volume in volumes_cm3(other.territories).items():
            assert volume == pytest.approx(volumes_cm3(fine.territories)[territory], rel=0.03)
    # The same point of the patient has the same label: 2 mm voxel centres, looked up in the 1 mm map.
    points = coarse.territories.geometry.to_physical(np.argwhere(coarse.territories.array == Territory.AORTA)[:, ::-1])
    index = np.rint(points - np.array(fine.territories.geometry.origin)).astype(int)
    size = np.array(fine.territories.geometry.size)
    i, j, k = index[((index >= 0) & (index < size)).all(axis=1)].T
    assert (fine.territories.array[k, j, i] == Territory.AORTA).mean() > 0.95


def test_grid_is_centred_on_the_patient_and_axes_are_lps(some: list[Phantom]) -> None:
    for case in some:
        geometry = case.cta.geometry
        assert geometry.direction == (1, 0, 0, 0, 1, 0, 0, 0, 1)
        assert abs(geometry.to_physical((np.array(geometry.size) - 1) / 2)[0]) < 15
        assert not geometry.difference(case.territories.geometry)
        centre = {t: np.argwhere(case.territories.array == t).mean(axis=0) for t in Territory}
        assert centre[Territory.ILIAC][0] < centre[Territory.RENAL][0] < centre[Territory.MESENTERIC][0]
        assert centre[Territory.MESENTERIC][1] < centre[Territory.AORTA][1]
        liver, spleen = (case.cta.array[-8:, :, half] for half in (slice(None, 60), slice(-60, None)))
        assert ((liver > 60) & (liver < 150)).sum() > ((spleen > 60) & (spleen < 150)).sum()


def test_lumen_shows_the_drawn_intensity_and_nothing_covers_it(some: list[Phantom]) -> None:
    plain = [case for case in some if not case.details["thrombus"]]
    assert len(plain) >= 4
    for case in plain:
        soft = case.calcification.array == CalcificationLabel.ARTERY
        deep = ndimage.binary_erosion(soft & (case.territories.array == Territory.AORTA), iterations=2)
        values = case.cta.array[deep]
        assert np.median(values) == pytest.approx(case.details["lumen_hu"], rel=0.05)
        assert (
            np.abs(values - np.median(values)).max() < 0.06 * case.details["lumen_hu"] + 6 * case.details["noise_sd_hu"]
        )


def test_thrombus_is_aorta_and_dark() -> None:
    case = phantom(6, 2.0)
    assert case.details["thrombus"]
    soft = (case.calcification.array == CalcificationLabel.ARTERY) & (case.territories.array == Territory.AORTA)
    values = case.cta.array[ndimage.binary_erosion(soft, iterations=2)]
    dark = (values > 0) & (values < 140)
    assert dark.sum() > 200
    assert 40 < np.median(values[dark]) < 100


def test_bright_traps_lie_outside_the_arteries(some: list[Phantom]) -> None:
    for case in some:
        outside = ~ndimage.binary_dilation(case.territories.array > 0, iterations=2)
        assert (case.cta.array[outside] >= 300).sum() > 1000
        assert case.details["traps"]["osteophytes"] > 0
    assert any(case.details["traps"]["contrast_bowel_loops"] for case in some)
    assert any(case.details["traps"]["phleboliths"] for case in some)


def test_contrast_filled_bowel_is_bright_in_front_of_the_aorta(some: list[Phantom]) -> None:
    bright = []
    for case in some:
        front = int(np.argwhere(case.territories.array == Territory.AORTA)[:, 1].min()) - 5
        free = ~ndimage.binary_dilation(case.territories.array > 0, iterations=3)
        # Ribs also come forward, but never inside the middle of the body.
        part = (slice(None), slice(15, front), slice(35, -35))
        bright.append((case.cta.array[part][free[part]] > 250).sum())
    fed = np.array([case.details["traps"]["contrast_bowel_loops"] > 0 for case in some])
    assert np.median(np.array(bright)[fed]) > 100


def test_details_are_json_and_plaques_lie_where_they_say(some: list[Phantom]) -> None:
    listed = 0
    for case in some:
        assert json.loads(json.dumps(case.details)) == case.details
        geometry = case.territories.geometry
        for plaque in case.details["plaques"]:
            index = (np.array(plaque["centre_lps_mm"]) - geometry.origin) / geometry.spacing
            i, j, k = np.rint(index).astype(int)
            around = case.territories.array[k - 1 : k + 2, j - 1 : j + 2, i - 1 : i + 2]
            assert Territory[plaque["territory"].upper()] in around
            assert case.details["lumen_hu"] * 0.9 < plaque["hu"] <= 1300
            assert min(plaque["extent_mm"]) >= 0.9
            listed += 1
    assert listed > 50


def straight_aorta(radius: float) -> ArterialTree:
    tube = smooth_tube([[0, 0, 30], [0, 0, 0], [0, 0, -30]], [radius] * 3)
    return ArterialTree(AortaShape.STRAIGHT, 300.0, (Artery(Territory.AORTA, tube, (300.0, 300.0)),), None)


def grid_points(half_mm: float, step_mm: float) -> np.ndarray:
    line = np.arange(-half_mm + step_mm / 2, half_mm, step_mm)
    return np.stack(np.meshgrid(line, line, line), axis=-1).reshape(-1, 3)


@pytest.mark.parametrize(("flatness", "depth_integral_mm"), [(NODULE, 4 / 3 - 1 / 8), (PATCH, 12 / 7 - 3 / 16)])
def test_plaque_has_the_volume_of_its_shape(flatness: float, depth_integral_mm: float) -> None:
    # At depth d the plaque is an ellipse of area pi a b (1 - (d / t)^n), narrowed by (R - d) / R: with t = 2 and
    # R = 8 the integral over d is the second parameter.
    plaque = Plaque(0, 30.0, 1.0, length=8.0, width=6.0, thickness=2.0, flatness=flatness, hu=800.0)
    content = tree_content(straight_aorta(8.0), (plaque,), grid_points(10, 0.2), 0.0)
    assert content.calcified.sum() * 0.2**3 == pytest.approx(np.pi * 4 * 3 * depth_integral_mm, rel=0.02)
    assert (content.territory[content.calcified] == Territory.AORTA).all()
    assert set(np.unique(content.hu[content.territory > 0])) == {300.0, 800.0}


def test_overlapping_plaques_show_the_denser_one() -> None:
    dense = Plaque(0, 30.0, 0.0, length=4.0, width=4.0, thickness=2.0, flatness=PATCH, hu=1200.0)
    faint = replace(dense, length=8.0, hu=400.0)
    points = grid_points(10, 0.5)
    both = tree_content(straight_aorta(8.0), (dense, faint), points, 0.0)
    alone = tree_content(straight_aorta(8.0), (dense,), points, 0.0)
    np.testing.assert_array_equal(both.hu == 1200.0, alone.hu == 1200.0)
    assert (both.hu == 400.0).sum() > 0


def test_branch_belongs_to_the_aorta_inside_its_wall_only() -> None:
    tree = straight_aorta(8.0)
    side = Artery(Territory.RENAL, smooth_tube([[0, 0, 0], [20, 0, 0], [40, 0, 0]], [3, 3, 3]), (300.0, 290.0))
    tree = replace(tree, arteries=(tree.aorta, side))
    points = np.array([[7.5, 0, 0], [8.5, 0, 0], [8.5, 2.8, 0], [8.5, 3.2, 0], [0, 0, 20], [0, 9, 0]], dtype=float)
    expected = [Territory.AORTA, Territory.RENAL, Territory.RENAL, 0, Territory.AORTA, 0]
    np.testing.assert_array_equal(tree_content(tree, (), points, 0.0).territory, expected)


def test_faint_plaque_stands_out_from_the_lumen() -> None:
    plan = draw_plan(np.random.default_rng(0))
    faint_hu = plan.tree.lumen_hu + FAINTEST_ABOVE_LUMEN_HU
    plaque = Plaque(0, 100.0, 0.5, length=20.0, width=12.0, thickness=4.0, flatness=PATCH, hu=faint_hu)
    plan = replace(plan, plaques=(plaque,), noise_sd_hu=8.0)
    canvas, _ = lay_grid(plan.body, (1.0, 1.0, 1.0))
    canvas.hu[:] = plan.tree.lumen_hu  # so that the blur mixes plaque and lumen, and nothing else
    territories, calcified = paint_arteries(canvas, plan)
    cta = form_image(canvas, plan, np.random.default_rng(1))
    lumen = ndimage.binary_erosion((territories == Territory.AORTA) & ~calcified, iterations=3)
    core = ndimage.binary_erosion(calcified)
    assert core.sum() > 50
    assert cta[core].mean() - cta[lumen].mean() == pytest.approx(FAINTEST_ABOVE_LUMEN_HU, abs=10)


def test_edge_voxels_show_the_mean_of_what_they_hold() -> None:
    plan = draw_plan(np.random.default_rng(0))
    plan = replace(plan, plaques=(), tree=straight_aorta(8.0))
    canvas, _ = lay_grid(plan.body, (2.0, 2.0, 2.0))
    canvas.hu[:] = 0.0
    paint_arteries(canvas, plan)
    k = round(float((0 - canvas.low[2]) / 2))
    assert canvas.hu[k].sum() * 4 / 300 == pytest.approx(np.pi * 8**2, rel=0.02)
    assert ((canvas.hu[k] > 1) & (canvas.hu[k] < 299)).sum() > 12


def test_noise_has_the_drawn_amplitude() -> None:
    plan = replace(draw_plan(np.random.default_rng(0)), noise_sd_hu=17.0)
    canvas = Canvas(np.zeros(3), (40, 40, 40), (1.0, 1.0, 1.0))
    canvas.hu[:] = 50.0
    image = form_image(canvas, plan, np.random.default_rng(2))
    assert image.std() == pytest.approx(17.0, rel=0.02)
    neighbours = np.corrcoef(image[:, :, :-1].ravel(), image[:, :, 1:].ravel())[0, 1]
    assert neighbours > 0.05


@pytest.mark.parametrize(
    "spacing", [(0.39, 1, 1), (1, 5.01, 1), (1, 1, -1), (1, 1, 0), (1, float("nan"), 1), (1, 1, float("inf")), (1, 1)]
)
def test_spacing_outside_the_limits_is_refused(spacing: tuple[float, float, float]) -> None:
    with pytest.raises(InputError, match="spacing"):
        PhantomParameters(0, spacing)


def test_negative_seed_is_refused() -> None:
    with pytest.raises(InputError, match="-1"):
        PhantomParameters(-1)


def test_limits_of_the_spacing_are_accepted() -> None:
    assert PhantomParameters(0, (0.4, 5.0, 1.0)).spacing == (0.4, 5.0, 1.0)
