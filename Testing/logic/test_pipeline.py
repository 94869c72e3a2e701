"""From a CTA to its scores: provenance, the range of the folds, the files of ``calcscore analyze``."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from CalcScoreLogic.anatomy import CalcificationLabel, Territory
from CalcScoreLogic.cli import main
from CalcScoreLogic.images.coverage import Coverage, coverage_of
from CalcScoreLogic.images.files import read_calcification, read_territories, write_image, write_label_map
from CalcScoreLogic.images.geometry import Geometry, Image
from CalcScoreLogic.inference.protocol import Result
from CalcScoreLogic.inference.run import Labelled
from CalcScoreLogic.models import Model, Role, check
from CalcScoreLogic.pipeline import CaseParameters, score_masks
from CalcScoreLogic.sources import FinishedRun, score_sources
from Testing.logic.cohort_cases import until
from Testing.logic.model_folders import make_model
from Testing.trees import to_image

pytest.importorskip("nnunetv2", reason="nnunetv2 and torch are not installed")

SHAPE = (40, 30, 30)
GEOMETRY = Geometry(SHAPE[::-1], (1.0, 1.0, 2.0), (5.0, -3.0, 10.0))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[Role, Path]:
    root = tmp_path_factory.mktemp("models")
    about = {"name": "toy", "trained_on": "nothing", "demo": True}
    return {role: make_model(root / role.value, role, [0, 1], seed=100, about=about) for role in Role}


@pytest.fixture(scope="module")
def models(folders: dict[Role, Path]) -> list[Model]:
    return [check(folder) for folder in folders.values()]


def tree(plaque: int) -> tuple[np.ndarray, np.ndarray]:
    """An aorta of 30 x 8 x 8 voxels with an iliac stub, and `plaque` voxels of calcification in the aorta."""
    territories = np.zeros(SHAPE, np.uint8)
    territories[6:36, 10:18, 10:18] = Territory.AORTA
    territories[2:6, 12:16, 12:16] = Territory.ILIAC
    calcification = np.where(territories > 0, 1, 0).astype(np.uint8)
    calcification[6, 10, 10 : 10 + plaque] = 2
    return territories, calcification


def predicted(folder: Path, plaques: Sequence[int]) -> Result:
    """Write the ensemble's maps; of its folds only the burdens are known, with so many plaque voxels each."""
    territories, calcification = tree(plaques[0])
    write_label_map(folder / "territories.nii.gz", Image(territories, GEOMETRY), Territory)
    write_label_map(folder / "calcification.nii.gz", Image(calcification, GEOMETRY), CalcificationLabel)
    # The iliac ends at 10 mm, so 5 slices of 64 voxels of aorta are left, and the iliac's own 4 of 16.
    folds = [
        {"aorta": n / 320, "iliac": 0.0, "mesenteric": None, "renal": None, "combined": n / 384} for n in plaques[1:]
    ]
    files = {role: f"{role}.nii.gz" for role in ("territories", "calcification")}
    return Result(files, folds, {"device": "cpu", "seconds": 1.0, "folds": {role: [0, 1] for role in files}})


def cta() -> Image:
    return Image(np.full(SHAPE, 300, np.int16), GEOMETRY)


def test_the_folds_range_is_that_of_each_fold_by_itself(tmp_path: Path, models: list[Model]) -> None:
    outcome = predicted(tmp_path, [4, 3, 5])
    result = score_sources("c", cta(), FinishedRun(Labelled(tmp_path, outcome), models)).result.to_dict()
    aorta = result["territories"]["aorta"]
    artery = aorta["artery_volume_mm3"]
    assert aorta["burden"] == 4 * 2 / artery
    assert (aorta["burden_fold_min"], aorta["burden_fold_max"]) == (3 * 2 / artery, 5 * 2 / artery)
    iliac, renal = result["territories"]["iliac"], result["territories"]["renal"]
    assert (iliac["burden_fold_min"], iliac["burden_fold_max"]) == (0, 0)
    assert (renal["burden_fold_min"], renal["burden_fold_max"]) == (None, None)
    assert not any("folds disagree" in warning for warning in result["warnings"])


