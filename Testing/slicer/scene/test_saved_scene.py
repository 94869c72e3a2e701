"""A scene saved as .mrb holds all that showing, rescoring and trimming again need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from CalcScoreLib.scene.case import SceneCase

from CalcScoreLogic.pipeline import score_masks
from CalcScoreLogic.shortening import ShorteningParameters
from Testing.slicer.scene.cases import VOXEL_MM3, phantom, small_maps
from Testing.slicer.scene.scenes import LoadedScene, add_volume, cells_of, paint, save, save_and_load, voxels_of

_ROOT = Path(__file__).resolve().parents[3]

_RESCORE = """
import sys
for name in ("torch", "nnunetv2"):
    sys.modules[name] = None
import slicer
from pathlib import Path
from Testing.slicer.scene.scenes import LoadedScene
loaded = LoadedScene()
assert loaded.scene.ReadFromMRB(sys.argv[1], True)
from CalcScoreLib.scene.case import SceneCase
rows = SceneCase.all(loaded.scene)[0].rescore().scores.territories
print("burden", repr(rows["combined"].burden))
"""


def written(scene: Any, maps: Any) -> SceneCase:
    scored = score_masks("CTA", maps.territories, maps.calcification, cta=maps.cta)
    return SceneCase.write(add_volume(scene, maps.cta, "CTA ä"), scored)


def only_case(loaded: LoadedScene) -> SceneCase:
    (case,) = SceneCase.all(loaded.scene)
    assert case.record.GetScene() is loaded.scene
    return case


def test_a_loaded_scene_is_current_and_rescores_alike(scene: Any, tmp_path: Path) -> None:
    before = written(scene, phantom()).result()
    loaded = save_and_load(scene, tmp_path / "case ä.mrb")
    case = only_case(loaded)
    assert case.missing() is None
    assert case.volume.GetName() == "CTA ä"
    assert case.result() == before
    assert case.changed_structures() == case.edited_structures() == ()
    after = case.rescore()
    assert after.scores.territories == before.scores.territories
    assert after.scores.vessels == before.scores.vessels


def test_edits_are_known_after_loading(scene: Any, tmp_path: Path) -> None:
    case = written(scene, small_maps())
    segment = case.segment_id("calcification")
    voxels = voxels_of(case.calcification, segment)
    paint(case.calcification, segment, voxels[:1], False)
    case.rescore()
    paint(case.calcification, case.segment_id("aorta"), voxels_of(case.calcification, "aorta")[:3], False)
    kept = save_and_load(scene, tmp_path / "case.mrb")
    loaded = only_case(kept)
    assert loaded.changed_structures() == ("aorta",)
    assert loaded.edited_structures() == ("aorta", "calcification")
    assert loaded.lost_edits() == ("aorta",)
    assert loaded.result().edited == case.result().edited
    before = loaded.result().scores.territories["aorta"].artery_volume_mm3
    assert loaded.rescore().scores.territories["aorta"].artery_volume_mm3 == before - 3 * VOXEL_MM3


def test_a_loaded_scene_trims_again_alike(scene: Any, tmp_path: Path) -> None:
    case = written(scene, phantom())
    kept = save_and_load(scene, tmp_path / "case.mrb")
    loaded = only_case(kept)
    expected = case.trim_again(ShorteningParameters(35)).scores
    found = loaded.trim_again(ShorteningParameters(35)).scores
    assert (found.territories, found.vessels) == (expected.territories, expected.vessels)


def test_absent_arteries_survive_as_empty_segments(scene: Any, tmp_path: Path) -> None:
    case = written(scene, small_maps())
    kept = save_and_load(scene, tmp_path / "case.mrb")
    loaded = only_case(kept)
    mesenteric = loaded.segment_id("mesenteric")
    assert mesenteric is not None
    paint(loaded.calcification, mesenteric, np.array([[30, 20, 40]]), True)
    assert loaded.changed_structures() == ("mesenteric",)
    assert case.changed_structures() == ()


def test_the_table_is_brought_back_to_full_precision(scene: Any, tmp_path: Path) -> None:
    case = written(scene, phantom())
    before = case.result().scores.territories["combined"]
    kept = save_and_load(scene, tmp_path / "case.mrb")
    loaded = only_case(kept)
    saved = cells_of(loaded.table)["Combined"]
    assert float(saved["burden"]) == before.burden
    loaded.show_result()
    column = loaded.table.GetTable().GetColumnByName("artery_volume_mm3")
    assert column.GetValue(column.GetNumberOfTuples() - 1) == before.artery_volume_mm3
    assert loaded.table.GetColumnUnitLabel("artery_volume_mm3") == "mm3"


def test_no_model_and_no_network_library_is_needed(scene: Any, tmp_path: Path) -> None:
    case = written(scene, small_maps())
    expected = case.result().scores.territories["combined"].burden
    save(scene, tmp_path / "case.mrb")
    path = f"{_ROOT}:{_ROOT / 'CalcScore'}"
    run = subprocess.run(
        [sys.executable, "-c", _RESCORE, str(tmp_path / "case.mrb")],
        env={"PYTHONPATH": path, "HOME": str(tmp_path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert f"burden {expected!r}" in run.stdout, run.stderr


def test_a_scene_of_an_earlier_version_opens() -> None:
    # Saved before the rooms of the module were moved: `small_maps`, of whose 18 calcified voxels one was painted away.
    loaded = LoadedScene()
    assert loaded.scene.ReadFromMRB(str(Path(__file__).with_name("earlier_scene.mrb")), True)
    case = only_case(loaded)
    assert case.missing() is None
    assert case.changed_structures() == ()
    assert case.edited_structures() == ("calcification",)
    combined = case.result().scores.territories["combined"]
    assert combined.calcified_volume_mm3 == 17 * VOXEL_MM3
    assert case.rescore().scores.territories["combined"] == combined
    assert len(case.plaques()) == combined.cluster_count
