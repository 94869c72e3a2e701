"""The same voxels give the same scores, whatever the format, the noise of its numbers and the order of its axes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from CalcScoreLogic.cli import main
from Testing.trees import Capsule, paint, to_sitk

SPACINGS = st.sampled_from([0.7, 0.703125, 0.8, 1.0, 1.25, 1.5, 2.0])
NUDGES = st.sampled_from([1.0, 1 + 1e-7, 1 - 1e-7, 1 + 5e-8])


def maps(spacing: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """A small tree with plaques, in voxels of any size."""
    size = tuple(int(extent / mm) for extent, mm in zip((36.0, 36.0, 60.0), spacing, strict=True))
    capsules = [
        Capsule(1, (18, 18, 20), (18, 18, 55), 6),
        Capsule(2, (18, 18, 20), (28, 18, 3), 3),
        Capsule(3, (18, 18, 45), (18, 4, 42), 2.5),
        Capsule(4, (18, 18, 40), (33, 20, 38), 2.2),
    ]
    territories = paint(capsules, size, spacing)
    calcification = (territories > 0).astype(np.uint8)
    inside = np.argwhere(territories > 0)
    calcification[tuple(inside[::7].T)] = 2
    return territories, calcification


def score(folder: Path, images: dict[str, sitk.Image], ending: str) -> dict[str, Any]:
    files = {name: folder / f"{name}{ending}" for name in images}
    for name, image in images.items():
        sitk.WriteImage(image, str(files[name]))
    options = [text for name, file in files.items() for text in (f"--{name}", str(file))]
    assert main(["score", *options, "--length", "12", "-o", str(folder / "s.json")]) == 0
    found: dict[str, Any] = json.loads((folder / "s.json").read_text(encoding="utf-8"))
    return {
        "territories": found["territories"],
        "vessels": found["vessels"],
        "clusters": [(c["territory"], c["volume_mm3"]) for c in found["clusters"]],
    }


@given(st.tuples(SPACINGS, SPACINGS, SPACINGS), NUDGES, st.sampled_from([".nii.gz", ".mha", ".nii"]))
@settings(max_examples=12, deadline=None, derandomize=True)
def test_formats_and_noise_change_nothing(
    tmp_path_factory: pytest.TempPathFactory, spacing: tuple[float, float, float], nudge: float, ending: str
) -> None:
    arrays = dict(zip(("territories", "calcification"), maps(spacing), strict=True))
    plain = {name: to_sitk(array, spacing) for name, array in arrays.items()}
    nudged = {name: to_sitk(array, tuple(mm * nudge for mm in spacing)) for name, array in arrays.items()}
    for image in nudged.values():
        image.SetOrigin([v * nudge for v in image.GetOrigin()])
    folder = tmp_path_factory.mktemp("same")
    assert score(folder, nudged, ending) == score(folder, plain, ".nrrd")


@pytest.mark.parametrize("order", ["RAS", "PIR"])
def test_maps_in_another_axis_order_are_taken(order: str, tmp_path: Path) -> None:
    territories, calcification = (to_sitk(array, (0.7, 0.8, 1.5)) for array in maps((0.7, 0.8, 1.5)))
    expected = score(tmp_path, {"territories": territories, "calcification": calcification}, ".nii.gz")
    turned = {"territories": territories, "calcification": sitk.DICOMOrient(calcification, order)}
    assert score(tmp_path, turned, ".nii.gz") == expected
    cta = sitk.Cast(sitk.DICOMOrient(territories, order), sitk.sitkInt16) * 300
    assert score(tmp_path, {**turned, "cta": cta}, ".nrrd") == expected


def test_a_spacing_rounded_in_the_fifth_digit_is_the_same(tmp_path: Path) -> None:
    territories, calcification = maps((0.703125, 0.703125, 1.5))
    images = {"territories": to_sitk(territories, (0.703125, 0.703125, 1.5))}
    images["calcification"] = to_sitk(calcification, (0.7031, 0.7031, 1.5))
    expected = score(tmp_path, {**images, "calcification": to_sitk(calcification, (0.703125, 0.703125, 1.5))}, ".nrrd")
    assert score(tmp_path, images, ".nrrd") == expected


def test_thresholds_and_rounded_or_turned_grids_agree(tmp_path: Path) -> None:
    territories, calcification = maps((0.7, 0.8, 1.5))
    cta = np.where(calcification == 2, 800, 300).astype(np.int16)
    sitk.WriteImage(to_sitk(cta, (0.7, 0.8, 1.5)), str(tmp_path / "cta.nii.gz"))
    sitk.WriteImage(sitk.DICOMOrient(to_sitk(territories, (0.7, 0.8, 1.5)), "LPI"), str(tmp_path / "t.nrrd"))
    command = ["threshold", str(tmp_path / "cta.nii.gz"), "--arteries", str(tmp_path / "t.nrrd"), "--method", "fixed"]
    assert main([*command, "-o", str(tmp_path / "c.nrrd")]) == 0
    found = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "c.nrrd")))
    np.testing.assert_array_equal(found, calcification)
