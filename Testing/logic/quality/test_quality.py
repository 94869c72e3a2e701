"""Each check of the quality gate, on images that are made to fail it and on ones just inside the limit."""

from __future__ import annotations

import csv
import io
import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from CalcScoreLogic.anatomy import Territory
from CalcScoreLogic.csv_files import to_csv
from CalcScoreLogic.images.geometry import Geometry, Image
from CalcScoreLogic.pipeline import score_masks
from CalcScoreLogic.quality.codes import CodedWarning, WarningCode, codes_of
from CalcScoreLogic.quality.ct import ct_warnings, header_warnings
from CalcScoreLogic.quality.labels import artery_warnings, plausible_volume_mm3, row_warnings
from CalcScoreLogic.results import CSV_COLUMNS, CaseResult
from CalcScoreLogic.scoring import Cluster, Row, Status
from CalcScoreLogic.shortening import ShorteningMethod, ShorteningParameters

GRID = Geometry((60, 50, 80), (2.0, 2.0, 2.0))


def body(noise: float = 10.0) -> np.ndarray:
    """A CT with structure that is alike from slice to slice: an ellipse of tissue with a bright rod."""
    _, j, i = np.indices(GRID.shape)
    tissue = ((i - 30) / 24) ** 2 + ((j - 25) / 18) ** 2 < 1
    array = np.where(tissue, 40.0, -1000.0)
    array[((i - 30) ** 2 + (j - 38) ** 2) < 25] = 600.0
    array += np.random.default_rng(1).normal(0, noise, GRID.shape)
    return np.rint(array).astype(np.int16)


def codes(warnings: tuple[CodedWarning, ...]) -> list[WarningCode]:
    return [warning.code for warning in warnings]


def test_a_good_ct_has_no_warning() -> None:
    assert ct_warnings(Image(body(), GRID)) == ()


@pytest.mark.parametrize(("spacing", "expected"), [(3.0, []), (3.1, [WarningCode.THICK_SLICES])])
def test_slices_over_3_mm(spacing: float, expected: list[WarningCode]) -> None:
    assert codes(ct_warnings(Image(body(), replace(GRID, spacing=(2.0, 2.0, spacing))))) == expected


@pytest.mark.parametrize(
    ("spacing", "thickness", "expected"),
    [
        (1.25, 1.25, []),
        (1.25, 2.5, []),
        (2.5, 5.0, [WarningCode.THICK_SLICES]),
        (5.0, 6.0, []),  # the image itself tells that its slices are 5 mm apart
        (2.0, 1.9, []),
        (2.0, 1.0, [WarningCode.GAPS]),
        (2.0, None, []),
        (None, 2.0, []),
    ],
)
def test_what_the_header_tells(spacing: float | None, thickness: float | None, expected: list[WarningCode]) -> None:
    assert codes(header_warnings(spacing, thickness)) == expected


def test_empty_slices_inside_are_a_gap_and_at_the_ends_are_not() -> None:
    array = body()
    array[:5] = array[-3:] = -1024
    assert ct_warnings(Image(array, GRID)) == ()
    array[30] = -1024
    (warning,) = ct_warnings(Image(array, GRID))
    assert "1 slice inside the volume is empty" in warning
    array[31] = -1024
    (warning,) = ct_warnings(Image(array, GRID))
    assert warning.code is WarningCode.GAPS
    assert "2 slices inside the volume are empty" in warning
    assert "z = 60 mm" in warning


@pytest.mark.parametrize(("pixels", "expected"), [(1, []), (3, [WarningCode.MOTION])])
def test_a_jump_between_slices(pixels: int, expected: list[WarningCode]) -> None:
    array = body()
    array[40:] = np.roll(array[40:], pixels, axis=1)
    found = ct_warnings(Image(array, GRID))
    assert codes(found) == expected
    for warning in found:
        assert "about 6 mm at z = 78 mm" in warning


