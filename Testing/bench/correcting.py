"""A stopwatch: from a result to a signed-off case, by the Segment Editor alone and by the list of plaques.

The case has three false plaques and a renal artery that was missed. What the computer takes is measured on the panel.
What the hand takes follows from the actions by the keystroke-level model (Card, Moran and Newell 1980,
doi:10.1145/358886.358895): 1.1 s to point, 0.2 s to press, 0.28 s for a key, 1.35 s to make up one's mind. To look at
every plaque takes the same time both ways and is left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from Testing.bench.panel import MODULE

CLICK_S, KEY_S, THINK_S = 1.1 + 0.2, 0.28, 1.35
DAB_MM = 5.0
"""How far the dabs of an 8 mm brush along an artery are apart."""


@dataclass
class Stopwatch:
    """Actions of the hand, and seconds of the computer."""

    name: str
    clicks: int = 0
    keys: int = 0
    thoughts: int = 0
    machine_s: float = 0.0

    def hand(self, clicks: int = 0, keys: int = 0, thoughts: int = 0) -> None:
        """Count actions."""
        self.clicks, self.keys, self.thoughts = self.clicks + clicks, self.keys + keys, self.thoughts + thoughts

    def machine(self, work: Callable[[], object], panel: Any) -> None:
        """Measure what the computer takes."""
        from Testing.slicer.panel.loop_case import wait

        began = time.perf_counter()
        work()
        wait(panel)
        self.machine_s += time.perf_counter() - began

    def __str__(self) -> str:
        hand = self.clicks * CLICK_S + self.keys * KEY_S + self.thoughts * THINK_S
        return (
            f"{self.name}: {self.clicks} clicks, {self.keys} keys, hand {hand:.0f} s, computer {self.machine_s:.1f} s, "
            f"together {hand + self.machine_s:.0f} s"
        )


def run() -> None:
    """Correct the case both ways, and print clicks, keys and seconds."""
    from Testing.slicer import harness

    harness.install()
    hosted = harness.load_module(MODULE)
    from Testing.slicer.panel import loop_case

    case = loop_case.make_case()
    for correct in (_by_the_segment_editor, _by_the_list):
        import slicer

        slicer.mrmlScene.Clear(False)
        harness.settle(0.2)
        panel = hosted.widget.panel
        loop_case.analyze(panel, case)
        print(correct(panel, case), flush=True)
    harness.unload_module(hosted)


def _by_the_list(panel: Any, case: Any) -> Stopwatch:
    """Delete the false plaques by key, add the branch by two clicks, and mark all plaques as checked."""
    from CalcScoreLogic.anatomy import Territory
    from Testing.slicer.panel.loop_case import click, false_rows

    watch, tree = Stopwatch("list of plaques"), panel.ui.plaquesTree
    while rows := false_rows(panel, case):
        tree.setCurrentItem(tree.topLevelItem(rows[0]))
        watch.hand(keys=1, thoughts=1)
        watch.machine(panel.sections.plaques.remove, panel)
    # The menu, the territory, where the branch begins and where it ends.
    watch.hand(clicks=4, thoughts=2)
    panel.sections.editing.add_branch(Territory.RENAL)
    click(case, 0)
    watch.machine(lambda: click(case, 1), panel)
    tree.selectAll()
    panel.sections.plaques.check()
    watch.hand(keys=tree.topLevelItemCount)
    return watch


def _by_the_segment_editor(panel: Any, case: Any) -> Stopwatch:
    """Erase the false plaques and paint the branch in the Segment Editor, Rescore and Trim again."""
    from Testing.slicer.panel.loop_case import false_rows
    from Testing.slicer.scene.scenes import paint

    watch, scene_case = Stopwatch("Segment Editor alone"), panel.case
    segment = scene_case.segment_id("calcification")
    # Erase, a sphere, its size: once.
    watch.hand(clicks=3, thoughts=1)
    for row in false_rows(panel, case):
        # The plaque, the button, the segment, a dab, and back by the list of modules.
        watch.hand(clicks=1 + 1 + 1 + 1 + 2, thoughts=2)
        voxels = scene_case.plaques()[row].voxels[:, ::-1]
        watch.machine(lambda voxels=voxels: paint(scene_case.calcification, segment, voxels, False), panel)
    watch.hand(clicks=1, thoughts=1)
    watch.machine(panel.sections.corrections.rescore, panel)
    length = float(np.linalg.norm(case.clicks_lps[1] - case.clicks_lps[0]))
    dabs = int(np.ceil(length / DAB_MM))
    # The menu, full length, the segment, Paint, and back; each dab on its own slice.
    watch.hand(clicks=2 + 1 + 1 + 2 + dabs, keys=dabs, thoughts=2)
    voxels = np.argwhere(case.missed)[:, ::-1]
    painted = scene_case.segment_id("full.renal")
    watch.machine(lambda: paint(scene_case.arteries, painted, voxels, True), panel)
    watch.hand(clicks=1, thoughts=1)
    watch.machine(panel.sections.corrections.trim_again, panel)
    return watch
