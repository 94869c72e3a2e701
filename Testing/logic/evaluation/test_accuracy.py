"""Overlap against SimpleITK, surfaces against brute force and meshes."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from scipy.spatial.distance import cdist
from skimage.measure import marching_cubes, mesh_surface_area

from CalcScoreLogic.evaluation.accuracy import METRICS, Overlap, accuracy


def blobs(seed: int, shape: tuple[int, int, int] = (24, 20, 16)) -> tuple[np.ndarray, np.ndarray]:
    """Two smooth random masks that overlap in part."""
    noise = [
        sitk.GetArrayFromImage(sitk.DiscreteGaussian(sitk.GetImageFromArray(n), 4.0))
        for n in np.random.default_rng(seed).normal(size=(2, *shape)).astype(np.float32)
    ]
    return noise[0] > 0.02, (noise[0] + 0.5 * noise[1]) > 0.02


def box(
    low: tuple[int, int, int], high: tuple[int, int, int], shape: tuple[int, int, int] = (30, 30, 40)
) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = True
    return mask


@pytest.mark.parametrize("seed", range(5))
def test_overlap_is_simpleitks(seed: int) -> None:
    prediction, reference = blobs(seed)
    measures = sitk.LabelOverlapMeasuresImageFilter()
    measures.Execute(*(sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in (prediction, reference)))
    found = accuracy(prediction, reference, (1, 1, 1))
    assert found["dice"] == pytest.approx(measures.GetDiceCoefficient(), abs=1e-9)
    assert found["jaccard"] == pytest.approx(measures.GetJaccardCoefficient(), abs=1e-9)
    assert found["sensitivity"] == pytest.approx(1 - measures.GetFalseNegativeError(), abs=1e-9)
    assert found["precision"] == pytest.approx(1 - measures.GetFalseDiscoveryRate(), abs=1e-9)
    # ITK's similarity is 2 (|A| - |B|) / (|A| + |B|).
    assert found["volumetric_similarity"] == pytest.approx(1 - abs(measures.GetVolumeSimilarity()) / 2, abs=1e-9)


def test_overlap_by_hand() -> None:
    overlap = Overlap(true_positive=6, false_positive=2, false_negative=4)
    assert overlap.dice == pytest.approx(12 / 18, abs=1e-12)
    assert overlap.volumetric_similarity == pytest.approx(1 - 2 / 18, abs=1e-12)
    assert overlap.sensitivity == pytest.approx(0.6, abs=1e-12)
    assert overlap.precision == pytest.approx(0.75, abs=1e-12)
    assert overlap.jaccard == pytest.approx(0.5, abs=1e-12)


def test_what_has_no_denominator_is_not_defined() -> None:
    something, nothing = box((3, 3, 3), (6, 6, 6)), box((0, 0, 0), (0, 0, 0))
    assert accuracy(nothing, nothing, (1, 1, 1)) == dict.fromkeys(METRICS)
    missed = accuracy(nothing, something, (1, 1, 1))
    assert (missed["dice"], missed["sensitivity"], missed["precision"]) == (0, 0, None)
    assert (missed["volumetric_similarity"], missed["surface_dice"], missed["hausdorff95_mm"]) == (0, 0, None)
    invented = accuracy(something, nothing, (1, 1, 1))
    assert (invented["dice"], invented["sensitivity"], invented["precision"]) == (0, None, 0)
    assert (invented["surface_dice"], invented["hausdorff95_mm"]) == (0, None)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 0.75, 0.5)])
@pytest.mark.parametrize("seed", [7, 8])
def test_hausdorff_is_the_brute_force_one(seed: int, spacing: tuple[float, float, float]) -> None:
    prediction, reference = blobs(seed)
    points = []
    for mask in (prediction, reference):
        # Background around it: a mask that reaches the border has its surface there.
        padded = sitk.ConstantPad(sitk.GetImageFromArray(mask.astype(np.uint8)), (1, 1, 1), (1, 1, 1), 0)
        points.append(np.argwhere(sitk.GetArrayFromImage(sitk.BinaryContour(padded, fullyConnected=False))) * spacing)
    distances = cdist(*points)
    expected = max(np.percentile(distances.min(axis=axis), 95) for axis in (0, 1))
    # MONAI works in single precision.
    assert accuracy(prediction, reference, spacing)["hausdorff95_mm"] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 0.75, 0.5)])
def test_surface_dice_weighs_by_area(spacing: tuple[float, float, float]) -> None:
    both, invented = box((4, 4, 4), (12, 14, 10)), box((18, 20, 25), (22, 23, 36))
    areas = []
    for mask in (both, invented):
        vertices, faces, _, _ = marching_cubes(mask.astype(float), 0.5, spacing=spacing)
        areas.append(mesh_surface_area(vertices, faces))
    expected = 2 * areas[0] / (2 * areas[0] + areas[1])
    found = accuracy(both | invented, both, spacing)
    assert found["surface_dice"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("shift", "agrees"), [(1, True), (3, False)])
def test_surface_dice_forgives_1_mm(shift: int, agrees: bool) -> None:
    reference = box((5, 5, 5), (25, 25, 25))
    found = accuracy(np.roll(reference, shift, axis=2), reference, (1, 1, 1))
    assert (found["surface_dice"] == 1) is agrees
    assert found["hausdorff95_mm"] == shift
    halved = accuracy(np.roll(reference, shift, axis=2), reference, (0.25, 0.25, 0.25))
    assert halved["surface_dice"] == 1
    assert halved["hausdorff95_mm"] == shift / 4
