"""Checks of labelled arteries, each a warning beside the figures; `ct` checks the CT before."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ..anatomy import SIDE_TERRITORIES, STRUCTURES, CalcificationLabel, Territory
from ..images.boxes import nonzero_box
from ..images.geometry import Array, Image
from ..lumen import LEAST_SD_HU, Lumen, robust_sd
from ..scoring import Cluster, Row, Status
from ..shortening import ShorteningMethod, ShorteningParameters
from .belonging import belonging_warnings
from .codes import CodedWarning, WarningCode
from .exchange import exchange_warning

METAL_HU = 3000.0
"""Calcium stays below this on CT; stents, clips and coils do not."""

DIM_HU = 200.0
"""Arterial CTA has 250 to 500 HU in the aorta, the portal venous phase 100 to 180, no contrast about 40."""

NOISE_HU = 50.0
"""At this noise, 1 in 3000 voxels of a 300 HU lumen passes 470 HU by chance; in an aorta that is dozens."""

BRIGHT_HU = 900.0
"""Blood with contrast agent has 200 to 700 HU on an ordinary CT; more is another energy, or no HU."""

FAINT_SHARE = 0.1
"""On 76 synthetic CTA 0.6 % of the true and 58 % of the false plaques' volume was no brighter than blood with noise."""

_WRAPPED_HU, _BESIDE_WRAPPED_HU = -500.0, 1500.0

_WALL_MM = 2.0
_SLICES = 64
_FEW_VOXELS = 20
_WHOLE = 0.95
"""So much of an artery is never calcification; there is a lumen."""

OF_SCORING = frozenset(
    {
        WarningCode.VESSELS,
        WarningCode.LABELS,
        WarningCode.CUT_FIELD_OF_VIEW,
        WarningCode.MISSING_ARTERY,
        WarningCode.DETACHED,
        WarningCode.UNUSUAL_VOLUME,
        WarningCode.DIM_LUMEN,
        WarningCode.BRIGHT_LUMEN,
        WarningCode.NOISE,
        WarningCode.METAL,
        WarningCode.CALCIUM_OUTSIDE,
        WarningCode.BLOOD_COUNTED,
        WarningCode.FAINT_PLAQUES,
        WarningCode.ARTERY_IN_FAT,
        WarningCode.NOT_SEARCHED,
    }
)
"""Codes of warnings that rest on the segments: a new scoring makes them anew."""


@dataclass(frozen=True)
class _Plausible:
    """Range of the mean width of a territory's arteries, mm, and of the aorta's length."""

    narrowest: float
    widest: float
    shortest: float = 0.0
    longest: float = 0.0


_PLAUSIBLE = {
    Territory.AORTA: _Plausible(12.0, 55.0, 60.0, 220.0),
    Territory.ILIAC: _Plausible(5.0, 30.0),
    Territory.MESENTERIC: _Plausible(3.0, 15.0),
    Territory.RENAL: _Plausible(2.5, 12.0),
}
"""Half the usual width (Johnston et al., J Vasc Surg 1991;13:452-8; renal: 5 mm) to at least twice it."""

_ADVICE = {
    Status.TRUNCATED: "the volume ends inside the standard length, so the figures may stand for a part of it; "
    "a scan that covers more gives the whole.",
    Status.NOT_IN_VIEW: "not in the field of view, so there is no score; a scan that covers it gives one.",
    Status.DETACHED: "it is labelled, but no piece of it is attached to the aorta, so there is no score; "
    "bridge the gap in the segmentation.",
    Status.ABSENT: "no artery was found although the scan covers it, so there is no score; "
    "look at the images, and correct the segments if it is there.",
}

_NOT_GIVEN = "no segment was given for it, so there is no score; choose one, and analyze again."

_CODES = {Status.ABSENT: WarningCode.MISSING_ARTERY, Status.DETACHED: WarningCode.DETACHED}

_ARTERIES = 2
_DIAGONAL = 0.55
"""The paper's steps leave 14 of 25 mm of a branch that runs along a diagonal."""
_STUMP_MM = 5.0


def artery_warnings(
    cta: Image, arteries: Image, calcification: Image, plaques: Sequence[Cluster] = ()
) -> tuple[CodedWarning, ...]:
    """Check the intensities inside the arteries.

    Parameters
    ----------
    cta : Image
        HU.
    arteries, calcification : Image
        Full-length territory map and calcification map on the same grid.
    plaques : sequence of Cluster
        What was scored of them.

    Returns
    -------
    tuple of CodedWarning
        A lumen too dim or too bright to be a CTA, noise, plaques no brighter than blood, maps of something else, metal;
        empty where nothing was found.
    """
    found = []
    lumen = _lumen_slices(cta, arteries, calcification)
    if lumen:
        median = float(np.median(np.concatenate(lumen)))
        if median < DIM_HU:
            text = (
                f"The aorta has {median:.0f} HU (median); below {DIM_HU:.0f} HU this is no arterial CTA, "
                "and the figures mean little."
            )
            found.append(CodedWarning(WarningCode.DIM_LUMEN, text))
        if median > BRIGHT_HU:
            text = (
                f"The aorta has {median:.0f} HU (median); blood with contrast agent stays below {BRIGHT_HU:.0f} HU on "
                "an ordinary CT, so the values are no HU or those of another energy (mono-energetic, iodine)."
            )
            found.append(CodedWarning(WarningCode.BRIGHT_LUMEN, text))
        noise = _noise(lumen)
        if noise > NOISE_HU:
            text = (
                f"The aorta's noise is {noise:.0f} HU, over {NOISE_HU:.0f} HU; "
                "single bright voxels can count as calcification."
            )
            found.append(CodedWarning(WarningCode.NOISE, text))
        found += _faint_plaques(np.concatenate(lumen), plaques)
    return (*found, *belonging_warnings(cta, arteries, calcification), *metal_warnings(cta, arteries))


