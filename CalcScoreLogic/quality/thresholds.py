"""Checks of an adaptive threshold: where the lumen is not one brightness, a single value says less."""

from __future__ import annotations

from ..anatomy import STRUCTURES
from ..thresholding import AdaptiveThreshold
from .codes import CodedWarning, WarningCode

UNEVEN_SD_HU = 60.0
"""A lumen with more than this is mixed, and the threshold 240 HU or more above its median; noise is 10 to 40 HU."""

DIM_HU = 100.0
"""A branch's own threshold would be this much lower, so that plaques between the two are missed."""


def adaptive_warnings(found: AdaptiveThreshold | None) -> tuple[CodedWarning, ...]:
    """Say what an adaptive threshold rests on where that is not one uniform lumen.

    Parameters
    ----------
    found : AdaptiveThreshold or None
        The threshold; None for other methods.

    Returns
    -------
    tuple of CodedWarning
        A small or uneven aorta, branches much brighter or darker than it.
    """
    if found is None:
        return ()
    return (*_of_lumen(found), *_of_branches(found))


def _of_lumen(found: AdaptiveThreshold) -> list[CodedWarning]:
    lumen, hu, told = found.lumen, found.threshold_hu, []
    if found.source != "aorta":
        told.append(
            f"The aorta holds too little lumen away from its wall; the threshold of {hu:.0f} HU was found from all "
            "arteries."
        )
    if lumen.is_part:
        told.append(
            "Most of the aorta is darker than its brightest lumen, as with thrombus or a dissection; the threshold of "
            f"{hu:.0f} HU was found from the bright part ({lumen.median_hu:.0f} HU), calcium in the dark one can be "
            "missed."
        )
    elif lumen.sd_hu > UNEVEN_SD_HU:
        told.append(
            f"The lumen is uneven ({lumen.median_hu:.0f} HU, SD {lumen.sd_hu:.0f} HU), as with a dissection, thrombus "
            f"or much noise; plaques fainter than {hu:.0f} HU are missed, correct them by hand."
        )
    return [CodedWarning(WarningCode.UNEVEN_LUMEN, text) for text in told]


def _of_branches(found: AdaptiveThreshold) -> list[CodedWarning]:
    told = []
    for territory, lumen in found.branches.items():
        title, own = STRUCTURES[territory].title, found.threshold_in(territory)
        text = ""
        if found.is_brighter(territory):
            text = (
                f"{title}: the lumen ({lumen.median_hu:.0f} HU) is brighter than that of the {found.source} "
                f"({found.lumen.median_hu:.0f} HU); its own threshold of {own:.0f} HU was used there."
            )
        elif lumen.calcium_hu < own - DIM_HU:
            text = (
                f"{title}: the lumen ({lumen.median_hu:.0f} HU) is darker than that of the {found.source} "
                f"({found.lumen.median_hu:.0f} HU); plaques of {lumen.calcium_hu:.0f} to {own:.0f} HU are missed there."
            )
        if text:
            told.append(CodedWarning(WarningCode.UNEVEN_LUMEN, text, territory.key))
    return told
