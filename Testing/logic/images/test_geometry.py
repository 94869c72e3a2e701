"""`Geometry` against SimpleITK and against figures worked out by hand."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from CalcScoreLogic.errors import InputError
from CalcScoreLogic.images.geometry import Geometry, Image
from Testing.trees import ORIENTATIONS, rotation, to_image, to_sitk


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    code=st.sampled_from(ORIENTATIONS),
    degrees=st.tuples(*[st.floats(-25, 25)] * 3),
    spacing=st.tuples(*[st.floats(0.4, 5)] * 3),
)
def test_canonical_storage_is_itk_s_lps(code: str, degrees: tuple, spacing: tuple) -> None:
    array = np.arange(2 * 3 * 4, dtype=np.int16).reshape(2, 3, 4)
    stored = sitk.DICOMOrient(to_sitk(array, spacing, rotation(degrees)), code)
    expected = sitk.DICOMOrient(stored, "LPS")
    canonical = to_image(stored).canonical()
    np.testing.assert_array_equal(canonical.array, sitk.GetArrayFromImage(expected))
    np.testing.assert_allclose(canonical.geometry.origin, expected.GetOrigin(), atol=1e-9)
    np.testing.assert_allclose(canonical.geometry.spacing, expected.GetSpacing())
    np.testing.assert_allclose(canonical.geometry.direction, expected.GetDirection(), atol=1e-12)


@pytest.mark.parametrize("degrees", [(0, 0, 45), (45, 0, 0), (0, 45, 0), (45, 45, 45)])
def test_a_tie_between_axes_is_settled_the_same_for_every_storage(degrees: tuple) -> None:
    array = np.arange(2 * 3 * 4, dtype=np.int16).reshape(2, 3, 4)
    image = to_sitk(array, (1, 2, 3), rotation(degrees))
    expected = to_image(image).canonical()
    for order in ((0, 1, 2), (1, 0, 2), (2, 1, 0), (1, 2, 0)):
        permuted = to_image(sitk.PermuteAxes(image, order)).canonical()
        np.testing.assert_array_equal(permuted.array, expected.array)


def test_to_physical_is_itk_s() -> None:
    image = to_sitk(np.zeros((4, 5, 6), np.uint8), (0.7, 0.8, 1.5), rotation((10, 20, 30)))
    geometry = to_image(image).geometry
    for index in ((0, 0, 0), (5, 4, 3), (2, 1, 3)):
        np.testing.assert_allclose(geometry.to_physical(index), image.TransformIndexToPhysicalPoint(index))


def test_canonical_view_writes_through() -> None:
    array = np.zeros((2, 3, 4), np.uint8)
    geometry = Geometry((4, 3, 2), (1, 1, 1), (0, 0, 0), (-1, 0, 0, 0, 0, 1, 0, 1, 0))
    geometry.canonical_view(array)[0, 0, 0] = 7
    # x runs to Right, so L is its far end; j runs to Superior, k to Posterior.
    assert array[0, 0, 3] == 7


@pytest.mark.parametrize(
    ("change", "fragment"),
    [
        ({"size": (5, 5, 7)}, "size 5 x 5 x 6 against 5 x 5 x 7 voxels"),
        ({"origin": (0, 0, 0.011)}, "origin 0 x 0 x 0 against 0 x 0 x 0.011 mm"),
        ({"spacing": (1, 1, 1.01)}, "spacing 1 x 1 x 1 against 1 x 1 x 1.01 mm"),
        ({"direction": tuple(rotation((0, 0, 1)).ravel())}, "direction"),
    ],
)
def test_difference_is_named(change: dict, fragment: str) -> None:
    first = {"size": (5, 5, 6), "spacing": (1.0, 1.0, 1.0)}
    difference = Geometry(**first).difference(Geometry(**{**first, **change}))
    assert difference is not None
    assert fragment in difference


def test_difference_forgives_a_hundredth_of_a_voxel() -> None:
    first = Geometry((100, 100, 100), (0.7, 0.7, 1.0))
    assert first.difference(Geometry((100, 100, 100), (0.7, 0.7, 1.0), (0.0069, 0, 0))) is None
    assert first.difference(Geometry((100, 100, 100), (0.7, 0.7, 1.0), (0.0071, 0, 0))) is not None
    # The far corner, 99.5 voxels away, moves by 0.00498 and by 0.00995 mm.
    assert first.difference(Geometry((100, 100, 100), (0.70005, 0.7, 1.0))) is None
    assert first.difference(Geometry((100, 100, 100), (0.7001, 0.7, 1.0))) is not None


def test_difference_forgives_no_more_than_a_twentieth_of_a_millimetre() -> None:
    first = Geometry((10, 10, 10), (1.0, 1.0, 8.0))
    assert first.difference(Geometry((10, 10, 10), (1.0, 1.0, 8.0), (0, 0, 0.049))) is None
    assert first.difference(Geometry((10, 10, 10), (1.0, 1.0, 8.0), (0, 0, 0.051))) is not None


@pytest.mark.parametrize("spacing", [0.7, 0.703125, 0.9765625, 0.74609375, 0.8, 1.0, 2.0, 0.68359375])
def test_single_precision_and_nudges_leave_a_grid_on_its_grain(spacing: float) -> None:
    grid = Geometry((4, 4, 4), (spacing, spacing, 1.25), (-100.25, 3.0, 0.5))
    for factor in (1.0, 1 + 1e-7, 1 - 1e-7):
        noisy = float(np.float32(spacing)) * factor
        assert Geometry(grid.size, (noisy, noisy, 1.25), grid.origin).on_grain() == grid.on_grain()


@pytest.mark.parametrize(
    ("parameters", "fragment"),
    [
        ({"size": (0, 1, 1)}, "no voxels"),
        ({"spacing": (1, 0, 1)}, "spacing is 1 x 0 x 1 mm"),
        ({"spacing": (1, -1, 1)}, "above 0"),
        ({"spacing": (1, float("nan"), 1)}, "finite"),
        ({"origin": (float("inf"), 0, 0)}, "origin"),
        ({"direction": (1, 0.1, 0, 0, 1, 0, 0, 0, 1)}, "sheared"),
        ({"direction": (0,) * 9}, "sheared"),
    ],
)
def test_impossible_grids_are_refused(parameters: dict, fragment: str) -> None:
    with pytest.raises(InputError, match=fragment):
        Geometry(**{"size": (2, 2, 2), "spacing": (1, 1, 1), **parameters})


def test_array_must_fit_its_grid() -> None:
    with pytest.raises(ValueError, match="shape"):
        Image(np.zeros((2, 3, 4)), Geometry((2, 3, 4), (1, 1, 1)))


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("signs", list(product((1, -1), repeat=3)))
def test_a_stored_view_undoes_a_canonical_view(order: tuple[int, ...], signs: tuple[int, ...]) -> None:
    matrix = np.eye(3)[:, order] * signs
    geometry = Geometry((2, 3, 4), (0.7, 0.8, 1.25), (1.0, 2.0, 3.0), tuple(map(float, matrix.ravel())))
    array = np.arange(24).reshape(geometry.shape)
    stored = geometry.stored_view(geometry.canonical_view(array))
    np.testing.assert_array_equal(stored, array)
    assert np.shares_memory(stored, array)


def test_a_grid_from_its_axes() -> None:
    # i runs down the patient by 2 mm, j to the left by 0.5 mm, k to the back by 1 mm.
    steps = np.array([[0.0, 0.5, 0.0], [0.0, 0.0, 1.0], [-2.0, 0.0, 0.0]])
    grid = Geometry.from_axes((4, 5, 6), steps, (7.0, 8.0, 9.0))
    assert (grid.size, grid.spacing, grid.origin) == ((4, 5, 6), (2.0, 0.5, 1.0), (7.0, 8.0, 9.0))
    assert grid.to_physical([1, 1, 1]).tolist() == [7.5, 9.0, 7.0]