def test_noise_that_matches_nothing_is_no_motion() -> None:
    array = np.random.default_rng(0).normal(0, 100, GRID.shape).astype(np.int16)
    assert ct_warnings(Image(array, GRID)) == ()


def test_a_volume_too_short_for_the_aorta() -> None:
    (warning,) = ct_warnings(Image(body()[:70], replace(GRID, size=(60, 50, 70))))
    assert warning.code is WarningCode.CUT_FIELD_OF_VIEW
    assert "140 mm" in warning


def lumen(hu: float, noise: float) -> tuple[Image, Image, Image]:
    """An aorta 28 mm wide over the whole volume, with a plaque that must not count as noise."""
    labels = np.zeros(GRID.shape, np.uint8)
    labels[:, 18:32, 20:34] = Territory.AORTA
    calcification = np.where(labels > 0, 1, 0).astype(np.uint8)
    calcification[:, 20:23, 22:32] = 2
    array = np.full(GRID.shape, hu) + np.random.default_rng(2).normal(0, noise, GRID.shape)
    array[calcification == 2] = 1500
    return Image(array.astype(np.float32), GRID), Image(labels, GRID), Image(calcification, GRID)


@pytest.mark.parametrize(
    ("hu", "noise", "expected"),
    [
        (300, 20, []),
        (203, 20, []),
        (197, 20, [WarningCode.DIM_LUMEN]),
        (300, 46, []),
        (300, 54, [WarningCode.NOISE]),
        (45, 60, [WarningCode.DIM_LUMEN, WarningCode.NOISE]),
    ],
)
def test_intensities_of_the_lumen(hu: float, noise: float, expected: list[WarningCode]) -> None:
    found = artery_warnings(*lumen(hu, noise))
    assert codes(found) == expected
    for warning in found:
        if warning.code is WarningCode.NOISE:
            assert abs(float(warning.split("noise is ")[1].split(" HU")[0]) - noise) <= 2


@pytest.mark.parametrize(
    ("peaks", "expected"),
    # 300 HU with an SD of 20 HU: blood reaches 380 HU. All of it, a tenth, and more than that.
    [([350], "1 of 1 plaques (90 mm³)"), ([350, 1200], None), ([350, 352, 1200], "2 of 3 plaques (180 mm³)")],
)
def test_plaques_no_brighter_than_blood(peaks: list[float], expected: str | None) -> None:
    plaques = [Cluster(Territory.ILIAC, None, 90.0 if hu < 380 else 810.0, (0.0, 0.0, 0.0), hu, hu) for hu in peaks]
    found = artery_warnings(*lumen(300, 20), plaques)
    assert codes(found) == ([] if expected is None else [WarningCode.FAINT_PLAQUES])
    if found:
        assert found[0].startswith(expected)
        assert abs(float(found[0].split("noise (")[1].split(" HU")[0]) - 380) <= 3


def test_metal_and_no_aorta() -> None:
    cta, labels, calcification = lumen(300, 10)
    bright = cta.array.copy()
    bright[40, 21, 25] = 3100
    (warning,) = artery_warnings(Image(bright, GRID), labels, calcification)
    assert warning.code is WarningCode.METAL
    assert "8 mm³" in warning
    assert artery_warnings(cta, Image(np.zeros(GRID.shape, np.uint8), GRID), calcification) == ()


def test_plausible_volumes_by_hand() -> None:
    paper, along = ShorteningParameters(), ShorteningParameters(25, 10, ShorteningMethod.GEODESIC)
    # Two renal arteries, 2.5 mm wide over 25 mm, and 12 mm wide over 30 mm.
    low, high = plausible_volume_mm3(Territory.RENAL, along)
    assert low == pytest.approx(2 * 3.14159265 * 1.25**2 * 25)
    assert high == pytest.approx(2 * 3.14159265 * 6**2 * 30)
    assert plausible_volume_mm3(Territory.RENAL, paper)[0] == pytest.approx(0.55 * low)
    assert plausible_volume_mm3(Territory.AORTA, paper)[0] == pytest.approx(3.14159265 * 6**2 * 60)