def row_warnings(
    rows: Mapping[str, Row], lengths: ShorteningParameters | None, not_given: Collection[str] = ()
) -> tuple[CodedWarning, ...]:
    """Check the territories' rows.

    Parameters
    ----------
    rows : mapping of str to Row
        Rows by territory key, as `scoring.score` gives them.
    lengths : ShorteningParameters or None
        How the arteries were trimmed; untrimmed ones have no usual volume.
    not_given : collection of str
        Keys of territories that the source of the map does not label.

    Returns
    -------
    tuple of CodedWarning
        Arteries cut by the field of view, not found, not attached, or far from their plausible volume.
    """
    if not any(
        rows[territory.key].artery_volume_mm3 or rows[territory.key].status is Status.DETACHED
        for territory in Territory
    ):
        # An empty map has its own warning.
        return ()
    found = []
    for territory in Territory:
        row, title = rows[territory.key], STRUCTURES[territory].title
        if row.status is Status.OK:
            unusual = _unusual_volume(territory, rows, lengths)
            found += [unusual] if unusual else []
            continue
        code = _CODES.get(row.status, WarningCode.CUT_FIELD_OF_VIEW)
        missing = row.status is Status.ABSENT and territory.key in not_given
        found.append(CodedWarning(code, f"{title}: {_NOT_GIVEN if missing else _ADVICE[row.status]}", territory.key))
    return tuple(found)


def plausible_volume_mm3(territory: Territory, lengths: ShorteningParameters) -> tuple[float, float]:
    """Give the plausible range of a trimmed territory's volume.

    Parameters
    ----------
    territory : Territory
        Which one; a side territory is taken as two arteries.
    lengths : ShorteningParameters
        How it was trimmed.

    Returns
    -------
    tuple of float
        Lowest and highest volume, mm³.
    """
    limits = _PLAUSIBLE[territory]
    shortest, longest, count = limits.shortest, limits.longest, 1
    if territory in SIDE_TERRITORIES:
        count = _ARTERIES
        shortest = lengths.length_mm * (_DIAGONAL if lengths.method is ShorteningMethod.PAPER else 1.0)
        longest = lengths.length_mm + _STUMP_MM
    low, high = (np.pi / 4 * width**2 for width in (limits.narrowest, limits.widest))
    return float(count * low * shortest), float(count * high * longest)


def metal_warnings(cta: Image, arteries: Image) -> tuple[CodedWarning, ...]:
    """Warn of metal inside the arteries, and of metal too bright for the store, which comes out as air.

    Parameters
    ----------
    cta : Image
        Intensities, HU.
    arteries : Image
        Artery mask or territory map on the same grid; non-zero is artery.

    Returns
    -------
    tuple of CodedWarning
        A sentence where voxels over 3000 HU lie inside an artery; one where voxels of air do, deep inside or beside
        something as bright as metal.
    """
    box = nonzero_box(arteries.array, padding=1)
    if box is None:
        return ()
    hu, inside = cta.array[box], arteries.array[box] > 0
    found, voxel = [], cta.geometry.voxel_volume_mm3
    metal = int(np.count_nonzero(hu[inside] > METAL_HU))
    if metal:
        found.append(
            f"Metal inside an artery: {metal * voxel:.0f} mm³ over {METAL_HU:.0f} HU "
            f"(up to {hu[inside].max():.0f} HU), probably a stent or clip; it can count as calcification."
        )
    air = inside & (hu < _WRAPPED_HU)
    if air.any():
        cube, cross = np.ones((3, 3, 3), bool), ndimage.generate_binary_structure(3, 1)
        beside = ndimage.binary_dilation(inside & (hu > _BESIDE_WRAPPED_HU), cube)
        wrapped = int(np.count_nonzero(air & (beside | ndimage.binary_erosion(inside, cross))))
        if wrapped:
            found.append(
                f"Air inside an artery: {wrapped * voxel:.0f} mm³ below {_WRAPPED_HU:.0f} HU, probably metal whose "
                "values were too large to be stored; it counts as neither calcification nor lumen, look at the images."
            )
    return tuple(CodedWarning(WarningCode.METAL, text) for text in found)


