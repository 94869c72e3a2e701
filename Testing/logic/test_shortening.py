"""`shorten` against the paper read word by word, and against figures worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.morphology import dilation

from CalcScoreLogic.anatomy import Territory
from CalcScoreLogic.errors import InputError
from CalcScoreLogic.images.geometry import Geometry, Image
from CalcScoreLogic.shortening import ShorteningParameters, path_length_mm, shorten
from Testing.reference import shortening as reference
from Testing.reference.shortening import shorten_image
from Testing.straight_tubes import DIRECTIONS, kept_length_mm, shorten_array
from Testing.trees import ORIENTATIONS, Capsule, paint, rotation, to_image, to_sitk

FIELD_MM = (62.0, 54.0, 92.0)


def cross_dilation(mask: np.ndarray, footprint: np.ndarray) -> np.ndarray:
    """Do what scikit-image's dilation by a voxel and its six neighbours does, in a tenth of the time."""
    grown = mask.copy()
    for axis in range(mask.ndim):
        there, here = np.moveaxis(grown, axis, 0), np.moveaxis(mask, axis, 0)
        there[1:] |= here[:-1]
        there[:-1] |= here[1:]
    return grown


@pytest.fixture(scope="module", autouse=True)
def _quick_reference() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reference, "dilation", cross_dilation)
        yield


@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 6, 7), (30, 1, 4)])
@pytest.mark.parametrize("share", [0.05, 0.5, 1.0])
def test_the_reference_dilates_as_scikit_image_does(shape: tuple[int, ...], share: float) -> None:
    mask = np.random.default_rng(1).random(shape) < share
    np.testing.assert_array_equal(cross_dilation(mask, reference.CROSS), dilation(mask, reference.CROSS))


@st.composite
def trees(draw: st.DrawFn) -> sitk.Image:
    """A random tree on a random grid, any storage order, axes up to 20 degrees off the patient's."""
    mm = st.floats(-6, 6).map(lambda v: round(v, 2))
    spacing = (
        draw(st.floats(0.6, 1.4)),
        draw(st.floats(0.6, 1.4)),
        draw(st.sampled_from([0.6, 0.75, 1, 1.5, 2, 3, 5])),
    )
    if draw(st.booleans()):
        spacing = (1.0, 1.0, 1.0)
    x, y = 31 + draw(mm), 30 + draw(mm)
    bend = draw(mm)
    aorta = (
        []
        if draw(st.integers(0, 11)) == 0
        else [
            Capsule(1, (x, y, 28), (x + bend, y, 60), draw(st.floats(3, 8))),
            Capsule(1, (x + bend, y, 60), (x, y, 100 if draw(st.booleans()) else 80), draw(st.floats(3, 8))),
        ]
    )
    apart = draw(st.floats(1, 14))
    branches = [
        Capsule(2, (x, y, 27), (x + apart, y + draw(mm), -5 + draw(mm)), draw(st.floats(2, 4))),
        Capsule(2, (x, y, 27), (x - apart, y + draw(mm), draw(mm)), draw(st.floats(2, 4))),
    ]
    for label in (3, 3, 4, 4):
        z, length = draw(st.floats(35, 80)), draw(st.floats(8, 30))
        towards = np.array([draw(mm) + (20 if label == 4 else 0), draw(mm) - (20 if label == 3 else 0), draw(mm)])
        end = np.array([x, y, z]) + towards / np.linalg.norm(towards) * (length + 5)
        branches.append(Capsule(label, (x, y, z), tuple(end), draw(st.floats(1, 3))))
    if draw(st.booleans()):
        # One branch that leaves the aorta twice, 30 mm apart or more.
        low, high = draw(st.floats(30, 38)), draw(st.floats(70, 80))
        out = x - 18
        branches += [
            Capsule(3, (x, y, low), (out, y, low + 4), 2),
            Capsule(3, (out, y, low + 4), (out, y, high), 2),
            Capsule(3, (out, y, high), (x, y, high), 2.5),
        ]
    for _ in range(draw(st.integers(0, 3))):
        centre = tuple(draw(st.floats(3, high - 3)) for high in FIELD_MM)
        branches.append(Capsule(draw(st.integers(1, 4)), centre, centre, draw(st.floats(0.5, 3))))
    size = tuple(max(2, int(extent / v)) for extent, v in zip(FIELD_MM, spacing, strict=True))
    oblique = rotation([draw(st.floats(-20, 20)) for _ in range(3)]) if draw(st.booleans()) else np.eye(3)
    image = to_sitk(paint([*aorta, *branches], size, spacing), spacing, oblique)
    return sitk.DICOMOrient(image, draw(st.sampled_from(ORIENTATIONS)))


