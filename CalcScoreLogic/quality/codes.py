"""Warnings with a code, so that programs can count and filter what readers read."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Any


class WarningCode(str, Enum):
    """What a warning is about; the values are stable, files and scripts rest on them."""

    THICK_SLICES = "thick_slices"
    GAPS = "gaps"
    CUT_FIELD_OF_VIEW = "cut_field_of_view"
    MOTION = "motion"
    NOISE = "noise"
    DIM_LUMEN = "dim_lumen"
    UNEVEN_LUMEN = "uneven_lumen"
    METAL = "metal"
    FILLED_HOLES = "filled_holes"
    CALCIUM_OUTSIDE = "calcium_outside"
    BLOOD_COUNTED = "blood_counted"
    FAINT_PLAQUES = "faint_plaques"
    ARTERY_IN_FAT = "artery_in_fat"
    VALUES_NOT_HU = "values_not_hu"
    BRIGHT_LUMEN = "bright_lumen"
    LEFT_OUT = "left_out"
    SERIES_CHOICE = "series_choice"
    UNUSUAL_VOLUME = "unusual_volume"
    MISSING_ARTERY = "missing_artery"
    DETACHED = "detached"
    FOLDS_DISAGREE = "folds_disagree"
    DEMO_NETWORKS = "demo_networks"
    SYNTHETIC_NETWORKS = "synthetic_networks"
    LABELS = "labels"
    ORIENTATION = "orientation"
    OTHER_TOOL = "other_tool"
    TRIMMING = "trimming"
    VESSELS = "vessels"
    NOT_SEARCHED = "not_searched"


class CodedWarning(str):
    """A sentence for the reader that also carries its code; everything that takes a string takes it.

    Parameters
    ----------
    code : WarningCode
        What it is about.
    text : str
        The sentence.
    territory : str, optional
        Key of the territory that it is about; none where it is about the whole case.

    Attributes
    ----------
    code : WarningCode
    territory : str or None
    """

    __slots__ = ("code", "territory")

    code: WarningCode
    territory: str | None

    def __new__(cls, code: WarningCode, text: str, territory: str | None = None) -> CodedWarning:
        """Make the sentence and attach the code."""
        warning = super().__new__(cls, text)
        warning.code, warning.territory = WarningCode(code), territory
        return warning

    def __getnewargs__(self) -> tuple[Any, ...]:  # type: ignore[override]
        """Give what a copy in another process is made from."""
        return self.code, str(self), self.territory

    def to_dict(self) -> dict[str, str | None]:
        """Give an entry of ``warning_codes`` in ``scores.json``."""
        return {"code": self.code.value, "territory": self.territory, "warning": str(self)}


def coded(code: WarningCode, warnings: Iterable[str]) -> tuple[CodedWarning, ...]:
    """Give sentences of one kind their code; those that have one keep it.

    Parameters
    ----------
    code : WarningCode
        What they are about.
    warnings : iterable of str
        Sentences.

    Returns
    -------
    tuple of CodedWarning
        The same sentences.
    """
    return tuple(text if isinstance(text, CodedWarning) else CodedWarning(code, text) for text in warnings)


def codes_of(warnings: Iterable[str], territory: str | None = None) -> str:
    """Write the codes of some warnings for a cell of a table.

    Parameters
    ----------
    warnings : iterable of str
        Sentences, with codes or without.
    territory : str, optional
        Leave out what is about another territory; all by default.

    Returns
    -------
    str
        Each code once, in order, with a semicolon between; empty for none.
    """
    found = [warning for warning in warnings if isinstance(warning, CodedWarning)]
    kept = (w.code.value for w in found if territory is None or w.territory in (None, territory))
    return ";".join(dict.fromkeys(kept))


def with_codes(warnings: Iterable[str], entries: Iterable[dict[str, Any]]) -> tuple[str, ...]:
    """Give warnings that were read from ``scores.json`` their codes back.

    Parameters
    ----------
    warnings : iterable of str
        ``warnings`` of the file.
    entries : iterable of dict
        ``warning_codes`` of the file; codes that this version does not know are passed over.

    Returns
    -------
    tuple of str
        The same sentences, those with an entry as `CodedWarning`.
    """
    known = {code.value for code in WarningCode}
    by_text = {
        entry["warning"]: CodedWarning(entry["code"], entry["warning"], entry.get("territory"))
        for entry in entries
        if entry["code"] in known
    }
    return tuple(by_text.get(warning, warning) for warning in warnings)
