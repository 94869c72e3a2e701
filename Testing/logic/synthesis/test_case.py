"""Whole cases and the command that writes them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from CalcScoreLogic.cli import main
from CalcScoreLogic.errors import InputError
from CalcScoreLogic.images.files import read_calcification, read_ct, read_territories
from CalcScoreLogic.synthesis import Anatomy, make_case


def test_a_case_is_whole(anatomy: Anatomy) -> None:
    case = make_case(anatomy, 5, (5.0, 5.0, 5.0))
    territories, calcification = case.territories.array, case.calcification.array
    assert set(np.unique(territories)) == {0, 1, 2, 3, 4}
    assert ((calcification > 0) == (territories > 0)).all()
    assert case.cta.array.dtype == np.int16
    assert case.cta.geometry == case.territories.geometry == case.calcification.geometry
    again = make_case(anatomy, 5, (5.0, 5.0, 5.0))
    assert (again.cta.array == case.cta.array).all()
    assert again.details == case.details


def test_volumes_hardly_depend_on_the_spacing(anatomy: Anatomy) -> None:
    coarse, fine = make_case(anatomy, 1, (4.0, 4.0, 4.0)), make_case(anatomy, 1, (2.2, 2.2, 3.0))
    assert coarse.details == fine.details
    for label in (1, 2):
        volumes = [
            (case.territories.array == label).sum() * case.cta.geometry.voxel_volume_mm3 for case in (coarse, fine)
        ]
        assert volumes[0] == pytest.approx(volumes[1], rel=0.05)


@pytest.mark.parametrize(("seed", "spacing", "said"), [(-1, (1, 1, 1), "seed is -1"), (0, (1, 1, 9), "1 x 1 x 9 mm")])
def test_what_cannot_be_made_is_refused(
    anatomy: Anatomy, seed: int, spacing: tuple[float, float, float], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        make_case(anatomy, seed, spacing)


def test_the_command_writes_case_folders(tmp_path: Path) -> None:
    out = tmp_path / "cases"
    assert main(["synthesize", "-o", str(out), "--seed", "8", "--cases", "2", "--spacing", "5", "5", "5"]) == 0
    assert sorted(p.name for p in out.iterdir()) == ["case_8", "case_9"]
    folder = out / "case_9"
    cta, territories = read_ct(folder / "cta.nii.gz"), read_territories(folder / "territories.nii.gz")
    calcification = read_calcification(folder / "calcification.nii.gz")
    assert cta.array.shape == territories.array.shape == calcification.array.shape
    truth = json.loads((folder / "truth.json").read_text())
    assert truth["synthesis"]["seed"] == 9
    assert truth["synthesis"]["anatomy"] == "drawn"
    aorta = truth["territories"]["aorta"]
    assert aorta["status"] == "ok"
    assert 0 < aorta["artery_volume_mm3"] <= (territories.array == 1).sum() * 125


@pytest.mark.parametrize("options", [["--cases", "0"], ["--seed", "-2"], ["--anatomy", "missing.nii.gz"]])
def test_bad_options_end_with_one_sentence(
    tmp_path: Path, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["synthesize", "-o", str(tmp_path / "out"), *options]) == 2
    error = capsys.readouterr().err.strip()
    assert len(error.splitlines()) == 1
    assert options[1].removesuffix(".nii.gz") in error
    assert not (tmp_path / "out").exists()