@settings(max_examples=80, deadline=None, derandomize=True)
@given(image=trees(), length=st.sampled_from([5, 12, 25]), margin=st.sampled_from([0, 4, 10]))
def test_same_voxels_as_the_literal_reading(image: sitk.Image, length: int, margin: int) -> None:
    result = shorten(to_image(image), ShorteningParameters(length, margin))
    expected = sitk.GetArrayFromImage(shorten_image(image, length, margin))
    np.testing.assert_array_equal(result.territories.array, expected)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(share=st.floats(0.05, 0.6), length=st.sampled_from([5, 9, 25]), seed=st.integers(0, 999))
def test_noise_is_trimmed_as_the_literal_reading_does(share: float, length: int, seed: int) -> None:
    """Specks by the hundred, attached and not, smaller and larger than the length."""
    rng = np.random.default_rng(seed)
    labels = np.where(rng.random((14, 20, 20)) < share, rng.integers(1, 5, (14, 20, 20)), 0).astype(np.uint8)
    # Aorta on one side only, so that specks on the other are not attached.
    labels[:, :, 8:][labels[:, :, 8:] == Territory.AORTA] = 0
    image = sitk.GetImageFromArray(labels)
    found = shorten(to_image(image), ShorteningParameters(length, 3))
    np.testing.assert_array_equal(found.territories.array, sitk.GetArrayFromImage(shorten_image(image, length, 3)))


@settings(max_examples=25, deadline=None, derandomize=True)
@given(image=trees(), method=st.sampled_from(["paper", "geodesic"]), code=st.sampled_from(ORIENTATIONS))
def test_storage_order_changes_nothing(image: sitk.Image, method: str, code: str) -> None:
    parameters = ShorteningParameters(15, 5, method)
    stored = sitk.DICOMOrientImageFilter.GetOrientationFromDirectionCosines(image.GetDirection())
    restored = sitk.DICOMOrient(image, code)
    result = shorten(to_image(restored), parameters).territories.array
    back = sitk.GetImageFromArray(result)
    back.CopyInformation(restored)
    expected = shorten(to_image(image), parameters).territories.array
    np.testing.assert_array_equal(sitk.GetArrayFromImage(sitk.DICOMOrient(back, stored)), expected)


def straight_tree(length_voxels: int = 60) -> np.ndarray:
    """A 1 mm map: aorta x 20..29, y 5..14, z 0..89; one iliac-labelled beam from x = 30 on at z 40..42."""
    array = np.zeros((90, 20, 30 + length_voxels), np.uint8)
    array[:, 5:15, 20:30] = Territory.AORTA
    array[40:43, 8:11, 30:] = Territory.ILIAC
    return array


@pytest.mark.parametrize("method", ["paper", "geodesic"])
@pytest.mark.parametrize("length", [5, 25, 35])
def test_axis_aligned_branch_keeps_two_voxels_of_stump_and_its_length(method: str, length: int) -> None:
    result = shorten_array(straight_tree(), length_mm=length, method=method)
    # The aorta ends at x = 29; dilated twice it reaches x = 31; then `length` steps.
    assert np.flatnonzero((result == Territory.ILIAC).any(axis=(0, 1))).tolist() == list(range(30, 32 + length))


def test_aorta_is_cut_ten_slices_above_the_highest_branch() -> None:
    aorta = shorten_array(straight_tree()) == Territory.AORTA
    assert np.flatnonzero(aorta.any(axis=(1, 2))).tolist() == list(range(53))  # 42 + 10, slice 52 is the last


def test_cut_height_counts_only_what_is_left_after_trimming() -> None:
    array = straight_tree()
    array[43:80, 8:11, 75:78] = Territory.ILIAC  # rises far beyond the standard length
    aorta = shorten_array(array) == Territory.AORTA
    assert np.flatnonzero(aorta.any(axis=(1, 2)))[-1] == 52


