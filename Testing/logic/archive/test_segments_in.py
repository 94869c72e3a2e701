"""DICOM segmentations of ours and of other tools as a source of arteries and calcification."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from CalcScoreLogic.anatomy import CalcificationLabel, Territory
from CalcScoreLogic.archive.objects import DicomOrder
from CalcScoreLogic.case_files import files_of
from CalcScoreLogic.cli import main
from CalcScoreLogic.errors import InputError
from CalcScoreLogic.evaluation.cases import match_cases
from CalcScoreLogic.images.dicom_segments import find_segmentation, read_dicom_segments
from CalcScoreLogic.images.files import read_calcification, read_image, read_territories, write_image, write_label_map
from CalcScoreLogic.images.geometry import Geometry, Image
from CalcScoreLogic.report.case_folder import write_case
from Testing.logic.archive.outside_tools import NEEDS_DCMQI, NEEDS_HIGHDICOM, code, write_with_dcmqi
from Testing.logic.archive.scored_cases import Written, write

pytestmark = NEEDS_HIGHDICOM

ANATOMY = code("123037004", "Anatomical Structure")
AORTA, ILIAC = code("15825003", "Aorta"), code("73634005", "Common iliac artery")
SRT_RENAL = code("T-46600", "Renal artery", "SRT")
PLAQUE = code("29483008", "Calcified atheromatous plaque")


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return write("thick", tmp_path_factory.mktemp("case"))


@pytest.fixture
def results(case: Written, tmp_path: Path) -> Path:
    """Write the case's folder of results, with the DICOM objects."""
    write_case(tmp_path / "case", case.cta, case.scored, DicomOrder(files_of(case.series), "case"))
    return tmp_path / "case"


def described(number: int, label: str, kind: dict[str, str], category: dict[str, str] = ANATOMY) -> dict[str, Any]:
    """Describe a segment as dcmqi takes it."""
    return {
        "labelID": number,
        "SegmentLabel": label,
        "SegmentDescription": label,
        "SegmentAlgorithmType": "MANUAL",
        "SegmentedPropertyCategoryCodeSequence": category,
        "SegmentedPropertyTypeCodeSequence": kind,
        "recommendedDisplayRGBValue": [10 * number, 20, 30],
    }


OTHERS = [
    described(1, "the large one", AORTA),
    described(2, "iliac_artery_left", ILIAC),
    described(3, "Mesenteric arteries", code("X1", "something", "99OTHER")),
    described(4, "renal", SRT_RENAL),
    described(5, "Plaques", PLAQUE),
    described(6, "Liver", code("10200004", "Liver")),
]


def scores_of(path: Path) -> Any:
    content = json.loads(path.read_text(encoding="utf-8"))
    return {name: content[name] for name in ("territories", "vessels", "clusters")}


def scored_by(tmp_path: Path, *arguments: object) -> Any:
    assert main(["score", *map(str, arguments), "-o", str(tmp_path / "scores.json")]) == 0
    return scores_of(tmp_path / "scores.json")


@pytest.mark.parametrize("kind", ["oblique", "no calcium"])
def test_our_own_segmentation_scores_as_the_maps_it_was_made_of(kind: str, tmp_path: Path) -> None:
    case = write(kind, tmp_path / "case")
    for path, segments in ((case.segmentation, "file"), (case.folder, "folder")):
        found = scored_by(tmp_path, "--territories", path, "--calcification", path, "--cta", case.series)
        assert found == {name: case.scored.result.to_dict()[name] for name in found}, segments


def test_what_was_cut_off_is_left_out_where_nothing_is_to_be_trimmed(case: Written) -> None:
    full = read_territories(case.segmentation)
    np.testing.assert_array_equal(full.array, case.scored.territories.array)
    trimmed = read_territories(case.segmentation, trimmed=True)
    np.testing.assert_array_equal(trimmed.array, case.scored.shortened.array)
    np.testing.assert_array_equal(
        read_calcification(case.segmentation).array == 2, case.scored.calcification.array == 2
    )


def test_a_rescore_of_what_was_written_changes_nothing(case: Written, results: Path, capsys: Any) -> None:
    before = (results / "scores.json").read_bytes()
    assert main(["rescore", str(case.segmentation), "-o", str(results), "--cta", str(case.series)]) == 0
    assert "no voxel differs" in capsys.readouterr().out
    assert (results / "scores.json").read_bytes() == before


