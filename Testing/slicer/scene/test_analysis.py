"""From a CTA in the scene to its nodes, with networks and without."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from CalcScoreLib.analysis import Analysis, SegmentsSource, Sources, ThresholdSource, analyze
from CalcScoreLib.scene.case import SceneCase
from CalcScoreLib.scene.other_segmentations import guess_structures

from CalcScoreLogic.errors import InputError
from CalcScoreLogic.images.geometry import Geometry, Image
from CalcScoreLogic.inference.options import InferenceOptions
from CalcScoreLogic.inference.protocol import Message, Progress
from CalcScoreLogic.inference.run import RunState
from CalcScoreLogic.models import Role, check
from CalcScoreLogic.pipeline import score_masks
from CalcScoreLogic.shortening import ShorteningParameters
from Testing.slicer.scene.cases import Maps, small_maps
from Testing.slicer.scene.scenes import add_segmentation, add_volume
from Testing.trees import rotation


def theirs(scene: Any, volume: Any, maps: Maps) -> Any:
    """What another tool made: three arteries and the calcification."""
    names = {"aorta": 1, "iliac_artery_left": 2, "renal_artery_left": 4}
    masks = {name: (maps.territories.array == label).astype(np.uint8) for name, label in names.items()}
    masks["calcification"] = (maps.calcification.array == 2).astype(np.uint8)
    return add_segmentation(scene, volume, masks)


def test_segments_and_a_threshold_need_no_model(scene: Any) -> None:
    maps = small_maps()
    volume = add_volume(scene, maps.cta)
    node = theirs(scene, volume, maps)
    arteries = SegmentsSource(node, guess_structures(node))
    sources = Sources(arteries, ThresholdSource(500.0))
    assert sources.roles == ()
    case = analyze(volume, sources, parameters=ShorteningParameters(12))
    # All plaques, and nothing else, lie over 500 HU.
    expected = score_masks("CTA", maps.territories, maps.calcification).result.scores.territories["aorta"]
    found = case.result()
    assert found.scores.territories["aorta"] == expected
    assert found.parameters["length_mm"] == 12
    assert (found.parameters["calcification"], found.parameters["threshold_hu"]) == ("fixed", 500.0)
    assert [w for w in found.warnings if w.startswith("No voxels for: mesenteric")]
    assert SceneCase.find(volume).rescore().scores.territories == found.scores.territories
    assert case.trim_again(ShorteningParameters(8)).parameters["threshold_hu"] == 500.0


def test_both_from_segments_scores_like_the_masks(scene: Any) -> None:
    maps = small_maps()
    volume = add_volume(scene, maps.cta)
    node = theirs(scene, volume, maps)
    chosen = guess_structures(node)
    sources = Sources(SegmentsSource(node, chosen), SegmentsSource(node, {"calcification": "calcification"}))
    found = analyze(volume, sources).result()
    expected = score_masks("CTA", maps.territories, maps.calcification, cta=maps.cta).result
    assert found.scores == expected.scores.__class__(
        expected.scores.territories, expected.scores.vessels, expected.scores.clusters, ()
    )
    assert found.parameters["calcification"] == "segment"


def test_a_timer_sees_the_end_at_once_where_no_network_runs(scene: Any) -> None:
    maps = small_maps()
    volume = add_volume(scene, maps.cta)
    node = theirs(scene, volume, maps)
    with Analysis(volume, Sources(SegmentsSource(node, guess_structures(node)), ThresholdSource())) as analysis:
        assert analysis.state is RunState.READY
        analysis.start()
        assert analysis.state is RunState.DONE
        assert analysis.poll() == []
        scored = analysis.score()
    assert SceneCase.find(volume) is None
    assert analysis.store(scored).result().case == "CTA"


def test_a_missing_model_is_named_before_anything_runs(scene: Any) -> None:
    volume = add_volume(scene, small_maps().cta)
    with pytest.raises(InputError, match="no model for territories and calcification is chosen"):
        Analysis(volume)
    with pytest.raises(InputError, match="no model for territories is chosen"):
        Analysis(volume, Sources(None, ThresholdSource()))


def two_folds(folder: Path, role: Role) -> Path:
    """Make an untrained model whose two folds differ."""
    from Testing.logic.model_folders import make_model

    first, second = (make_model(folder / f"{role.value} {n}", role, [n], seed=100 + n) for n in (0, 1))
    shutil.move(second / "fold_1", first)
    return first


def test_networks_run_in_their_process_and_their_maps_land_in_the_scene(scene: Any, tmp_path: Path) -> None:
    pytest.importorskip("nnunetv2", reason="nnunetv2 and torch are not installed")
    models = [check(two_folds(tmp_path, role)) for role in Role]
    # Untrained networks find arteries of all kinds in noise.
    noise = np.random.default_rng(4).normal(300, 250, (22, 30, 26)).astype(np.int16)
    turned = tuple(rotation((4, 8, 12)).ravel())
    volume = add_volume(scene, Image(noise, Geometry((26, 30, 22), (1.3, 1.1, 2.5), (-31.5, 12.25, 7.0), turned)))
    said: list[Message] = []
    options = InferenceOptions(mirroring=False, device="cpu", threads=1)
    case = analyze(volume, models=models, options=options, on_message=said.append)
    assert any(isinstance(message, Progress) for message in said)
    result = case.result()
    assert set(result.provenance["models"]) == {"territories", "calcification"}
    assert result.parameters["calcification"] == "network"
    assert set(result.burden_ranges) == set(result.scores.territories)
    after = case.rescore()
    assert after.scores.territories == result.scores.territories
    assert after.provenance["models"] == result.provenance["models"]
    # One network alone, the other's place taken by a threshold.
    before = case.scored_case()
    alone = analyze(volume, Sources(None, ThresholdSource(500.0)), models, options=options)
    assert set(alone.result().provenance["models"]) == {"territories"}
    images = alone.scored_case()
    np.testing.assert_array_equal(images.territories.array, before.territories.array)
    np.testing.assert_array_equal(images.calcification.array > 0, (noise >= 500) & (images.territories.array > 0))


def test_a_cancelled_analysis_leaves_the_scene_as_it_was(scene: Any, tmp_path: Path) -> None:
    pytest.importorskip("nnunetv2", reason="nnunetv2 and torch are not installed")
    from Testing.logic.model_folders import make_pair

    pair = make_pair(tmp_path)
    volume = add_volume(scene, small_maps().cta)
    before = scene.GetNumberOfNodes()
    analysis = Analysis(volume, models=[check(pair[role]) for role in Role])
    analysis.start()
    assert analysis.state is RunState.RUNNING
    analysis.cancel()
    assert analysis.state is RunState.CANCELLED
    assert scene.GetNumberOfNodes() == before
