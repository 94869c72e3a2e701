"""Label numbers, names, colours and SNOMED CT codes of everything CalcScore labels.

No other module spells out a label value, a structure's name, a colour or a code. The label values
are those of the paper's two networks (paper, "Neural-network models").
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum


class Territory(IntEnum):
    """Arterial territories and their values in a territory map."""

    AORTA = 1
    ILIAC = 2
    MESENTERIC = 3
    RENAL = 4

    @property
    def key(self) -> str:
        """Name in files and on the command line, e.g. ``"aorta"``."""
        return self.name.lower()


SIDE_TERRITORIES = (Territory.ILIAC, Territory.MESENTERIC, Territory.RENAL)
"""The territories that branch off the aorta and are shortened."""

COMBINED = "combined"
"""Key of the row that takes the four territories as one artery."""


class CalcificationLabel(IntEnum):
    """Values in a calcification map."""

    ARTERY = 1
    CALCIFICATION = 2

    @property
    def key(self) -> str:
        """Name in files, e.g. ``"calcification"``."""
        return self.name.lower()


class Vessel(str, Enum):
    """Single vessels that are reported below their territory where they can be told apart."""

    LEFT_ILIAC = "left_iliac"
    RIGHT_ILIAC = "right_iliac"
    COELIAC = "coeliac"
    SUPERIOR_MESENTERIC = "superior_mesenteric"
    LEFT_RENAL = "left_renal"
    RIGHT_RENAL = "right_renal"

    @property
    def number(self) -> int:
        """Value in a map of vessels, see `vessels.separate_vessels`."""
        return list(Vessel).index(self) + 1


VESSELS_OF = {
    Territory.ILIAC: (Vessel.LEFT_ILIAC, Vessel.RIGHT_ILIAC),
    Territory.MESENTERIC: (Vessel.COELIAC, Vessel.SUPERIOR_MESENTERIC),
    Territory.RENAL: (Vessel.LEFT_RENAL, Vessel.RIGHT_RENAL),
}
"""The two vessels of each side territory: (left, right), or (upper, lower) for the mesenteric one."""


@dataclass(frozen=True)
class Concept:
    """A coded concept.

    Attributes
    ----------
    code : str
        Its identifier.
    meaning : str
        What it means.
    scheme : str
        Who gave the identifier, as DICOM writes it; SNOMED CT.
    """

    code: str
    meaning: str
    scheme: str = "SCT"


@dataclass(frozen=True)
class Structure:
    """How a labelled structure is shown and coded.

    Attributes
    ----------
    title : str
        Name for readers.
    colour : tuple of int
        sRGB, 0 to 255; from the Okabe-Ito palette, which colour-blind readers tell apart.
    concept : Concept
        What it is.
    """

    title: str
    colour: tuple[int, int, int]
    concept: Concept


STRUCTURES = {
    Territory.AORTA: Structure("Aorta", (213, 94, 0), Concept("7832008", "Abdominal aorta")),
    Territory.ILIAC: Structure("Iliac", (0, 114, 178), Concept("10293006", "Iliac artery")),
    Territory.MESENTERIC: Structure("Mesenteric", (0, 158, 115), Concept("86570000", "Mesenteric artery")),
    Territory.RENAL: Structure("Renal", (204, 121, 167), Concept("2841007", "Renal artery")),
}
"""How the territories are shown and coded."""

CALCIFICATION_STRUCTURES = {
    CalcificationLabel.ARTERY: Structure("Artery, not calcified", (86, 180, 233), Concept("51114001", "Artery")),
    CalcificationLabel.CALCIFICATION: Structure(
        "Calcification", (240, 228, 66), Concept("29483008", "Calcified atheromatous plaque")
    ),
}
"""How the labels of a calcification map are shown and coded."""


CUT_STRUCTURE = Structure("Cut off", (150, 150, 150), Concept("51114001", "Artery"))
"""How the arteries that trimming took away are shown and coded."""


_LEFT, _RIGHT = Concept("7771000", "Left"), Concept("24028007", "Right")
_ILIAC, _RENAL = Concept("10293006", "Iliac artery"), Concept("2841007", "Renal artery")

VESSEL_SITES: dict[Vessel, tuple[Concept, Concept | None]] = {
    Vessel.LEFT_ILIAC: (_ILIAC, _LEFT),
    Vessel.RIGHT_ILIAC: (_ILIAC, _RIGHT),
    Vessel.COELIAC: (Concept("57850000", "Celiac artery"), None),
    Vessel.SUPERIOR_MESENTERIC: (Concept("42258001", "Superior mesenteric artery"), None),
    Vessel.LEFT_RENAL: (_RENAL, _LEFT),
    Vessel.RIGHT_RENAL: (_RENAL, _RIGHT),
}
"""Artery and side of each vessel."""

ARTERY_CODES = {
    **{structure.concept.code: territory for territory, structure in STRUCTURES.items()},
    "15825003": Territory.AORTA,  # aorta
    "244411005": Territory.ILIAC,  # iliac artery
    "73634005": Territory.ILIAC,  # common iliac artery
    "113269004": Territory.ILIAC,  # external iliac artery
    "90024005": Territory.ILIAC,  # internal iliac artery
    "57850000": Territory.MESENTERIC,  # coeliac artery
    "42258001": Territory.MESENTERIC,  # superior mesenteric artery
}
"""SNOMED CT codes that other tools give arteries, and the territory that each belongs to."""

CALCIFICATION_CODES = frozenset({"29483008", "18115005", "129759000", "237897009"})
"""SNOMED CT codes that other tools give calcification: of a plaque, any, of a vessel."""

PRIVATE_SCHEME = "99CALCSCORE"
"""Coding scheme of concepts that no public one has; ``docs/dicom.md`` lists them."""

CUT_OFF = Concept("CUT_OFF", "Cut off by trimming to a standard length", PRIVATE_SCHEME)
"""Modifier of the artery that was cut off."""