def test_folds_that_disagree_are_a_warning(tmp_path: Path, models: list[Model]) -> None:
    # The iliac ends at 10 mm, so 5 slices of 128 mm³ of aorta are left: from 4 / 640 to 16 / 640.
    result = score_sources("c", cta(), FinishedRun(Labelled(tmp_path, predicted(tmp_path, [4, 2, 8])), models)).result
    assert sum("Aorta: the folds disagree" in warning for warning in result.warnings) == 1
    assert not any("Iliac: the folds" in warning for warning in result.warnings)


def test_one_fold_has_no_range(tmp_path: Path, models: list[Model]) -> None:
    outcome = predicted(tmp_path, [4])
    result = score_sources("c", cta(), FinishedRun(Labelled(tmp_path, outcome), models)).result.to_dict()
    assert "burden_fold_min" not in result["territories"]["aorta"]


@pytest.mark.parametrize("stored", ["LPS", "RAS", "ASL"])
def test_where_the_networks_looked_is_recorded_in_the_voxels_of_the_cta(
    stored: str, tmp_path: Path, models: list[Model]
) -> None:
    # The networks were given the CTA along L, P and S, though neither model's record says so: what was handed counts.
    borders = [np.array(border) for border in ([0, 10, 40], [0, 30], [0, 20, 30])]
    looked = Coverage(GEOMETRY.origin, borders, np.array([[[True, False]], [[True, True]]]))
    outcome = predicted(tmp_path, [4])
    outcome = replace(outcome, provenance={**outcome.provenance, "coverage": looked.to_dict()}, grid=asdict(GEOMETRY))
    volume = sitk.GetImageFromArray(cta().array)
    volume.SetSpacing(GEOMETRY.spacing)
    volume.SetOrigin(GEOMETRY.origin)
    turned = to_image(sitk.DICOMOrient(volume, stored))
    record = score_sources("c", turned, FinishedRun(Labelled(tmp_path, outcome), models)).result.provenance
    found = coverage_of(record)
    assert found is not None
    mask = sitk.GetImageFromArray(looked.mask().astype(np.uint8))
    mask.CopyInformation(volume)
    np.testing.assert_array_equal(found.mask(), sitk.GetArrayFromImage(sitk.DICOMOrient(mask, stored)))


def test_the_record_names_models_and_says_what_they_know(tmp_path: Path, models: list[Model]) -> None:
    labelled = Labelled(tmp_path, predicted(tmp_path, [1, 1, 1]), ("The networks ran on the CPU.",))
    result = score_sources("c", cta(), FinishedRun(labelled, models)).result.to_dict()
    record = result["provenance"]["models"]["territories"]
    assert (record["name"], record["trained_on"], record["demo"]) == ("toy", "nothing", True)
    assert record["sha256"] == models[0].fingerprint
    assert result["parameters"]["calcification"] == "network"
    assert result["warnings"][0] == "The networks ran on the CPU."
    assert any("synthetic phantoms only" in warning for warning in result["warnings"])
    assert str(models[0].path) not in json.dumps(result)