def rows(**volumes: float) -> dict[str, Row]:
    """Rows of common volumes, and those given."""
    usual = {"aorta": 30000.0, "iliac": 3000.0, "mesenteric": 1500.0, "renal": 1000.0} | volumes
    return {
        name: Row(Status.OK if volume else Status.ABSENT, volume, 0.0, 0.0 if volume else None, 0, None)
        for name, volume in usual.items()
    }


def test_volumes_far_from_plausible() -> None:
    lengths = ShorteningParameters()
    assert row_warnings(rows(), lengths) == ()
    assert [(w.code, w.territory) for w in row_warnings(rows(renal=20000.0, iliac=100.0), lengths)] == [
        (WarningCode.UNUSUAL_VOLUME, "iliac"),
        (WarningCode.UNUSUAL_VOLUME, "renal"),
    ]
    assert row_warnings(rows(renal=20000.0), None) == ()
    # Without a mesenteric artery the aorta is cut where the next branch is.
    assert [w.code for w in row_warnings(rows(aorta=3000.0, mesenteric=0.0), lengths)] == [WarningCode.MISSING_ARTERY]


def test_rows_cut_by_the_field_of_view() -> None:
    found = rows()
    found["iliac"] = replace(found["iliac"], status=Status.TRUNCATED)
    found["renal"] = replace(found["renal"], status=Status.NOT_IN_VIEW, artery_volume_mm3=0.0)
    told = row_warnings(found, ShorteningParameters())
    assert [(w.code, w.territory) for w in told] == [
        (WarningCode.CUT_FIELD_OF_VIEW, "iliac"),
        (WarningCode.CUT_FIELD_OF_VIEW, "renal"),
    ]
    assert row_warnings(rows(aorta=0, iliac=0, mesenteric=0, renal=0), ShorteningParameters()) == ()


def scored() -> CaseResult:
    cta, labels, calcification = lumen(150, 10)
    return score_masks("case", labels, calcification, cta=cta).result


def test_codes_reach_json_and_csv_and_come_back(tmp_path: Path) -> None:
    result = scored()
    result = replace(result, warnings=("Without a code.", *result.warnings))
    result.write_json(tmp_path / "scores.json")
    content = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    assert content["warnings"] == list(result.warnings)
    assert {"code": "dim_lumen", "territory": None, "warning": content["warnings"][-1]} in content["warning_codes"]
    back = CaseResult.from_dict(content)
    assert back.to_dict() == result.to_dict()
    assert codes_of(back.warnings) == codes_of(result.warnings)
    table = list(csv.DictReader(io.StringIO(to_csv(result.csv_rows(), CSV_COLUMNS))))
    cells = {row["territory"]: row["warning_codes"].split(";") for row in table}
    # The aorta runs through the volume; iliac, mesenteric and renal arteries are beyond it.
    assert cells["aorta"] == ["trimming", "cut_field_of_view", "dim_lumen"]
    assert cells["combined"] == ["trimming", "cut_field_of_view", "dim_lumen"]


def test_codes_of_a_newer_version_are_passed_over() -> None:
    content = scored().to_dict()
    content["warnings"].append("Something new.")
    content["warning_codes"].append({"code": "something_new", "territory": None, "warning": "Something new."})
    assert CaseResult.from_dict(content).warnings[-1] == "Something new."


def test_a_warning_keeps_its_code_in_another_process() -> None:
    warning = CodedWarning(WarningCode.NOISE, "Noise.", "aorta")
    copy = pickle.loads(pickle.dumps(warning))  # noqa: S301
    assert (copy, copy.code, copy.territory) == ("Noise.", WarningCode.NOISE, "aorta")
    assert json.dumps([copy]) == '["Noise."]'
