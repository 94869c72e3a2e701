"""What is told of calcification that is not in the artery map."""

from __future__ import annotations

from ..anatomy import STRUCTURES
from ..artery_holes import FilledArteries
from .codes import CodedWarning, WarningCode


def calcium_warnings(filled: FilledArteries) -> tuple[CodedWarning, ...]:
    """Tell of holes that were filled and of calcification that does not count.

    Parameters
    ----------
    filled : FilledArteries
        What `artery_holes.fill_holes` found.

    Returns
    -------
    tuple of CodedWarning
        A sentence a territory for filled holes, and one for what lies outside; empty where there is neither.
    """
    told = [
        CodedWarning(
            WarningCode.FILLED_HOLES,
            f"{STRUCTURES[territory].title}: {_volume(volume)} of calcification had taken the artery's place in its "
            "map and count as this artery; remove them from the calcification too where there is no artery.",
            territory.key,
        )
        for territory, volume in filled.filled_mm3.items()
    ]
    if not filled.outside_mm3:
        return tuple(told)
    outside = _volume(filled.outside_mm3)
    text = (
        f"{outside} of the calcification lie outside the arteries and do not count; extend the artery there to "
        "count them."
    )
    if not filled.inside_mm3:
        text = (
            f"None of the calcification lies inside the arteries ({outside} lie outside), so no burden is known; "
            "the label maps may be shifted, or of two patients: look at them over the CTA."
        )
    return (CodedWarning(WarningCode.CALCIUM_OUTSIDE, text), *told)


def _volume(mm3: float) -> str:
    return f"{mm3:.0f} mm³" if mm3 >= 10 else f"{mm3:.2g} mm³"
