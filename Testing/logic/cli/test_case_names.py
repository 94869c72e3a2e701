"""Names of cases keep their dots: only endings that are known are cut."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from CalcScoreLogic.case_files import case_name, without_ending
from CalcScoreLogic.cli import main
from CalcScoreLogic.cohort.inputs import find_inputs, single_input
from CalcScoreLogic.images.files import write_image
from CalcScoreLogic.images.geometry import Geometry, Image

UID = "1.2.840.113619.2.55.3"


def write_maps(folder: Path, name: str) -> list[str]:
    array = np.zeros((30, 20, 20), np.uint8)
    array[5:25, 6:14, 6:14] = 1
    geometry = Geometry((20, 20, 30), (1.0, 1.0, 1.0))
    files = [folder / f"{name}.nii.gz", folder / f"{name}.calcium.nrrd"]
    for file in files:
        write_image(file, Image(array, geometry))
    return ["--territories", str(files[0]), "--calcification", str(files[1])]


def test_two_cases_with_dots_stay_two(tmp_path: Path) -> None:
    names = []
    for name in ("P.001", "P.002"):
        outputs = ["-o", str(tmp_path / f"{name}.json"), "--csv", str(tmp_path / f"{name}.csv")]
        assert main(["score", *write_maps(tmp_path, name), *outputs]) == 0
        found = json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8"))
        with (tmp_path / f"{name}.csv").open(newline="", encoding="utf-8") as stream:
            names.append((found["case"], {row["case"] for row in csv.DictReader(stream)}))
    assert names == [("P.001", {"P.001"}), ("P.002", {"P.002"})]


@pytest.mark.parametrize(
    ("name", "case"),
    [
        ("P.001.nii.gz", "P.001"),
        ("P.001.seg.nrrd", "P.001"),
        ("P.001", "P.001"),
        ("scan.2026.11.28.MHA", "scan.2026.11.28"),
        (".nii.gz", ".nii.gz"),
        ("cta.nii.gz", "folder.7"),
        ("territories.seg.nrrd", "folder.7"),
        ("cta.old.nii.gz", "cta.old"),
    ],
)
def test_only_known_endings_are_cut(name: str, case: str, tmp_path: Path) -> None:
    assert case_name(tmp_path / "folder.7" / name) == case


def test_folders_keep_their_whole_name(tmp_path: Path) -> None:
    for name in (UID, "P.001", "scan.nii.gz"):
        (tmp_path / name).mkdir()
        assert without_ending(tmp_path / name) == single_input(tmp_path / name).name == name


def test_a_cohort_of_names_with_dots(tmp_path: Path) -> None:
    geometry = Geometry((20, 20, 30), (1.0, 1.0, 1.0))
    hu = np.random.default_rng(1).integers(-1000, 900, (30, 20, 20)).astype(np.int16)
    for name in ("P.001.nii.gz", "P.002.nii.gz"):
        write_image(tmp_path / name, Image(hu, geometry))
    assert sorted(case.name for case in find_inputs(tmp_path).cases) == ["P.001", "P.002"]
