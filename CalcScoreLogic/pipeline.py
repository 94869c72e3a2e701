"""One case from its images to its scores: the one road that every program takes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from . import __version__
from .anatomy import Territory
from .geometry import Image
from .quality import label_warning, metal_warning
from .results import CaseResult
from .scoring import composite_burden, score
from .shortening import Shortening, ShorteningParameters, shorten


@dataclass(frozen=True)
class CaseParameters:
    """What a run does to a case.

    Attributes
    ----------
    shortening : ShorteningParameters or None
        Standard lengths; None scores the territory map as it is.
    calcification : str
        Where the calcification comes from, e.g. ``"mask"`` or ``"fixed"``; for the record.
    weights : mapping of Territory to float, optional
        Weights of the composite score; none is made without them.
    """

    shortening: ShorteningParameters | None = field(default_factory=ShorteningParameters)
    calcification: str = "mask"
    weights: Mapping[Territory, float] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give ``parameters`` of ``scores.json``."""
        lengths = self.shortening
        return {
            "length_mm": float(lengths.length_mm) if lengths else None,
            "aorta_margin_mm": float(lengths.margin_mm) if lengths else None,
            "method": lengths.method.value if lengths else "none",
            "calcification": self.calcification,
        }


@dataclass(frozen=True)
class ScoredCase:
    """Result of `score_masks`.

    Attributes
    ----------
    result : CaseResult
        The scores.
    shortened : Image
        The territory map they were measured in.
    """

    result: CaseResult
    shortened: Image


def score_masks(
    case: str,
    territories: Image,
    calcification: Image,
    parameters: CaseParameters | None = None,
    cta: Image | None = None,
    inputs: Mapping[str, Path] | None = None,
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

    Returns
    -------
    ScoredCase
        The scores and the shortened territory map.

    Raises
    ------
    InputError
        The images lie on different grids, or the weights cannot be used.
    """
    parameters = parameters or CaseParameters()
    if parameters.shortening is None:
        shortening = Shortening(territories, ())
    else:
        shortening = shorten(territories, parameters.shortening)
    scores = score(shortening.territories, calcification, unshortened=territories, cta=cta)
    composite = None
    if parameters.weights is not None:
        composite = {
            "weights": {territory.key: weight for territory, weight in parameters.weights.items()},
            "burden": composite_burden(scores, parameters.weights),
        }
    checks = [
        label_warning(calcification, territories),
        metal_warning(cta, territories) if cta is not None else None,
    ]
    result = CaseResult(
        case=case,
        parameters=parameters.to_dict(),
        scores=scores,
        warnings=(*shortening.warnings, *scores.warnings, *(check for check in checks if check)),
        provenance=provenance(inputs or {}),
        composite=composite,
    )
    return ScoredCase(result, shortening.territories)


def provenance(inputs: Mapping[str, Path]) -> dict[str, Any]:
    """Record what a result was made with.

    Parameters
    ----------
    inputs : mapping of str to Path
        Input files by role; a folder (DICOM) is recorded without a checksum.

    Returns
    -------
    dict
        ``provenance`` of ``scores.json``: file names without their folders, SHA-256, version, UTC time.
    """
    return {
        "calcscore": __version__,
        "models": {},
        "inputs": {
            role: {"file": path.name, "sha256": _sha256(path) if path.is_file() else None}
            for role, path in inputs.items()
        },
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
