"""Both DICOM objects of cases of every kind, as programs of others read them."""

from __future__ import annotations

from pathlib import Path

import pytest

from CalcScoreLogic.anatomy import STRUCTURES, Territory
from CalcScoreLogic.images.geometry import Image
from Testing.logic.archive.outside_tools import (
    NEEDS_DCIODVFY,
    NEEDS_DCMQI,
    NEEDS_HIGHDICOM,
    NEEDS_STANDARD,
    errors_of_dciodvfy,
    errors_of_dicom_validator,
    read_with_dcmqi,
    report_of_dcmqi,
    same_voxels,
)
from Testing.logic.archive.scored_cases import KINDS, Written, write

pytestmark = NEEDS_HIGHDICOM

FIGURES = {
    "118565006": "artery_volume_mm3",
    "122660": "calcified_volume_mm3",
    "BURDEN": "burden",
    "111038": "cluster_count",
    "MEAN_CLUSTER_VOL": "mean_cluster_volume_mm3",
}


@pytest.fixture(scope="module", params=KINDS)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Written:
    return write(request.param, tmp_path_factory.mktemp("case"))


@NEEDS_DCIODVFY
def test_dciodvfy_finds_no_error(case: Written) -> None:
    assert errors_of_dciodvfy(case.segmentation) == []
    assert errors_of_dciodvfy(case.report) == []


@NEEDS_STANDARD
def test_dicom_validator_finds_no_error(case: Written) -> None:
    assert errors_of_dicom_validator(case.segmentation) == 0
    assert errors_of_dicom_validator(case.report) == 0


@NEEDS_DCMQI
def test_dcmqi_reads_the_label_maps_voxel_by_voxel(case: Written, tmp_path: Path) -> None:
    masks, said = read_with_dcmqi(case.segmentation, tmp_path / "masks")
    full, trimmed = case.scored.territories.array, case.scored.shortened.array
    expected = {STRUCTURES[t].title: trimmed == t for t in Territory}
    expected["Calcification"] = case.scored.calcification.array == 2
    expected |= {f"{STRUCTURES[t].title}, cut off": (full == t) & (trimmed != t) for t in Territory}
    names = [segment["SegmentLabel"] for segment in said]
    if case.kind == "nothing":
        assert names == ["Aorta"]
    else:
        assert names == [name for name, mask in expected.items() if mask.any()]
    for name, mask in zip(names, masks, strict=True):
        assert same_voxels(mask, Image(expected[name], case.cta.geometry)), name


@NEEDS_DCMQI
def test_dcmqi_reads_codes_and_colours(case: Written, tmp_path: Path) -> None:
    _, said = read_with_dcmqi(case.segmentation, tmp_path / "masks")
    by_name = {segment["SegmentLabel"]: segment for segment in said}
    aorta = by_name["Aorta"]
    assert aorta["SegmentedPropertyTypeCodeSequence"]["CodeValue"] == "7832008"
    assert aorta["recommendedDisplayRGBValue"] == [213, 94, 0]
    assert aorta["SegmentAlgorithmName"] == "CalcScore"
    if case.kind == "edited":
        kinds = {name: segment["SegmentAlgorithmType"] for name, segment in by_name.items()}
        edited = {name for name, kind in kinds.items() if kind == "SEMIAUTOMATIC"}
        assert edited == {"Calcification", "Renal", "Renal, cut off"}
        assert set(kinds.values()) == {"SEMIAUTOMATIC", "AUTOMATIC"}
    if "Aorta, cut off" in by_name:
        cut = by_name["Aorta, cut off"]
        assert cut["SegmentedPropertyTypeCodeSequence"]["CodeValue"] == "7832008"
        assert cut["SegmentedPropertyTypeModifierCodeSequence"]["CodeValue"] == "CUT_OFF"


@NEEDS_DCMQI
def test_tid1500reader_gives_every_figure(case: Written, tmp_path: Path) -> None:
    groups = {group["TrackingIdentifier"]: group for group in report_of_dcmqi(case.report, tmp_path / "sr.json")}
    scores = case.scored.result.scores
    rows = {**scores.territories, **scores.vessels}
    assert groups.keys() == {f"CalcScore {name}" for name in rows}
    for name, row in rows.items():
        group = groups[f"CalcScore {name}"]
        items = [item for item in group["measurementItems"] if "derivationModifier" not in item]
        found = {FIGURES.get(item["quantity"]["CodeValue"]): float(item["value"]) for item in items}
        # dcmqi gives the decimal string, whose sixteen characters hold twelve digits of the least burden.
        expected = {key: getattr(row, key) for key in FIGURES.values() if getattr(row, key) is not None}
        assert {key: value for key, value in found.items() if key} == pytest.approx(expected, rel=1e-12)
        status = group["qualitativeEvaluations"][0]
        assert status["conceptCode"]["CodeValue"] == "STATUS"
        assert status["conceptValue"]["CodeValue"] == row.status.value.upper()
        assert ("ReferencedSegment" in group) == (name != "combined" and row.artery_volume_mm3 > 0)


def test_the_exact_figures_are_there_too(case: Written) -> None:
    from highdicom.sr import srread

    scores = case.scored.result.scores
    report = srread(case.report).content
    groups = [*report.get_volumetric_roi_measurement_groups(), *report.get_image_measurement_groups()]
    named = {group.tracking_identifier.removeprefix("CalcScore "): group for group in groups}
    assert named.keys() == {*scores.territories, *scores.vessels}
    for name, row in {**scores.territories, **scores.vessels}.items():
        exact = {m.name.value: m.value for m in named[name].get_measurements() if m.derivation is None}
        for concept, figure in FIGURES.items():
            assert exact.get(concept) == getattr(row, figure)


def test_folds_edits_and_warnings_are_told(case: Written) -> None:
    from highdicom.sr import srread

    report = srread(case.report).content
    groups = [*report.get_volumetric_roi_measurement_groups(), *report.get_image_measurement_groups()]
    named = {group.tracking_identifier.removeprefix("CalcScore "): group for group in groups}
    result = case.scored.result
    spans = {
        name: {m.derivation.meaning: m.value for m in group.get_measurements() if m.derivation is not None}
        for name, group in named.items()
    }
    told = {"Minimum": 0.001, "Maximum": 0.0123456789012345678}
    assert {name: span for name, span in spans.items() if span} == ({"aorta": told} if case.kind == "thin" else {})
    edited = {
        n for n, group in named.items() if any(e.name.value == "EDITED" for e in group.get_qualitative_evaluations())
    }
    assert edited == set(result.edited)
    comments = {
        name: {item.value for item in group[0].ContentSequence if item.name.value == "121106"}
        for name, group in named.items()
    }
    assert set().union(*comments.values()) == {str(warning) for warning in result.warnings}
    assert all(getattr(w, "territory", None) or str(w) in comments["combined"] for w in result.warnings)
    content = case.report.read_bytes()
    assert (b"Doe^Jane" in content) == (case.kind == "edited")
    if case.kind == "thin":
        assert b"network calcification plaques sha256:" + b"cd" * 32 in content
        assert "Aorta: the folds disagree ≥ 1 mm³." in comments["aorta"]
