"""Coded concepts of the structured report: those of DICOM and SNOMED CT where there are any, else our own."""

from __future__ import annotations

from typing import Any

from highdicom.sr import CodedConcept

from ..anatomy import PRIVATE_SCHEME, Concept
from ..scoring import Status


def coded(concept: Concept) -> Any:
    """Give a concept as highdicom takes it, a ``CodedConcept``."""
    return CodedConcept(concept.code, concept.scheme, concept.meaning)


TITLE = Concept("126000", "Imaging Measurement Report (research use only)", "DCM")
"""The standard's code, by which readers know the template; its words say what the report is for."""
PROCEDURE = Concept("25045-6", "CT unspecified body region", "LN")
"""The only CT of the trunk in the template's list, CID 100."""

CUBIC_MILLIMETRES = Concept("mm3", "cubic millimeter", "UCUM")
RATIO = Concept("{ratio}", "ratio", "UCUM")
NO_UNIT = Concept("1", "no units", "UCUM")

FIGURES = {
    "artery_volume_mm3": (Concept("118565006", "Volume"), CUBIC_MILLIMETRES),
    "calcified_volume_mm3": (Concept("122660", "Calcium Volume", "DCM"), CUBIC_MILLIMETRES),
    "burden": (Concept("BURDEN", "Calcified volume divided by artery volume", PRIVATE_SCHEME), RATIO),
    "cluster_count": (Concept("111038", "Number of calcifications", "DCM"), NO_UNIT),
    "mean_cluster_volume_mm3": (
        Concept("MEAN_CLUSTER_VOL", "Mean volume of a calcification cluster", PRIVATE_SCHEME),
        CUBIC_MILLIMETRES,
    ),
}
"""Name and unit of each figure of a row."""

COMPOSITE = Concept("COMPOSITE_BURDEN", "Burden weighted by the user's weights of the territories", PRIVATE_SCHEME)
MINIMUM = Concept("255605001", "Minimum")
MAXIMUM = Concept("56851009", "Maximum")

STATUS = Concept("STATUS", "Whether the standard length of the artery was measured", PRIVATE_SCHEME)
STATUSES = {status: Concept(status.value.upper(), status.value.replace("_", " "), PRIVATE_SCHEME) for status in Status}

EDITED = Concept("EDITED", "Rests on segments edited by hand", PRIVATE_SCHEME)
YES = Concept("373066001", "Yes")

ARTERY = Concept("51114001", "Artery")
COMMENT = Concept("121106", "Comment", "DCM")
