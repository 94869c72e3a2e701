"""How long the panel keeps the user waiting, on a CTA of 512x512x300 voxels."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from CalcScoreLogic.models import starter_models_folder
from Testing.bench.full_size import VOLUME, phantom

MODULE = Path(__file__).resolve().parents[2] / "CalcScore" / "CalcScore.py"
TICK_MS = 5


def run() -> None:
    """Analyze, edit, rescore and trim again; print the seconds of each and the longest time without a timer's tick."""
    if starter_models_folder() is None:
        print("skipped: there are no starter ensembles in Resources/StarterModels")
        return
    from Testing.slicer import harness

    harness.install()
    hosted = harness.load_module(MODULE)
    panel = hosted.widget.panel
    from CalcScoreLib import settings
    from CalcScoreLib.scene.volumes import add_volume

    settings.set_interpreter(sys.executable)
    cta, _ = phantom(VOLUME)
    panel.parameters.cta = add_volume(cta, "CTA")
    panel.parameters.folds, panel.parameters.mirroring, panel.parameters.step_size = "0", False, 1.0
    panel.enter()
    harness.settle(0.5)
    ui = panel.ui
    _time("analyze", ui.analyzeButton.click, lambda: not panel.run.running and _surfaces_shown(panel))
    assert panel.state.value == "done", ui.logText.plainText
    _time("edit", lambda: _erase_plaque(panel), lambda: panel.state.value == "out of date")
    _time("rescore", ui.rescoreButton.click, lambda: not panel.corrections.busy)
    ui.lengthSpin.setValue(35)
    _time("trim again", ui.trimButton.click, lambda: not panel.corrections.busy)
    harness.unload_module(hosted)


def _surfaces_shown(panel: Any) -> bool:
    """Tell whether the 3-D view is complete, or will never be: what was cut off comes last."""
    return panel.state.value != "done" or bool(panel.case.arteries.GetDisplayNode().GetVisibility())


def _erase_plaque(panel: Any) -> None:
    """Erase a few voxels of the calcification, as the Segment Editor does."""
    from Testing.slicer.scene.scenes import paint, voxels_of

    segment = panel.case.segment_id("calcification")
    paint(panel.case.calcification, segment, voxels_of(panel.case.calcification, segment)[:20], False)


def _time(name: str, start: Callable[[], object], done: Callable[[], object]) -> None:
    """Start something, wait until it is done, and print what it took."""
    import qt

    from Testing.slicer import harness

    ticks: list[float] = []
    timer = qt.QTimer()
    timer.setInterval(TICK_MS)
    timer.connect("timeout()", lambda: ticks.append(time.perf_counter()))
    timer.start()
    harness.settle(0.2)
    began = time.perf_counter()
    start()
    harness.settle(done, 3600)
    seconds = time.perf_counter() - began
    harness.settle(0.2)
    timer.stop()
    longest = max(after - before for before, after in pairwise(ticks))
    print(f"{name}: {seconds:.2f} s, longest gap {1000 * longest:.0f} ms", flush=True)
