"""The clinician's whole way in one go, with small ensembles in the real subprocess."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import slicer
from CalcScoreLib import settings
from CalcScoreLib.scene.volumes import add_volume
from PIL import Image
from scipy import ndimage

from CalcScoreLogic.anatomy import CalcificationLabel, Territory
from CalcScoreLogic.phantom import PhantomParameters, make_phantom
from CalcScoreLogic.pipeline import score_masks
from Testing.logic.model_folders import NEEDS_NNUNET
from Testing.phantom_networks import PHANTOM_NETWORKS
from Testing.slicer import harness
from Testing.slicer.panel.conftest import rows_of
from Testing.slicer.scene.scenes import paint


def largest_plaque(case: Any, territory: Territory) -> np.ndarray:
    """Voxels (i, j, k) of the largest plaque of a territory."""
    scored = case.scored_case()
    calcified = scored.calcification.array == CalcificationLabel.CALCIFICATION
    labels, _ = ndimage.label(calcified & (scored.shortened.array == territory))
    largest = 1 + int(np.argmax(np.bincount(labels.ravel())[1:]))
    return np.argwhere(labels == largest)[:, ::-1]


def wait(panel: Any) -> None:
    harness.settle(lambda: not panel.run.running and not panel.sections.corrections.busy, 600)


def beside(path: Path, *names: Path, gap: int = 24) -> None:
    """Put pictures side by side, as the documentation shows them."""
    parts = [Image.open(name).convert("RGB") for name in names]
    size = (sum(part.width for part in parts) + gap * (len(parts) - 1), max(part.height for part in parts))
    whole = Image.new("RGB", size, "white")
    x = 0
    for part in parts:
        whole.paste(part, (x, 0))
        x += part.width + gap
    whole.save(path, optimize=True)


@NEEDS_NNUNET
def test_from_a_cta_to_a_corrected_saved_and_loaded_case(
    panel: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    dialogs: harness.Dialogs,
    picture: Callable[[str], Path],
    pictures: Path,
    renders: bool,
) -> None:
    phantom = make_phantom(PhantomParameters(28, (1.5, 1.5, 1.5)))
    truth = score_masks("truth", phantom.territories, phantom.calcification).result.scores.territories
    monkeypatch.setattr("CalcScoreLogic.models.store.starter_models_folder", lambda: PHANTOM_NETWORKS)
    settings.set_interpreter(sys.executable)
    ui = panel.ui
    panel.parameters.cta = add_volume(phantom.cta, "CTA abdomen 1.0 B30f")
    panel.parameters.folds, panel.parameters.mirroring = "0,1", False
    panel.enter()
    first = picture("ready")

    ui.analyzeButton.click()
    harness.settle(lambda: "alcification, network 1 of 2" in ui.progressBar.format)
    running = picture("running")
    dialogs.answer("Yes")
    ui.analyzeButton.click()
    assert panel.state.value == "cancelled"

    ui.analyzeButton.click()
    wait(panel)
    assert panel.state.value == "done", ui.logText.plainText
    found = panel.case.result().scores.territories
    for name, row in truth.items():
        assert found[name].artery_volume_mm3 == pytest.approx(row.artery_volume_mm3, rel=0.3), name
        assert found[name].burden == pytest.approx(row.burden, abs=0.05), name
    shown = rows_of(ui.scoresTree)["Combined"]
    assert shown[0] == f"{100 * found['combined'].burden:.1f}"

    done = picture("results")
    if renders:
        harness.settle(panel.case.arteries.GetDisplayNode().GetVisibility)
        three_d = harness.view3d_screenshot(pictures / "three_d.png", 640, Image.open(done).height)
        beside(pictures / "panel.png", done, three_d, gap=0)

    before = found["aorta"]
    voxels = largest_plaque(panel.case, Territory.AORTA)
    paint(panel.case.calcification, panel.case.segment_id("calcification"), voxels, False)
    harness.settle(lambda: panel.state.value == "out of date")
    edited = picture("edited")
    beside(pictures / "module.png", first, running, done, edited)
    ui.rescoreButton.click()
    wait(panel)
    after = panel.case.result().scores.territories["aorta"]
    assert after.calcified_volume_mm3 == pytest.approx(before.calcified_volume_mm3 - len(voxels) * 1.5**3, abs=1e-6)
    assert after.artery_volume_mm3 == before.artery_volume_mm3
    assert after.cluster_count == before.cluster_count - 1

    ui.lengthSpin.setValue(35)
    ui.trimButton.click()
    wait(panel)
    longer = panel.case.result()
    assert longer.parameters["length_mm"] == 35.0
    assert longer.scores.territories["renal"].artery_volume_mm3 > found["renal"].artery_volume_mm3

    dialogs.answer(str(tmp_path / "scores.csv"))
    ui.saveButton.click()
    assert len((tmp_path / "scores.csv").read_text(encoding="utf-8").splitlines()) == 6

    table = rows_of(ui.scoresTree)
    assert slicer.util.saveScene(str(tmp_path / "case.mrb"))
    slicer.mrmlScene.Clear(False)
    harness.rest()
    slicer.util.loadScene(str(tmp_path / "case.mrb"))
    harness.rest()
    assert rows_of(ui.scoresTree) == table
    ui.rescoreButton.click()
    wait(panel)
    assert rows_of(ui.scoresTree) == table
    assert panel.case.result().scores.territories == longer.scores.territories