@pytest.fixture(scope="module")
def analyzed(folders: dict[Role, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that ``calcscore analyze`` made, with toy networks: what they label does not matter."""
    root = tmp_path_factory.mktemp("case")
    array = np.random.default_rng(1).normal(300, 250, SHAPE).astype(np.int16)
    write_image(root / "scan ä.nii.gz", Image(array, GEOMETRY))
    chosen = ["--territory-model", folders[Role.TERRITORIES], "--calcification-model", folders[Role.CALCIFICATION]]
    arguments = ["analyze", root / "scan ä.nii.gz", "-o", root / "out", "--no-mirroring", *chosen]
    assert main([str(argument) for argument in arguments]) == 0
    return root / "out"


def test_analyze_writes_the_contract(analyzed: Path) -> None:
    promised = {
        "territories.nii.gz",
        "shortened.nii.gz",
        "calcification.nii.gz",
        "scores.json",
        "scores.csv",
        "report.html",
        "overview.png",
    }
    assert {path.name for path in analyzed.iterdir()} == promised
    assert sorted(path.name for path in analyzed.parent.iterdir()) == ["out", "scan ä.nii.gz"]


def test_analyze_scores_the_maps_it_writes(analyzed: Path) -> None:
    scores = json.loads((analyzed / "scores.json").read_text(encoding="utf-8"))
    territories, calcification = (
        read_territories(analyzed / "territories.nii.gz"),
        read_calcification(analyzed / "calcification.nii.gz"),
    )
    again = score_masks("scan ä", territories, calcification, CaseParameters()).result.to_dict()
    for name, row in again["territories"].items():
        written = {key: scores["territories"][name][key] for key in row}
        assert written == {k: v if v is None or isinstance(v, str) else pytest.approx(v) for k, v in row.items()}
    assert scores["case"] == "scan ä"
    with (analyzed / "scores.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["burden"] for row in rows] == [
        "" if row["burden"] is None else str(row["burden"]) for row in scores["territories"].values()
    ]


def test_the_report_shows_the_scores(analyzed: Path) -> None:
    scores = json.loads((analyzed / "scores.json").read_text(encoding="utf-8"))
    page = (analyzed / "report.html").read_text(encoding="utf-8")
    assert page.count("Not a medical device") == 1
    for row in scores["territories"].values():
        if row["burden"] is not None:
            assert f"<td>{100 * row['burden']:.1f}</td>" in page
    assert "data:image/png;base64," in page
    assert "http" not in page
    assert all(part in page for part in ("toy, folds 0, 1", "SHA-256"))


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (["--territory-model", "no such model"], "no such model"),
        (["--folds", "a,b"], "not a list of numbers"),
        (["--step-size", "0"], "step size"),
        (["--python", "/no/such/python"], "cannot be started"),
        (["--store", "STORE", "--calcification-model", "TERRITORIES"], "labels territories"),
    ],
)
def test_bad_usage_of_analyze_is_one_line(
    arguments: list[str],
    fragment: str,
    folders: dict[Role, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_image(tmp_path / "c.nii.gz", cta())
    places = {"STORE": str(tmp_path / "store"), "TERRITORIES": str(folders[Role.TERRITORIES])}
    chosen = ["--territory-model", str(folders[Role.TERRITORIES])]
    chosen += ["--calcification-model", str(folders[Role.CALCIFICATION])]
    given = [places.get(argument, argument) for argument in arguments]
    assert main(["analyze", str(tmp_path / "c.nii.gz"), "-o", str(tmp_path / "out"), *chosen, *given]) == 2
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1
    assert fragment in printed.err
    assert not (tmp_path / "out").exists()


def test_a_failed_analysis_leaves_an_earlier_result_alone(
    analyzed: Path, folders: dict[Role, Path], tmp_path: Path
) -> None:
    earlier = shutil.copytree(analyzed, tmp_path / "out")
    before = {path.name: path.read_bytes() for path in earlier.iterdir()}
    spoilt = shutil.copytree(folders[Role.TERRITORIES], tmp_path / "spoilt")
    checkpoint = spoilt / "fold_0" / "checkpoint_final.pth"
    checkpoint.write_bytes(checkpoint.read_bytes()[:300])
    scan = next(analyzed.parent.glob("*.nii.gz"))
    arguments = ["analyze", str(scan), "-o", str(earlier), "--territory-model", str(spoilt)]
    assert main([*arguments, "--calcification-model", str(folders[Role.CALCIFICATION])]) == 2
    assert {path.name: path.read_bytes() for path in earlier.iterdir()} == before


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_analysis_leaves_nothing(
    ending: signal.Signals, folders: dict[Role, Path], tmp_path: Path
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    write_image(tmp_path / "c.nii.gz", Image(np.full(SHAPE, -40, np.int16), GEOMETRY))
    command = [
        sys.executable,
        "-m",
        "CalcScoreLogic",
        "analyze",
        str(tmp_path / "c.nii.gz"),
        "-o",
        str(tmp_path / "out"),
    ]
    command += ["--territory-model", str(folders[Role.TERRITORIES])]
    command += ["--calcification-model", str(folders[Role.CALCIFICATION])]
    environment = {**os.environ, "TMPDIR": str(temporary)}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    until(lambda: list(temporary.glob("*/job.json")))
    process.send_signal(ending)
    _, complaint = process.communicate(timeout=300)
    assert process.returncode == 130
    assert complaint == "calcscore: interrupted, nothing half done was left\n"
    assert not list(temporary.iterdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.nii.gz", "temporary"]
