"""A new analysis asks before it loses hand edits, and keeps those that were made meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Any

import numpy as np
import pytest
import slicer

from Testing.slicer import harness
from Testing.slicer.panel import maps
from Testing.slicer.panel.conftest import analyze
from Testing.slicer.scene.scenes import paint, voxels_of

Analyzed = Callable[[], Any]


def erase_plaque(panel: Any) -> None:
    paint(panel.case.calcification, panel.case.segment_id("calcification"), maps.PLAQUE_IJK, False)


def calcified_mm3(panel: Any) -> float:
    return float(panel.case.result().scores.territories["aorta"].calcified_volume_mm3)


def test_analyze_asks_before_it_loses_edits(analyzed: Analyzed, dialogs: harness.Dialogs) -> None:
    panel = analyzed()
    erase_plaque(panel)
    dialogs.answer("No")
    analyze(panel)
    assert dialogs.shown[-1].text.endswith("loses your edits of: Calcification. Go on?")
    assert len(voxels_of(panel.case.calcification, panel.case.segment_id("calcification"))) == 6
    dialogs.answer("Yes")
    analyze(panel)
    assert calcified_mm3(panel) == 32.0
    assert not panel.ui.messageLabel.visible


def test_analyze_does_not_ask_where_nothing_was_edited(analyzed: Analyzed, dialogs: harness.Dialogs) -> None:
    panel = analyzed()
    analyze(panel)
    assert not dialogs.shown


def test_edits_that_were_scored_are_asked_about_too(analyzed: Analyzed, dialogs: harness.Dialogs) -> None:
    panel = analyzed()
    erase_plaque(panel)
    harness.settle(lambda: panel.sections.corrections.stale)
    panel.ui.rescoreButton.click()
    harness.settle(lambda: not panel.sections.corrections.busy)
    dialogs.answer("No")
    analyze(panel)
    assert calcified_mm3(panel) == 8.0


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Holds the scoring of a run until the event is set."""
    from CalcScoreLib.analysis import Analysis

    opened, score = Event(), Analysis.score

    def wait_and_score(analysis: Any) -> Any:
        assert opened.wait(30)
        return score(analysis)

    def hold() -> Event:
        opened.clear()
        monkeypatch.setattr(Analysis, "score", wait_and_score)
        return opened

    yield hold
    opened.set()


def test_what_is_edited_during_a_run_is_kept_beside_its_result(
    analyzed: Analyzed, held: Callable[[], Event], dialogs: harness.Dialogs
) -> None:
    panel = analyzed()
    opened = held()
    panel.ui.analyzeButton.click()
    erase_plaque(panel)
    opened.set()
    harness.settle(lambda: not panel.run.running)
    kept = slicer.util.getNode("CTA calcification, edited during the run")
    assert len(voxels_of(kept, "calcification")) == 6
    assert not kept.GetDisplayNode().GetVisibility()
    assert calcified_mm3(panel) == 32.0
    assert "as edited they are kept in: CTA calcification, edited during the run" in panel.ui.messageLabel.text
    assert len(slicer.util.getNodesByClass("vtkMRMLSegmentationNode")) == 4
    assert panel.state.value == "done"


def test_nothing_is_kept_where_nothing_was_edited_during_the_run(analyzed: Analyzed, held: Callable[[], Event]) -> None:
    panel = analyzed()
    opened = held()
    panel.ui.analyzeButton.click()
    image = panel.case.calcification.GetBinaryLabelmapInternalRepresentation(panel.case.segment_id("aorta"))
    image.Modified()
    opened.set()
    harness.settle(lambda: not panel.run.running)
    assert len(slicer.util.getNodesByClass("vtkMRMLSegmentationNode")) == 3


def test_a_kept_copy_can_be_chosen_as_a_source(
    analyzed: Analyzed, held: Callable[[], Event], dialogs: harness.Dialogs
) -> None:
    panel = analyzed()
    opened = held()
    panel.ui.analyzeButton.click()
    paint(panel.case.calcification, panel.case.segment_id("aorta"), np.array([(10, 10, 30)]), False)
    opened.set()
    harness.settle(lambda: not panel.run.running)
    panel.parameters.artery_segmentation = slicer.util.getNode("CTA calcification, edited during the run")
    analyze(panel)
    # The aorta trimmed to k = 36 less the erased voxel.
    assert panel.case.result().scores.territories["aorta"].artery_volume_mm3 == 3968.0 - 2.0
