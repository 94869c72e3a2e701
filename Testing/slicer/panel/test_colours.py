"""Slices show every structure in its own colour, whatever else a user keeps in the segmentation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from CalcScoreLogic.anatomy import STRUCTURES, Territory
from Testing.slicer import harness
from Testing.slicer.panel import maps
from Testing.slicer.panel.conftest import analyze
from Testing.slicer.scene.scenes import paint, voxels_of

AORTA_IJK, ILIAC_IJK = (13, 13, 25), (14, 14, 4)
"""Voxels inside the arteries, away from plaques and outlines."""


def colour_at(ijk: tuple[int, int, int]) -> np.ndarray:
    """Draw the axial slice through a voxel and give its colour, as shares of the strongest channel."""
    x, y, z = maps.GRID.to_physical(ijk)
    pixel = harness.slice_picture("Red", (-x, -y, z))[60, 60].astype(float)
    assert pixel.max() > 0, "no segment is shown there"
    return pixel / pixel.max()


def shares(territory: Territory) -> np.ndarray:
    colour = np.array(STRUCTURES[territory].colour, float)
    return colour / colour.max()


def add_own_segment(panel: Any) -> str:
    """Add a segment to ours and paint a voxel, as in the Segment Editor; it joins the layer of the aorta."""
    content = panel.case.calcification.GetSegmentation()
    added = content.AddEmptySegment("", "Mine")
    assert content.GetLayerIndex(added) == content.GetLayerIndex(panel.case.segment_id("aorta"))
    paint(panel.case.calcification, added, np.array([(40, 22, 25)]), True)
    return str(added)


def trim_again(panel: Any) -> None:
    panel.ui.trimButton.click()
    harness.settle(lambda: not panel.sections.corrections.busy)


@pytest.mark.parametrize("again", [trim_again, analyze])
def test_arteries_keep_their_colours_beside_a_segment_of_the_user(
    analyzed: Callable[[], Any], again: Callable[[Any], None], renders: bool
) -> None:
    if not renders:
        pytest.skip("VTK cannot draw here")
    panel = analyzed()
    panel.parameters.artery_segmentation.GetDisplayNode().SetVisibility(False)
    mine = add_own_segment(panel)
    again(panel)
    for ijk, territory in ((AORTA_IJK, Territory.AORTA), (ILIAC_IJK, Territory.ILIAC)):
        np.testing.assert_allclose(colour_at(ijk), shares(territory), atol=0.06)
    np.testing.assert_array_equal(voxels_of(panel.case.calcification, mine), [(40, 22, 25)])


def test_a_layer_holds_the_labels_of_its_own_segments_only(analyzed: Callable[[], Any]) -> None:
    from vtk.util.numpy_support import vtk_to_numpy

    panel = analyzed()
    add_own_segment(panel)
    trim_again(panel)
    content = panel.case.calcification.GetSegmentation()
    for layer in range(content.GetNumberOfLayers()):
        image = content.GetLayerDataObject(layer, "Binary labelmap")
        names = content.GetSegmentIDsForLayer(layer, "Binary labelmap")
        own = {content.GetSegment(name).GetLabelValue() for name in names}
        assert set(np.unique(vtk_to_numpy(image.GetPointData().GetScalars()))) <= {0, *own}
