"""The harness hosts a scripted module: its page, its parameters, its work, leaving and unloading."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import qt
import slicer

from Testing.slicer import harness

SAMPLE = Path(__file__).parent / "harness_sample" / "SampleModule.py"


@pytest.fixture
def sample() -> Iterator[harness.HostedModule]:
    hosted = harness.load_module(SAMPLE)
    yield hosted
    harness.unload_module(hosted)


def bright_volume():
    """40 voxels of 500 HU in water; spacing 0.5 × 0.5 × 2 mm, so 20 mm³."""
    values = np.zeros((6, 8, 10), np.int16)
    values[1:3, 2:6, 3:8] = 500
    volume = slicer.util.addVolumeFromArray(values, name="CTA")
    volume.SetSpacing(0.5, 0.5, 2.0)
    return volume


def test_a_click_measures(sample):
    ui = sample.widget.ui
    assert ui.applyButton.enabled is False
    assert ui.volumeSelector.currentNode() is None
    volume = bright_volume()
    ui.volumeSelector.setCurrentNode(volume)
    assert sample.widget._parameters.inputVolume is volume
    assert ui.applyButton.enabled is True
    ui.applyButton.click()
    assert ui.resultTable.item(0, 1).text() == "20.0"
    assert ui.progressBar.value == 100
    assert ui.segmentsView.segmentCount == 1
    assert sample.widget._parameters.outputSegmentation.GetName() == "Sample segmentation"


def test_a_failure_is_shown_and_seen(sample, dialogs):
    sample.widget.ui.volumeSelector.setCurrentNode(bright_volume())
    sample.widget.ui.thresholdSlider.value = 501
    sample.widget.ui.applyButton.click()
    assert [shown.kind for shown in dialogs.shown] == ["Critical"]
    assert "The measurement failed.\n\nno voxel is bright enough" in dialogs.shown[0].text
    assert "ValueError" in dialogs.shown[0].details
    assert len(harness.reported) == 1
    harness.reported.clear()


def test_entering_and_leaving(sample):
    assert sample.widget.visits == ["enter"]
    slicer.util.selectModule("Data")
    slicer.util.selectModule("SampleModule")
    assert sample.widget.visits == ["enter", "exit", "enter"]
    assert slicer.util.getModuleWidget("SampleModule") is sample.widget
    assert slicer.util.getModuleLogic("SampleModule") is sample.widget.logic


def test_unloading_cleans_up():
    hosted = harness.load_module(SAMPLE)
    harness.unload_module(hosted)
    assert hosted.widget.visits == ["enter", "exit", "cleanup"]
    assert hosted.widget.Observations == []
    assert not hasattr(slicer.modules, "samplemodule")


def test_closing_the_scene_keeps_the_page_alive(sample):
    sample.widget.ui.volumeSelector.setCurrentNode(bright_volume())
    slicer.mrmlScene.Clear(False)
    assert sample.widget.ui.volumeSelector.currentNode() is None
    assert sample.widget.ui.applyButton.enabled is False


def test_the_page_is_as_wide_as_the_module_panel(sample):
    assert sample.panel.width == 425
    assert sample.widget.parent.visible is True
    assert sample.panel.horizontalScrollBar().maximum == 0


def test_self_test_of_the_module(sample):
    sample.module.runTest(msec=0)


def test_headless(sample):
    slicer.app._native.set_headless(True)
    assert slicer.app.layoutManager() is None
    assert slicer.util.mainWindow() is None


@pytest.mark.parametrize("dark", [False, True])
def test_screenshot(sample, tmp_path, dark):
    path = harness.panel_screenshot(sample.panel, tmp_path / "panel.png", dark=dark)
    picture = qt.QImage(str(path))
    assert picture.width() == 425
    corner = picture.pixelColor(2, picture.height() - 3)
    assert (corner.lightness() < 128) is dark
