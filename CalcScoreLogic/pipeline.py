"""One case from its label maps to its scores: the one road that every program takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from .anatomy import Territory
from .artery_holes import Arteries, FilledArteries, fill_holes
from .file_hashes import file_sha256
from .images.common_grid import aligned
from .images.geometry import Image
from .quality.calcium import calcium_warnings
from .quality.codes import CodedWarning, WarningCode, coded
from .quality.ct import ct_warnings
from .quality.labels import artery_warnings, label_warning, row_warnings
from .quality.orientation import orientation_warning
from .results import CaseResult, ScoredCase
from .scoring import Scores, composite_burden, score
from .shortening import Shortening, ShorteningParameters, shorten
from .version import __version__


@dataclass(frozen=True)
class CaseParameters:
    """What a run does to a case.

    Attributes
    ----------
    shortening : ShorteningParameters or None
        Standard lengths; None scores the territory map as it is.
    calcification : str
        Where the calcification comes from, e.g. ``"mask"``, ``"fixed"`` or ``"network"``; for the record.
    weights : mapping of Territory to float, optional
        Weights of the composite score; none is made without them.
    not_given : tuple of str
        Keys of territories that the source of the arteries does not label, see `scoring.score`.
    """

    shortening: ShorteningParameters | None = field(default_factory=ShorteningParameters)
    calcification: str = "mask"
    weights: Mapping[Territory, float] | None = None
    not_given: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Give ``parameters`` of ``scores.json``."""
        lengths = self.shortening
        return {
            "length_mm": float(lengths.length_mm) if lengths else None,
            "aorta_margin_mm": float(lengths.margin_mm) if lengths else None,
            "method": lengths.method.value if lengths else "none",
            "calcification": self.calcification,
            **({"not_given": list(self.not_given)} if self.not_given else {}),
        }


def score_masks(
    case: str,
    territories: Image,
    calcification: Image,
    parameters: CaseParameters | None = None,
    cta: Image | None = None,
    inputs: Mapping[str, Path] | None = None,
    last: Arteries | None = None,
) -> ScoredCase:
    """Shorten a territory map and score the calcification in it.

    Parameters
    ----------
    case : str
        Name of the case.
    territories : Image
        Territory map, full length unless `parameters.shortening` is None.
    calcification : Image
        Calcification map on the same grid.
    parameters : CaseParameters, optional
        What to do; the paper's lengths by default.
    cta : Image, optional
        HU on the same grid, for the intensities of the clusters and the check for metal.
    inputs : mapping of str to Path, optional
        Files the images were read from, for the record.
    last : Arteries, optional
        The maps that the case was last scored with, see `artery_holes.fill_holes`.

    Returns
    -------
    ScoredCase
        The scores, the territory map with its holes filled, and that map shortened.

    Raises
    ------
    InputError
        The images lie on different grids, or the weights cannot be used.
    """
    parameters = parameters or CaseParameters()
    calcification = aligned(territories, calcification, "the territory map", "the calcification map")
    cta = cta and aligned(territories, cta, "the territory map", "the CTA")
    filled = fill_holes(Arteries(territories), calcification, last)
    territories = filled.arteries.full
    if parameters.shortening is None:
        shortening = Shortening(territories, ())
    else:
        shortening = shorten(territories, parameters.shortening)
    scores = score(
        shortening.territories, calcification, unshortened=territories, cta=cta, not_given=parameters.not_given
    )
    result = CaseResult(
        case=case,
        parameters=parameters.to_dict(),
        scores=scores,
        composite=_composite(scores, parameters.weights),
        warnings=_warnings(parameters, filled, shortening, scores, calcification, cta),
        provenance=provenance(inputs or {}),
    )
    return ScoredCase(result, territories, shortening.territories, calcification)


def _composite(scores: Scores, weights: Mapping[Territory, float] | None) -> dict[str, Any] | None:
    """Give the composite score with its weights; None without weights; raises InputError."""
    if weights is None:
        return None
    return {
        "weights": {territory.key: weight for territory, weight in weights.items()},
        "burden": composite_burden(scores, weights),
    }


def _warnings(
    parameters: CaseParameters,
    filled: FilledArteries,
    shortening: Shortening,
    scores: Scores,
    calcification: Image,
    cta: Image | None,
) -> tuple[CodedWarning, ...]:
    """Tell what a reader should know of a case, from its calcium to its CTA."""
    territories = filled.arteries.full
    doubts = (orientation_warning(territories), label_warning(calcification, territories))
    # Where the field of view ends, the rows tell better than the volume's height.
    slices = () if cta is None else tuple(w for w in ct_warnings(cta) if w.code is not WarningCode.CUT_FIELD_OF_VIEW)
    return (
        *calcium_warnings(filled),
        *slices,
        *coded(WarningCode.TRIMMING, shortening.warnings),
        *coded(WarningCode.VESSELS, scores.warnings),
        *(doubt for doubt in doubts if doubt),
        *row_warnings(scores.territories, parameters.shortening, parameters.not_given),
        *(() if cta is None else artery_warnings(cta, territories, calcification, scores.clusters)),
    )


def provenance(inputs: Mapping[str, Path]) -> dict[str, Any]:
    """Record what a result was made with.

    Parameters
    ----------
    inputs : mapping of str to Path
        Input files by role; a folder (DICOM) is recorded without name and checksum.

    Returns
    -------
    dict
        ``provenance`` of ``scores.json``: file names without their folders, SHA-256, version, UTC time.
    """
    return {
        "calcscore": __version__,
        "models": {},
        "inputs": {
            role: {"file": path.name, "sha256": file_sha256(path)}
            if path.is_file()
            # The name of a DICOM folder can be the patient's.
            else {"file": "DICOM folder", "sha256": None}
            for role, path in inputs.items()
        },
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }
