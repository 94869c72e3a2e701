"""Images on one grid, against SimpleITK and figures worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from CalcScoreLogic.errors import InputError
from CalcScoreLogic.images.common_grid import aligned, check_same_grid, laid_onto
from CalcScoreLogic.images.geometry import Geometry, Image
from Testing.trees import ORIENTATIONS, rotation, to_image, to_sitk


@pytest.mark.parametrize("code", ORIENTATIONS[::7])
def test_an_image_in_another_order_is_aligned_without_a_change(code: str) -> None:
    array = np.arange(2 * 3 * 4, dtype=np.int16).reshape(2, 3, 4)
    image = to_sitk(array, (0.7, 0.8, 1.5), rotation((5, -8, 3)))
    reference, other = to_image(image), to_image(sitk.DICOMOrient(image, code))
    found = aligned(reference, other, "a", "b")
    np.testing.assert_array_equal(found.array, array)
    assert found.geometry == reference.geometry


def test_what_lies_elsewhere_is_not_aligned() -> None:
    image = to_sitk(np.zeros((4, 4, 4), np.uint8), (1, 1, 1))
    moved = sitk.DICOMOrient(image, "RAS")
    moved.SetOrigin([v + 0.5 for v in moved.GetOrigin()])
    with pytest.raises(InputError, match="different grids"):
        aligned(to_image(image), to_image(moved), "a", "b")


def test_check_same_grid_names_both_files() -> None:
    first = Image(np.zeros((2, 2, 2)), Geometry((2, 2, 2), (1, 1, 1)))
    second = Image(np.zeros((2, 2, 2)), Geometry((2, 2, 2), (1, 1, 2)))
    with pytest.raises(InputError, match=r"a\.nii and b\.nii lie on different grids \(spacing"):
        check_same_grid(first, second, "a.nii", "b.nii")


def test_a_part_is_laid_onto_its_whole() -> None:
    whole = Geometry((4, 5, 6), (0.7, 0.8, 1.25), (-3.5, 2.25, 100.0))
    # Along R, A and S, of 2 x 2 x 3 voxels; its first voxel is voxel (2, 3, 4) of the whole, the last is beyond it.
    part = Geometry((2, 2, 3), whole.spacing, (-2.1, 4.65, 105.0), (-1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0))
    array = np.arange(1, 13).reshape(3, 2, 2)
    expected = np.zeros(whole.shape, int)
    expected[4:, 2:4, 1:3] = [[[4, 3], [2, 1]], [[8, 7], [6, 5]]]
    np.testing.assert_array_equal(laid_onto(array, part, whole), expected)
    between = Geometry(part.size, part.spacing, (-2.1, 4.65, 105.6), part.direction)
    assert laid_onto(array, between, whole) is None
