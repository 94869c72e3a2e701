"""Scores again, from segments that a reader has corrected."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

import numpy as np

from .anatomy import COMBINED, STRUCTURES, VESSELS_OF, Territory
from .artery_holes import Arteries, fill_holes
from .images.coverage import coverage_of
from .images.geometry import Image
from .pipeline import CaseParameters, score_masks
from .quality.calcium import calcium_warnings
from .quality.codes import CodedWarning, WarningCode, coded
from .quality.labels import OF_SCORING, artery_warnings, row_warnings
from .results import CaseResult, ScoredCase
from .scoring import Row, composite_burden, score
from .shortening import ShorteningMethod, ShorteningParameters
from .version import __version__

SEGMENTS = "Segments: "
"""How a warning about the segments themselves begins; each rescoring makes its own."""

_OF_TRIMMING = OF_SCORING | {WarningCode.TRIMMING, WarningCode.FOLDS_DISAGREE}


@dataclass(frozen=True)
class Edits:
    """What was changed by hand.

    Attributes
    ----------
    segments : tuple of str
        Names of the edited segments, for the record.
    territories : tuple of Territory
        Territories whose artery or calcification was changed.
    warnings : tuple of str
        What a reader should know about the segments; each begins with `SEGMENTS`.
    """

    segments: tuple[str, ...] = ()
    territories: tuple[Territory, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def rows(self) -> tuple[str, ...]:
        """Rows that rest on what was changed."""
        if not self.territories:
            return ()
        vessels = [vessel.value for territory in self.territories for vessel in VESSELS_OF.get(territory, ())]
        return (*(territory.key for territory in self.territories), COMBINED, *vessels)


def rescore(
    previous: CaseResult,
    shortened: Image,
    calcification: Image,
    unshortened: Image,
    cta: Image | None = None,
    edits: Edits | None = None,
    last: Arteries | None = None,
) -> ScoredCase:
    """Score trimmed arteries as they are.

    Parameters
    ----------
    previous : CaseResult
        The result that is brought up to date: its case, parameters, weights and provenance stay.
    shortened : Image
        Trimmed territory map; nothing is trimmed again.
    calcification, unshortened : Image
        Calcification map and full-length territory map on the same grid.
    cta : Image, optional
        HU on the same grid.
    edits : Edits, optional
        What was changed by hand.
    last : Arteries, optional
        The maps that the case was last scored with, see `artery_holes.fill_holes`.

    Returns
    -------
    ScoredCase
        New scores, and the maps with their holes filled. Warnings of the networks and of the trimming stay;
        the range of the folds stays for rows that rest on no edit. ``provenance`` gets ``rescored``.

    Raises
    ------
    InputError
        The images lie on different grids.

    Notes
    -----
    The images may be a part of the volume that holds all arteries and calcifications, with a margin of a
    voxel wherever it does not reach the volume's own border: the scores are then those of the volume.
    """
    edits = edits or Edits()
    filled = fill_holes(Arteries(unshortened, shortened), calcification, last)
    unshortened, shortened = filled.arteries.full, filled.arteries.trimmed or shortened
    not_given = tuple(previous.parameters.get("not_given", ()))
    scores = score(shortened, calcification, unshortened=unshortened, cta=cta, not_given=not_given)
    composite = None
    if previous.composite is not None:
        composite = {**previous.composite, "burden": composite_burden(scores, _weights(previous.composite))}
    made = (
        *calcium_warnings(filled),
        *coded(WarningCode.VESSELS, scores.warnings),
        *row_warnings(scores.territories, lengths_of(previous), not_given),
        *(() if cta is None else artery_warnings(cta, unshortened, calcification, scores.clusters)),
        *_not_searched(previous, shortened),
    )
    kept = [warning for warning in _kept(previous, OF_SCORING) if warning not in made]
    result = replace(
        previous,
        scores=scores,
        warnings=_loudest_first((*kept, *made, *edits.warnings)),
        composite=composite,
        burden_ranges={name: span for name, span in previous.burden_ranges.items() if name not in edits.rows},
    )
    return ScoredCase(_marked(result, previous, edits), unshortened, shortened, calcification)


def trim_again(
    previous: CaseResult,
    territories: Image,
    calcification: Image,
    parameters: ShorteningParameters,
    cta: Image | None = None,
    edits: Edits | None = None,
    last: Arteries | None = None,
) -> ScoredCase:
    """Trim the full-length arteries again, with other lengths, and score.

    Parameters
    ----------
    previous : CaseResult
        The result that is replaced: its case, weights and provenance stay.
    territories, calcification : Image
        Full-length territory map and calcification map of the whole volume.
    parameters : ShorteningParameters
        The lengths.
    cta, edits, last
        See `rescore`.

    Returns
    -------
    ScoredCase
        New scores, and the maps with their holes filled. The range of the folds is gone: it stood for the old lengths.

    Raises
    ------
    InputError
        The images lie on different grids.
    """
    edits = edits or Edits()
    weights = _weights(previous.composite) if previous.composite is not None else None
    known = previous.parameters
    source = CaseParameters(parameters, known["calcification"], weights, tuple(known.get("not_given", ())))
    scored = score_masks(previous.case, territories, calcification, source, cta, last=last)
    # Corrected segments say what is calcification, so the hint about swapped labels is left out.
    made = [warning for warning in scored.result.warnings if _code(warning) is not WarningCode.LABELS]
    made += _not_searched(previous, scored.shortened)
    kept = [warning for warning in _kept(previous, _OF_TRIMMING) if warning not in made]
    # Previous first: what a source adds of its own, such as its threshold, stays.
    record = {**previous.parameters, **scored.result.parameters}
    result = replace(scored.result, parameters=record, warnings=_loudest_first((*kept, *made, *edits.warnings)))
    return replace(scored, result=_marked(result, previous, edits))


def lengths_of(result: CaseResult) -> ShorteningParameters | None:
    """Give the lengths that the arteries of a result were trimmed to; None where they were not."""
    known = result.parameters
    if known["length_mm"] is None:
        return None
    return ShorteningParameters(known["length_mm"], known["aorta_margin_mm"], ShorteningMethod(known["method"]))


def _not_searched(previous: CaseResult, shortened: Image) -> list[CodedWarning]:
    """Warn of arteries that reach beyond where the network looked for calcification."""
    searched = coverage_of(previous.provenance)
    if searched is None:
        return []
    beyond = np.bincount(shortened.array[~searched.mask(shortened.geometry)], minlength=max(Territory) + 1)
    voxel = shortened.geometry.voxel_volume_mm3
    return [
        CodedWarning(
            WarningCode.NOT_SEARCHED,
            f"{STRUCTURES[territory].title}: {beyond[territory] * voxel:.0f} mm³ lie where the network did not look "
            "for calcification, so what was not painted there is missing; analyze again with these lengths, or "
            "everywhere.",
            territory.key,
        )
        for territory in Territory
        if beyond[territory]
    ]


def overlap_warning(voxels: int, voxel_mm3: float) -> tuple[str, ...]:
    """Warn of territories that overlap, and say which one keeps the voxels."""
    if not voxels:
        return ()
    return (
        f"{SEGMENTS}territories overlap in {voxels * voxel_mm3:.0f} mm³; the aorta keeps them, then the iliac, "
        "mesenteric and renal arteries in this order.",
    )


def _kept(previous: CaseResult, replaced: Collection[WarningCode]) -> list[str]:
    """Give the earlier warnings that a new scoring does not make anew."""
    return [w for w in previous.warnings if _code(w) not in replaced and not w.startswith(SEGMENTS)]


def _loudest_first(warnings: Sequence[str]) -> tuple[str, ...]:
    """Put calcification outside the arteries in front, which may be all of it."""
    return tuple(sorted(warnings, key=lambda warning: _code(warning) is not WarningCode.CALCIUM_OUTSIDE))


def _code(warning: str) -> WarningCode | None:
    return warning.code if isinstance(warning, CodedWarning) else None


def _weights(composite: Mapping[str, Any]) -> dict[Territory, float]:
    """Read the weights that a composite score was made with."""
    return {Territory[key.upper()]: weight for key, weight in composite["weights"].items()}


def _marked(result: CaseResult, previous: CaseResult, edits: Edits) -> CaseResult:
    """Keep what the result was first made with, and add what was done to it since."""
    rescored: dict[str, Any] = {
        "calcscore": __version__,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "edited_segments": list(edits.segments),
    }
    rows: Sequence[str] = (*result.scores.territories, *result.scores.vessels)
    marked = tuple(name for name in rows if name in edits.rows)
    provenance = {**previous.provenance, "rescored": rescored}
    return replace(result, provenance=provenance, edited=marked, before_edits=_before(result, previous, marked))


def _before(result: CaseResult, previous: CaseResult, edited: Collection[str]) -> dict[str, Row]:
    """Give the rows before the first edit, where they were measured with the same lengths."""
    if not edited or lengths_of(result) != lengths_of(previous):
        return {}
    if previous.edited:
        return previous.before_edits
    return {**previous.scores.territories, **previous.scores.vessels}
