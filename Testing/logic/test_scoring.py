"""`score` against counting voxel by voxel, and against figures worked out by hand."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from CalcScoreLogic.anatomy import Territory, Vessel
from CalcScoreLogic.errors import InputError
from CalcScoreLogic.images.geometry import Geometry, Image
from CalcScoreLogic.scoring import Status, burdens, composite_burden, score
from Testing.reference.scoring import figures
from Testing.trees import rotation, to_image, to_sitk

SPACING = (0.5, 2.0, 3.0)  # voxel volume 3 mm³


def image(array: np.ndarray) -> Image:
    return Image(array, Geometry(array.shape[::-1], SPACING))


def hand_made() -> tuple[np.ndarray, np.ndarray]:
    """Aorta 4 x 4 x 6 voxels, iliac 2 x 2 x 3 below it, away from every border; calcification in both."""
    territories = np.zeros((14, 10, 10), np.uint8)
    territories[6:12, 3:7, 3:7] = Territory.AORTA
    territories[3:6, 4:6, 4:6] = Territory.ILIAC
    calcification = np.where(territories > 0, 1, 0).astype(np.uint8)
    calcification[5:8, 4, 4] = 2  # crosses from the iliac (1 voxel) into the aorta (2 voxels)
    calcification[11, 6, 5:7] = 2  # aorta, 2 voxels
    calcification[10, 5, 6] = 2  # aorta, touches the last one by an edge only: a cluster of its own
    calcification[9, 0:4, 3] = 2  # 3 voxels outside any artery, 1 in the aorta
    return territories, calcification


def test_hand_made_case() -> None:
    territories, calcification = hand_made()
    scores = score(image(territories), image(calcification))
    aorta, iliac, combined = (scores.territories[key] for key in ("aorta", "iliac", "combined"))
    assert (aorta.artery_volume_mm3, aorta.calcified_volume_mm3) == (96 * 3, 6 * 3)
    assert aorta.burden == 6 / 96
    assert (aorta.cluster_count, aorta.mean_cluster_volume_mm3) == (4, 18 / 4)
    assert (iliac.artery_volume_mm3, iliac.calcified_volume_mm3, iliac.cluster_count) == (36, 3, 1)
    # The plaque across the border is one cluster of the union.
    assert (combined.cluster_count, combined.calcified_volume_mm3) == (4, 21)
    assert combined.burden == 7 / 108
    assert combined.mean_cluster_volume_mm3 == 21 / 4


def test_missing_territories_are_no_healthy_ones() -> None:
    territories, calcification = hand_made()
    rows = score(image(territories), image(calcification)).territories
    for key in ("mesenteric", "renal"):
        assert (rows[key].status, rows[key].artery_volume_mm3) == (Status.ABSENT, 0)
        assert rows[key].burden is None
        assert rows[key].mean_cluster_volume_mm3 is None
    assert rows["combined"].status is Status.INCOMPLETE


def test_an_artery_without_calcium_has_burden_zero_and_no_mean() -> None:
    territories, _ = hand_made()
    row = score(image(territories), image(np.zeros_like(territories))).territories["aorta"]
    assert (row.burden, row.cluster_count, row.mean_cluster_volume_mm3) == (0, 0, None)


def test_artery_label_is_not_calcification() -> None:
    territories, _ = hand_made()
    scores = score(image(territories), image(np.ones_like(territories)))
    assert scores.territories["combined"].calcified_volume_mm3 == 0


@pytest.mark.parametrize(
    ("fill", "expected"),
    [
        ((slice(0, 12), slice(3, 7)), {"aorta": "truncated", "iliac": "not_in_view", "renal": "absent"}),
        ((slice(6, 14), slice(3, 7)), {"aorta": "truncated", "iliac": "absent", "renal": "not_in_view"}),
        ((slice(6, 12), slice(0, 7)), {"aorta": "truncated", "iliac": "absent", "mesenteric": "absent"}),
        ((slice(6, 12), slice(3, 7)), {"aorta": "ok", "iliac": "absent", "combined": "incomplete"}),
        ((slice(0, 0), slice(0, 0)), {"aorta": "not_in_view", "iliac": "not_in_view", "renal": "not_in_view"}),
    ],
)
def test_status_of_what_is_missing_depends_on_where_the_aorta_ends(fill: tuple, expected: dict) -> None:
    territories = np.zeros((14, 10, 10), np.uint8)
    territories[fill[0], fill[1], 3:7] = Territory.AORTA
    rows = score(image(territories), image(np.zeros_like(territories))).territories
    assert {key: rows[key].status.value for key in expected} == expected


def test_field_of_view_is_judged_before_shortening() -> None:
    unshortened = np.zeros((14, 10, 10), np.uint8)
    unshortened[6:14, 3:7, 3:7] = Territory.AORTA
    shortened = unshortened.copy()
    shortened[11:] = 0
    rows = score(image(shortened), image(np.zeros_like(shortened)), unshortened=image(unshortened)).territories
    assert rows["aorta"].status is Status.OK
    assert rows["renal"].status is Status.NOT_IN_VIEW


def test_combined_is_truncated_when_all_are_there_and_one_touches_the_border() -> None:
    territories = np.zeros((6, 10, 10), np.uint8)
    territories[1:5, 3:6, 3:6] = Territory.AORTA
    territories[1, 3, 6:9], territories[2, 3, 6:9] = Territory.ILIAC, Territory.MESENTERIC
    territories[3, 3, 6:10] = Territory.RENAL
    rows = score(image(territories), image(np.zeros_like(territories))).territories
    assert [row.status.value for row in rows.values()] == ["ok", "ok", "ok", "truncated", "truncated"]


def test_superior_is_a_direction_of_the_patient_not_of_the_array() -> None:
    territories = np.zeros((14, 10, 10), np.uint8)
    territories[0:8, 3:7, 3:7] = Territory.AORTA
    upside_down = Geometry((10, 10, 14), SPACING, (0, 0, 0), (1, 0, 0, 0, -1, 0, 0, 0, -1))
    rows = score(Image(territories, upside_down), Image(np.zeros_like(territories), upside_down)).territories
    assert (rows["iliac"].status, rows["renal"].status) == (Status.ABSENT, Status.NOT_IN_VIEW)


def test_clusters_have_place_size_and_intensity() -> None:
    territories, calcification = hand_made()
    cta = np.full(territories.shape, 300, np.int16)
    cta[11, 6, 5], cta[11, 6, 6] = 900, 700
    clusters = score(image(territories), image(calcification), cta=image(cta)).clusters
    assert [c.volume_mm3 for c in clusters] == [6, 6, 3, 3, 3]
    bright = next(c for c in clusters if c.max_hu == 900)
    assert bright.territory is Territory.AORTA
    assert bright.mean_hu == 800
    # Indices (5.5, 6, 11) times the spacing; the origin is 0.
    assert bright.centroid_mm == pytest.approx((2.75, 12, 33))
    assert {c.territory for c in clusters} == {Territory.AORTA, Territory.ILIAC}


def test_clusters_without_a_ct_have_no_intensity() -> None:
    territories, calcification = hand_made()
    assert all(c.max_hu is None and c.mean_hu is None for c in score(image(territories), image(calcification)).clusters)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    territories=hnp.arrays(np.uint8, (5, 6, 7), elements=st.integers(0, 4)),
    calcification=hnp.arrays(np.uint8, (5, 6, 7), elements=st.integers(0, 2)),
    code=st.sampled_from(["LPS", "RAS", "SRP", "AIL"]),
)
def test_every_row_is_what_counting_gives(territories: np.ndarray, calcification: np.ndarray, code: str) -> None:
    spacing = (0.7, 0.8, 1.5)
    images = [
        to_image(sitk.DICOMOrient(to_sitk(a, spacing, rotation((5, 10, 0))), code))
        for a in (territories, calcification)
    ]
    rows, alone = score(*images).territories, burdens(*images)
    for name in ("aorta", "iliac", "mesenteric", "renal", "combined"):
        mask = territories > 0 if name == "combined" else territories == Territory[name.upper()]
        expected = figures(mask, calcification == 2, 0.7 * 0.8 * 1.5)
        measured = asdict(rows[name])
        measured.pop("status")
        assert alone.pop(name) == measured["burden"]
        assert measured == {key: value if value is None else pytest.approx(value) for key, value in expected.items()}
    assert not alone


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    territories=hnp.arrays(np.uint8, (5, 6, 7), elements=st.integers(0, 4)),
    calcification=hnp.arrays(np.uint8, (5, 6, 7), elements=st.integers(0, 2)),
)
def test_cluster_list_adds_up_to_the_rows(territories: np.ndarray, calcification: np.ndarray) -> None:
    scores = score(image(territories), image(calcification))
    for territory in Territory:
        own = [c for c in scores.clusters if c.territory is territory]
        row = scores.territories[territory.key]
        assert len(own) == row.cluster_count
        assert sum(c.volume_mm3 for c in own) == pytest.approx(row.calcified_volume_mm3)


def test_different_grids_are_refused() -> None:
    territories, calcification = hand_made()
    shifted = Image(calcification, Geometry(calcification.shape[::-1], SPACING, (0.01, 0, 0)))
    with pytest.raises(InputError, match="different grids"):
        score(image(territories), shifted)
    with pytest.raises(InputError, match="the CTA"):
        score(image(territories), image(calcification), cta=shifted)


def test_composite_is_a_weighted_mean() -> None:
    territories, calcification = hand_made()
    scores = score(image(territories), image(calcification))
    weights = {Territory.AORTA: 3.0, Territory.ILIAC: 1.0}
    assert composite_burden(scores, weights) == pytest.approx((3 * 6 / 96 + 1 * 1 / 12) / 4)
    assert composite_burden(scores, {Territory.RENAL: 1.0, Territory.AORTA: 1.0}) is None
    assert composite_burden(scores, {Territory.RENAL: 0.0, Territory.AORTA: 1.0}) == 6 / 96


@pytest.mark.parametrize("weights", [{}, {Territory.AORTA: 0.0}, {Territory.AORTA: -1.0}, {Territory.AORTA: np.inf}])
def test_weights_that_make_no_mean_are_refused(weights: dict) -> None:
    territories, calcification = hand_made()
    with pytest.raises(InputError, match="weights"):
        composite_burden(score(image(territories), image(calcification)), weights)


def test_clusters_name_their_vessel() -> None:
    territories = np.zeros((14, 12, 24), np.uint8)
    territories[1:13, 4:8, 10:14] = Territory.AORTA
    territories[6:8, 5:7, 14:22] = Territory.RENAL  # x grows to the patient's left
    territories[6:8, 5:7, 2:10] = Territory.RENAL
    calcification = np.zeros_like(territories)
    calcification[6, 5, 15:17] = 2
    calcification[7, 6, 3] = 2
    scores = score(image(territories), image(calcification))
    assert [c.vessel for c in scores.clusters] == [Vessel.LEFT_RENAL, Vessel.RIGHT_RENAL]
    assert scores.vessels["left_renal"].calcified_volume_mm3 == 6
    assert scores.vessels["right_renal"].calcified_volume_mm3 == 3
