"""Coded concepts of the structured report: those of DICOM and SNOMED CT where there are any, else our own."""

from __future__ import annotations

from dataclasses import dataclass

from ..anatomy import PRIVATE_SCHEME
from ..scoring import Status


@dataclass(frozen=True)
class Coded:
    """A coded concept.

    Attributes
    ----------
    value, scheme, meaning : str
        As in a DICOM code sequence.
    """

    value: str
    scheme: str
    meaning: str


TITLE = Coded("126000", "DCM", "Imaging Measurement Report (research use only)")
"""The standard's code, by which readers know the template; its words say what the report is for."""
PROCEDURE = Coded("25045-6", "LN", "CT unspecified body region")
"""The only CT of the trunk in the template's list, CID 100."""

CUBIC_MILLIMETRES = Coded("mm3", "UCUM", "cubic millimeter")
RATIO = Coded("{ratio}", "UCUM", "ratio")
NO_UNIT = Coded("1", "UCUM", "no units")

FIGURES = {
    "artery_volume_mm3": (Coded("118565006", "SCT", "Volume"), CUBIC_MILLIMETRES),
    "calcified_volume_mm3": (Coded("122660", "DCM", "Calcium Volume"), CUBIC_MILLIMETRES),
    "burden": (Coded("BURDEN", PRIVATE_SCHEME, "Calcified volume divided by artery volume"), RATIO),
    "cluster_count": (Coded("111038", "DCM", "Number of calcifications"), NO_UNIT),
    "mean_cluster_volume_mm3": (
        Coded("MEAN_CLUSTER_VOL", PRIVATE_SCHEME, "Mean volume of a calcification cluster"),
        CUBIC_MILLIMETRES,
    ),
}
"""Name and unit of each figure of a row."""

COMPOSITE = Coded("COMPOSITE_BURDEN", PRIVATE_SCHEME, "Burden weighted by the user's weights of the territories")
MINIMUM = Coded("255605001", "SCT", "Minimum")
MAXIMUM = Coded("56851009", "SCT", "Maximum")

STATUS = Coded("STATUS", PRIVATE_SCHEME, "Whether the standard length of the artery was measured")
STATUSES = {status: Coded(status.value.upper(), PRIVATE_SCHEME, status.value.replace("_", " ")) for status in Status}

EDITED = Coded("EDITED", PRIVATE_SCHEME, "Rests on segments edited by hand")
YES = Coded("373066001", "SCT", "Yes")

ARTERY = Coded("51114001", "SCT", "Artery")
COMMENT = Coded("121106", "DCM", "Comment")
