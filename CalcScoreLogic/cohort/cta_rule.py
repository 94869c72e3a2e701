"""Which series of a study is the CTA: a rule that says why."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from ..images.dicom_identifiers import without_identifiers
from ..images.dicom_values import HU_UNITS
from ..quality.codes import CodedWarning, WarningCode
from .dicom_series import Series

LEAST_COVERAGE_MM = 100.0
"""Shorter series hold no standard length: the abdominal aorta alone is about 130 mm long."""

WHOLE_COVERAGE_MM = 250.0
"""From the coeliac trunk to behind the origins of the iliac arteries in tall patients."""

THICKEST_MM = 3.0
"""Thicker slices are taken only where a study has no thinner ones."""

_AXIAL = 0.8
"""Least share of the slices' normal that points along the body; scanners tilt and reformats turn."""

_ARTERIAL = re.compile(r"\bcta\b|angio|arteri|\bart\b|aort", re.IGNORECASE)
_LATER = re.compile(r"(?<!intra)ven(ou|ö|o)s|portal|\bpv\b|delay|\blate\b(?!\W*art)|nephro|excret", re.IGNORECASE)
_PLAIN = re.compile(
    r"\bnativ\w*|non.?contrast|unenhanced|without|\bw/?o\b|\bnc(ct)?\b|pre.?contrast|\bplain\b|calcium.?scor|"
    r"\bca.?sc(ore|oring)?\b",
    re.IGNORECASE,
)
_BOTH = re.compile(r"\b(with|w)\b\W*(and|or|und)?\W*\b(without|w/?o)\b", re.IGNORECASE)
"""Of a whole study, which a scanner writes on each of its series."""

_NO_SCAN = re.compile(r"\bmip\b|minip|\bvrt?\b|volume.?render\w*|\bcurved\b|\bcpr\b|\bfusion\b", re.IGNORECASE)
_MADE_FOR = re.compile(
    r"\b(for|für|pour|para)\s+(3d|mip|mpr|vrt?|cpr)(\s*([/,&+]|and|und)\s*(3d|mip|mpr|vrt?|cpr))*\b", re.IGNORECASE
)
"""What others are made from is the scan itself."""

_MAP_TYPE = re.compile(
    r"IODINE|VNC|VIRTUAL.?NON|Z.?EFF|EFF.?Z|EFF.?ATOMIC|ELECTRON|URIC|PERFUSION|^MAT_|WATER|SUPP|OVERLAY|"
    r"^(CBF|CBV|MTT|TTP|TMAX|PBV|VUE)$"
)
_MAP = re.compile(
    r"iodine\W*(map|no\b|dens|overlay|conc|water|\()|\bmd\W*(iodine|water)|\bvnc\b|\bvue\b|virtual.?(non|un)|"
    r"\bz.?eff|\beff(ective)?\W?(z|atomic)|perfusion|\b(cbf|cbv|mtt|ttp|tmax|pbv)\b|electron.?dens|uric|"
    r"calcium.?supp",
    re.IGNORECASE,
)
_MONOENERGETIC = re.compile(r"mono.?(e|chrom)|\bmono\b|\bvmi\b|\d\s*kev\b", re.IGNORECASE)
_KEV = re.compile(r"(\d{2,3})\s*kev\b", re.IGNORECASE)
_WITHOUT_BONE = re.compile(
    r"bone.?(rem|sub|free|less|strip)|(no|ohne|de).?(bone|knochen)|subtract|\bdsa\b", re.IGNORECASE
)
_USUAL_KEV = 70
"""At about this energy mono-energetic images have the HU of an ordinary CT at 120 kV."""

_NOT_ORIGINAL = ("LOCALIZER", "MIP", "MINIP", "PROJECTION IMAGE", "MAX_IP", "MIN_IP", "CPR", "VOLUME RENDERING")
_SHARP = re.compile(r"lung|bone|edge|sharp|^[biu][a-z]?(5[5-9]|[6-9]\d)", re.IGNORECASE)

