"""Quality on the panel: profiles, the controls behind them, and the time before a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import qt
from CalcScoreLib.panel.quality_view import time_text

from CalcScoreLogic.inference import speed_history
from CalcScoreLogic.inference.expected_time import planned_work
from CalcScoreLogic.inference.options import InferenceOptions
from CalcScoreLogic.inference.remaining_time import SECONDS_PER_UNIT
from CalcScoreLogic.models import Model, Role, install, list_models
from Testing.logic.model_folders import NEEDS_NNUNET, make_model
from Testing.slicer.panel import maps

pytestmark = NEEDS_NNUNET


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> dict[Role, Path]:
    """A tiny network of each role; both have fold 1."""
    root = tmp_path_factory.mktemp("networks")
    return {
        role: make_model(root / role.value, role, folds) for role, folds in zip(Role, ([0, 1], [1, 2]), strict=True)
    }


@pytest.fixture
def ready(panel: Any, cta: Any, pair: dict[Role, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The panel with networks installed and a CTA chosen, on a machine without a graphics card."""
    monkeypatch.setattr(speed_history, "speed_file", lambda: tmp_path / "speed.json")
    monkeypatch.setattr(speed_history.shutil, "which", lambda name: None)
    monkeypatch.setattr(speed_history.platform, "system", lambda: "Linux")
    for folder in pair.values():
        install(folder, tmp_path / "models")
    panel.parameters.cta = cta
    panel.enter()
    return panel


def installed(tmp_path: Path) -> list[Model]:
    return [model for model in list_models(tmp_path / "models") if isinstance(model, Model)]


def remember(tmp_path: Path, **seconds_per_unit: float) -> None:
    """Let this machine have been so fast."""
    known = {**dict.fromkeys(SECONDS_PER_UNIT, 1e-20), **seconds_per_unit}
    speed_history.remember(InferenceOptions(), [model.path for model in installed(tmp_path)], known)


def choose(panel: Any, title: str) -> None:
    """Choose as the user does."""
    combo = panel.ui.qualityCombo
    index = combo.findText(title)
    combo.setCurrentIndex(index)
    combo.activated(index)


def titles(panel: Any) -> list[str]:
    combo = panel.ui.qualityCombo
    return [combo.itemText(n) for n in range(combo.count)]


def settings_of(panel: Any) -> tuple[str, bool, float]:
    return panel.parameters.folds, panel.parameters.mirroring, panel.parameters.step_size


def test_full_is_what_one_gets_without_a_choice(ready: Any) -> None:
    assert titles(ready) == ["Full", "Standard", "Quick"]
    assert ready.ui.qualityCombo.currentText == "Full"
    assert settings_of(ready) == ("", True, 0.5)
    tip = ready.ui.qualityCombo.itemData(0, qt.Qt.ToolTipRole)
    assert tip == "All networks of each ensemble look at every place and at its mirrored copies, as in the paper."


def test_a_profile_sets_the_controls_under_advanced(ready: Any) -> None:
    ui = ready.ui
    choose(ready, "Standard")
    assert settings_of(ready) == ("", False, 0.5)
    choose(ready, "Quick")
    # Fold 1 is the first that both networks have.
    assert settings_of(ready) == ("1", False, 0.75)
    assert (ui.foldsEdit.text, ui.mirroringCheck.checked, ui.stepSpin.value) == ("1", False, 0.75)
    assert ui.qualityCombo.currentText == "Quick"
    assert titles(ready) == ["Full", "Standard", "Quick"]
    choose(ready, "Full")
    assert (ui.foldsEdit.text, ui.mirroringCheck.checked, ui.stepSpin.value) == ("", True, 0.5)


def test_controls_that_are_no_profile_are_custom(ready: Any) -> None:
    ready.ui.stepSpin.setValue(0.6)
    assert titles(ready) == ["Full", "Standard", "Quick", "Custom"]
    assert ready.ui.qualityCombo.currentText == "Custom"
    choose(ready, "Custom")
    assert settings_of(ready) == ("", True, 0.6)
    ready.ui.stepSpin.setValue(0.5)
    ready.ui.mirroringCheck.setChecked(False)
    assert titles(ready) == ["Full", "Standard", "Quick"]
    assert ready.ui.qualityCombo.currentText == "Standard"


def test_the_time_by_hand(ready: Any, tmp_path: Path) -> None:
    assert maps.GRID.size == (80, 30, 60)
    # 144 000 voxels, preprocessed for two networks, 5 ms each.
    remember(tmp_path, preprocessing=5e-3)
    ready.refresh()
    assert ready.ui.estimateLabel.text == "about 24 min on this machine"
    assert ready.ui.estimateLabel.visible


