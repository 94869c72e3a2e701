"""The module as Slicer sees it: its page, its logic for scripts, its self test."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
import qt
import slicer
from CalcScoreLib import settings
from CalcScoreLib.scene.case import SceneCase

from CalcScoreLogic.errors import InputError
from CalcScoreLogic.models import install, starter_models_folder
from Testing.logic.model_folders import NEEDS_NNUNET, make_pair
from Testing.slicer import harness
from Testing.slicer.panel.conftest import MODULE, press, rows_of

WIDEST = 420


def test_the_module_file_is_short() -> None:
    assert len(MODULE.read_text(encoding="utf-8").splitlines()) <= 200


def test_the_module_describes_itself(hosted: Any) -> None:
    module = slicer.modules.calcscore
    assert module.title == "CalcScore"
    assert "not a medical device" in module.helpText
    assert not module.icon.isNull()


def test_a_page_that_could_not_be_built_is_left_and_ended_without_a_word(hosted: Any) -> None:
    parent = slicer.qMRMLWidget()
    parent.setLayout(qt.QVBoxLayout())
    widget = hosted.python_module.CalcScoreWidget(parent)
    widget.enter()
    widget.exit()
    widget.cleanup()


def test_a_reloaded_module_shows_and_scores_the_same_case(analyzed: Callable[[], Any], hosted: Any) -> None:
    before = analyzed()
    shown = rows_of(before.ui.scoresTree)
    # As the button Reload does: the page goes, and another one comes into the same place.
    hosted.widget.cleanup()
    before.root.hide()
    again = hosted.python_module.CalcScoreWidget(hosted.widget.parent)
    again.setup()
    again.enter()
    harness.rest()
    assert rows_of(again.panel.ui.scoresTree) == shown
    press(again.panel, again.panel.ui.rescoreButton)
    assert (again.panel.state.value, before.state.value) == ("done", "done")
    assert rows_of(again.panel.ui.scoresTree) == shown
    assert before.parameters is None
    again.cleanup()


def test_the_self_test_passes(hosted: Any) -> None:
    hosted.python_module.CalcScoreTest().runTest()
    assert slicer.util.getNode("Phantom scores").GetNumberOfRows() >= 5


@NEEDS_NNUNET
def test_the_self_test_runs_the_starter_networks(hosted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    if starter_models_folder() is None:
        pytest.skip("there are no starter ensembles in Resources/StarterModels")
    monkeypatch.setattr("CalcScoreLogic.models.store.starter_models_folder", starter_models_folder)
    settings.set_interpreter(sys.executable)
    hosted.python_module.CalcScoreTest().test_starter_networks()
    folds = SceneCase.find(slicer.util.getNode("Phantom")).result().provenance["inference"]["folds"]
    assert folds == {"territories": [0], "calcification": [0]}


@NEEDS_NNUNET
def test_a_script_runs_the_networks_with_the_chosen_python(
    hosted: Any, cta: Any, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for folder in make_pair(tmp_path_factory.mktemp("networks")).values():
        install(folder, tmp_path / "models")
    settings.set_interpreter(str(tmp_path / "no-python"))
    with pytest.raises(InputError, match="no-python"):
        hosted.python_module.CalcScoreLogic().analyze(cta)


def test_a_script_gets_the_nodes(hosted: Any, cta: Any, arteries: Any) -> None:
    from CalcScoreLib.analysis import SegmentsSource, Sources, ThresholdSource
    from CalcScoreLib.scene.other_segmentations import guess_structures

    slicer.app._native.set_headless(True)
    sources = Sources(SegmentsSource(arteries, guess_structures(arteries)), ThresholdSource(470.0))
    case = hosted.python_module.CalcScoreLogic().analyze(cta, sources)
    assert case.table.GetCellText(0, 0) == "Aorta"
    assert case.result().scores.territories["aorta"].calcified_volume_mm3 == 32.0


def test_a_synthetic_case_is_made_on_the_spot(hosted: Any) -> None:
    from CalcScoreLib.scene.sample import load_sample

    ticks: list[bool] = []
    timer = qt.QTimer()
    timer.setInterval(5)
    timer.connect("timeout()", lambda: ticks.append(True))
    timer.start()
    volume = load_sample()
    timer.stop()
    assert len(ticks) > 3, "the application is alive while the CTA is made"
    assert slicer.util.arrayFromVolume(volume).max() > 400
    # Axes of a phantom grow to left, posterior, superior; Slicer's world is right, anterior, superior.
    directions = [[0.0] * 3 for _ in range(3)]
    volume.GetIJKToRASDirections(directions)
    assert [directions[n][n] for n in range(3)] == [-1.0, -1.0, 1.0]
    assert volume.GetSpacing() == pytest.approx((1.5, 1.5, 1.5))


def test_sample_data_gets_the_synthetic_case(hosted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from CalcScoreLib.scene.sample_data import SAMPLE_NAME, register

    registered: list[dict[str, Any]] = []

    def take(  # the names are Slicer's
        *,
        category: str,
        sampleName: str,  # noqa: N803
        thumbnailFileName: str,  # noqa: N803
        uris: Any = None,
        fileNames: Any = None,  # noqa: N803
        customDownloader: Any,  # noqa: N803
    ) -> None:
        assert len(uris) == len(fileNames), "Slicer counts both, and refuses None"
        assert Path(thumbnailFileName).is_file()
        registered.append({"category": category, "sampleName": sampleName, "customDownloader": customDownloader})

    sample_data = types.ModuleType("SampleData")
    sample_data.SampleDataLogic = types.SimpleNamespace(  # type: ignore[attr-defined]
        registerCustomSampleDataSource=take
    )
    monkeypatch.setitem(sys.modules, "SampleData", sample_data)
    register()
    (sample,) = registered
    assert sample["sampleName"] == SAMPLE_NAME
    assert sample["customDownloader"](None).GetName() == "Synthetic CTA"


@pytest.mark.parametrize("dark", [False, True])
def test_nothing_is_wider_than_the_module_panel(
    analyzed: Callable[[], Any], hosted: Any, tmp_path: Path, dark: bool
) -> None:
    panel = analyzed()
    hosted.panel.resize(WIDEST, 700)
    for section in (panel.ui.displaySection, panel.ui.advancedSection):
        section.collapsed = False
    panel.ui.chartButton.setChecked(True)
    panel.run.say("⚠ " + "A sentence that is quite long and should be broken into lines. " * 3)
    panel.case.volume.SetName("4: ANGIO-CT ABDOMEN+PELVIS_mit_KM_arteriell 1.0 Br36 S3 iMAR (Serie 4) 2026-11-28")
    panel.ui.inputsSection.collapsed = False
    for arteries, calcium, adaptive in (
        ("network", "network", True),
        ("segments", "segments", True),
        ("network", "threshold", True),
        ("segments", "threshold", False),
    ):
        panel.parameters.arteries_from, panel.parameters.calcification_from = arteries, calcium
        panel.parameters.adaptive = adaptive
        harness.rest()
        assert hosted.panel.horizontalScrollBar().maximum == 0, (arteries, calcium, adaptive)
    panel.ui.inputsSection.collapsed = True
    harness.rest()
    assert hosted.panel.horizontalScrollBar().maximum == 0, panel.ui.inputsSection.text
    tree = panel.ui.scoresTree
    assert sum(tree.columnWidth(n) for n in range(tree.columnCount)) <= tree.viewport().width
    assert harness.panel_screenshot(hosted.panel, tmp_path / "panel.png", WIDEST, dark=dark).stat().st_size > 0


def test_the_page_is_dark_in_the_dark_style(tmp_path: Path) -> None:
    from PySide6 import QtWidgets

    from Testing.slicer.harness.screenshot import palette

    application, before = QtWidgets.QApplication.instance(), QtWidgets.QApplication.palette()
    application.setPalette(palette(dark=True))
    try:
        loaded = harness.load_module(MODULE)
        root = loaded.widget.panel.root
        dark = palette(dark=True).window().color().name()
        assert root.palette.color(qt.QPalette.Active, qt.QPalette.Window).name() == dark
        harness.panel_screenshot(loaded.panel, tmp_path / "dark.png", dark=True)
        harness.unload_module(loaded)
    finally:
        application.setPalette(before)
    drawn = PIL.Image.open(tmp_path / "dark.png").convert("RGB")
    # The margin beside the first label.
    assert "#{:02x}{:02x}{:02x}".format(*drawn.getpixel((3, 60))) == dark


def test_every_control_says_what_it_does(panel: Any) -> None:
    silent = []
    for kind in ("QPushButton", "QToolButton", "QCheckBox", "QRadioButton", "QComboBox", "QDoubleSpinBox", "QSlider"):
        found = panel.root.findChildren(getattr(qt, kind))
        silent += [w.name for w in found if w.name and not w.name.startswith("qt_") and not w.toolTip]
    assert sorted(silent) == ["calcificationModelCombo", "territoriesModelCombo"]


def test_every_figure_has_its_definition(analyzed: Callable[[], Any]) -> None:
    panel = analyzed()
    tree, plaques = panel.ui.scoresTree, panel.ui.plaquesTree
    assert plaques.topLevelItem(0).toolTip(3) == "Volume of the plaque"
    assert all(plaques.topLevelItem(0).toolTip(n) for n in range(plaques.columnCount))
    aorta, renal = tree.topLevelItem(0), tree.topLevelItem(3)
    assert "Calcified volume divided by artery volume" in aorta.toolTip(1)
    assert all(aorta.toolTip(n) for n in range(tree.columnCount))
    assert renal.toolTip(5) == "Not defined: there is no plaque."
    alignments = {int(aorta.textAlignment(n)) & int(qt.Qt.AlignRight) for n in range(1, tree.columnCount)}
    assert alignments == {int(qt.Qt.AlignRight)}


def test_tabs_follow_the_page(panel: Any) -> None:
    ui = panel.ui
    order = []
    widget = ui.ctaSelector
    while widget is not None and len(order) < 200:
        order.append(widget.name)
        widget = widget.nextInFocusChain()
        if widget == ui.ctaSelector:
            break
    wanted = [
        "arteriesNetworkRadio",
        "calcificationNetworkRadio",
        "analyzeButton",
        "copyButton",
        "rescoreButton",
        "lengthSpin",
    ]
    places = [order.index(name) for name in wanted]
    assert places == sorted(places)
