"""The list of plaques that acts: keys, buttons, menu; every action scored at once, marked and undone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import qt
import slicer
from PySide6 import QtTest
from PySide6.QtCore import Qt

from Testing.slicer import harness
from Testing.slicer.panel import maps
from Testing.slicer.panel.conftest import rows_of

Analyzed = Callable[[], Any]


def press(panel: Any, key: Any) -> None:
    """Press a key in the list and wait for the scores."""
    tree = panel.ui.plaquesTree._native
    tree.window().activateWindow()
    tree.setFocus()
    QtTest.QTest.keyClick(tree, key)
    wait(panel)


def wait(panel: Any) -> None:
    harness.settle(lambda: not panel.sections.corrections.busy)
    harness.rest()


def select(panel: Any, *rows: int) -> None:
    tree = panel.ui.plaquesTree
    tree.setCurrentItem(tree.topLevelItem(rows[0]))
    for row in rows:
        tree.topLevelItem(row).setSelected(True)


def listed(panel: Any) -> list[tuple[str, ...]]:
    tree = panel.ui.plaquesTree
    return [tuple(tree.topLevelItem(row).text(n) for n in range(4)) for row in range(tree.topLevelItemCount)]


def aorta_mm3(panel: Any) -> float:
    return float(panel.case.result().scores.territories["aorta"].calcified_volume_mm3)


def outline() -> Any:
    return slicer.mrmlScene.GetFirstNodeByName("CalcScore selected plaques")


def slice_centres() -> list[tuple[float, ...]]:
    manager = slicer.app.layoutManager()
    nodes = [manager.sliceWidget(name).mrmlSliceNode() for name in ("Red", "Green", "Yellow")]
    return [tuple(node.GetSliceToRAS().GetElement(axis, 3) for axis in range(3)) for node in nodes]


def test_arrow_keys_go_from_plaque_to_plaque_in_all_views(analyzed: Analyzed) -> None:
    panel = analyzed()
    select(panel, 0)
    camera = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLCameraNode")
    for row in (1, 2):
        press(panel, Qt.Key.Key_Down)
        assert panel.ui.plaquesTree.indexOfTopLevelItem(panel.ui.plaquesTree.currentItem()) == row
        place = panel.case.plaques()[row].position_ras
        assert slice_centres() == [pytest.approx(place)] * 3
        assert camera.GetFocalPoint() == pytest.approx(place)


def test_the_selected_plaque_is_outlined_and_nothing_of_that_is_saved(analyzed: Analyzed, tmp_path: Path) -> None:
    panel = analyzed()
    select(panel, 0)
    node = outline()
    image = node.GetBinaryLabelmapInternalRepresentation("selected")
    # The plaque of 6 x 2 x 1 voxels with a voxel around it.
    assert image.GetDimensions() == (8, 4, 3)
    assert node.GetDisplayNode().GetVisibility2DOutline()
    assert not node.GetDisplayNode().GetVisibility2DFill()
    assert node.GetSegmentation().ContainsRepresentation("Closed surface")
    assert node.GetHideFromEditors()
    assert slicer.util.saveScene(str(tmp_path / "scene.mrb"))
    slicer.util.selectModule("Data")
    assert outline() is None
    slicer.util.loadScene(str(tmp_path / "scene.mrb"))
    assert outline() is None


def test_delete_takes_a_false_plaque_away(analyzed: Analyzed) -> None:
    panel = analyzed()
    select(panel, 0)
    press(panel, Qt.Key.Key_Delete)
    assert aorta_mm3(panel) == 8.0
    assert listed(panel) == [("", "1", "Aorta", "8"), ("", "2", "Iliac", "4")]
    assert panel.state.value == "done"
    assert rows_of(panel.ui.scoresTree)["Aorta ✎"] == ("0.2", "8", "4.0", "1", "8")
    # The next plaque is selected, so that the loop goes on.
    assert [plaque.number for plaque in panel.sections.plaques.selected()] == [1]


def test_several_at_once_and_undone(analyzed: Analyzed) -> None:
    panel = analyzed()
    before = panel.case.result().scores
    select(panel, 0, 2)
    press(panel, Qt.Key.Key_Delete)
    assert listed(panel) == [("", "1", "Aorta", "8")]
    assert panel.case.result().edited == ("aorta", "iliac", "combined")
    press(panel, Qt.Key.Key_Z)
    assert panel.case.result().scores.territories == before.territories
    assert panel.case.result().edited == ()
    assert not panel.ui.undoButton.enabled


def test_corrections_in_quick_succession_wait_their_turn(analyzed: Analyzed) -> None:
    panel = analyzed()
    select(panel, 0)
    panel.sections.plaques.remove()
    assert panel.sections.corrections.busy
    # The list goes on before the scores are there: the next one goes too.
    assert [plaque.number for plaque in panel.sections.plaques.selected()] == [2]
    panel.sections.plaques.remove()
    panel.ui.undoButton.click()
    panel.sections.plaques.remove()
    wait(panel)
    assert not listed(panel)[1:]
    assert aorta_mm3(panel) == 8.0
    press(panel, Qt.Key.Key_Z)
    press(panel, Qt.Key.Key_Z)
    assert len(listed(panel)) == 3
    assert panel.case.result().edited == ()


def test_space_marks_a_plaque_as_checked(analyzed: Analyzed, tmp_path: Path) -> None:
    panel = analyzed()
    assert panel.ui.checkedLabel.text == "Checked 0 of 3"
    select(panel, 0)
    press(panel, Qt.Key.Key_Space)
    press(panel, Qt.Key.Key_Space)
    assert [row[0] for row in listed(panel)] == ["✓", "✓", ""]
    assert panel.ui.checkedLabel.text == "Checked 2 of 3"
    select(panel, 0)
    press(panel, Qt.Key.Key_Delete)
    assert panel.ui.checkedLabel.text == "Checked 1 of 2"
    select(panel, 0)
    panel.ui.checkButton.click()
    assert panel.ui.checkedLabel.text == "Checked 0 of 2"
    panel.ui.checkButton.click()
    assert slicer.util.saveScene(str(tmp_path / "scene.mrb"))
    slicer.mrmlScene.Clear(False)
    harness.rest()
    slicer.util.loadScene(str(tmp_path / "scene.mrb"))
    harness.settle(lambda: panel.ui.checkedLabel.text == "Checked 1 of 2")


def test_the_list_of_a_case_that_is_not_read_yet_says_so(analyzed: Analyzed) -> None:
    panel = analyzed()
    cta, count = panel.parameters.cta, panel.ui.plaquesTree.topLevelItemCount
    panel.parameters.cta = None
    assert panel.ui.plaquesTree.topLevelItemCount == 0
    panel.parameters.cta = cta
    assert panel.ui.checkedLabel.text == "Looking for the plaques…"
    harness.settle(lambda: panel.ui.checkedLabel.text == f"Checked 0 of {count}")
    assert panel.ui.plaquesTree.topLevelItemCount == count > 0
    assert panel.state.value == "done"


def test_a_long_list_shows_whole_rows(analyzed: Analyzed) -> None:
    panel = analyzed()
    case, tree = panel.case, panel.ui.plaquesTree
    header = tree.height - tree.viewport().height - 2 * tree.frameWidth
    panel.sections.plaques.show(case.plaques() * 10, case.record, case.volume, True)
    row = tree.visualItemRect(tree.topLevelItem(0)).height()
    assert tree.minimumHeight == header + 7 * row + 2 * tree.frameWidth


def test_a_right_click_offers_the_territories_themselves(analyzed: Analyzed) -> None:
    """A menu within it would have no title."""
    panel = analyzed()
    actions = panel.ui.plaquesTree.actions()
    assert [(action.text, action.menu()) for action in actions] == [
        (title, None) for title in ("Aorta", "Iliac", "Mesenteric", "Renal")
    ]
    select(panel, 0)
    actions[1].trigger()
    wait(panel)
    assert panel.case.result().scores.territories["iliac"].calcified_volume_mm3 == 28.0


def test_the_menu_gives_a_plaque_to_another_territory(analyzed: Analyzed) -> None:
    panel = analyzed()
    select(panel, 0)
    actions = {action.text: action for action in panel.ui.territoryButton.menu().actions()}
    assert list(actions) == ["Aorta", "Iliac", "Mesenteric", "Renal"]
    actions["Iliac"].trigger()
    wait(panel)
    rows = panel.case.result().scores.territories
    assert (rows["aorta"].calcified_volume_mm3, rows["iliac"].calcified_volume_mm3) == (8.0, 28.0)
    assert set(panel.case.result().edited) >= {"aorta", "iliac", "combined"}
    panel.ui.undoButton.click()
    wait(panel)
    assert aorta_mm3(panel) == 32.0


def test_the_segment_editor_can_undo_it_too(analyzed: Analyzed) -> None:
    panel = analyzed()
    select(panel, 0)
    press(panel, Qt.Key.Key_Delete)
    editor = slicer.modules.segmenteditor.widgetRepresentation().self().editor
    assert editor.segmentationNode() is panel.case.calcification
    editor.undo()
    harness.settle(lambda: panel.sections.corrections.stale)
    panel.ui.rescoreButton.click()
    wait(panel)
    assert aorta_mm3(panel) == 32.0


def test_an_editor_that_is_busy_elsewhere_is_left_alone(analyzed: Analyzed, arteries: Any) -> None:
    panel = analyzed()
    from CalcScoreLib.scene.editing import editor_node

    node = editor_node(slicer.mrmlScene)
    node.SetAndObserveSegmentationNode(arteries)
    select(panel, 0)
    press(panel, Qt.Key.Key_Delete)
    assert aorta_mm3(panel) == 8.0
    assert node.GetSegmentationNode() is arteries


def test_the_table_shows_what_the_corrections_changed(analyzed: Analyzed) -> None:
    panel = analyzed()
    select(panel, 0)
    press(panel, Qt.Key.Key_Delete)
    tree = panel.ui.scoresTree
    rows = [tuple(tree.topLevelItem(n).text(c) for c in range(6)) for n in range(tree.topLevelItemCount)]
    where = [row[0] for row in rows].index("Aorta ✎")
    minus = "\N{MINUS SIGN}"
    assert rows[where + 1] == ("Δ by hand", f"{minus}0.6", f"{minus}24", "0.0", f"{minus}1", f"{minus}8")
    assert [row[0] for row in rows].count("Δ by hand") == 2
    grey = tree.palette.color(qt.QPalette.Disabled, qt.QPalette.Text)
    assert tree.topLevelItem(where + 1).foreground(1).color() == grey
    panel.ui.undoButton.click()
    wait(panel)
    titles = [tree.topLevelItem(n).text(0) for n in range(tree.topLevelItemCount)]
    assert "Δ by hand" not in titles
    assert rows_of(tree)["Aorta"] == maps.FIGURES["Aorta"]
