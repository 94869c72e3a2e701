"""The correction loop in one go, and the pictures of its five steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PySide6.QtCore import QPoint

from Testing.slicer import harness
from Testing.slicer.panel import loop_case
from Testing.slicer.panel.loop_case import click, false_rows, wait

_VIEW = (1500, 2000)


def part(hosted: Any, path: Path, first: Any, last: Any, dark: bool = False) -> Path:
    """Keep a picture of some sections of the panel."""
    harness.panel_screenshot(hosted.panel, path, dark=dark)
    inner = hosted.panel._native.widget()
    top = first._native.mapTo(inner, QPoint(0, 0)).y()
    bottom = last._native.mapTo(inner, QPoint(0, last._native.height())).y()
    whole = Image.open(path).convert("RGB")
    whole.crop((0, max(top - 4, 0), whole.width, min(bottom + 4, whole.height))).save(path, optimize=True)
    return path


def beside(panel_picture: Path, *views: Path) -> None:
    """Put the middle of 3-D pictures to the left of a picture of the panel."""
    panel = Image.open(panel_picture).convert("RGB")
    parts = []
    for view in views:
        whole = Image.open(view).convert("RGB")
        width = round(0.62 * panel.height)
        box = (whole.width // 2 - 310, whole.height // 2 - 500, whole.width // 2 + 310, whole.height // 2 + 500)
        parts.append(whole.crop(box).resize((width, panel.height), Image.Resampling.LANCZOS))
    joined = Image.new("RGB", (sum(p.width + 12 for p in parts) + panel.width, panel.height), "white")
    x = 0
    for picture in (*parts, panel):
        joined.paste(picture, (x, 0))
        x += picture.width + 12
    joined.save(panel_picture, optimize=True)


def test_from_a_result_to_a_signed_off_case(hosted: Any, panel: Any, pictures: Path, renders: bool) -> None:
    hosted.panel._native.resize(425, 1600)
    case = loop_case.make_case()
    loop_case.analyze(panel, case)
    ui, tree = panel.ui, panel.ui.plaquesTree

    def keep(name: str, first: Any, last: Any) -> None:
        part(hosted, pictures / f"{name}_dark.png", first, last, dark=True)
        part(hosted, pictures / f"{name}.png", first, last)

    rows = false_rows(panel, case)
    assert len(rows) == 3
    tree.setCurrentItem(tree.topLevelItem(rows[0]))
    for row in rows:
        tree.topLevelItem(row).setSelected(True)
    keep("correct_1", ui.plaquesSection, ui.plaquesSection)
    panel.sections.plaques.remove()
    wait(panel)
    aorta, truth = panel.case.result().scores.territories["aorta"], case.truth.scores.territories["aorta"]
    assert (aorta.calcified_volume_mm3, aorta.cluster_count) == (truth.calcified_volume_mm3, truth.cluster_count)
    keep("correct_2", ui.scoresSection, ui.plaquesSection)
    keep("correct_3", ui.correctSection, ui.correctSection)
    if renders:
        harness.settle(panel.case.arteries.GetDisplayNode().GetVisibility)
        harness.view3d_screenshot(pictures / "before_branch.png", *_VIEW)
    actions = {action.text: action for action in ui.branchButton.menu().actions()}
    actions["Renal"].trigger()
    keep("correct_click", ui.runFrame, ui.runFrame)
    click(case, 0)
    click(case, 1)
    wait(panel)
    renal, truth = panel.case.result().scores.territories["renal"], case.truth.scores.territories["renal"]
    assert renal.artery_volume_mm3 == pytest.approx(truth.artery_volume_mm3, rel=0.2)
    assert panel.case.result().edited[:3] == ("aorta", "renal", "combined")
    keep("correct_4", ui.runFrame, ui.scoresSection)
    if renders:
        harness.settle(panel.case.arteries.GetDisplayNode().GetVisibility)
        harness.view3d_screenshot(pictures / "after_branch.png", *_VIEW)
        beside(pictures / "correct_4.png", pictures / "before_branch.png", pictures / "after_branch.png")
    tree.selectAll()
    panel.sections.plaques.check()
    count = tree.topLevelItemCount
    assert ui.checkedLabel.text == f"Checked {count} of {count}"
    tree.setCurrentItem(tree.topLevelItem(0))
    keep("correct_5", ui.plaquesSection, ui.plaquesSection)
    harness.panel_screenshot(hosted.panel, pictures / "correct_whole.png")
    harness.panel_screenshot(hosted.panel, pictures / "correct_whole_dark.png", dark=True)
