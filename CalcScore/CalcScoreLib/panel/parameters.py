"""What the panel is set to: saved with the scene, and turned into what the analysis takes.

The wrapper reads the annotations when the class is made, so they are not postponed here.
"""

import json
from collections.abc import Mapping
from typing import Any

import slicer
from slicer.parameterNodeWrapper import parameterNodeWrapper

from CalcScoreLogic.errors import InputError
from CalcScoreLogic.inference.options import InferenceOptions
from CalcScoreLogic.shortening import ShorteningParameters
from CalcScoreLogic.thresholding import FIXED_HU

from ..analysis import SegmentsSource, Sources, ThresholdSource
from ..scene import structures
from ..scene.other_segmentations import guess_structures
from ..translation import _

NETWORK, SEGMENTS, THRESHOLD = "network", "segments", "threshold"
"""Where arteries (not by a threshold) and calcification come from."""


@parameterNodeWrapper
class CalcScoreParameters:
    """The choices on the panel that belong to the scene.

    Attributes
    ----------
    cta : vtkMRMLScalarVolumeNode
        The volume to analyze.
    arteries_from, calcification_from : str
        `NETWORK`, `SEGMENTS` or `THRESHOLD`.
    artery_segmentation, calcification_segmentation : vtkMRMLSegmentationNode
        Existing segments.
    artery_mapping : str
        What the user corrected of who is who, see `mapping_of`.
    calcification_segment : str
        Identifier of the segment.
    adaptive : bool
        Find the threshold in the brightness of the lumen.
    threshold_hu : float
        HU from which a voxel inside an artery is calcification, where it is not adaptive.
    length_mm, margin_mm, method
        See `ShorteningParameters`.
    territories_model, calcification_model : str
        Names of the models; empty for the newest.
    folds : str
        Numbers of the folds, e.g. ``"0, 2"``; empty for all.
    mirroring : bool
        Average over mirrored tiles.
    step_size : float
        Distance between tiles as a share of the tile.
    whole_volume : bool
        Label calcification in the whole volume, not only around the trimmed arteries.
    rescore_after_edits : bool
        Score again by itself after an edit.
    show_3d : bool
        Show the result in 3-D.
    """

    cta: slicer.vtkMRMLScalarVolumeNode
    arteries_from: str = NETWORK
    artery_segmentation: slicer.vtkMRMLSegmentationNode
    artery_mapping: str = ""
    calcification_from: str = NETWORK
    adaptive: bool = True
    threshold_hu: float = FIXED_HU
    calcification_segmentation: slicer.vtkMRMLSegmentationNode
    calcification_segment: str = ""
    length_mm: float = 25.0
    margin_mm: float = 10.0
    method: str = "paper"
    territories_model: str = ""
    calcification_model: str = ""
    folds: str = ""
    mirroring: bool = True
    step_size: float = 0.5
    whole_volume: bool = False
    rescore_after_edits: bool = False
    show_3d: bool = True


def mapping_of(parameters: CalcScoreParameters) -> dict[str, str | None]:
    """Tell the structure of each segment that arteries are taken from: guessed, then as the user corrected it."""
    node = parameters.artery_segmentation
    if node is None:
        return {}
    corrected = _read_mapping(parameters.artery_mapping).get(node.GetID(), {})
    guessed = {name: key if key in structures.TERRITORY_KEYS else None for name, key in guess_structures(node).items()}
    return guessed | {name: key for name, key in corrected.items() if name in guessed}


def correct_mapping(parameters: CalcScoreParameters, segment_id: str, structure: str | None) -> None:
    """Keep what the user says a segment is; None: not used."""
    node = parameters.artery_segmentation
    if node is not None:
        known = _read_mapping(parameters.artery_mapping).get(node.GetID(), {})
        # One segmentation is remembered: another choice starts from the guess again.
        parameters.artery_mapping = json.dumps({node.GetID(): {**known, segment_id: structure}})


def sources_of(parameters: CalcScoreParameters) -> Sources:
    """Say where arteries and calcification come from.

    Raises
    ------
    InputError
        A segmentation or a segment is not chosen.
    """
    arteries: SegmentsSource | None = None
    if parameters.arteries_from == SEGMENTS:
        if parameters.artery_segmentation is None:
            raise InputError(_("No segmentation of the arteries is chosen; choose one under 'Arteries from'."))
        arteries = SegmentsSource(parameters.artery_segmentation, mapping_of(parameters))
    if parameters.calcification_from == THRESHOLD:
        return Sources(arteries, ThresholdSource(None if parameters.adaptive else parameters.threshold_hu))
    if parameters.calcification_from == SEGMENTS:
        if parameters.calcification_segmentation is None or not parameters.calcification_segment:
            raise InputError(_("No segment of the calcification is chosen; choose one under 'Calcium from'."))
        mapping = {parameters.calcification_segment: structures.CALCIFICATION}
        return Sources(arteries, SegmentsSource(parameters.calcification_segmentation, mapping))
    return Sources(arteries)


def lengths_of(parameters: CalcScoreParameters) -> ShorteningParameters:
    """Give the standard lengths; raises InputError where they cannot be used."""
    method: Any = parameters.method
    return ShorteningParameters(parameters.length_mm, parameters.margin_mm, method)


def options_of(parameters: CalcScoreParameters, device: str) -> InferenceOptions:
    """Give how the networks are run.

    Raises
    ------
    InputError
        The folds are no numbers, or the step size is none.
    """
    words = parameters.folds.replace(",", " ").split()
    if not all(word.isdecimal() for word in words):
        raise InputError(
            _("The networks used are {folds!r}; give numbers such as 0, 2, or nothing for all.").format(
                folds=parameters.folds
            )
        )
    folds = tuple(int(word) for word in words) or None
    return InferenceOptions(
        folds, parameters.mirroring, parameters.step_size, device, whole_volume=parameters.whole_volume
    )


def _read_mapping(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