@NEEDS_DCMQI
def test_segments_that_dcmqi_wrote_correct_a_case_as_a_seg_nrrd_does(
    case: Written, results: Path, tmp_path: Path
) -> None:
    edited = case.scored.shortened.array.copy()
    edited[edited == Territory.RENAL] = 0
    edited[30:33, 10:14, 10:14] = Territory.RENAL
    image = Image(edited, case.cta.geometry)
    write_label_map(tmp_path / "edited.seg.nrrd", image, Territory)
    labels = tmp_path / "edited.nrrd"
    write_image(labels, read_image(tmp_path / "edited.seg.nrrd"))
    segmentation = write_with_dcmqi(labels, case.series, OTHERS[:4], tmp_path / "edited.dcm")
    found = []
    for source in (tmp_path / "edited.seg.nrrd", segmentation):
        write_case(results, case.cta, case.scored)
        assert main(["rescore", str(source), "-o", str(results), "--cta", str(case.series), "--dicom"]) == 0
        found.append(scores_of(results / "scores.json"))
        assert read_dicom_segments(results / "segmentation.dcm").kept[31, 12, 12] == Territory.RENAL
    assert found[0] == found[1]
    assert found[0]["territories"]["renal"]["edited"]
    assert found[0]["territories"]["renal"]["artery_volume_mm3"] == pytest.approx(3 * 4 * 4 * 48)


@NEEDS_DCMQI
def test_segments_of_another_tool_are_known_by_code_then_by_label(case: Written, tmp_path: Path, capsys: Any) -> None:
    labels = case.scored.territories.array.copy()
    labels[case.scored.calcification.array == 2] = 5
    labels[5:9, 3:9, 3:9] = 6
    labels[60:] = 0
    write_image(tmp_path / "labels.nrrd", Image(labels, case.cta.geometry))
    segmentation = write_with_dcmqi(tmp_path / "labels.nrrd", case.series, OTHERS, tmp_path / "other.dcm")
    output = tmp_path / "territories.nii.gz"
    command = ["territories", str(segmentation), "-o", str(output)]
    assert main(command) == 0
    assert "--cta lays it onto the grid of the CTA" in capsys.readouterr().err
    assert read_territories(output).array.shape[0] == 60
    assert main([*command, "--cta", str(case.series)]) == 0
    told = capsys.readouterr()
    assert "the large one" in told.out
    assert "--cta" not in told.err
    np.testing.assert_array_equal(read_territories(output).array, np.where(labels <= 4, labels, 0))
    calcification = read_calcification(segmentation, case.cta.geometry)
    np.testing.assert_array_equal(calcification.array == CalcificationLabel.CALCIFICATION, labels == 5)
    assert main([*command, "--map", "6=aorta"]) == 0
    assert np.count_nonzero(read_territories(output).array) == 4 * 6 * 6


