"""The clinician's road: analyze, read, correct, rescore, trim again, save, load, rescore."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from csv import DictReader
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
import qt
import slicer

from Testing.slicer import harness
from Testing.slicer.panel import maps
from Testing.slicer.panel.conftest import press, rows_of
from Testing.slicer.scene.scenes import add_volume, paint

Analyzed = Callable[[], Any]


def erase_plaque(panel: Any) -> None:
    case = panel.case
    paint(case.segmentation("calcification"), case.segment_id("calcification"), maps.PLAQUE_IJK, False)


def test_the_table_shows_the_figures_worked_out_by_hand(analyzed: Analyzed) -> None:
    panel = analyzed()
    rows = rows_of(panel.ui.scoresTree)
    assert {title: cells for title, cells in rows.items() if cells} == maps.FIGURES
    assert "Mesenteric   ⚠ absent" in rows
    assert rows["Mesenteric   ⚠ absent"] == ()
    assert "Mesenteric: no segment was given for it, so there is no score" in panel.ui.warningsLabel.text
    assert panel.ui.stateLabel.text == "current ●"
    assert panel.ui.caseLabel.text == (
        "Arteries: segmentation Other tool · calcium: fixed 470 HU · branches 25 mm (published method), aorta + 10 mm"
    )


def test_tool_tips_say_what_the_figures_are(analyzed: Analyzed) -> None:
    panel = analyzed()
    tree = panel.ui.scoresTree
    assert tree.headerItem().toolTip(1).startswith("Calcified volume divided by artery volume, in percent")
    result = panel.case.result()
    rows = {**result.scores.territories, "combined": replace(result.scores.territories["combined"], cluster_count=2)}
    panel.sections.results.show(replace(result, scores=replace(result.scores, territories=rows)), True)
    items = [tree.topLevelItem(n) for n in range(tree.topLevelItemCount)]
    combined = next(item for item in items if item.text(0).startswith("Combined"))
    assert combined.toolTip(4).startswith("The rows above add up to 3: a plaque that reaches from one artery into the")
    assert "add up" not in items[0].toolTip(4)


def test_the_same_warning_for_two_territories_is_one_line(analyzed: Analyzed) -> None:
    panel = analyzed()
    result = panel.case.result()
    twice = ("Aorta: too short.", "Renal: too short.", "Check the images.")
    panel.sections.results.show(replace(result, warnings=twice), True)
    assert panel.ui.warningsLabel.text == "⚠ Aorta, Renal: too short.\n⚠ Check the images."


def test_an_edit_marks_the_scores_and_names_the_structure(analyzed: Analyzed) -> None:
    panel = analyzed()
    erase_plaque(panel)
    harness.settle(lambda: panel.state.value == "out of date")
    assert panel.ui.editsLabel.text == "✎ Calcification edited by hand · scores are out of date"
    assert panel.ui.stateLabel.text == "out of date ○"
    grey = panel.ui.scoresTree.topLevelItem(0).foreground(1).color()
    assert grey == panel.ui.scoresTree.palette.color(qt.QPalette.Disabled, qt.QPalette.Text)


def test_rescore_takes_away_exactly_what_was_erased(analyzed: Analyzed) -> None:
    panel = analyzed()
    before = panel.case.result().scores.territories["aorta"]
    erase_plaque(panel)
    harness.settle(lambda: panel.sections.corrections.stale)
    press(panel, panel.ui.rescoreButton)
    after = panel.case.result().scores.territories["aorta"]
    assert after.calcified_volume_mm3 == before.calcified_volume_mm3 - 24.0 == 8.0
    assert after.burden == 8.0 / 3968.0
    rows = rows_of(panel.ui.scoresTree)
    assert rows["Aorta ✎"] == ("0.2", "8", "4.0", "1", "8")
    assert panel.state.value == "done"
    assert not panel.ui.editsLabel.visible
    assert panel.ui.plaquesTree.topLevelItemCount == 2


def test_rescoring_by_itself(analyzed: Analyzed) -> None:
    panel = analyzed()
    panel.ui.rescoreCheck.click()
    erase_plaque(panel)
    harness.settle(lambda: panel.case.result().scores.territories["aorta"].calcified_volume_mm3 == 8.0)
    assert panel.state.value == "done"


def test_trimming_to_35_mm_lengthens_the_renal_artery(analyzed: Analyzed) -> None:
    panel = analyzed()
    panel.ui.lengthSpin.setValue(35)
    assert panel.ui.editsLabel.text == "The lengths were changed: Trim again applies them."
    press(panel, panel.ui.trimButton)
    assert not panel.ui.editsLabel.visible
    result = panel.case.result()
    assert result.parameters["length_mm"] == 35.0
    assert result.scores.territories["renal"].artery_volume_mm3 == 592.0
    assert panel.ui.caseLabel.text.endswith("branches 35 mm (published method), aorta + 10 mm")


class Gate:
    """Holds the thread that trims until it is opened."""

    def __init__(self) -> None:
        self.reached, self.opened = Event(), Event()

    def hold(self, work: Callable[..., Any]) -> Callable[..., Any]:
        def held(*arguments: Any, **keywords: Any) -> Any:
            self.reached.set()
            assert self.opened.wait(300)
            return work(*arguments, **keywords)

        return held


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    from CalcScoreLib.scene import case

    made = Gate()
    monkeypatch.setattr(case, "trimmed_content", made.hold(case.trimmed_content))
    yield made
    made.opened.set()


def trimming(panel: Any, gate: Gate) -> None:
    """Press Trim again and wait until the thread is at work."""
    panel.ui.lengthSpin.setValue(35)
    panel.ui.trimButton.click()
    harness.settle(gate.reached.is_set)


def test_the_page_waits_while_it_trims(analyzed: Analyzed, gate: Gate) -> None:
    panel = analyzed()
    trimming(panel, gate)
    buttons = (panel.ui.trimButton, panel.ui.rescoreButton, panel.ui.editPlaquesButton, panel.ui.analyzeButton)
    assert not any(button.enabled for button in buttons)
    assert panel.ui.editsLabel.text.splitlines()[0] == "Scoring …"
    assert panel.case.result().parameters["length_mm"] == 25.0
    gate.opened.set()
    harness.settle(lambda: not panel.sections.corrections.busy)
    assert all(button.enabled for button in buttons)
    assert panel.case.result().scores.territories["renal"].artery_volume_mm3 == 592.0


def test_an_edit_while_it_trims_drops_the_new_scores(analyzed: Analyzed, gate: Gate) -> None:
    panel = analyzed()
    trimming(panel, gate)
    erase_plaque(panel)
    gate.opened.set()
    harness.settle(lambda: not panel.sections.corrections.busy)
    assert "Segments were edited while they were scored" in panel.ui.messageLabel.text
    assert panel.case.result().scores.territories["renal"].artery_volume_mm3 == 432.0
    harness.settle(lambda: panel.sections.corrections.stale == ("calcification",))
    press(panel, panel.ui.trimButton)
    assert panel.case.result().scores.territories["renal"].artery_volume_mm3 == 592.0
    assert panel.case.result().scores.territories["aorta"].calcified_volume_mm3 == 8.0
    assert not panel.ui.messageLabel.visible


def test_a_scene_closed_while_it_trims_drops_the_new_scores(analyzed: Analyzed, gate: Gate) -> None:
    panel = analyzed()
    trimming(panel, gate)
    slicer.mrmlScene.Clear(False)
    assert not panel.sections.corrections.busy
    gate.opened.set()
    harness.rest()
    assert panel.state.value == "empty"
    assert "the scene was closed; the new scores were dropped" in panel.ui.messageLabel.text
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0


def test_a_node_deleted_while_it_trims_is_told(analyzed: Analyzed, gate: Gate) -> None:
    panel = analyzed()
    trimming(panel, gate)
    slicer.mrmlScene.RemoveNode(panel.case.arteries)
    gate.opened.set()
    harness.settle(lambda: not panel.sections.corrections.busy)
    assert "the arteries deleted from the scene; analyze again" in panel.ui.messageLabel.text
    assert panel.case.result().parameters["length_mm"] == 25.0


def test_another_cta_chosen_while_it_trims_drops_the_new_scores(analyzed: Analyzed, gate: Gate, cta: Any) -> None:
    panel = analyzed()
    trimming(panel, gate)
    panel.parameters.cta = add_volume(slicer.mrmlScene, maps.cta(), "other")
    assert not panel.sections.corrections.busy
    assert "Another case was chosen" in panel.ui.messageLabel.text
    gate.opened.set()
    panel.parameters.cta = cta
    harness.rest()
    assert panel.case.result().parameters["length_mm"] == 25.0
    press(panel, panel.ui.trimButton)
    assert panel.case.result().parameters["length_mm"] == 35.0


def test_trimming_asks_before_it_loses_edits(analyzed: Analyzed, dialogs: harness.Dialogs) -> None:
    panel = analyzed()
    case = panel.case
    paint(case.segmentation("renal"), case.segment_id("renal"), np.array([(40, 13, 30)]), False)
    harness.settle(lambda: panel.sections.corrections.stale)
    dialogs.answer("No")
    press(panel, panel.ui.trimButton)
    assert "loses your edits of: Renal" in dialogs.shown[-1].text
    assert case.lost_edits() == ("renal",)
    dialogs.answer("Yes")
    press(panel, panel.ui.trimButton)
    assert case.lost_edits() == ()
    assert case.result().scores.territories["renal"].artery_volume_mm3 == 432.0


def test_a_renamed_segment_changes_nothing(analyzed: Analyzed) -> None:
    panel = analyzed()
    segment = panel.case.calcification.GetSegmentation().GetSegment(panel.case.segment_id("aorta"))
    segment.SetName("Hauptschlagader")
    harness.rest()
    assert panel.state.value == "done"
    press(panel, panel.ui.rescoreButton)
    assert rows_of(panel.ui.scoresTree)["Aorta"] == maps.FIGURES["Aorta"]


def test_a_deleted_node_is_told_in_words(analyzed: Analyzed) -> None:
    panel = analyzed()
    slicer.mrmlScene.RemoveNode(panel.case.arteries)
    panel.refresh()
    assert "the arteries deleted from the scene; analyze again" in panel.ui.editsLabel.text
    assert not panel.ui.rescoreButton.enabled
    assert rows_of(panel.ui.scoresTree)["Aorta"] == maps.FIGURES["Aorta"]


def test_a_saved_scene_shows_the_same_page_and_rescores_without_models(analyzed: Analyzed, tmp_path: Path) -> None:
    panel = analyzed()
    panel.ui.lengthSpin.setValue(30)
    press(panel, panel.ui.trimButton)
    erase_plaque(panel)
    harness.settle(lambda: panel.sections.corrections.stale)
    press(panel, panel.ui.rescoreButton)
    table, plaques = rows_of(panel.ui.scoresTree), rows_of(panel.ui.plaquesTree)
    path = tmp_path / "scene.mrb"
    assert slicer.util.saveScene(str(path))
    slicer.mrmlScene.Clear(False)
    harness.rest()
    assert panel.state.value == "empty"
    assert not panel.ui.scoresSection.visible
    slicer.util.loadScene(str(path))
    harness.rest()
    assert panel.state.value == "done"
    assert rows_of(panel.ui.scoresTree) == table
    assert rows_of(panel.ui.plaquesTree) == plaques
    assert panel.ui.lengthSpin.value == 30.0
    assert panel.ui.calcificationThresholdRadio.checked
    assert panel.ui.ctaSelector.currentNode().GetName() == "CTA"
    assert float(panel.case.table.GetTable().GetColumnByName("burden").GetValue(0)) == 8.0 / 3968.0
    press(panel, panel.ui.rescoreButton)
    assert rows_of(panel.ui.scoresTree) == table
    erased = np.array([(i, 10, 10) for i in range(10, 14)])
    paint(panel.case.calcification, panel.case.segment_id("calcification"), erased, False)
    harness.settle(lambda: panel.state.value == "out of date")
    press(panel, panel.ui.rescoreButton)
    assert panel.case.result().scores.territories["aorta"].calcified_volume_mm3 == 0.0


def test_a_plaque_that_is_clicked_is_shown_in_all_slices(analyzed: Analyzed) -> None:
    panel = analyzed()
    tree = panel.ui.plaquesTree
    first = tuple(tree.topLevelItem(0).text(n) for n in range(5))
    assert first == ("", "1", "Aorta", "24", "1\u202f240")
    tree.setCurrentItem(tree.topLevelItem(0))
    red = slicer.app.layoutManager().sliceWidget("Red").mrmlSliceNode()
    # k = 20 in LPS grows to superior from 10 mm, 2 mm a slice.
    assert red.GetSliceToRAS().GetElement(2, 3) == pytest.approx(10 + 20 * 2)


def test_copy_save_and_report(analyzed: Analyzed, tmp_path: Path, dialogs: harness.Dialogs) -> None:
    panel = analyzed()
    panel.ui.copyButton.click()
    assert panel.ui.savedLabel.visible
    assert panel.ui.savedLabel.text.startswith("Copied")
    lines = qt.QApplication.clipboard().text().splitlines()
    copied = list(DictReader(lines, delimiter="\t"))
    assert [row["territory"] for row in copied][:5] == ["aorta", "iliac", "mesenteric", "renal", "combined"]
    assert "left_renal" in [row["territory"] for row in copied]
    assert float(copied[0]["burden"]) == 32.0 / 3968.0
    assert (copied[0]["calcified_volume_mm3"], copied[0]["artery_volume_mm3"]) == ("32.0", "3968.0")
    dialogs.answer(str(tmp_path / "scores.csv"), str(tmp_path / "report.html"))
    panel.ui.saveButton.click()
    assert panel.ui.savedLabel.text == f'Saved <a href="file://{tmp_path}/scores.csv">scores.csv</a> in {tmp_path}'
    panel.ui.reportButton.click()
    # Written beside the page, which goes on.
    assert not (tmp_path / "report.html").exists()
    assert not panel.ui.reportButton.enabled
    harness.settle(lambda: not panel.sections.report.busy)
    assert "report.html</a>" in panel.ui.savedLabel.text
    assert panel.ui.reportButton.enabled
    csv = (tmp_path / "scores.csv").read_text(encoding="utf-8").splitlines()
    assert csv[0].split(",") == lines[0].split("\t")
    assert csv[1].startswith("CTA,aorta,ok,3968.0,32.0,")
    assert "CTA: arterial calcification" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert dialogs.urls == [f"file://{tmp_path / 'report.html'}"]


def test_the_chart_shows_every_territory_once(analyzed: Analyzed) -> None:
    panel = analyzed()
    panel.ui.chartButton.click()
    drawn = panel.ui.chartLabel.text
    assert [drawn.count(f"{name}&nbsp;") for name in ("Aorta", "Iliac", "Mesenteric", "Renal", "Combined")] == [1] * 5
    assert "3.1 %" in drawn
    assert "absent" in drawn
    panel.ui.chartButton.click()
    assert not panel.ui.chartLabel.visible


def test_display_shows_and_hides(analyzed: Analyzed) -> None:
    panel = analyzed()
    surfaces = panel.case.calcification.GetSegmentation()
    harness.settle(lambda: surfaces.ContainsRepresentation("Closed surface"))
    panel.ui.show3dCheck.click()
    assert not surfaces.ContainsRepresentation("Closed surface")
    shown = panel.case.arteries.GetDisplayNode()
    panel.ui.showFullCheck.click()
    assert shown.GetSegmentVisibility(panel.case.segment_id("full.aorta"))
    panel.ui.opacity3dSlider.setValue(80)
    kept = panel.case.calcification.GetDisplayNode()
    assert kept.GetSegmentOpacity3D(panel.case.segment_id("aorta")) == pytest.approx(0.8)
    panel.ui.opacity2dSlider.setValue(30)
    assert kept.GetOpacity2DFill() == pytest.approx(0.3)
