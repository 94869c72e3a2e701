"""A cohort without the window: exit codes, and scenes that open with their results."""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import slicer
from CalcScoreLib.headless import SCENE, run, run_script, save_scenes
from CalcScoreLib.scene.case import SceneCase
from CalcScoreLib.scene.volumes import volume_image

from CalcScoreLogic.cohort.inputs import find_inputs
from CalcScoreLogic.images.files import write_image
from CalcScoreLogic.images.geometry import Geometry, Image
from CalcScoreLogic.pipeline import score_masks
from CalcScoreLogic.report.case_folder import write_case
from CalcScoreLogic.results import ScoredCase

# Oblique and off centre, so that a mistake in the matrix shows.
_TURN = np.radians(20)
_GRID = Geometry(
    (20, 24, 40),
    (1.5, 1.0, 2.0),
    (-12.5, 7.25, -400.0),
    (np.cos(_TURN), -np.sin(_TURN), 0.0, np.sin(_TURN), np.cos(_TURN), 0.0, 0.0, 0.0, 1.0),
)


def cohort(folder: Path) -> tuple[Path, Path, ScoredCase]:
    """Write one CTA and its results; give the source, the output and the scored case."""
    source, output = folder / "source", folder / "results ä"
    source.mkdir()
    output.mkdir()
    territories = np.zeros(_GRID.shape, np.uint8)
    territories[2:38, 8:14, 8:14] = 1
    territories[10:14, 8:12, 2:8] = 4
    calcification = np.where(territories > 0, 1, 0).astype(np.uint8)
    calcification[12, 9, 8:12] = 2
    cta = np.random.default_rng(0).integers(-1000, 500, _GRID.shape).astype(np.int16)
    write_image(source / "case_a.nii.gz", Image(cta, _GRID))
    images = (Image(cta, _GRID), Image(territories, _GRID), Image(calcification, _GRID))
    scored = score_masks("case_a", images[1], images[2], cta=images[0])
    write_case(output / "case_a", images[0], scored)
    return source, output, scored


def test_a_saved_scene_opens_with_volume_segments_and_scores(tmp_path: Path) -> None:
    source, output, scored = cohort(tmp_path)
    assert save_scenes(find_inputs(source).cases, output) == 0
    assert sorted(path.name for path in (output / "case_a").glob("*.mrb")) == [SCENE]
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 0
    slicer.util.loadScene(str(output / "case_a" / SCENE))
    volume = slicer.util.getNode("case_a")
    case = SceneCase.find(volume)
    assert case is not None
    assert case.result().scores.territories == scored.result.scores.territories
    image = volume_image(volume)
    assert image.geometry.difference(_GRID) is None
    np.testing.assert_array_equal(case.scored_case().shortened.array, scored.shortened.array)
    assert case.rescore().scores.territories["aorta"].calcified_volume_mm3 == 4 * 3.0


def test_a_scene_as_new_as_the_scores_is_kept(tmp_path: Path) -> None:
    source, output, _ = cohort(tmp_path)
    cases = find_inputs(source).cases
    save_scenes(cases, output)
    scene = output / "case_a" / SCENE
    scene.write_bytes(b"corrected by a reader")
    assert save_scenes(cases, output) == 0
    assert scene.read_bytes() == b"corrected by a reader"


def test_a_case_without_cta_is_named_and_the_rest_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, output, _ = cohort(tmp_path)
    cases = find_inputs(source).cases
    (source / "case_a.nii.gz").unlink()
    assert save_scenes(cases, output) == 1
    assert "case_a: no scene" in capsys.readouterr().err
    assert not (output / "case_a" / SCENE).exists()


def test_bad_usage_and_bad_input_end_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--no-such-option"]) == 2
    assert run([str(tmp_path / "missing"), "-o", str(tmp_path / "out"), "--scenes", "--store", str(tmp_path)]) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(("arguments", "code"), [(["--", "--help"], 0), (["--", "nowhere"], 2), (["--help"], 0)])
def test_the_application_is_left_with_the_code(
    arguments: list[str], code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    codes: list[Any] = []
    # Leaving for real would end the tests.
    monkeypatch.setattr(slicer.util, "exit", codes.append)
    run_script(arguments)
    assert codes == [code]
    capsys.readouterr()


def test_another_python_gets_none_of_slicers_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setenv("PYTHONHOME", "/opt/slicer/lib/Python")
    monkeypatch.setattr(slicer.util, "startupEnvironment", lambda: {"PATH": "/usr/bin"})
    monkeypatch.setattr("CalcScoreLib.headless.main", lambda command: seen.append(os.environ.get("PYTHONHOME")) or 2)
    for options in ([], ["--python", "/opt/nnunet/bin/python"]):
        assert run(["somewhere", "-o", "out", *options]) == 2
    assert seen == ["/opt/slicer/lib/Python", None]
    assert os.environ["PYTHONHOME"] == "/opt/slicer/lib/Python"


def test_the_script_finds_its_package_and_leaves_the_application(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    codes: list[Any] = []
    monkeypatch.setattr(slicer.util, "exit", codes.append)
    module = Path(__file__).resolve().parents[3] / "CalcScore"
    script = module / "CalcScoreLib" / "CalcScoreBatch.py"
    # The application reads a script in the locale's encoding.
    assert script.read_bytes().isascii()
    # A script that is handed to the application has neither the module's folder nor its package.
    monkeypatch.setattr(sys, "path", [path for path in sys.path if Path(path) != module])
    monkeypatch.setattr(sys, "argv", [str(script), "--", "--help"])
    for name in [name for name in sys.modules if name.split(".")[0] == "CalcScoreLib"]:
        monkeypatch.delitem(sys.modules, name)
    runpy.run_path(str(script), run_name="__main__")
    assert codes == [0]
    assert "usage: calcscore batch" in capsys.readouterr().out