_BEHIND_ARTERIAL = 1.75
"""Where a stand-in stands among the phases: behind every scan that can be arterial, before a later phase."""


def why_not(series: Series) -> str | None:
    """Say why a series cannot be the CTA of its study.

    Parameters
    ----------
    series : Series
        What its headers say.

    Returns
    -------
    str or None
        The reason; None for one that can.
    """
    return _not_a_ct_volume(series) or _not_abdominal(series)


def why_hardly(series: Series) -> str | None:
    """Say why a series that can be the CTA hardly is, from words that people write in more than one sense.

    Parameters
    ----------
    series : Series
        One that `why_not` does not rule out.

    Returns
    -------
    str or None
        The reason; None where nothing speaks against it.
    """
    if "US" in series.units:
        return "its rescale type leaves the unit of its values open"
    words = _MADE_FOR.sub("", series.words)
    found = _NO_SCAN.search(words) or _MAP.search(words)
    plain = None if series.contrast or _BOTH.search(words) else _PLAIN.search(words)
    said = found or plain
    if said is None:
        return None
    # A name can be a part of the word.
    told = without_identifiers(said[0], series.hidden)
    return f"its description says {told!r}{'' if found else ': no contrast'}"


def special_reconstruction(series: Series) -> str | None:
    """Say what a series is that shows the vessels and is no ordinary CT: its HU are others, or bone is gone.

    Parameters
    ----------
    series : Series
        What its headers say.

    Returns
    -------
    str or None
        Such as ``"mono-energetic (40 keV)"``; None for an ordinary CT.
    """
    said = " ".join((series.words, *(value.replace("_", " ") for value in series.image_type)))
    if _MONOENERGETIC.search(said):
        energy = _KEV.search(said)
        return f"mono-energetic ({energy[1]} keV)" if energy else "mono-energetic"
    return "a series without bone" if _WITHOUT_BONE.search(said) else None


def choice_warnings(series: Series) -> tuple[CodedWarning, ...]:
    """Warn of a series that was taken because nothing better is there.

    Parameters
    ----------
    series : Series
        The one that is analyzed.

    Returns
    -------
    tuple of CodedWarning
        Empty for an ordinary CTA.
    """
    kind, doubt = special_reconstruction(series), why_hardly(series)
    found = []
    if kind is not None:
        found.append(f"The CTA is {kind}: its HU are not those of an ordinary CT, and thresholds mean something else;")
    if doubt is not None:
        found.append(f"The series was taken although {doubt}: nothing better is in the study;")
    way_out = "check that it is the CTA, or name another folder in a CSV list (columns case and path)."
    return tuple(CodedWarning(WarningCode.SERIES_CHOICE, f"{text} {way_out}") for text in found)


def _not_a_ct_volume(series: Series) -> str | None:
    """Say why a series is not one CT volume as the scanner made it."""
    if series.modality != "CT":
        return f"the modality is {series.modality}, not CT"
    if not series.is_image:
        return "it holds no images"
    if series.patients > 1:
        return f"its files name {series.patients} patients, export each patient again"
    marks = [mark for mark in _NOT_ORIGINAL if mark in series.image_type]
    marks += [value for value in series.image_type if _MAP_TYPE.search(value)]
    if marks:
        return f"its image type says {marks[0].lower()}"
    if series.is_colour:
        return "it holds colour images, not HU"
    units = [unit for unit in series.units if unit not in HU_UNITS]
    return f"its values are {units[0]}, not HU (rescale type)" if units else None


def _not_abdominal(series: Series) -> str | None:
    """Say why a CT volume shows no abdomen in axial slices."""
    if series.normal is None:
        return "its slices have no common orientation"
    if abs(series.normal[2]) < _AXIAL:
        plane = ("sagittal", "coronal")[int(np.argmax(np.abs(series.normal[:2])))]
        return f"its slices are {plane} or oblique, not axial"
    if series.coverage_mm < LEAST_COVERAGE_MM:
        return f"it covers {series.coverage_mm:.0f} mm, an abdominal CTA needs at least {LEAST_COVERAGE_MM:.0f} mm"
    return None