def test_without_a_branch_nothing_is_cut_and_the_result_says_so() -> None:
    array = straight_tree()
    array[array == Territory.ILIAC] = 0
    shortening = shorten(Image(array, Geometry(array.shape[::-1], (1.0, 1.0, 1.0))))
    np.testing.assert_array_equal(shortening.territories.array, array)
    assert any("not cut" in warning for warning in shortening.warnings)


def test_a_branch_that_does_not_reach_the_aorta_is_background_and_named() -> None:
    array = straight_tree()
    array[40:43, 8:11, 30:32] = 0  # two voxels of gap: the aorta, dilated twice, ends at x = 31
    shortening = shorten(Image(array, Geometry(array.shape[::-1], (1.0, 1.0, 1.0))))
    assert not (shortening.territories.array == Territory.ILIAC).any()
    assert "Iliac: 1 piece not attached to the aorta (0.52 cm³)" in shortening.warnings[0]  # 58 x 3 x 3 voxels
    array[40:43, 8:11, 31] = Territory.ILIAC
    assert (shorten_array(array) == Territory.ILIAC).any()


@pytest.mark.parametrize(("gap", "kept"), [(25, True), (26, False)])
def test_second_origin_counts_up_to_25_mm(gap: int, kept: bool) -> None:
    """A comb: two teeth from the aorta, joined 45 mm away from it, so that neither reaches the other."""
    array = np.zeros((90, 20, 90), np.uint8)
    array[:, 5:15, 20:30] = Territory.AORTA
    array[30:33, 8:11, 30:76] = Territory.RENAL  # the larger stump: 3 x 3 x 2 voxels
    second = 32 + gap  # nearest voxel centres are `gap` apart
    array[second : second + 2, 8:11, 30:76] = Territory.RENAL
    array[30 : second + 2, 8:11, 73:76] = Territory.RENAL
    result = shorten_array(array)
    assert (result[second] == Territory.RENAL).any() == kept
    assert (result[30] == Territory.RENAL).any()


def test_label_values_of_touching_territories_stay_apart() -> None:
    array = straight_tree()
    array[40:43, 11:13, 30:] = Territory.RENAL  # glued to the iliac beam over its whole length
    result = shorten_array(array)
    assert np.count_nonzero(result == Territory.ILIAC) == 27 * 9
    assert np.count_nonzero(result == Territory.RENAL) == 27 * 6


def test_empty_map_stays_empty() -> None:
    image = Image(np.zeros((4, 5, 6), np.uint8), Geometry((6, 5, 4), (1.0, 1.0, 3.0)))
    shortening = shorten(image)
    assert not shortening.territories.array.any()
    assert shortening.warnings == ("The territory map is empty.",)


def test_input_is_left_alone() -> None:
    array = straight_tree()
    before = array.copy()
    shorten_array(array)
    np.testing.assert_array_equal(array, before)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_geodesic_keeps_25_mm_in_every_direction(direction: tuple[float, float, float]) -> None:
    assert kept_length_mm(np.array(direction), "geodesic") == pytest.approx(25, abs=1)


def test_paper_keeps_14_mm_along_the_diagonal() -> None:
    # 25 steps along the axes make 25 / 3 voxels of each, a way of 25 / sqrt(3) = 14.4 mm.
    assert kept_length_mm(np.array([1.0, 1.0, 1.0]), "paper") == pytest.approx(25 / 3**0.5, abs=0.6)


def test_path_length_follows_the_vessel_round_a_bend() -> None:
    component = np.zeros((5, 40, 40), bool)
    component[1:4, 1:4, 1:30] = True
    component[1:4, 1:30, 27:30] = True
    stump = np.zeros_like(component)
    stump[1:4, 1:4, 1:3] = True
    length = path_length_mm(component, stump, 60)
    # Straight to the inner corner (27, 3), then down: between the inner and the outer way.
    inner = (27 - 2) + (29 - 3)
    assert inner - 1 <= length[2, 29, 27] <= inner + 3
    assert np.isinf(length[0]).all()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"length_mm": 4.9}, "runs from 5 to 100 mm"),
        ({"length_mm": 101}, "runs from 5 to 100 mm"),
        ({"length_mm": float("nan")}, "runs from 5 to 100 mm"),
        ({"margin_mm": -1}, "runs from 0 to 100 mm"),
        ({"length_mm": 25.5}, "whole millimetres"),
        ({"method": "other"}, "choose paper or geodesic"),
    ],
)
def test_parameters_out_of_range_are_refused(parameters: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ShorteningParameters(**parameters)
