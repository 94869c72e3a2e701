"""A patient's result as a clinician meets it: three false plaques, and a renal artery that was missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import slicer
from scipy import ndimage

from CalcScoreLogic.anatomy import STRUCTURES, CalcificationLabel, Territory
from CalcScoreLogic.images.geometry import Array
from CalcScoreLogic.phantom import Phantom, PhantomParameters, make_phantom
from CalcScoreLogic.pipeline import score_masks
from CalcScoreLogic.results import CaseResult
from Testing.slicer import harness
from Testing.slicer.scene.scenes import add_volume

SPACING_MM = 1.5
_FALSE_EVERY = (0.35, 0.5, 0.65)
"""Where along the aorta the false plaques are."""


@dataclass(frozen=True, eq=False)
class LoopCase:
    """What was drawn, and what the analysis was given instead.

    Attributes
    ----------
    phantom : Phantom
        CTA and truth.
    truth : CaseResult
        The scores of the truth.
    missed : ndarray of bool
        The renal artery that is missing, shape (k, j, i).
    false : ndarray of bool
        The false plaques.
    clicks_lps : list of ndarray
        Where the missing artery begins and ends, LPS mm.
    """

    phantom: Phantom
    truth: CaseResult
    missed: Array
    false: Array
    clicks_lps: list[Array]


def make_case(seed: int = 28) -> LoopCase:
    """Draw the patient."""
    phantom = make_phantom(PhantomParameters(seed, (SPACING_MM,) * 3))
    truth = score_masks("truth", phantom.territories, phantom.calcification, cta=phantom.cta).result
    labels, count = ndimage.label(phantom.territories.array == Territory.RENAL, np.ones((3, 3, 3)))
    sizes = np.bincount(labels.ravel())[1:]
    missed = labels == 1 + int(np.argmax(sizes))
    assert count >= 2
    aorta = phantom.territories.array == Territory.AORTA
    depth = ndimage.distance_transform_edt(aorta)
    calcified = phantom.calcification.array == CalcificationLabel.CALCIFICATION
    free = ndimage.distance_transform_edt(~calcified)
    slices = np.flatnonzero(aorta.any(axis=(1, 2)))
    false = np.zeros(aorta.shape, bool)
    for share in _FALSE_EVERY:
        k = slices[int(share * len(slices))]
        j, i = np.unravel_index(np.argmax(np.minimum(depth[k], free[k] - 2)), depth[k].shape)
        false[k - 1 : k + 1, j - 1 : j + 1, i - 1 : i + 1] = True
    assert not (ndimage.binary_dilation(false) & calcified).any()
    return LoopCase(phantom, truth, missed, false, _ends(phantom, missed, aorta))


def analyze(panel: Any, case: LoopCase) -> None:
    """Put the patient into the scene and analyze; the result has the three plaques too many and an artery too few."""
    cta = add_volume(slicer.mrmlScene, case.phantom.cta, "CTA abdomen 1.0 B30f")
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Other tool")
    node.SetReferenceImageGeometryParameterFromVolumeNode(cta)
    arteries = np.where(case.missed, 0, case.phantom.territories.array)
    calcified = case.phantom.calcification.array == CalcificationLabel.CALCIFICATION
    masks = {structure.title: arteries == territory for territory, structure in STRUCTURES.items()}
    masks["Calcification"] = (calcified & ~case.missed) | case.false
    for title, mask in masks.items():
        segment = node.GetSegmentation().AddEmptySegment("", title)
        slicer.util.updateSegmentBinaryLabelmapFromArray(mask.astype(np.uint8), node, segment, cta)
    parameters = panel.parameters
    parameters.cta = cta
    parameters.arteries_from = parameters.calcification_from = "segments"
    parameters.artery_segmentation = parameters.calcification_segmentation = node
    panel.ui.analyzeButton.click()
    wait(panel)
    assert panel.state.value == "done", panel.ui.logText.plainText


def wait(panel: Any) -> None:
    """Wait until nothing is being run or scored."""
    harness.settle(lambda: not panel.run.running and not panel.sections.corrections.busy)


def false_rows(panel: Any, case: LoopCase) -> list[int]:
    """Give the rows of the list that hold false plaques."""
    return [n for n, plaque in enumerate(panel.case.plaques()) if case.false[tuple(plaque.voxels.T)].all()]


def click(case: LoopCase, number: int) -> None:
    """Click where the missing artery begins or ends."""
    click_at(case.clicks_lps[number])


def click_at(position_lps: Sequence[float] | Array) -> None:
    """Click on a slice, as placing a point in the application does."""
    selection = slicer.app.applicationLogic().GetSelectionNode()
    node = slicer.mrmlScene.GetNodeByID(selection.GetActivePlaceNodeID())
    x, y, z = position_lps
    node.AddControlPointWorld(-x, -y, z)
    harness.rest()


def _ends(phantom: Phantom, missed: Array, aorta: Array) -> list[Array]:
    """Find where an artery leaves the aorta, and its far end, each in the middle of the lumen."""
    voxels = np.argwhere(missed)
    away = ndimage.distance_transform_edt(~aorta)[missed] * SPACING_MM
    ends = []
    for end in (voxels[away <= np.min(away) + 2 * SPACING_MM], voxels[away >= np.max(away) - 4 * SPACING_MM]):
        middle = end[np.linalg.norm(end - end.mean(axis=0), axis=1).argmin()]
        ends.append(phantom.cta.geometry.to_physical(middle[::-1]))
    return ends
