"""The structured report of a case: DICOM Comprehensive 3D SR, template TID 1500."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from highdicom import UID
from highdicom.sr import (
    AlgorithmIdentification,
    Comprehensive3DSR,
    DeviceObserverIdentifyingAttributes,
    FindingSite,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    PersonObserverIdentifyingAttributes,
    QualitativeEvaluation,
    ReferencedSegment,
    RelationshipTypeValues,
    SourceSeriesForSegmentation,
    TextContentItem,
    TrackingIdentifier,
    VolumetricROIMeasurementsAndQualitativeEvaluations,
)
from pydicom.sr.codedict import codes

from ..anatomy import COMBINED, STRUCTURES, VESSEL_SITES, VESSELS_OF, Concept, Territory
from ..quality.codes import CodedWarning
from ..results import CaseResult
from ..scoring import Row
from ..version import __version__
from . import concepts
from .concepts import coded
from .equipment import NAME, equipment, networks_of
from .label_planes import Segment
from .segmentation import SegmentationObject
from .source import Source

SERIES_NUMBER = 9002


def make_report(
    source: Source, segmentation: SegmentationObject, result: CaseResult, observer: str | None = None
) -> Any:
    """Make the structured report of a case.

    Parameters
    ----------
    source : Source
        The CTA's instances.
    segmentation : SegmentationObject
        Its segments, which the measurements refer to.
    result : CaseResult
        The scores.
    observer : str, optional
        Name of the person who edited the segments, where it is to be told.

    Returns
    -------
    highdicom.sr.Comprehensive3DSR
        The object. A figure that is not defined has no measurement.
    """
    report = MeasurementReport(
        observation_context=_observers(observer),
        procedure_reported=coded(concepts.PROCEDURE),
        imaging_measurements=[_group(reported, segmentation, result) for reported in _rows(result)],
        title=coded(concepts.TITLE),
    )
    return Comprehensive3DSR(
        evidence=[*source.headers, segmentation.dataset],
        content=report,
        series_instance_uid=UID(),
        series_number=SERIES_NUMBER,
        sop_instance_uid=UID(),
        instance_number=1,
        series_description="CalcScore scores (research use only)",
        is_complete=True,
        **equipment(),
    )


@dataclass(frozen=True)
class _Reported:
    """A row with its name, its territory (None for the combined one) and the arteries that it is about."""

    name: str
    row: Row
    territory: Territory | None
    sites: list[Any]


def _rows(result: CaseResult) -> Iterator[_Reported]:
    """Give every row: each territory before its vessels, the combined one last."""
    scores = result.scores
    for territory in Territory:
        sites = [_site(STRUCTURES[territory].concept)]
        yield _Reported(territory.key, scores.territories[territory.key], territory, sites)
        for vessel in VESSELS_OF.get(territory, ()):
            if vessel.value in scores.vessels:
                sites = [_site(*VESSEL_SITES[vessel])]
                yield _Reported(vessel.value, scores.vessels[vessel.value], territory, sites)
    sites = [_site(STRUCTURES[territory].concept) for territory in Territory]
    yield _Reported(COMBINED, scores.territories[COMBINED], None, sites)


def _site(artery: Concept, side: Concept | None = None) -> Any:
    """Say which artery a row is about."""
    return FindingSite(coded(artery), laterality=side and coded(side))


def _observers(name: str | None) -> Any:
    """Say who observed: the program, and the person where it is to be told."""
    device = ObserverContext(
        codes.DCM.Device,
        DeviceObserverIdentifyingAttributes(
            uid=UID(), name=NAME, manufacturer_name=NAME, model_name=NAME, serial_number=__version__
        ),
    )
    if name is None:
        return ObservationContext(observer_device_context=device)
    person = ObserverContext(codes.DCM.Person, PersonObserverIdentifyingAttributes(name=name))
    return ObservationContext(observer_device_context=device, observer_person_context=person)


def _group(reported: _Reported, segmentation: SegmentationObject, result: CaseResult) -> Any:
    """Make the measurement group of a row; it refers to the segment of its territory where there is one."""
    name, row, territory = reported.name, reported.row, reported.territory
    content: dict[str, Any] = {
        "tracking_identifier": TrackingIdentifier(identifier=f"{NAME} {name}"),
        "finding_type": coded(concepts.ARTERY),
        "finding_sites": reported.sites,
        "algorithm_id": AlgorithmIdentification(NAME, __version__, parameters=[_parameters(result)]),
        "measurements": list(_measurements(name, row, result)),
        "qualitative_evaluations": list(_evaluations(name, row, result)),
    }
    number = segmentation.numbers.get(Segment(territory.key)) if territory is not None else None
    if number is None or not row.artery_volume_mm3:
        return MeasurementsAndQualitativeEvaluations(**content)
    referenced = ReferencedSegment(
        sop_class_uid=segmentation.dataset.SOPClassUID,
        sop_instance_uid=segmentation.dataset.SOPInstanceUID,
        segment_number=number,
        # One by one, the instances would fill the report; its evidence lists them.
        source_series=SourceSeriesForSegmentation(segmentation.source_series_uid),
    )
    return VolumetricROIMeasurementsAndQualitativeEvaluations(referenced_segment=referenced, **content)


def _parameters(result: CaseResult) -> str:
    """Say what the figures rest on: lengths, sources and networks."""
    networks = {f"network {role}": text for role, text in networks_of(result.provenance).items()}
    return "; ".join(f"{name} {value}" for name, value in (*result.parameters.items(), *networks.items()))


def _measurements(name: str, row: Row, result: CaseResult) -> Iterator[Any]:
    """Give the figures of a row that are defined, and the range of its burden over the folds."""
    for figure, (concept, unit) in concepts.FIGURES.items():
        value = getattr(row, figure)
        if value is not None:
            yield Measurement(coded(concept), value, coded(unit))
    burden, unit = concepts.FIGURES["burden"]
    span = result.burden_ranges.get(name)
    if span is not None:
        for value, derivation in ((span.lowest, concepts.MINIMUM), (span.highest, concepts.MAXIMUM)):
            if value is not None:
                yield Measurement(coded(burden), value, coded(unit), derivation=coded(derivation))
    composite = result.composite
    if name == COMBINED and composite is not None and composite["burden"] is not None:
        yield Measurement(coded(concepts.COMPOSITE), composite["burden"], coded(unit))


def _evaluations(name: str, row: Row, result: CaseResult) -> Iterator[Any]:
    """Give a row's status, whether it was edited, and its warnings; those of the whole case with the combined row."""
    yield QualitativeEvaluation(coded(concepts.STATUS), coded(concepts.STATUSES[row.status]))
    if name in result.edited:
        yield QualitativeEvaluation(coded(concepts.EDITED), coded(concepts.YES))
    for warning in result.warnings:
        territory = warning.territory if isinstance(warning, CodedWarning) else None
        if name == (territory or COMBINED):
            yield _comment(str(warning))


def _comment(text: str) -> Any:
    """Make a qualitative evaluation in words, which template TID 1501 allows and highdicom has no class for."""
    evaluation = QualitativeEvaluation(coded(concepts.COMMENT), coded(concepts.YES))
    del evaluation[0]
    evaluation.append(TextContentItem(coded(concepts.COMMENT), text, RelationshipTypeValues.CONTAINS))
    return evaluation
