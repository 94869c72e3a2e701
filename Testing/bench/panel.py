"""How long the panel keeps the user waiting, on CTAs of 512x512x300 and 512x512x700 voxels."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from CalcScoreLogic.anatomy import STRUCTURES, Territory
from CalcScoreLogic.images.geometry import Image
from CalcScoreLogic.models import starter_models_folder
from Testing.bench.full_size import VOLUME, phantom

MODULE = Path(__file__).resolve().parents[2] / "CalcScore" / "CalcScore.py"
TICK_MS = 5

LARGE = (700, 512, 512)
"""Voxels of the large CTA along (k, j, i)."""

CLICKS = 8
"""Plaques that are clicked."""


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
    _time("rescore", ui.rescoreButton.click, lambda: not panel.sections.corrections.busy)
    ui.lengthSpin.setValue(35)
    _time("trim again", ui.trimButton.click, lambda: not panel.sections.corrections.busy)
    harness.unload_module(hosted)


def run_large() -> None:
    """Do on a large CTA what a reader does, with segments and a threshold in the networks' place; nothing is drawn."""
    from Testing.slicer import harness

    harness.install()
    hosted = harness.load_module(MODULE)
    panel = hosted.widget.panel
    ui = panel.ui
    from CalcScoreLib.scene.volumes import add_volume

    cta, territories = phantom(LARGE)
    volume = add_volume(cta, "CTA")
    panel.parameters.arteries_from, panel.parameters.calcification_from = "segments", "threshold"
    panel.parameters.artery_segmentation = _add_arteries(territories, volume)
    panel.enter()
    harness.settle(0.5)
    _time("choose the CTA", lambda: setattr(panel.parameters, "cta", volume), lambda: panel.state.value == "ready")
    _time("analyze", ui.analyzeButton.click, lambda: not panel.run.running)
    assert panel.state.value == "done", ui.logText.plainText
    _time("surfaces", lambda: None, lambda: not panel.sections.display.busy)
    _time("look at the sources", lambda: None, lambda: not panel.content.busy)
    _time("choose no CTA", lambda: setattr(panel.parameters, "cta", None), lambda: panel.case is None)
    _time("choose it again", lambda: setattr(panel.parameters, "cta", volume), lambda: panel.state.value == "done")
    _time("surfaces and sources", lambda: None, lambda: not (panel.sections.display.busy or panel.content.busy))
    for row in range(min(CLICKS, ui.plaquesTree.topLevelItemCount)):
        item = ui.plaquesTree.topLevelItem(row)
        _time(f"plaque {row + 1}", lambda item=item: ui.plaquesTree.setCurrentItem(item), lambda: True)
    _time("all plaques", ui.plaquesTree.selectAll, lambda: True)
    _time("edit", lambda: _erase_plaque(panel), lambda: panel.state.value == "out of date")
    _time("rescore", ui.rescoreButton.click, lambda: not panel.sections.corrections.busy)
    ui.plaquesTree.setCurrentItem(ui.plaquesTree.topLevelItem(0))
    _time("remove a plaque", ui.removeButton.click, lambda: not panel.sections.corrections.busy)
    _time("undo", ui.undoButton.click, lambda: not panel.sections.corrections.busy)
    ui.lengthSpin.setValue(35)
    _time("trim again", ui.trimButton.click, lambda: not panel.sections.corrections.busy)
    _time("surfaces after it", lambda: None, lambda: not panel.sections.display.busy)
    harness.dialogs.answer("Yes")
    _time("analyze again", ui.analyzeButton.click, lambda: not panel.run.running)
    _time("surfaces again", lambda: None, lambda: not panel.sections.display.busy)
    harness.unload_module(hosted)


def _surfaces_shown(panel: Any) -> bool:
    """Tell whether the 3-D view is complete, or will never be: what was cut off comes last."""
    return panel.state.value != "done" or bool(panel.case.arteries.GetDisplayNode().GetVisibility())


def _add_arteries(territories: Image, volume: Any) -> Any:
    """Put arteries into the scene as another tool would."""
    import slicer

    from Testing.slicer.scene.scenes import add_segmentation

    masks = {STRUCTURES[territory].title: territories.array == territory for territory in Territory}
    return add_segmentation(slicer.mrmlScene, volume, masks, "Other tool")


def _erase_plaque(panel: Any) -> None:
    """Erase a few voxels of the calcification, as the Segment Editor does."""
    from Testing.slicer.scene.scenes import paint, voxels_of

    segment = panel.case.segment_id("calcification")
    paint(panel.case.calcification, segment, voxels_of(panel.case.calcification, segment)[:20], False)


def _time(name: str, start: Callable[[], object], done: Callable[[], object]) -> None:
    """Start something, wait until it is done, and print what it took."""
    import qt

    from Testing.slicer import harness

    ticks: list[tuple[float, float, float]] = []
    timer = qt.QTimer()
    timer.setInterval(TICK_MS)
    timer.connect("timeout()", lambda: ticks.append((time.perf_counter(), time.thread_time(), time.process_time())))
    timer.start()
    harness.settle(0.2)
    began = time.perf_counter()
    start()
    harness.settle(done, 3600)
    seconds = time.perf_counter() - began
    harness.settle(0.2)
    timer.stop()
    gaps = [tuple(after - before for before, after in zip(*pair, strict=True)) for pair in pairwise(ticks)]
    # What a busy machine does meanwhile is in the first alone; a thread that keeps the interpreter is in the last.
    waited, own, every = (1000 * max(column) for column in zip(*gaps, strict=True))
    told = f"longest gap {waited:.0f} ms; processor time in one: {own:.0f} ms, with threads {every:.0f} ms"
    print(f"{name}: {seconds:.2f} s, {told}", flush=True)