def label_warning(calcification: Image, arteries: Image) -> CodedWarning | None:
    """Warn when a calcification map looks like a plain mask whose 1 means calcification.

    Parameters
    ----------
    calcification : Image
        Calcification map.
    arteries : Image
        Territory map on the same grid; non-zero is artery.

    Returns
    -------
    CodedWarning or None
        A sentence where the map has no calcification (2) and its artery label (1) covers less than half
        of the arteries; where all of a territory is calcification; or where the two maps seem to be exchanged.
    """
    return _map_warning(calcification, arteries) or exchange_warning(calcification, arteries)


def _map_warning(calcification: Image, arteries: Image) -> CodedWarning | None:
    """Warn where the calcification map alone looks like another map."""
    box = nonzero_box(arteries.array)
    if box is None:
        return None
    inside = calcification.array[box][arteries.array[box] > 0]
    if CalcificationLabel.CALCIFICATION in inside or CalcificationLabel.CALCIFICATION in calcification.array:
        return _swap_warning(inside, arteries.array[box][arteries.array[box] > 0])
    covered = np.count_nonzero(inside == CalcificationLabel.ARTERY) / inside.size
    if covered >= 0.5:
        return None
    text = "The calcification map is empty, not even artery (label 1) is marked; check that it is the right file."
    if calcification.array.any():
        text = (
            "The calcification map has no calcification (label 2), and its label 1 covers only "
            f"{100 * covered:.0f} % of the arteries; if 1 means calcification there, change it to 2."
        )
    return CodedWarning(WarningCode.LABELS, text)


def _swap_warning(calcification: Array, territories: Array) -> CodedWarning | None:
    """Warn where one map seems to stand in the place of the other; both are given inside the arteries."""
    for territory in Territory:
        own = calcification[territories == territory]
        if own.size >= _FEW_VOXELS and (own == CalcificationLabel.CALCIFICATION).mean() > _WHOLE:
            text = (
                f"{STRUCTURES[territory].title}: all of it is marked as calcification; check that the calcification "
                "map is the right file, and the territory map another one."
            )
            return CodedWarning(WarningCode.LABELS, text, territory.key)
    return None


def _unusual_volume(
    territory: Territory, rows: Mapping[str, Row], lengths: ShorteningParameters | None
) -> CodedWarning | None:
    """Warn of a volume outside its plausible range."""
    # Where the aorta is cut depends on the highest branch.
    if lengths is None or (territory is Territory.AORTA and rows[Territory.MESENTERIC.key].status is not Status.OK):
        return None
    low, high = plausible_volume_mm3(territory, lengths)
    volume = rows[territory.key].artery_volume_mm3
    if low <= volume <= high:
        return None
    text = (
        f"{STRUCTURES[territory].title}: {volume / 1000:.2g} cm³ is outside the plausible range of "
        f"{low / 1000:.2g} to {high / 1000:.2g} cm³, check the labels."
    )
    return CodedWarning(WarningCode.UNUSUAL_VOLUME, text, territory.key)


def _lumen_slices(cta: Image, arteries: Image, calcification: Image) -> list[Array]:
    """Give the intensities in the aorta's lumen, slice by slice, without its wall and calcifications."""
    labels = arteries.canonical().array
    box = nonzero_box(labels == Territory.AORTA)
    if box is None:
        return []
    step = max(1, (box[0].stop - box[0].start) // _SLICES)
    sample = (slice(box[0].start, box[0].stop, step), *box[1:])
    aorta = labels[sample] == Territory.AORTA
    hu = cta.canonical().array[sample]
    spacing = arteries.geometry.canonical().spacing
    layers = max(1, round(_WALL_MM / max(spacing[:2])))
    cross = np.zeros((3, 3, 3), bool)
    cross[1] = ndimage.generate_binary_structure(2, 1)
    core = ndimage.binary_erosion(aorta, cross, layers)
    lumen = (core if core.any() else aorta) & (
        calcification.canonical().array[sample] != CalcificationLabel.CALCIFICATION
    )
    return [hu[k][lumen[k]] for k in range(len(hu)) if lumen[k].any()]


def _faint_plaques(blood_hu: Array, plaques: Sequence[Cluster]) -> list[CodedWarning]:
    """Warn where plaques without a voxel brighter than the aorta's blood are much of the calcification."""
    blood = Lumen(float(np.median(blood_hu)), max(robust_sd(blood_hu), LEAST_SD_HU), blood_hu.size)
    faint = [p.volume_mm3 for p in plaques if p.max_hu is not None and p.max_hu < blood.calcium_hu]
    if sum(faint) <= FAINT_SHARE * sum(plaque.volume_mm3 for plaque in plaques):
        return []
    text = (
        f"{len(faint)} of {len(plaques)} plaques ({sum(faint):.0f} mm³) are nowhere brighter than the aorta's blood "
        f"with its noise ({blood.calcium_hu:.0f} HU), so blood may be counted as calcium; take false ones away."
    )
    return [CodedWarning(WarningCode.FAINT_PLAQUES, text)]


def _noise(lumen: list[Array]) -> float:
    """Give the usual standard deviation within a slice, HU, from the median absolute deviation."""
    spread = [robust_sd(values) for values in lumen if values.size >= _FEW_VOXELS]
    return float(np.median(spread)) if spread else 0.0
