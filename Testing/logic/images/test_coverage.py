"""The part of a CTA that was labelled, in the voxels of other grids."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from CalcScoreLogic.images.coverage import Coverage
from Testing.trees import ORIENTATIONS, rotation, to_image, to_sitk


@pytest.mark.parametrize("stored", ORIENTATIONS)
def test_a_part_is_the_same_however_the_cta_is_stored(stored: str) -> None:
    rng = np.random.default_rng(3)
    borders = [np.array(border) for border in ([0, 2, 5], [0, 1, 3, 4], [0, 4, 7])]
    cells = rng.random((2, 3, 2)) > 0.5
    canonical = to_image(sitk.DICOMOrient(to_sitk(np.zeros((5, 4, 7)), (1.3, 1.1, 2.5), rotation((4, 8, 12))), "LPS"))
    coverage = Coverage(canonical.geometry.origin, borders, cells)
    # SimpleITK turns the very mask: an independent way.
    mask = sitk.GetImageFromArray(coverage.mask().astype(np.uint8))
    mask.CopyInformation(to_sitk(np.zeros((5, 4, 7)), (1.3, 1.1, 2.5), rotation((4, 8, 12))))
    turned = to_image(sitk.DICOMOrient(mask, stored))
    found = coverage.stored_as(canonical.geometry, turned.geometry)
    np.testing.assert_array_equal(found.mask(), turned.array)
    np.testing.assert_array_equal(found.mask(turned.geometry), turned.array)
    assert Coverage.from_dict(found.to_dict()).shape == turned.array.shape


@pytest.mark.parametrize("filled", [(slice(0, 0),), (slice(1, 4), slice(1, 3), slice(2, 7)), (slice(None),)])
def test_labels_are_cleared_where_nobody_looked(filled: tuple[slice, ...]) -> None:
    borders = [np.array(border) for border in ([0, 2, 5], [0, 1, 3, 4], [0, 4, 7])]
    coverage = Coverage((0, 0, 0), borders, np.random.default_rng(3).random((2, 3, 2)) > 0.5)
    labels = np.zeros((5, 4, 7), np.uint8)
    labels[filled] = 2
    expected = np.where(coverage.mask(), labels, 0)
    coverage.clear_elsewhere(labels)
    np.testing.assert_array_equal(labels, expected)
