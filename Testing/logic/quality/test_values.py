"""Values that are no HU are told, and those of any CT, cropped or drawn, are not."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from CalcScoreLogic.anatomy import Territory
from CalcScoreLogic.cli import main
from CalcScoreLogic.images.files import write_image
from CalcScoreLogic.images.geometry import Geometry, Image
from CalcScoreLogic.phantom import Phantom, PhantomParameters, make_phantom
from CalcScoreLogic.quality.codes import WarningCode
from CalcScoreLogic.quality.ct import ct_warnings, value_warnings
from CalcScoreLogic.quality.labels import artery_warnings
from CalcScoreLogic.report.case_page import write_report
from CalcScoreLogic.results import CaseResult


@pytest.fixture(scope="module")
def case() -> Phantom:
    return make_phantom(PhantomParameters(7, (3.0, 3.0, 3.0)))


def told(array: np.ndarray, geometry: Geometry | None = None) -> list[str]:
    """Give what is said of values that can hardly be HU."""
    grid = geometry or Geometry(array.shape[::-1], (1.0, 1.0, 1.0))
    return [str(w) for w in value_warnings(Image(array, grid)) if w.code is WarningCode.VALUES_NOT_HU]


def stored_12_bit(hu: np.ndarray) -> np.ndarray:
    return np.clip(hu + 1024, 0, 4095)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (stored_12_bit, "over 850 HU, where only bone, calcium and metal are"),
        (lambda hu: hu.astype(float) + 1000, "over 850 HU, where only bone, calcium and metal are"),
        (lambda hu: np.rint(np.clip((hu + 160) / 400, 0, 1) * 255).astype(np.uint8), "they span only 255"),
        (lambda hu: (np.clip((hu + 1000) / 2000, 0, 1)).astype(np.float32), "they span only 0.7"),
        (lambda hu: np.clip(hu, -200, 300), "are -200 HU, and air is about -1000"),
        (lambda hu: hu - 1024, "are below -1150 HU, darker than air"),
        (lambda hu: hu * 2, "are below -1150 HU, darker than air"),
        (lambda hu: hu * 0.5, "air is about -500 HU and not about -1000"),
        (lambda hu: (hu - hu.mean()) / hu.std(), "they span only 3"),
        (lambda hu: hu.astype(np.int64) * 16 + 16384, "over 850 HU"),
    ],
)
def test_values_that_are_no_hu(change: Callable[[np.ndarray], np.ndarray], reason: str, case: Phantom) -> None:
    (warning,) = told(change(case.cta.array))
    assert reason in warning


def test_values_cut_off_above_soft_tissue_without_air(case: Phantom) -> None:
    k, j, i = (n // 2 for n in case.cta.array.shape)
    inner = case.cta.array[k - 20 : k + 20, j - 14 : j + 14, i - 20 : i + 20]
    assert told(inner) == []
    (warning,) = told(np.clip(inner, -200, 250))
    assert "they end at 250 HU" in warning


@pytest.mark.parametrize("padding", [-1024, -2000, -3024, -32768])
def test_a_scanners_padding_is_no_value(padding: int, case: Phantom) -> None:
    array = case.cta.array.astype(np.int32)
    _, j, i = np.indices(array.shape)
    middle, half = (array.shape[1] // 2, array.shape[2] // 2), array.shape[1] // 2
    array[(j - middle[0]) ** 2 + (i - middle[1]) ** 2 > half**2] = padding
    assert told(array) == []


@pytest.mark.parametrize("seed", range(6))
def test_phantoms_and_parts_of_them_are_hu(seed: int) -> None:
    case = make_phantom(PhantomParameters(seed, (3.0, 3.0, 3.0)))
    array = case.cta.array
    assert told(array) == []
    rng = np.random.default_rng(seed)
    place = np.argwhere(case.territories.array == Territory.AORTA)
    for _ in range(20):
        # Around the arteries, as fields of view are cropped.
        low = np.maximum(place.min(axis=0) - rng.integers(0, 30, 3), 0)
        high = np.minimum(place.max(axis=0) + rng.integers(8, 30, 3), array.shape)
        assert told(array[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]) == []


@pytest.mark.parametrize("lumen", [250, 450, 700])
def test_a_bright_lumen_that_fills_the_crop_is_hu(lumen: int) -> None:
    rng = np.random.default_rng(3)
    array = rng.normal(50, 25, (40, 40, 40))
    array[:, :, :8] = rng.normal(-100, 20, (40, 40, 8))
    array[:, 8:34, 10:36] = rng.normal(lumen, 25, (40, 26, 26))
    assert told(np.rint(array).astype(np.int16)) == []


def test_drawn_images_and_small_ones_are_not_judged() -> None:
    drawn = np.full((40, 40, 40), 40, np.int16)
    drawn[10:30, 10:30, 10:30] = 350
    assert told(drawn) == []
    assert told(np.arange(6 * 20 * 20, dtype=np.int16).reshape(6, 20, 20) % 200) == []


def test_notes_of_the_reading_are_warnings(case: Phantom) -> None:
    image = Image(case.cta.array, case.cta.geometry, ("Left out of the series: 1 localizer.",))
    (warning,) = value_warnings(image)
    assert (warning, warning.code) == ("Left out of the series: 1 localizer.", WarningCode.LEFT_OUT)
    assert warning in ct_warnings(image)


def test_a_lumen_no_blood_can_have() -> None:
    grid = Geometry((30, 30, 30), (1.0, 1.0, 1.0))
    labels = np.zeros(grid.shape, np.uint8)
    labels[:, 8:22, 8:22] = Territory.AORTA
    empty = Image(np.zeros(grid.shape, np.uint8), grid)
    for hu, expected in ((700, []), (890, []), (910, [WarningCode.BRIGHT_LUMEN])):
        cta = Image(np.where(labels > 0, hu, 50).astype(np.int16), grid)
        assert [w.code for w in artery_warnings(cta, Image(labels, grid), empty)] == expected


@pytest.mark.parametrize(
    ("bits", "signed"),
    [(12, False), (12, True), (16, True)],
)
def test_metal_that_has_wrapped_round_to_air(bits: int, signed: bool) -> None:
    grid = Geometry((30, 30, 30), (1.0, 1.0, 1.0))
    labels = np.zeros(grid.shape, np.uint8)
    labels[:, 8:22, 8:22] = Territory.AORTA
    hu = np.where(labels > 0, 300, 50)
    top = {(12, False): 3071, (12, True): 2047, (16, True): 32767}[bits, signed]
    hu[10:20, 8:10, 12:16] = top - 50  # a strut on the wall
    hu[12:18, 8, 13:15] = top + 120
    span, low = 1 << bits, top + 1 - (1 << bits)
    wrapped = (hu - low) % span + low
    empty = Image(np.zeros(grid.shape, np.uint8), grid)
    found = artery_warnings(Image(wrapped.astype(np.int32), grid), Image(labels, grid), empty)
    texts = [str(w) for w in found if w.code is WarningCode.METAL]
    assert [text for text in texts if text.startswith("Air inside an artery: 12 mm³")]


def test_lung_beside_an_artery_and_streaks_are_no_wrapped_metal() -> None:
    grid = Geometry((30, 30, 30), (1.0, 1.0, 1.0))
    labels = np.zeros(grid.shape, np.uint8)
    labels[:, 8:22, 8:22] = Territory.AORTA
    hu = np.where(labels > 0, 300, -850)
    hu[:, 8, 8:22] = -700  # the label reaches a voxel into the lung
    hu[10, 15, 15], hu[10, 15, 16] = 2900, -300
    cta, empty = Image(hu.astype(np.int16), grid), Image(np.zeros(grid.shape, np.uint8), grid)
    assert artery_warnings(cta, Image(labels, grid), empty) == ()


def test_the_code_reaches_every_place_where_scores_are_told(
    case: Phantom, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_image(tmp_path / "cta.nii.gz", Image(stored_12_bit(case.cta.array).astype(np.int16), case.cta.geometry))
    write_image(tmp_path / "territories.nii.gz", case.territories)
    write_image(tmp_path / "calcification.nii.gz", case.calcification)
    maps = ["--territories", str(tmp_path / "territories.nii.gz")]
    maps += ["--calcification", str(tmp_path / "calcification.nii.gz"), "--cta", str(tmp_path / "cta.nii.gz")]
    assert main(["score", *maps, "-o", str(tmp_path / "s.json"), "--csv", str(tmp_path / "s.csv")]) == 0
    assert "warning: The values can hardly be HU" in capsys.readouterr().err
    content = json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))
    codes = {entry["code"] for entry in content["warning_codes"]}
    assert {"values_not_hu", "bright_lumen"} <= codes
    with (tmp_path / "s.csv").open(newline="", encoding="utf-8") as stream:
        assert all("values_not_hu" in row["warning_codes"] for row in csv.DictReader(stream))
    threshold = ["threshold", str(tmp_path / "cta.nii.gz"), "--arteries", str(tmp_path / "territories.nii.gz")]
    assert main([*threshold, "--method", "fixed", "-o", str(tmp_path / "c.nii.gz")]) == 0
    assert "warning: The values can hardly be HU" in capsys.readouterr().err
    write_report(tmp_path / "report.html", CaseResult.from_dict(content))
    assert "The values can hardly be HU" in (tmp_path / "report.html").read_text(encoding="utf-8")
