"""CTA volumes as images and images as volumes: what can be analyzed, and what is refused in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import slicer

from CalcScoreLogic.errors import InputError
from CalcScoreLogic.images.geometry import Image
from CalcScoreLogic.images.segments import index_to_ras

from .grids import image_array, volume_geometry
from .scene_nodes import nodes_by_class

_FEWEST_SLICES = 2


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
    return slicer.util.addVolumeFromArray(np.ascontiguousarray(image.array), index_to_ras(image.geometry), name)


def check_volume(volume: Any) -> None:
    """Refuse a volume that cannot be analyzed, without a look at its voxels.

    Parameters
    ----------
    volume : vtkMRMLScalarVolumeNode or None
        The CTA.

    Raises
    ------
    InputError
        None, a label map, several components, no voxels, fewer than two slices, sheared axes, or a
        transform that is not rigid.
    """
    if volume is None:
        raise InputError("no CTA is chosen, choose the volume to analyze")
    name = volume.GetName()
    if volume.IsA("vtkMRMLLabelMapVolumeNode"):
        raise InputError(f"{name} is a label map, choose the CTA itself")
    image = volume.GetImageData() if volume.IsA("vtkMRMLScalarVolumeNode") else None
    if image is None or image.GetPointData().GetScalars() is None:
        raise InputError(f"{name} has no voxels of a scalar volume, load the CTA again")
    components = image.GetNumberOfScalarComponents()
    if components != 1:
        raise InputError(f"{name} has {components} values a voxel, choose a CTA with one")
    size = image.GetDimensions()
    if min(size) < _FEWEST_SLICES:
        found = " x ".join(str(n) for n in size)
        raise InputError(f"{name} has {found} voxels, a CTA needs {_FEWEST_SLICES} slices or more")
    volume_geometry(volume)


def volume_image(volume: Any) -> Image:
    """Read a CTA.

    Parameters
    ----------
    volume : vtkMRMLScalarVolumeNode
        The CTA.

    Returns
    -------
    Image
        HU, axes (k, j, i), a view of the volume's own memory; its grid is that of the world, in LPS.

    Raises
    ------
    InputError
        `check_volume` refuses it, or voxels are not finite.
    """
    check_volume(volume)
    array = image_array(volume.GetImageData())
    # The sum of finite values can only overflow; then a closer look decides.
    if array.dtype.kind == "f" and not np.isfinite(array.sum()) and not np.isfinite(array).all():
        raise InputError(f"{volume.GetName()} has voxels that are no numbers, load the CTA again")
    return Image(array, volume_geometry(volume))


def volume_warnings(volume: Any) -> tuple[str, ...]:
    """Say what a reader should know of a CTA, e.g. that it is one frame of a sequence."""
    return tuple(
        f"{volume.GetName()} is frame {browser.GetSelectedItemNumber() + 1} of {browser.GetNumberOfItems()} "
        f"of the sequence {sequence.GetName()}; the scores are those of this frame only."
        for browser, sequence in _sequences_of(volume)
    )


def only_volume(scene: Any) -> Any:
    """Give a scene's CTA where there is only one volume it could be; None otherwise."""
    proxies = sequence_proxies(scene)
    volumes = [
        node
        for node in nodes_by_class(scene, "vtkMRMLScalarVolumeNode")
        # Label maps and colour images are scalar volumes too, of other classes.
        if node.GetClassName() == "vtkMRMLScalarVolumeNode" and not node.GetHideFromEditors() and node not in proxies
    ]
    return volumes[0] if len(volumes) == 1 else None


def sequence_proxies(scene: Any) -> list[Any]:
    """Give the volumes that show the current frame of a sequence, for as long as its browser says so."""
    browsers = nodes_by_class(scene, "vtkMRMLSequenceBrowserNode")
    volumes = nodes_by_class(scene, "vtkMRMLScalarVolumeNode") if browsers else []
    return [volume for volume in volumes if any(browser.GetSequenceNode(volume) is not None for browser in browsers)]


def _sequences_of(volume: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the browsers and sequences whose current frame a volume shows."""
    scene = volume.GetScene()
    for browser in nodes_by_class(scene, "vtkMRMLSequenceBrowserNode") if scene else ():
        sequence = browser.GetSequenceNode(volume)
        if sequence is not None:
            yield browser, sequence
