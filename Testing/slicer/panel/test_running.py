"""Running the networks from the panel: the real subprocess with tiny networks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import qt
import slicer
from CalcScoreLib import settings
from CalcScoreLib.scene.volumes import add_volume

from CalcScoreLogic.models import Role, install
from CalcScoreLogic.phantom import PhantomParameters, make_phantom
from CalcScoreLogic.pipeline import score_masks
from CalcScoreLogic.results import CaseResult
from Testing.logic.model_folders import NEEDS_NNUNET, make_pair
from Testing.phantom_networks import PHANTOM_NETWORKS
from Testing.slicer import harness
from Testing.slicer.panel import maps
from Testing.slicer.panel.conftest import rows_of


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> dict[Role, Path]:
    """A tiny network of each role, with two folds."""
    return make_pair(tmp_path_factory.mktemp("networks"))


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where runs put their temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture
def ready(panel: Any, cta: Any, pair: dict[Role, Path], tmp_path: Path, temporary: Path) -> Iterator[Any]:
    """The panel with networks installed and a CTA chosen."""
    for folder in pair.values():
        install(folder, tmp_path / "models")
    settings.set_interpreter(sys.executable)
    panel.parameters.mirroring = False
    panel.parameters.folds = "0"
    panel.parameters.cta = cta
    panel.enter()
    return panel


def assert_nothing_left(temporary: Path) -> None:
    assert not list(temporary.glob("calcscore-*"))
    # A process that was killed is listed for a moment.
    harness.settle(lambda: not maps.process_count(temporary))


@NEEDS_NNUNET
def test_analyze_cancel_midway_and_analyze_again(ready: Any, temporary: Path, dialogs: harness.Dialogs) -> None:
    panel, ui = ready, ready.ui
    assert (panel.state.value, ui.analyzeButton.text, ui.modelsHint.visible) == ("ready", "Analyze", False)
    # Thousands of tiles, so that there is a midway.
    panel.parameters.step_size = 0.1
    ui.analyzeButton.click()
    assert (panel.state.value, ui.analyzeButton.text) == ("running", "Cancel")
    assert not ui.inputsFrame.enabled
    assert not ui.advancedFrame.enabled
    texts: set[str] = set()

    def midway() -> bool:
        texts.add(ui.progressBar.format)
        return any("network 1 of 1" in text for text in texts)

    harness.settle(midway)
    dialogs.answer("No")
    ui.analyzeButton.click()
    assert panel.state.value == "running"
    dialogs.answer("Yes")
    ui.analyzeButton.click()
    assert panel.state.value == "cancelled"
    assert_nothing_left(temporary)
    assert ui.analyzeButton.text == "Analyze"
    assert ui.inputsFrame.enabled
    assert panel.case is None

    panel.parameters.step_size = 0.5
    ui.analyzeButton.click()
    harness.settle(lambda: not panel.run.running)
    assert panel.state.value == "done", ui.logText.plainText
    assert_nothing_left(temporary)
    result = panel.case.result()
    assert isinstance(result, CaseResult)
    assert set(result.provenance["models"]) == {"territories", "calcification"}
    assert result.provenance["inference"]["folds"] == {"territories": [0], "calcification": [0]}
    total = result.scores.territories["combined"]
    # What stands behind the name is its status: the labels of such networks are noise.
    shown = next(cells for title, cells in rows_of(ui.scoresTree).items() if title.startswith("Combined"))
    assert shown[1] == f"{total.calcified_volume_mm3:,.0f}".replace(",", "\u202f")
    assert f"{total.artery_volume_mm3 / 1000:.1f}" == shown[2]


@NEEDS_NNUNET
def test_the_demo_ensembles_measure_a_phantom(panel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    phantom = make_phantom(PhantomParameters(3, (2.0, 2.0, 2.0)))
    truth = score_masks("truth", phantom.territories, phantom.calcification, cta=phantom.cta).result.scores
    monkeypatch.setattr("CalcScoreLogic.models.store.starter_models_folder", lambda: PHANTOM_NETWORKS)
    settings.set_interpreter(sys.executable)
    panel.parameters.cta = add_volume(phantom.cta, "Phantom")
    panel.parameters.folds, panel.parameters.mirroring = "0", False
    panel.enter()
    assert panel.ui.modelsHint.visible
    assert panel.ui.modelsHintLabel.text.startswith("The demo networks know synthetic phantoms, not patients.")
    panel.ui.analyzeButton.click()
    assert not panel.ui.modelsHint.visible
    harness.settle(lambda: not panel.run.running, 600)
    assert panel.state.value == "done", panel.ui.logText.plainText
    assert "synthetic phantoms only" in panel.ui.warningsLabel.text
    measured = panel.case.result().scores.territories["combined"].artery_volume_mm3
    # One network of five, in voxels twice as large as those it learned from.
    assert measured == pytest.approx(truth.territories["combined"].artery_volume_mm3, rel=0.3)


@NEEDS_NNUNET
def test_last_results_stay_while_another_run_goes_on(ready: Any, arteries: Any) -> None:
    panel, ui = ready, ready.ui
    panel.parameters.arteries_from, panel.parameters.artery_segmentation = "segments", arteries
    panel.parameters.calcification_from = "threshold"
    ui.analyzeButton.click()
    harness.settle(lambda: not panel.run.running)
    panel.parameters.arteries_from = panel.parameters.calcification_from = "network"
    ui.analyzeButton.click()
    assert panel.state.value == "running"
    assert rows_of(ui.scoresTree)["Aorta"] == maps.FIGURES["Aorta"]
    assert ui.stateLabel.text == "last run ○"
    assert not ui.rescoreButton.enabled
    panel.run.cancel()
    assert rows_of(ui.scoresTree)["Aorta"] == maps.FIGURES["Aorta"]
    assert ui.stateLabel.text == "other inputs ○"


@NEEDS_NNUNET
@pytest.mark.parametrize("end", ["close the scene", "unload"])
def test_what_ends_the_module_ends_the_run(
    ready: Any, temporary: Path, hosted: Any, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready.ui.analyzeButton.click()
    harness.settle(lambda: list(temporary.glob("calcscore-*/job.json")))
    if end == "close the scene":
        slicer.mrmlScene.Clear(False)
        assert ready.state.value == "empty"
    else:
        hosted.widget.cleanup()
    assert_nothing_left(temporary)
    harness.rest()


@NEEDS_NNUNET
def test_escape_asks_and_enter_starts(ready: Any, dialogs: harness.Dialogs) -> None:
    shortcuts = {s.key.toString(): s for s in ready.root.findChildren(qt.QShortcut)}
    assert set(shortcuts) == {"Return", "Enter", "Esc", "Del", "Backspace", "Space", "Z"}
    assert not shortcuts["Esc"].enabled
    shortcuts["Return"].activated.emit()
    assert ready.state.value == "running"
    shortcuts["Return"].activated.emit()
    assert ready.state.value == "running"
    dialogs.answer("Yes")
    shortcuts["Esc"].activated.emit()
    assert ready.state.value == "cancelled"


@NEEDS_NNUNET
def test_a_cta_deleted_during_the_run_is_told(ready: Any, cta: Any, temporary: Path) -> None:
    ready.ui.analyzeButton.click()
    slicer.mrmlScene.RemoveNode(cta)
    harness.settle(lambda: not ready.run.running)
    assert ready.state.value == "failed"
    assert "The CTA was deleted during the run" in ready.ui.messageLabel.text
    assert_nothing_left(temporary)


@NEEDS_NNUNET
def test_a_failure_shows_one_sentence_and_the_cause_in_the_log(
    ready: Any, temporary: Path, picture: Callable[[str], Path]
) -> None:
    ready.parameters.folds = "3"
    ready.ui.analyzeButton.click()
    harness.settle(lambda: not ready.run.running)
    assert ready.state.value == "failed"
    message = ready.ui.messageLabel.text
    assert message.startswith("⚠ ")
    assert "fold" in message
    assert ready.ui.showLogFrame.visible
    ready.ui.showLogButton.click()
    assert not ready.ui.logSection.collapsed
    assert message[2:] in ready.ui.logText.plainText
    assert_nothing_left(temporary)
    assert picture("failed").stat().st_size > 0


def test_a_python_that_does_not_start_is_told(ready: Any, tmp_path: Path) -> None:
    settings.set_interpreter(str(tmp_path / "no-python"))
    ready.ui.analyzeButton.click()
    harness.settle(lambda: not ready.run.running)
    assert ready.state.value == "failed"
    assert "cannot be started" in ready.ui.messageLabel.text


def test_folds_that_are_no_numbers_are_told(ready: Any) -> None:
    ready.ui.foldsEdit.setText("first")
    ready.ui.analyzeButton.click()
    assert (
        ready.ui.messageLabel.text == "⚠ The networks used are 'first'; give numbers such as 0, 2, or nothing for all."
    )
