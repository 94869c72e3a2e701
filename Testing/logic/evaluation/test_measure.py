"""What is measured in one case, with errors put in by hand."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from CalcScoreLogic.errors import InputError
from CalcScoreLogic.evaluation import ADAPTIVE, FIXED, IDEAL, StudyParameters
from CalcScoreLogic.evaluation.measure import FIGURES, Measurement, examine, measure_case
from CalcScoreLogic.images.coverage import Coverage
from CalcScoreLogic.images.geometry import Geometry, Image
from CalcScoreLogic.notices import held_notices
from CalcScoreLogic.scoring import score
from CalcScoreLogic.shortening import shorten
from Testing.logic.evaluation.small_cases import PLAQUE_HU, bar, cta_of, plaques, study_case, tree

PAIR = ("territories", "calcification")


def table(measurements: list[Measurement]) -> dict[tuple[str, str, str], Measurement]:
    found = {(m.method, m.structure, m.measure): m for m in measurements}
    assert len(found) == len(measurements)
    return found


def test_the_same_maps_agree_in_everything(tmp_path: Path) -> None:
    territories = tree()
    maps = (territories, plaques(territories, 4, 2))
    warnings, measurements = measure_case(study_case(tmp_path, maps, maps, cta_of(maps[1])), StudyParameters())
    assert warnings == []
    found = table(measurements)
    structures = ["aorta", "iliac", "mesenteric", "renal", "combined", "coeliac", "superior_mesenteric", "left_renal"]
    for structure in [*structures, "right_renal", "calcification"]:
        values = [found["network", structure, name].value for name in ("dice", "jaccard", "surface_dice")]
        assert values == [1, 1, 1]
        assert found["network", structure, "hausdorff95_mm"].value == 0
    for method in ("network", IDEAL, ADAPTIVE, FIXED):
        assert found[method, "calcification", "dice"].value == 1
        for figure in FIGURES:
            pair = found[method, "aorta", figure]
            assert pair.value == pair.reference
        assert found[method, "aorta", "cluster_count"].value == 2
        assert found[method, "aorta", "mean_cluster_volume_mm3"].value == 3
    assert found["reference", "combined", "lumen_hu"].value == 350
    assert found[FIXED, "calcification", "threshold_hu"].value == 470
    # A lumen without noise, whose SD is taken as 1 HU.
    assert found[ADAPTIVE, "calcification", "threshold_hu"].value == 354
    for method in (IDEAL, ADAPTIVE, "470 HU", "800 HU"):
        assert found[method, "calcification", "dice_in_reference_arteries"].value == 1
    # Below the lumen everything is called calcification: 6 of all artery voxels are.
    arteries = np.count_nonzero(territories)
    assert found["300 HU", "calcification", "dice_in_reference_arteries"].value == pytest.approx(12 / (arteries + 6))
    burden = found["300 HU", "combined", "burden_in_reference_arteries"]
    assert (burden.value, burden.reference) == (1, found["network", "combined", "burden"].reference)
    # The first 1 % step from 350 to 800 HU above the lumen.
    assert found[IDEAL, "calcification", "threshold_hu"].value == 354.5


def test_what_a_file_lacks_is_told_with_its_case(tmp_path: Path) -> None:
    maps = (tree(), plaques(tree(), 4))
    case = study_case(tmp_path, maps, maps)
    files = [getattr(side, name) for side in (case.reference, case.predictions["network"]) for name in PAIR]
    for file in files:
        header = bytearray(gzip.decompress(file.read_bytes()))
        header[252:256] = bytes(4)
        file.write_bytes(gzip.compress(header))
    with held_notices() as beyond:
        outcome = examine(case, StudyParameters())
    assert outcome.reason == ""
    lacking = "the header has no orientation, its axes are taken to run to the left, posterior and superior"
    assert outcome.warnings == tuple(f"{file}: {lacking}" for file in files)
    assert beyond == []


def test_territories_are_compared_after_shortening_and_calcification_as_labelled(tmp_path: Path) -> None:
    territories = tree()
    cut = territories.copy()
    cut[:, :, 42:][cut[:, :, 42:] == 4] = 0  # the end of the left renal artery, still longer than 10 mm
    calcification = plaques(territories, 5)
    calcification[46, 26, 44] = 2  # in the part that is cut off
    lengths = StudyParameters().shortening.__class__(length_mm=10)
    case = study_case(tmp_path, (territories, calcification), (cut, plaques(territories, 5)))
    found = table(measure_case(case, StudyParameters(lengths))[1])
    assert found["network", "renal", "dice"].value == 1
    assert found["network", "calcification", "sensitivity"].value == pytest.approx(5 / 6, abs=1e-12)
    assert found["network", "renal", "cluster_count"].reference == 0


def test_calcification_is_compared_where_it_was_looked_for(tmp_path: Path) -> None:
    territories = tree()
    calcification = plaques(territories, 5)
    beyond = calcification.copy()
    beyond[46, 26, 44] = 2
    case = study_case(tmp_path, (territories, beyond), (territories, calcification))
    assert table(measure_case(case, StudyParameters())[1])["network", "calcification", "sensitivity"].value < 1
    k, j, i = territories.shape
    cells = np.array([True, False]).reshape(1, 1, 2)
    coverage = Coverage((0.0, 0.0, 0.0), [np.array([0, k]), np.array([0, j]), np.array([0, 40, i])], cells)
    record = {"provenance": {"inference": {"coverage": coverage.to_dict()}}}
    scores = case.predictions["network"].calcification.parent / "scores.json"
    scores.write_text(json.dumps(record), encoding="utf-8")
    found = table(measure_case(case, StudyParameters())[1])
    assert found["network", "calcification", "dice"].value == 1
    assert found["network", "calcification", "sensitivity"].value == 1
    scores.write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="scores cannot be read"):
        measure_case(case, StudyParameters())


def test_scores_are_those_of_the_library(tmp_path: Path) -> None:
    truth, found_map = tree(), np.roll(tree(), 1, axis=2)
    maps = [(truth, plaques(truth, 4, 2)), (found_map, plaques(found_map, 3))]
    found = table(measure_case(study_case(tmp_path, *maps), StudyParameters())[1])
    for (territories, calcification), side in zip(maps, ("reference", "value"), strict=True):
        grid = Geometry(territories.shape[::-1], (1.0, 1.0, 1.0))
        rows = score(shorten(Image(territories, grid)).territories, Image(calcification, grid)).territories
        for name, row in rows.items():
            assert getattr(found["network", name, "burden"], side) == pytest.approx(row.burden, abs=1e-12)


def test_a_shift_of_one_voxel(tmp_path: Path) -> None:
    # A bar 10 voxels wide shares 9 of 10 with itself moved by one; half of the sum of sizes stays the same.
    truth, moved = bar(), np.roll(bar(), 1, axis=2)
    case = study_case(tmp_path, (truth, plaques(truth, 4)), (moved, plaques(truth, 4)))
    found = table(measure_case(case, StudyParameters())[1])
    for structure in ("aorta", "combined"):
        values = [found["network", structure, m].value for m in ("dice", "sensitivity", "precision", "jaccard")]
        assert values == pytest.approx([0.9, 0.9, 0.9, 9 / 11], abs=1e-12)
        assert found["network", structure, "volumetric_similarity"].value == 1
        assert found["network", structure, "hausdorff95_mm"].value == 1
        assert found["network", structure, "surface_dice"].value == 1


def test_an_artery_that_is_not_there_has_no_scores(tmp_path: Path) -> None:
    truth = tree()
    lost = np.where(truth == 4, 0, truth).astype(np.uint8)
    case = study_case(tmp_path, (truth, plaques(truth, 4)), (lost, plaques(lost, 4)))
    found = table(measure_case(case, StudyParameters())[1])
    for figure in ("burden", "cluster_count"):
        pair = found["network", "renal", figure]
        assert (pair.value, pair.reference) == (None, 0)
        assert (pair.status, pair.reference_status) == ("absent", "ok")
    combined = found["network", "combined", "burden"]
    assert (combined.status, combined.reference_status) == ("incomplete", "ok")
    assert combined.value is not None
    assert found["network", "renal", "dice"].value == 0
    assert found["network", "renal", "precision"].value is None
    assert found["network", "renal", "hausdorff95_mm"].value is None


def test_an_artery_out_of_view_on_both_sides_is_left_out_of_everything(tmp_path: Path) -> None:
    truth = tree()[40:]
    truth = np.where(truth == 2, 0, truth).astype(np.uint8)
    maps = (truth, plaques(truth, 4, first_slice=4))
    found = table(measure_case(study_case(tmp_path, maps, maps), StudyParameters())[1])
    assert found["network", "iliac", "dice"].value is None
    pair = found["network", "iliac", "burden"]
    assert (pair.value, pair.reference, pair.status) == (None, None, "not_in_view")


def test_the_ideal_threshold_acts_in_the_reference_and_the_fixed_one_in_the_prediction(tmp_path: Path) -> None:
    truth, moved = bar(), np.roll(bar(), 4, axis=2)
    calcification = plaques(truth, 4, 5)
    cta = cta_of(calcification)
    cta[20, 10, 20] = PLAQUE_HU  # bright, and an artery in the prediction only
    case = study_case(tmp_path, (truth, calcification), (moved, np.minimum(moved, 1)), cta)
    found = table(measure_case(case, StudyParameters())[1])
    assert found[IDEAL, "calcification", "dice"].value == 1
    # The bright voxel, and what the moved arteries still hold of the 9 voxels of plaque.
    inside = int(np.count_nonzero((calcification == 2) & (moved > 0)))
    assert inside == 9
    assert found[FIXED, "calcification", "precision"].value == pytest.approx(9 / 10, abs=1e-12)
    # Scores of both rest on the predicted arteries.
    volume = np.count_nonzero(moved)
    assert found[IDEAL, "aorta", "burden"].value == pytest.approx(9 / volume, abs=1e-12)
    assert found[FIXED, "aorta", "burden"].value == pytest.approx(10 / volume, abs=1e-12)


def test_a_case_without_calcification_has_no_ideal_threshold(tmp_path: Path) -> None:
    truth = bar()
    maps = (truth, plaques(truth))
    warnings, measurements = measure_case(study_case(tmp_path, maps, maps, cta_of(maps[1])), StudyParameters())
    assert [w for w in warnings if "no threshold is ideal" in w]
    found = table(measurements)
    assert not [key for key in found if key[0] == IDEAL]
    assert found["network", "calcification", "dice"].value is None
    assert found["network", "aorta", "burden"].value == 0
    assert found["network", "aorta", "mean_cluster_volume_mm3"].value is None


def test_a_site_has_its_own_fixed_threshold(tmp_path: Path) -> None:
    truth = bar()
    maps = (truth, plaques(truth, 4))
    case = study_case(tmp_path, maps, maps, cta_of(maps[1]))
    found = table(measure_case(case, StudyParameters(fixed_hu=801.0))[1])
    assert found[FIXED, "calcification", "sensitivity"].value == 0
    assert found[FIXED, "aorta", "burden"].value == 0


def test_what_goes_wrong_is_told_and_stops_nothing(tmp_path: Path) -> None:
    truth = bar()
    case = study_case(tmp_path, (truth, plaques(truth, 4)), (bar(41), plaques(bar(41), 4)))
    with pytest.raises(InputError, match="different grids"):
        measure_case(case, StudyParameters())
    outcome = examine(case, StudyParameters())
    assert outcome.measurements == ()
    assert "different grids (size 24 x 20 x 50 against 24 x 20 x 51 voxels)" in outcome.reason
    case.reference.territories.write_bytes(b"no image")
    assert "territories.nii.gz" in examine(case, StudyParameters()).reason
    sitk.WriteImage(sitk.GetImageFromArray(truth + 7), str(case.reference.territories))
    assert "unknown labels" in examine(case, StudyParameters()).reason
