"""Corrected segments back into the results of a case."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..anatomy import CalcificationLabel, Territory
from ..artery_holes import Arteries, fill_holes
from ..images.geometry import Array, Image
from ..quality.codes import CodedWarning
from ..quality.exchange import exchange_warning
from ..rescoring import Edits, lengths_of, rescore, trim_again
from ..results import CaseResult, ScoredCase
from ..shortening import ShorteningParameters, shorten
from .correction_files import Correction

_FULL = "full."
"""Stands before the key of a territory whose full length was edited, for the record."""


def correct(before: ScoredCase, correction: Correction, cta: Image) -> ScoredCase | None:
    """Score a case again with what was corrected.

    Parameters
    ----------
    before : ScoredCase
        The results as they are.
    correction : Correction
        What was corrected. Trimmed arteries are scored as they are; full-length arteries alone are trimmed
        again with the lengths of the results.
    cta : Image
        HU on the same grid.

    Returns
    -------
    ScoredCase or None
        New scores and maps, marked as edited; None where no voxel differs.
    """
    territories = correction.territories or before.territories
    shortened = correction.shortened or before.shortened
    calcification = _calcification(before.calcification, correction.calcified)
    last = Arteries(before.territories, before.shortened)
    filled = fill_holes(Arteries(territories, shortened), calcification, last).arteries
    scored = filled.trimmed or shortened
    full = _differing(before.territories, territories, filled.full)
    trimmed = _differing(before.shortened, shortened, scored)
    calcified = _calcified(calcification) != _calcified(before.calcification)
    if not (full or trimmed or calcified.any()):
        return None
    if full and not trimmed:
        scored = trim_again(before.result, territories, calcification, _lengths(before), cta, last=last).shortened
    elif trimmed:
        # What a reader added to a trimmed artery belongs to the artery.
        array = np.where(shortened.array > 0, shortened.array, territories.array)
        territories = Image(array, territories.geometry)
    inside = [
        t
        for t in Territory
        if _calcified_in(before.shortened, before.calcification, t) != _calcified_in(scored, calcification, t)
    ]
    edits = _merged(
        before.result,
        Edits(
            segments=(
                *(territory.key for territory in trimmed),
                *((CalcificationLabel.CALCIFICATION.key,) if calcified.any() else ()),
                *(_FULL + territory.key for territory in full),
            ),
            territories=tuple(t for t in Territory if t in trimmed or t in full or t in inside),
            warnings=(*correction.warnings, *_doubts(calcification, territories)),
        ),
    )
    if full and not trimmed:
        return trim_again(before.result, territories, calcification, _lengths(before), cta, edits, last)
    return rescore(before.result, shortened, calcification, territories, cta, edits, last)


def correct_in_place(before: ScoredCase, cta: Image) -> ScoredCase | None:
    """Score a case again whose label maps were overwritten with corrected ones.

    Parameters
    ----------
    before : ScoredCase
        Old scores, new maps.
    cta : Image
        HU on the same grid.

    Returns
    -------
    ScoredCase or None
        New scores; what differs in them counts as edited. None where nothing does.
    """
    maps = (before.shortened, before.calcification, before.territories)
    last = _rebuilt(before)
    fresh = rescore(before.result, *maps, cta, last=last).result
    old, new = before.result.scores, fresh.scores
    clusters = [{t: [c for c in s.clusters if c.territory is t] for t in Territory} for s in (old, new)]
    changed = tuple(
        t for t in Territory if old.territories[t.key] != new.territories[t.key] or clusters[0][t] != clusters[1][t]
    )
    if not changed:
        return None
    doubts = _doubts(before.calcification, before.territories)
    edits = _merged(before.result, Edits(tuple(territory.key for territory in changed), changed, doubts))
    return rescore(before.result, *maps, cta, edits, last)


def _doubts(calcification: Image, territories: Image) -> tuple[CodedWarning, ...]:
    """Tell of label maps that seem to be exchanged."""
    found = exchange_warning(calcification, territories)
    return () if found is None else (found,)


def _rebuilt(case: ScoredCase) -> Arteries:
    """Give the artery maps as they were before they were overwritten, as far as the full length tells."""
    lengths = lengths_of(case.result)
    trimmed = shorten(case.territories, lengths).territories if lengths else case.territories
    # What was once edited by hand does not come back with the trimming.
    untouched = [territory for territory in Territory if territory.key not in case.result.edited]
    array = np.where(np.isin(trimmed.array, untouched), trimmed.array, case.shortened.array)
    return Arteries(case.territories, Image(array, case.territories.geometry))


def _calcification(before: Image, calcified: Array | None) -> Image:
    """Give the calcification map with other calcification; what is none any more is artery."""
    if calcified is None:
        return before
    array = np.where(_calcified(before), CalcificationLabel.ARTERY, before.array).astype(np.uint8)
    array[calcified] = CalcificationLabel.CALCIFICATION
    return Image(array, before.geometry)


def _calcified(calcification: Image) -> Array:
    return np.asarray(calcification.array == CalcificationLabel.CALCIFICATION)


def _differing(before: Image, after: Image, filled: Image) -> tuple[Territory, ...]:
    """Name the territories whose voxels differ; what calcification was painted over has been filled again."""
    where = (before.array != after.array) & (before.array != filled.array)
    labels = {*np.unique(before.array[where]), *np.unique(after.array[where])}
    return tuple(territory for territory in Territory if territory in labels)


def _calcified_in(shortened: Image, calcification: Image, territory: Territory) -> bytes:
    """Give a text that is the same where the same voxels of a territory are calcified."""
    return np.flatnonzero((shortened.array == territory) & _calcified(calcification)).tobytes()


def _lengths(before: ScoredCase) -> ShorteningParameters:
    """Give the lengths that the case was trimmed to; the paper's where it was not."""
    return lengths_of(before.result) or ShorteningParameters()


def _merged(previous: CaseResult, edits: Edits) -> Edits:
    """Add what was edited before: it is still in the maps."""
    earlier = previous.provenance.get("rescored", {}).get("edited_segments", [])
    territories = tuple(t for t in Territory if t in edits.territories or t.key in previous.edited)
    return replace(edits, segments=tuple(dict.fromkeys((*earlier, *edits.segments))), territories=territories)
