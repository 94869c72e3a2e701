"""Whether the label maps belong to the CTA: arteries that lie in fat, and blood that is counted as calcium."""

from __future__ import annotations

import numpy as np

from ..anatomy import STRUCTURES, CalcificationLabel, Territory
from ..images.boxes import nonzero_box
from ..images.geometry import Image
from .codes import CodedWarning, WarningCode

FAT_HU = 0.0
"""Fat and air lie below; blood without contrast agent, thrombus and the wall above."""

MOST_CALCIFIED = 0.5
"""No disease leaves so much calcium that it fills half of all arteries."""

_MUCH_CALCIFIED, _BRIGHTER_HU = 0.1, 100.0
"""Where so much is calcified, it is dense, and brighter than the blood by far more than this."""


def belonging_warnings(cta: Image, arteries: Image, calcification: Image) -> tuple[CodedWarning, ...]:
    """Warn of label maps that cannot be those of a CTA.

    Parameters
    ----------
    cta : Image
        HU.
    arteries, calcification : Image
        Territory map and calcification map on the same grid.

    Returns
    -------
    tuple of CodedWarning
        One a territory that lies in fat or air, and one where blood is counted as calcium; empty where neither is so.
    """
    box = nonzero_box(arteries.array)
    if box is None:
        return ()
    inside = arteries.array[box] > 0
    hu, labels = cta.array[box][inside], arteries.array[box][inside]
    marked = calcification.array[box][inside] == CalcificationLabel.CALCIFICATION
    found = []
    for territory in Territory:
        blood = hu[(labels == territory) & ~marked]
        median = float(np.median(blood)) if blood.size else FAT_HU
        if median < FAT_HU:
            text = (
                f"{STRUCTURES[territory].title}: more than half of it lies in fat or air (median {median:.0f} HU); "
                "the arteries may be shifted, flipped or another patient's: look at them over the CTA."
            )
            found.append(CodedWarning(WarningCode.ARTERY_IN_FAT, text, territory.key))
    share = float(marked.mean())
    calcium, rest = (float(np.median(hu[part])) if part.any() else np.nan for part in (marked, ~marked))
    if share > MOST_CALCIFIED or (share > _MUCH_CALCIFIED and calcium - rest < _BRIGHTER_HU):
        text = (
            f"{100 * share:.0f} % of the arteries are marked as calcification (median {calcium:.0f} HU), so blood with "
            "contrast agent is counted as calcium; take a higher threshold, or check the calcification map."
        )
        found.append(CodedWarning(WarningCode.BLOOD_COUNTED, text))
    return tuple(found)
