"""What the Segment Editor is set to for a task, and how it is put back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import slicer

from CalcScoreLogic.anatomy import Territory
from CalcScoreLogic.errors import InputError
from CalcScoreLogic.images.geometry import Image
from CalcScoreLogic.results import CaseResult
from CalcScoreLogic.thresholding import FIXED_HU, adaptive_threshold

from ..incremental_work import Steps
from . import structures
from .case import SceneCase
from .masks import CaseMasks
from .volumes import volume_image

_TAG = "SegmentEditor"
_BRUSH = ("BrushSphere", "BrushAbsoluteDiameter", "BrushDiameterIsRelative")
PLAQUE_BRUSH_MM, ARTERY_BRUSH_MM = 5.0, 8.0


@dataclass(frozen=True)
class EditorState:
    """What a segment editor was set to.

    Attributes
    ----------
    overwrite, mask : int
        Overwrite mode and editable area.
    mask_segment : str
        The segment of the editable area.
    by_intensity : bool
        Whether only some intensities can be edited.
    intensities : tuple of float
        Which, HU.
    effect : str
        Name of the active effect.
    brush : tuple of (str or None)
        Parameters of the brush; None where they were never set.
    segmentation : vtkMRMLSegmentationNode or None
        What was edited.
    volume : vtkMRMLScalarVolumeNode or None
        The volume behind it.
    segment : str
        The selected segment.
    """

    overwrite: int
    mask: int
    mask_segment: str
    by_intensity: bool
    intensities: tuple[float, ...]
    effect: str
    brush: tuple[str | None, ...]
    segmentation: Any
    volume: Any
    segment: str

    @classmethod
    def of(cls, editor: Any) -> EditorState:
        """Note what an editor is set to."""
        return cls(
            editor.GetOverwriteMode(),
            editor.GetMaskMode(),
            editor.GetMaskSegmentID() or "",
            bool(editor.GetSourceVolumeIntensityMask()),
            tuple(editor.GetSourceVolumeIntensityMaskRange()),
            editor.GetActiveEffectName() or "",
            tuple(editor.GetAttribute(name) for name in _BRUSH),
            editor.GetSegmentationNode(),
            editor.GetSourceVolumeNode(),
            editor.GetSelectedSegmentID() or "",
        )

    def put_back(self, editor: Any) -> None:
        """Set an editor to what it was set to; without a segmentation before, ours stays, and its undo with it."""
        editor.SetOverwriteMode(self.overwrite)
        editor.SetMaskMode(self.mask)
        editor.SetMaskSegmentID(self.mask_segment)
        editor.SetSourceVolumeIntensityMask(self.by_intensity)
        editor.SetSourceVolumeIntensityMaskRange(*self.intensities)
        editor.SetActiveEffectName(self.effect)
        for name, value in zip(_BRUSH, self.brush, strict=True):
            editor.SetAttribute(name, value)
        scene = editor.GetScene()
        if self.segmentation is not None and scene is not None and scene.IsNodePresent(self.segmentation):
            editor.SetAndObserveSegmentationNode(self.segmentation)
            editor.SetAndObserveSourceVolumeNode(self.volume)
            editor.SetSelectedSegmentID(self.segment)


def editor_node(scene: Any) -> Any:
    """Give the parameter node of the module Segment Editor; made where it has none yet."""
    editor = scene.GetSingletonNode(_TAG, "vtkMRMLSegmentEditorNode")
    if editor is None:
        editor = scene.CreateNodeByClass("vtkMRMLSegmentEditorNode")
        editor.UnRegister(None)
        editor.SetSingletonTag(_TAG)
        editor = scene.AddNode(editor)
    return editor


def prepare_for_plaques(editor: Any, case: SceneCase, threshold_hu: float) -> None:
    """Let a segment editor paint calcification inside the arteries only, and only where it is bright.

    Parameters
    ----------
    editor : vtkMRMLSegmentEditorNode
        The editor's parameter node.
    case : SceneCase
        The case.
    threshold_hu : float
        The lowest intensity that can be painted, HU; the user may change it in the editor.
    """
    case.prepare_editor(editor, structures.CALCIFICATION)
    editor.SetMaskMode(slicer.vtkMRMLSegmentationNode.EditAllowedInsideAllSegments)
    highest = case.volume.GetImageData().GetScalarRange()[1]
    editor.SetSourceVolumeIntensityMaskRange(threshold_hu, max(highest, threshold_hu))
    editor.SetSourceVolumeIntensityMask(True)
    _take_brush(editor, PLAQUE_BRUSH_MM)


def prepare_for_arteries(editor: Any, case: SceneCase, structure: str) -> None:
    """Let a segment editor paint an artery anywhere.

    Parameters
    ----------
    editor : vtkMRMLSegmentEditorNode
        The editor's parameter node.
    case : SceneCase
        The case.
    structure : str
        The artery. A trimmed one leaves the calcification and its neighbours as they are; a full-length one takes
        the place of its neighbours, for no voxel can belong to two.
    """
    case.prepare_editor(editor, structure)
    if structure.startswith(structures.FULL):
        editor.SetOverwriteMode(editor.OverwriteAllSegments)
    editor.SetMaskMode(slicer.vtkMRMLSegmentationNode.EditAllowedEverywhere)
    editor.SetSourceVolumeIntensityMask(False)
    _take_brush(editor, ARTERY_BRUSH_MM)


def threshold_of(result: CaseResult, territory: Territory | None = None) -> float | None:
    """Give the threshold that the calcification of a case was found with, HU; None where a network found it."""
    known = result.parameters
    branches = known.get("branches") or {}
    own = branches.get(territory.key, {}).get("threshold_hu") if territory is not None else None
    found = known.get("threshold_hu") if own is None else own
    return None if found is None else float(found)


def threshold_steps(case: SceneCase) -> Steps[float]:
    """Find from which intensity on a voxel of a case may be calcification, HU, in pieces.

    It is the threshold in use; where there is none, the adaptive one of the trimmed arteries, or the fixed one where
    they hold too little lumen.
    """
    found = threshold_of(case.result())
    if found is not None:
        return found
    masks = yield from case.mask_steps()
    cta = volume_image(case.volume)
    value: float = yield lambda: _adaptive(masks, cta)
    return value


def _adaptive(masks: CaseMasks, cta: Image) -> float:
    images = masks.images(cta, whole=False)
    try:
        return adaptive_threshold(images.cta, images.shortened).threshold_hu
    except InputError:
        return FIXED_HU


def _take_brush(editor: Any, diameter_mm: float) -> None:
    for name, value in zip(_BRUSH, ("1", f"{diameter_mm:g}", "0"), strict=True):
        editor.SetAttribute(name, value)
    editor.SetActiveEffectName("Paint")
