"""A synthetic case on the spot: a phantom CTA as a volume node, with no download."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer

from CalcScoreLogic.phantom import Phantom, PhantomParameters, make_phantom

from ..background_work import wait_alive
from ..translation import _
from .views import show_volume
from .volumes import add_volume

_SEED = 3
_SPACING_MM = (1.5, 1.5, 1.5)


def load_sample() -> Any:
    """Make the synthetic CTA, put it into the scene and show it; gives the volume node."""
    parameters = PhantomParameters(_SEED, _SPACING_MM)
    phantom = wait_alive(lambda: make_phantom(parameters), _("Making the synthetic CTA…"))
    volume = add_volume(phantom.cta, _("Synthetic CTA"))
    show_volume(volume)
    return volume


def add_truth(phantom: Phantom, volume: Any) -> Any:
    """Put a phantom's true arteries into the scene as a segmentation of any tool would be, one segment each."""
    from CalcScoreLogic.anatomy import STRUCTURES

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", _("True arteries"))
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    for territory, structure in STRUCTURES.items():
        segment = node.GetSegmentation().AddEmptySegment("", structure.title)
        mask = (phantom.territories.array == territory).astype(np.uint8)
        slicer.util.updateSegmentBinaryLabelmapFromArray(mask, node, segment, volume)
    return node
