"""What is in view is never called out of view: the full-length map and what was given decide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from Testing.slicer import harness
from Testing.slicer.panel.conftest import press, rows_of
from Testing.slicer.scene.scenes import paint

TO_THE_TOP = np.array([(i, j, k) for i in range(10, 18) for j in range(10, 18) for k in range(56, 60)])


@pytest.fixture
def analyzed_to_the_top(arteries: Any, analyzed: Callable[[], Any]) -> Callable[[], Any]:
    """Analyze a CTA whose aorta reaches the top slice, as on every abdominal scan."""

    def analyze() -> Any:
        paint(arteries, "aorta", TO_THE_TOP, True)
        return analyzed()

    return analyze


def status_of(panel: Any, territory: str) -> str:
    return str(panel.case.result().scores.territories[territory].status.value)


def test_a_territory_that_was_not_given_is_absent_and_told_so(analyzed_to_the_top: Callable[[], Any]) -> None:
    panel = analyzed_to_the_top()
    assert (status_of(panel, "mesenteric"), status_of(panel, "renal")) == ("absent", "ok")
    combo = panel.ui.mappingTable.cellWidget(2, 1)
    combo.setCurrentIndex(combo.findData(""))
    panel.ui.analyzeButton.click()
    harness.settle(lambda: not panel.run.running)
    assert status_of(panel, "renal") == "absent"
    assert "Renal: no segment was given for it, so there is no score" in panel.ui.warningsLabel.text
    assert "field of view" not in panel.ui.warningsLabel.text
    press(panel, panel.ui.rescoreButton)
    assert status_of(panel, "renal") == "absent"
    press(panel, panel.ui.trimButton)
    assert status_of(panel, "renal") == "absent"
    assert "field of view" not in panel.ui.warningsLabel.text


def test_a_segment_that_was_deleted_is_absent_and_not_out_of_view(analyzed_to_the_top: Callable[[], Any]) -> None:
    panel = analyzed_to_the_top()
    panel.case.calcification.GetSegmentation().RemoveSegment(panel.case.segment_id("renal"))
    harness.settle(lambda: panel.sections.corrections.stale)
    press(panel, panel.ui.rescoreButton)
    assert status_of(panel, "renal") == "absent"
    assert "Renal ✎   ⚠ absent" in "".join(rows_of(panel.ui.scoresTree))
    assert "field of view" not in panel.ui.warningsLabel.text