def choose(candidates: Sequence[Series]) -> tuple[Series, str, dict[str, str]]:
    """Choose the CTA among the possible series of a study.

    Parameters
    ----------
    candidates : sequence of Series
        At least one; none that `why_not` rules out.

    Returns
    -------
    chosen : Series
        The one to analyze.
    reason : str
        What speaks for it.
    others : dict of str to str
        By series UID, what speaks against each of the rest.
    """
    ranked = sorted(candidates, key=_rank)
    best = ranked[0]
    others = {series.uid: _why_behind(series, best) for series in ranked[1:]}
    return best, _what_speaks_for(best, len(candidates)), others


def _rank(series: Series) -> tuple[object, ...]:
    """Order series, the best first."""
    return (*(value for value, _ in _merits(series)), series.number, series.uid)


def _phase(series: Series) -> tuple[float, str]:
    """Give how surely a series is an ordinary CT in the arterial phase, 0 is surely; and what speaks against it."""
    kind = special_reconstruction(series)
    if _LATER.search(series.words):
        phase = 2.0
    elif _ARTERIAL.search(series.words):
        phase = 0.0
    else:
        phase = 0.25 if _ARTERIAL.search(series.protocol) else 1.0
    phase += 0.0 if series.contrast else 0.5
    if kind is None:
        return phase, "another series is more surely the arterial phase"
    return max(phase, _BEHIND_ARTERIAL), f"it is {kind}, and an ordinary one is there"


def _merits(series: Series) -> tuple[tuple[float, str], ...]:
    """Give what counts, most important first: a number, lower is better, and its words where it is worse."""
    spacing = series.spacing_mm or 0.0
    thickness = max(series.thickness_mm or spacing, spacing)
    energy = _KEV.search(f"{series.words} {' '.join(series.image_type)}") if special_reconstruction(series) else None
    return (
        (float(series.problem is not None), series.problem or ""),
        _phase(series),
        (-min(series.coverage_mm, WHOLE_COVERAGE_MM), f"it covers {series.coverage_mm:.0f} mm only"),
        (float(thickness > THICKEST_MM), f"its slices are {thickness:g} mm thick"),
        (abs(float(energy[1]) - _USUAL_KEV) if energy else 0.0, f"it is further from {_USUAL_KEV} keV"),
        (float(bool(_SHARP.search(series.kernel))), f"its kernel {series.kernel} is sharp"),
        (thickness, f"its slices are thicker ({thickness:g} mm)"),
        (-series.coverage_mm, f"it covers {series.coverage_mm:.0f} mm only"),
    )


def _why_behind(series: Series, best: Series) -> str:
    """Name the first merit in which a series is behind the chosen one."""
    for (own, words), (other, _) in zip(_merits(series), _merits(best), strict=True):
        if own != other:
            return f"series {best.number} suits better: {words}"
    return f"series {best.number} is as good and comes first"


def _what_speaks_for(series: Series, count: int) -> str:
    """Say what the choice rests on."""
    spacing, described = series.spacing_mm or 0.0, series.description
    parts = [f"axial CT, {len(series.positions)} slices every {spacing:.3g} mm, {series.coverage_mm:.0f} mm long"]
    if series.thickness_mm:
        parts.append(f"{series.thickness_mm:g} mm thick")
    later = _LATER.search(series.words)
    arterial = not later and (_ARTERIAL.search(series.words) or _ARTERIAL.search(series.protocol))
    if arterial:
        parts.append(f"arterial by its description ({described})")
    elif later:
        parts.append(f"a later phase by its description ({described}), and no arterial one is there")
    if series.contrast:
        parts.append("with contrast agent")
    elif not arterial:
        parts.append("nothing in the header tells of contrast")
    if count > 1:
        parts.append(f"the best of {count} series that could be the CTA")
    return ", ".join(parts)
