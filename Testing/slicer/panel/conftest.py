"""The module in the harness, and cases to work with."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

MODULE = Path(__file__).resolve().parents[3] / "CalcScore" / "CalcScore.py"
if str(MODULE.parent) not in sys.path:
    sys.path.insert(0, str(MODULE.parent))


@pytest.fixture
def hosted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The module, loaded and shown; no models are installed."""
    from Testing.slicer import harness

    monkeypatch.setattr("CalcScoreLogic.models.store.user_models_folder", lambda: tmp_path / "models")
    monkeypatch.setattr("CalcScoreLogic.models.store.starter_models_folder", lambda: None)
    loaded = harness.load_module(MODULE)
    yield loaded
    harness.unload_module(loaded)


@pytest.fixture
def panel(hosted: Any) -> Any:
    """The module's panel."""
    return hosted.widget.panel


@pytest.fixture
def pictures(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Folder of the pictures: kept where the tests were told to keep them."""
    folder = Path(request.config.getoption("pictures") or tmp_path / "pictures")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def picture(pictures: Path, hosted: Any) -> Callable[[str], Path]:
    """Takes pictures of the panel as it is now, light and dark; gives the light one."""
    from Testing.slicer import harness

    def take(name: str) -> Path:
        harness.panel_screenshot(hosted.panel, pictures / f"{name}_dark.png", dark=True)
        return harness.panel_screenshot(hosted.panel, pictures / f"{name}.png")

    return take


_DRAW_RED = """
import sys, vtk
renderer, window = vtk.vtkRenderer(), vtk.vtkRenderWindow()
renderer.SetBackground(1, 0, 0)
window.SetOffScreenRendering(1)
window.SetSize(16, 16)
window.AddRenderer(renderer)
window.Render()
pixels = vtk.vtkUnsignedCharArray()
window.GetPixelData(8, 8, 8, 8, 0, pixels, 0)
sys.exit([pixels.GetValue(n) for n in range(3)] != [255, 0, 0])
"""


@pytest.fixture(scope="session")
def renders() -> bool:
    """Whether VTK can draw here; where no graphics library is, trying can end the process."""
    return subprocess.run([sys.executable, "-c", _DRAW_RED], capture_output=True, check=False).returncode == 0


@pytest.fixture
def cta() -> Any:
    """The CTA of `maps` in the scene."""
    import slicer

    from Testing.slicer.panel import maps
    from Testing.slicer.scene.scenes import add_volume

    return add_volume(slicer.mrmlScene, maps.cta(), "CTA")


@pytest.fixture
def arteries(cta: Any) -> Any:
    """The arteries of `maps` as a segmentation of another tool: by names only."""
    import numpy as np
    import slicer

    from CalcScoreLogic.anatomy import STRUCTURES
    from Testing.slicer.panel import maps

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Other tool")
    node.SetReferenceImageGeometryParameterFromVolumeNode(cta)
    for territory, structure in STRUCTURES.items():
        mask = (maps.territories().array == territory).astype(np.uint8)
        if mask.any():
            segment = node.GetSegmentation().AddEmptySegment(territory.key, structure.title)
            slicer.util.updateSegmentBinaryLabelmapFromArray(mask, node, segment, cta)
    return node


@pytest.fixture
def analyzed(panel: Any, cta: Any, arteries: Any) -> Callable[[], Any]:
    """Analyze `cta` with the arteries of `arteries` and a threshold of 470 HU; gives the panel when it is done."""
    from Testing.slicer import harness

    def analyze() -> Any:
        panel.parameters.cta = cta
        panel.parameters.arteries_from = "segments"
        panel.parameters.artery_segmentation = arteries
        panel.parameters.calcification_from, panel.parameters.adaptive = "threshold", False
        panel.ui.analyzeButton.click()
        harness.settle(lambda: not panel.run.running)
        assert panel.state.value == "done", panel.ui.logText.plainText
        return panel

    return analyze


def analyze(panel: Any) -> None:
    """Press Analyze and wait for the end of the run."""
    from Testing.slicer import harness

    panel.ui.analyzeButton.click()
    harness.settle(lambda: not panel.run.running)


def press(panel: Any, button: Any) -> None:
    """Press a button and wait for the scores."""
    from Testing.slicer import harness

    button.click()
    harness.settle(lambda: not panel.sections.corrections.busy)


def rows_of(tree: Any) -> dict[str, tuple[str, ...]]:
    """Read the top rows of a tree: the first cell, and the others that have a text."""
    items = [tree.topLevelItem(n) for n in range(tree.topLevelItemCount)]
    rows = {item.text(0): tuple(item.text(n) for n in range(1, tree.columnCount)) for item in items}
    return {title: tuple(filter(None, cells)) for title, cells in rows.items() if title}