def test_the_time_follows_the_quality(ready: Any, tmp_path: Path) -> None:
    work = planned_work(installed(tmp_path), maps.GRID.size, maps.GRID.spacing, InferenceOptions())
    remember(tmp_path, tiles=8 * 3600 / work["tiles"])
    ready.refresh()
    assert ready.ui.estimateLabel.text == "about 8.0 h on this machine"
    choose(ready, "Standard")
    # Three axes are eight copies.
    assert ready.ui.estimateLabel.text == "about 60 min on this machine"
    ready.ui.foldsEdit.setText("1")
    # One fold of two.
    assert ready.ui.estimateLabel.text == "about 30 min on this machine"


def test_the_whole_volume_takes_longer_and_is_no_quality_of_its_own(ready: Any, tmp_path: Path) -> None:
    grid = maps.GRID.size, maps.GRID.spacing
    whole = planned_work(installed(tmp_path), *grid, InferenceOptions(whole_volume=True))["tiles"]
    remember(tmp_path, tiles=80 * 60 / whole)
    ready.refresh()
    part = planned_work(installed(tmp_path), *grid, InferenceOptions())["tiles"]
    assert ready.ui.estimateLabel.text == f"about {round(80 * part / whole)} min on this machine"
    ready.ui.wholeVolumeCheck.click()
    assert ready.parameters.whole_volume
    assert ready.ui.estimateLabel.text == "about 80 min on this machine"
    assert ready.ui.qualityCombo.currentText == "Full"


def test_the_time_follows_the_cta(ready: Any, cta: Any, tmp_path: Path) -> None:
    remember(tmp_path, preprocessing=5e-3)
    ready.parameters.cta = None
    assert ready.ui.estimateLabel.text == ""
    ready.parameters.cta = cta
    assert ready.ui.estimateLabel.text == "about 24 min on this machine"
    ready.ui.foldsEdit.setText("first")
    assert ready.ui.estimateLabel.text == ""
    assert ready.ui.qualityCombo.currentText == "Custom"


def test_a_graphics_card_that_has_not_run_is_not_guessed(ready: Any) -> None:
    assert ready.ui.estimateLabel.text == "less than 1 min on this machine"
    combo = ready.ui.deviceCombo
    combo.setCurrentIndex(combo.findData("cuda"))
    assert ready.ui.estimateLabel.text == ""
    combo.setCurrentIndex(combo.findData("cpu"))
    assert ready.ui.estimateLabel.text == "less than 1 min on this machine"


def test_a_run_tells_the_time_left_itself(ready: Any, tmp_path: Path) -> None:
    ready.quality.show(ready.parameters, installed(tmp_path), True)
    assert ready.ui.estimateLabel.text == ""
    ready.refresh()
    assert ready.ui.estimateLabel.text


def test_without_networks_there_is_no_quality(ready: Any, arteries: Any) -> None:
    assert ready.ui.qualityCombo.visible
    ready.parameters.arteries_from, ready.parameters.artery_segmentation = "segments", arteries
    assert ready.ui.qualityCombo.visible
    ready.parameters.calcification_from = "threshold"
    assert not ready.ui.qualityCombo.visible
    assert not ready.ui.qualityLabel.visible


def test_without_models_there_is_no_time(panel: Any, cta: Any) -> None:
    panel.parameters.cta = cta
    assert panel.ui.qualityCombo.visible
    assert panel.ui.estimateLabel.text == ""


def test_quick_needs_a_fold_that_both_have(panel: Any, cta: Any, pair: dict[Role, Path], tmp_path: Path) -> None:
    install(pair[Role.TERRITORIES], tmp_path / "models")
    install(make_model(tmp_path / "other", Role.CALCIFICATION, [3]), tmp_path / "models")
    panel.parameters.cta = cta
    panel.enter()
    choose(panel, "Quick")
    assert panel.ui.messageLabel.text == (
        "⚠ The networks have no fold in common (territories has 0, 1 and other has 3), choose another quality."
    )
    assert panel.ui.qualityCombo.currentText == "Full"
    assert settings_of(panel) == ("", True, 0.5)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (2, "less than 1 min on this machine"),
        (31, "about 1 min on this machine"),
        (89 * 60, "about 89 min on this machine"),
        (90 * 60, "about 1.5 h on this machine"),
        (57.4 * 3600, "about 57 h on this machine"),
    ],
)
def test_times_as_exact_as_they_deserve(seconds: float, text: str) -> None:
    assert time_text(seconds) == text
