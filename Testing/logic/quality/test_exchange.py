"""A territory map and a calcification map in each other's place are told; maps in their own place are not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from CalcScoreLogic.cli import main
from CalcScoreLogic.images.files import read_calcification, read_territories, write_image
from CalcScoreLogic.images.geometry import Geometry, Image
from CalcScoreLogic.phantom import PhantomParameters, make_phantom
from CalcScoreLogic.quality.exchange import exchange_warning
from Testing.logic.other_tool_cases import GEOMETRY, arrays

TOLD = "The territory map and the calcification map seem to be exchanged: "
WHOLE, IN_IT = "what the calcification map marks is whole vessels", "the iliac arteries of the territory map lie in"


@pytest.fixture
def case(tmp_path: Path) -> Path:
    """An aorta of 16 mm with two iliac arteries and plaques in the aorta's wall, as two label maps."""
    cta, territories, _ = arrays(0)
    labels = np.where(territories > 0, 1, 0).astype(np.uint8)
    labels[50:58, 36:38, 26:34] = np.where(labels[50:58, 36:38, 26:34] > 0, 2, 0)
    folder = tmp_path / "case_0"
    folder.mkdir()
    for name, array in (("cta", cta), ("territories", territories), ("calcification", labels)):
        write_image(folder / f"{name}.nii.gz", Image(array, GEOMETRY))
    return folder


def score(territories: Path, calcification: Path, output: Path) -> list[dict[str, str]]:
    arguments = ["--territories", territories, "--calcification", calcification, "-o", output]
    assert main(["score", *map(str, arguments)]) == 0
    return json.loads(output.read_text(encoding="utf-8"))["warning_codes"]


@pytest.mark.parametrize(
    ("aorta_alone", "plaques", "reason"), [(False, True, IN_IT), (False, False, WHOLE), (True, True, IN_IT)]
)
def test_exchanged_maps_are_told(
    aorta_alone: bool, plaques: bool, reason: str, case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    territories, calcification = case / "territories.nii.gz", case / "calcification.nii.gz"
    found, labels = read_territories(territories).array.copy(), read_calcification(calcification).array.copy()
    if aorta_alone:
        found[found > 1] = 0
    if not plaques:
        labels[labels > 1] = 1
    write_image(territories, Image(found, GEOMETRY))
    write_image(calcification, Image(labels, GEOMETRY))
    assert not any(TOLD in entry["warning"] for entry in score(territories, calcification, tmp_path / "right.json"))
    told = [entry for entry in score(calcification, territories, tmp_path / "wrong.json") if TOLD in entry["warning"]]
    assert [entry["code"] for entry in told] == ["labels"]
    assert told[0]["warning"].startswith(TOLD + reason)


def test_one_label_map_for_both_is_refused(case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = str(case / "territories.nii.gz")
    assert main(["score", "--territories", own, "--calcification", own, "-o", str(tmp_path / "out.json")]) == 2
    assert (
        capsys.readouterr().err == f"calcscore: {own}: this one label map is given for both, give the other one too\n"
    )
    assert not (tmp_path / "out.json").exists()


def test_corrected_maps_that_are_exchanged_are_told(case: Path, tmp_path: Path) -> None:
    results, corrected = tmp_path / "results", tmp_path / "case_0_corrected"
    arguments = ["analyze", case / "cta.nii.gz", "--arteries", case / "territories.nii.gz", "--calcification", "470"]
    assert main([*map(str, arguments), "-o", str(results)]) == 0
    corrected.mkdir()
    shutil.copy(case / "territories.nii.gz", corrected / "calcification.nii.gz")
    shutil.copy(case / "calcification.nii.gz", corrected / "territories.nii.gz")
    assert main(["rescore", str(corrected), "-o", str(results), "--cta", str(case / "cta.nii.gz")]) == 0
    content = json.loads((results / "scores.json").read_text(encoding="utf-8"))
    assert [entry["code"] for entry in content["warning_codes"] if TOLD in entry["warning"]] == ["labels"]


@pytest.mark.parametrize("seed", range(1, 4))
def test_phantoms_are_not_told_of(seed: int) -> None:
    phantom = make_phantom(PhantomParameters(seed, (2.0, 2.0, 2.0)))
    array = phantom.territories.array.copy()
    array[array > 2] = 0
    assert exchange_warning(phantom.calcification, Image(array, phantom.territories.geometry)) is None
    swapped = (Image(array, phantom.territories.geometry), phantom.calcification)
    assert exchange_warning(*swapped) is not None


def test_the_rim_of_the_volume_is_no_neighbour() -> None:
    """An iliac artery that leaves the volume below does not meet the aorta that leaves it above."""
    array = np.zeros((20, 6, 6), np.uint8)
    array[10:, 1:5, 1:5], array[:10, 1:5, 1:5] = 1, 2
    geometry = Geometry((6, 6, 20), (1.0, 1.0, 1.0))
    nothing = Image(np.zeros_like(array), geometry)
    assert exchange_warning(nothing, Image(array, geometry)) is None
    # All of its 176 faces but the 16 above lie at the background; a calcification of it is a whole vessel.
    marked = Image(np.where(array == 2, 2, 0).astype(np.uint8), geometry)
    assert exchange_warning(marked, Image(array, geometry)) is not None
