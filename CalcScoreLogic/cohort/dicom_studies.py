"""The series of each DICOM study that is proposed as its CTA, and why not the others."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby

from ..quality.codes import CodedWarning
from ..quality.ct import header_warnings
from .case_inputs import LeftOut, Named
from .cta_rule import choice_warnings, choose, why_hardly, why_not
from .dicom_series import Found, Series, identity, study_name


def propose(found: Found, keep_identifiers: bool = False) -> tuple[list[Named], list[LeftOut]]:
    """Propose one series of each study.

    Parameters
    ----------
    found : Found
        The series of some files.
    keep_identifiers : bool
        Name cases by patient ID and study date in place of a hash of the study UID.

    Returns
    -------
    cases : list of Named
        A study whose every series is doubtful has the best of them, with a warning.
    left_out : list of LeftOut
        Every other series with its reason.
    """
    named, left_out = [], []
    for study, members in groupby(found.series, key=lambda series: series.study):
        reasons: dict[Series, str | None] = {series: why_not(series) for series in members}
        possible = [series for series, reason in reasons.items() if reason is None]
        doubts = {series: why_hardly(series) for series in possible}
        candidates = [series for series in possible if doubts[series] is None] or possible
        if candidates:
            chosen, reason, behind = choose(candidates)
            name = "_".join(filter(None, identity(chosen.files[0]))) if keep_identifiers else ""
            told = series_warnings(chosen)
            named.append(Named(name or study_name(study), study_name(study), chosen.files, reason, told))
            del reasons[chosen]
            reasons |= {series: _why(series, doubts, behind) for series in possible if series is not chosen}
        left_out += [LeftOut(series.title, str(reason), series.files) for series, reason in reasons.items()]
    return named, left_out


def series_warnings(series: Series) -> tuple[CodedWarning, ...]:
    """Give what the headers of the series to analyze warn of.

    Parameters
    ----------
    series : Series
        The series.

    Returns
    -------
    tuple of CodedWarning
        Its slices, and its choice where it is no ordinary CTA.
    """
    return (*choice_warnings(series), *header_warnings(series.spacing_mm, series.thickness_mm))


def _why(series: Series, doubts: Mapping[Series, str | None], behind: Mapping[str, str]) -> str:
    """Say why a possible series was not taken."""
    return behind.get(series.uid) or str(doubts[series])
