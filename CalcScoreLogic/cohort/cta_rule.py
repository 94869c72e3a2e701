"""Which series of a study is the CTA: a rule that says why."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

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
_LATER = re.compile(r"ven(ou|ö|o)s|portal|\bpv\b|delay|late\b|nephro|excret", re.IGNORECASE)
_PLAIN = re.compile(
    r"nativ\w*|non.?contrast|unenhanced|without|w/o|\bnc(ct)?\b|pre.?contrast|plain|calcium.?scor|ca.?sc", re.IGNORECASE
)
_NOT_A_VOLUME = re.compile(
    r"scout|topogra|locali[sz]er|surview|smart.?prep|bolus|monitor|tracker|dose|\bmip\b|minip|\bvrt?\b|\b3d\b|"
    r"screen|fusion|summary|curved|\bcpr\b",
    re.IGNORECASE,
)
_NOT_ORIGINAL = ("LOCALIZER", "MIP", "MINIP", "PROJECTION IMAGE", "MAX_IP", "MIN_IP", "CPR", "VOLUME RENDERING")
_SHARP = re.compile(r"lung|bone|edge|sharp|^[biu][a-z]?(5[5-9]|[6-9]\d)", re.IGNORECASE)


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


def _not_a_ct_volume(series: Series) -> str | None:
    """Say why a series is not one CT volume as the scanner made it."""
    if series.modality != "CT":
        return f"the modality is {series.modality}, not CT"
    if not series.is_image:
        return "it holds no images"
    if series.patients > 1:
        return f"its files name {series.patients} patients, export each patient again"
    marks = [mark for mark in _NOT_ORIGINAL if mark in series.image_type]
    if marks:
        return f"its image type says {marks[0].lower()}"
    if series.is_colour:
        return "it holds colour images, not HU"
    word = _NOT_A_VOLUME.search(series.description)
    return f"its description says {word[0]!r}" if word else None


def _not_abdominal(series: Series) -> str | None:
    """Say why a CT volume shows no contrasted abdomen in axial slices."""
    if series.normal is None:
        return "its slices have no common orientation"
    if abs(series.normal[2]) < _AXIAL:
        plane = ("sagittal", "coronal")[int(np.argmax(np.abs(series.normal[:2])))]
        return f"its slices are {plane} or oblique, not axial"
    if series.coverage_mm < LEAST_COVERAGE_MM:
        return f"it covers {series.coverage_mm:.0f} mm, an abdominal CTA needs at least {LEAST_COVERAGE_MM:.0f} mm"
    plain = _PLAIN.search(series.description)
    return f"its description says {plain[0]!r}: no contrast" if plain and not series.contrast else None


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


def _merits(series: Series) -> tuple[tuple[float, str], ...]:
    """Give what counts, most important first: a number, lower is better, and its words where it is worse."""
    spacing = series.spacing_mm or 0.0
    thickness = max(series.thickness_mm or spacing, spacing)
    phase = 0 if _ARTERIAL.search(series.description) else 1
    if _LATER.search(series.description):
        phase = 2
    return (
        (float(series.problem is not None), series.problem or ""),
        (phase + (0 if series.contrast else 0.5), "another series is more surely the arterial phase"),
        (-min(series.coverage_mm, WHOLE_COVERAGE_MM), f"it covers {series.coverage_mm:.0f} mm only"),
        (float(thickness > THICKEST_MM), f"its slices are {thickness:g} mm thick"),
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
    if _ARTERIAL.search(described) and not _LATER.search(described):
        parts.append(f"arterial by its description ({described})")
    elif _LATER.search(described):
        parts.append(f"a later phase by its description ({described}), and no arterial one is there")
    if series.contrast:
        parts.append("with contrast agent")
    elif not _ARTERIAL.search(described):
        parts.append("nothing in the header tells of contrast")
    if count > 1:
        parts.append(f"the best of {count} series that could be the CTA")
    return ", ".join(parts)
