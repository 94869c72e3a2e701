"""The DICOM Segmentation of a case: trimmed arteries, calcification, and what was cut off."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from highdicom import UID, AlgorithmIdentificationSequence
from highdicom.color import CIELabColor
from highdicom.seg import (
    SegmentAlgorithmTypeValues,
    Segmentation,
    SegmentationTypeValues,
    SegmentDescription,
)
from pydicom.sr.codedict import codes

from ..anatomy import CUT_OFF
from ..results import CaseResult, ScoredCase
from ..version import __version__
from .concepts import coded
from .equipment import NAME, equipment, networks_of
from .label_planes import CALCIFICATION, LabelPlanes, Segment
from .source import Source

SERIES_NUMBER = 9001


@dataclass(frozen=True, eq=False)
class SegmentationObject:
    """A segmentation that is ready to be written.

    Attributes
    ----------
    dataset : highdicom.seg.Segmentation
        The object.
    numbers : dict of Segment to int
        Number of each segment that has voxels.
    source_series_uid : str
        Of the CTA.
    """

    dataset: Any
    numbers: Mapping[Segment, int]
    source_series_uid: str


def make_segmentation(
    source: Source, scored: ScoredCase, on_progress: Callable[[float], None] | None = None
) -> SegmentationObject:
    """Make the segmentation of a case.

    Parameters
    ----------
    source : Source
        The CTA's instances.
    scored : ScoredCase
        Label maps on the CTA's grid.
    on_progress : callable, optional
        Told the share of the work that is done.

    Returns
    -------
    SegmentationObject
        Binary, since calcification lies in arteries and segments of a label map exclude each other. Frames
        without voxels are left out but the first and the last, which keep the extent of the CTA.
    """
    planes = LabelPlanes(scored, source.geometry, on_progress)
    dataset = Segmentation(
        source_images=source.headers,
        pixel_array=planes,
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=[_described(n, s, scored.result) for n, s in enumerate(planes.segments, start=1)],
        series_instance_uid=UID(),
        series_number=SERIES_NUMBER,
        sop_instance_uid=UID(),
        instance_number=1,
        series_description="CalcScore segmentation (research use only)",
        content_label="CALCSCORE",
        content_description="Trimmed arteries and their calcification",
        **equipment(),
    )
    _clear_marks(dataset, planes, source)
    numbers = {segment: n for n, segment in enumerate(planes.segments, start=1) if not planes.empty}
    return SegmentationObject(dataset, numbers, str(source.headers[0].SeriesInstanceUID))


def is_edited(segment: Segment, result: CaseResult) -> bool:
    """Tell whether a segment was edited by hand, or made from a full-length artery that was.

    Parameters
    ----------
    segment : Segment
        The segment.
    result : CaseResult
        The scores, whose provenance names the edited segments.

    Returns
    -------
    bool
        Whether it was.
    """
    edited = result.provenance.get("rescored", {}).get("edited_segments", [])
    territory = segment.territory
    full = territory is not None and f"full.{territory.key}" in edited
    return full or segment.key in edited


def _described(number: int, segment: Segment, result: CaseResult) -> Any:
    """Describe a segment: name, codes, colour, and what made it."""
    structure = segment.structure
    calcified = segment == CALCIFICATION
    role = "calcification" if calcified else "territories"
    networks = networks_of(result.provenance)
    kinds = SegmentAlgorithmTypeValues
    described = SegmentDescription(
        segment_number=number,
        segment_label=structure.title,
        segmented_property_category=(
            codes.SCT.MorphologicallyAbnormalStructure if calcified else codes.SCT.AnatomicalStructure
        ),
        segmented_property_type=coded(structure.concept),
        algorithm_type=kinds.SEMIAUTOMATIC if is_edited(segment, result) else kinds.AUTOMATIC,
        algorithm_identification=AlgorithmIdentificationSequence(
            name=NAME,
            family=codes.DCM.ArtificialIntelligence if role in networks else codes.DCM.MorphologicalOperations,
            version=__version__,
            parameters={
                **{f"network {name}": text for name, text in networks.items() if name == role},
                **{name: str(value) for name, value in result.parameters.items()},
            },
        ),
        display_color=CIELabColor.from_rgb(*structure.colour),
    )
    if segment.is_cut:
        kind = described.SegmentedPropertyTypeCodeSequence[0]
        kind.SegmentedPropertyTypeModifierCodeSequence = [coded(CUT_OFF)]
    return described


def _clear_marks(dataset: Any, planes: LabelPlanes, source: Source) -> None:
    """Take the voxels out again that were set so that the first and the last plane have a frame."""
    size = int(dataset.Rows) * int(dataset.Columns)
    data = bytearray(dataset.PixelData)
    frames = dataset.PerFrameFunctionalGroupsSequence
    first = [frame for frame in frames if _number_of(frame) == 1]
    places = np.array([frame.PlanePositionSequence[0].ImagePositionPatient for frame in first], float)
    normal = source.geometry.matrix[:, 2]
    along = places @ normal
    for k in planes.marks:
        # The frames of the first segment come first.
        bit = int(along.argmin() if k == 0 else along.argmax()) * size
        data[bit // 8] &= ~(1 << bit % 8) & 0xFF
    dataset.PixelData = bytes(data)


def _number_of(frame: Any) -> int:
    """Give the number of a frame's segment; that of a single one is not in the frame."""
    identified = frame.get("SegmentIdentificationSequence")
    return int(identified[0].ReferencedSegmentNumber) if identified else 1
