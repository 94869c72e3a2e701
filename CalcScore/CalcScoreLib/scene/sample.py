"""A synthetic case on the spot: a phantom CTA as a volume node, with no download."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer

from CalcScoreLogic.images.geometry import Image
from CalcScoreLogic.phantom import Phantom, PhantomParameters, make_phantom

from ..background_work import wait_alive
from ..translation import _

_SEED = 3
_SPACING_MM = (1.5, 1.5, 1.5)


def load_sample() -> Any:
    """Make the synthetic CTA, put it into the scene and show it; gives the volume node."""
    parameters = PhantomParameters(_SEED, _SPACING_MM)
    phantom = wait_alive(lambda: make_phantom(parameters), _("Making the synthetic CTA…"))
    volume = add_volume(phantom.cta, _("Synthetic CTA"))
    if slicer.app.layoutManager() is not None:
        slicer.util.setSliceViewerLayers(background=volume, fit=True)
    return volume


def add_volume(image: Image, name: str) -> Any:
    """Put an image into the scene.

    Parameters
    ----------
    image : Image
        HU.
    name : str
        Name of the node.

    Returns
    -------
    vtkMRMLScalarVolumeNode
        The CTA.
    """
    geometry = image.geometry
    to_ras = np.eye(4)
    to_ras[:3, :3] = geometry.matrix * np.asarray(geometry.spacing)
    to_ras[:3, 3] = geometry.origin
    to_ras[:2] *= -1
    return slicer.util.addVolumeFromArray(np.ascontiguousarray(image.array), to_ras, name)


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
