"""The scanner: noise as strong as it says, edges where they were."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from CalcScoreLogic.synthesis.scanner import Scanner, cut_field_of_view, scan

from .conftest import grid

PLAIN = Scanner(
    blur_mm=0.8, slice_mm=2, noise_hu=0, noise_mm=0.7, gain=1, offset_hu=0, cupping=0, streaks=1, sharpening=0,
    motion_mm=0,
)  # fmt: skip
AXES = grid(0, 40, 1)


@pytest.mark.parametrize("noise_mm", [0.2, 1.5])
def test_noise_has_its_standard_deviation(noise_mm: float) -> None:
    scanner = replace(PLAIN, noise_hu=20, noise_mm=noise_mm)
    image = scan(np.random.default_rng(1), scanner, np.full(AXES.shape, 50, np.float32), AXES)
    assert image.std() == pytest.approx(20, rel=0.01)
    assert image.mean() == pytest.approx(50, abs=3)


@pytest.mark.parametrize("sharpening", [0, 1.0])
def test_an_edge_stays_where_it_is(sharpening: float) -> None:
    image = np.zeros(AXES.shape, np.float32)
    image[:, :, 20:] = 400
    seen = scan(np.random.default_rng(1), replace(PLAIN, sharpening=sharpening), image, AXES)[20, 20]
    assert seen[19] < 200 < seen[20]
    assert seen[19] + seen[20] == pytest.approx(400, abs=1)
    assert (seen.max() > 401) == (sharpening > 0)


def test_what_is_cut_off_is_air_without_labels() -> None:
    image, labels = np.zeros((40, 40, 40), np.float32), np.ones((40, 40, 40), np.uint8)
    cut_field_of_view(np.random.default_rng(0), image, labels)
    assert ((image == -1024) == (labels == 0)).all()
    assert 0 < (labels == 0).sum() < labels.size