def test_another_order_of_the_axes_is_no_other_grid(case: Written) -> None:
    grid = case.cta.geometry
    turned = Geometry(
        (grid.size[1], grid.size[2], grid.size[0]),
        (grid.spacing[1], grid.spacing[2], grid.spacing[0]),
        tuple(float(v) for v in grid.to_physical([grid.size[0] - 1, 0, 0])),
        (0.0, 0.0, -1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
    )
    found = read_territories(case.segmentation, turned)
    expected = case.scored.territories.array.transpose(2, 0, 1)[::-1]
    np.testing.assert_array_equal(found.array, expected)
    assert found.geometry == turned


@pytest.mark.parametrize(
    "change",
    [
        {"origin": (-100.2, 0.0, 0.0)},
        {"spacing": (4.0, 4.0, 3.1)},
        {"size": (30, 30, 40)},
    ],
)
def test_segments_are_never_resampled(change: dict[str, Any], case: Written) -> None:
    with pytest.raises(InputError, match="never resampled"):
        read_territories(case.segmentation, replace(case.cta.geometry, **change))


def test_slices_that_were_left_out_have_to_be_known(case: Written, tmp_path: Path) -> None:
    data = pydicom.dcmread(case.segmentation)
    frames = [frame.PlanePositionSequence[0].ImagePositionPatient[2] for frame in data.PerFrameFunctionalGroupsSequence]
    size, height = data.Rows * data.Columns, sorted({float(z) for z in frames})[20]
    bits = np.unpackbits(np.frombuffer(data.PixelData, np.uint8), bitorder="little")[: len(frames) * size]
    kept = [n for n, z in enumerate(frames) if float(z) > height]
    data.PerFrameFunctionalGroupsSequence = [data.PerFrameFunctionalGroupsSequence[n] for n in kept]
    data.NumberOfFrames = len(kept)
    data.PixelData = np.packbits(bits.reshape(len(frames), size)[kept].ravel(), bitorder="little").tobytes()
    data.save_as(tmp_path / "short.dcm")
    with pytest.raises(
        InputError, match=r"21 of 76 slices were left out since they have no segment.* give it with --cta"
    ):
        read_territories(tmp_path / "short.dcm")
    expected = case.scored.territories.array.copy()
    expected[:21] = 0
    np.testing.assert_array_equal(read_territories(tmp_path / "short.dcm", case.cta.geometry).array, expected)


def test_what_is_no_segmentation_of_arteries_is_refused_in_words(case: Written, tmp_path: Path) -> None:
    assert find_segmentation(case.series) is None
    assert find_segmentation(case.report) is None
    for name in ("a.dcm", "b.dcm"):
        (tmp_path / name).write_bytes(case.segmentation.read_bytes())
    with pytest.raises(InputError, match="2 DICOM segmentations"):
        read_territories(tmp_path)
    (tmp_path / "b.dcm").write_bytes(case.segmentation.read_bytes()[:-3000])
    with pytest.raises(InputError, match="cannot be read, export it again"):
        read_territories(tmp_path / "b.dcm")


@NEEDS_DCMQI
def test_a_segmentation_without_calcification_tells_of_none(case: Written, tmp_path: Path) -> None:
    write_image(tmp_path / "labels.nrrd", Image(case.scored.territories.array, case.cta.geometry))
    segmentation = write_with_dcmqi(tmp_path / "labels.nrrd", case.series, OTHERS[:4], tmp_path / "other.dcm")
    with pytest.raises(InputError, match=r"no segment is calcification \(the large one, "):
        read_calcification(segmentation, case.cta.geometry)
    write_image(tmp_path / "labels.nrrd", Image(np.uint8(case.scored.territories.array == 1), case.cta.geometry))
    segmentation = write_with_dcmqi(
        tmp_path / "labels.nrrd", case.series, [described(1, "Liver", code("10200004", "Liver"))], tmp_path / "l.dcm"
    )
    with pytest.raises(InputError, match=r"no segment is an artery or calcification \('Liver'\)"):
        read_territories(segmentation, case.cta.geometry)


def test_evaluate_takes_case_folders_with_a_segmentation(case: Written, tmp_path: Path) -> None:
    for side in ("truth", "ours"):
        (tmp_path / side / "case_1").mkdir(parents=True)
        (tmp_path / side / "case_1" / "segmentation.dcm").write_bytes(case.segmentation.read_bytes())
    matching = match_cases(tmp_path / "truth", {"network": tmp_path / "ours"})
    assert [found.name for found in matching.cases] == ["case_1"]
    files = matching.cases[0].predictions["network"]
    np.testing.assert_array_equal(read_territories(files.territories).array, case.scored.territories.array)
    np.testing.assert_array_equal(
        read_calcification(files.calcification).array == 2, case.scored.calcification.array == 2
    )


@pytest.mark.parametrize(
    "lacking",
    ["SegmentIdentificationSequence", "FrameContentSequence", "PlanePositionSequence", "DimensionIndexSequence"],
)
def test_frames_that_lack_what_places_them_are_refused_in_one_sentence(
    lacking: str, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = results / "segmentation.dcm"
    dataset = pydicom.dcmread(path)
    for part in (dataset, *dataset.PerFrameFunctionalGroupsSequence):
        if lacking in part:
            delattr(part, lacking)
    dataset.save_as(path)
    code = main(["shorten", str(path), "-o", str(results / "short.nii.gz")])
    told = capsys.readouterr().err
    # highdicom makes out some of them by what is left.
    assert (code, (results / "short.nii.gz").exists()) in ((0, True), (2, False))
    assert code == 0 or ("the DICOM segmentation cannot be read" in told and told.count("\n") == 1)
