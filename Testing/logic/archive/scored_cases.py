"""Scored phantoms of every kind that an archive may get, as CT series with their label maps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from CalcScoreLogic.archive.objects import DicomOrder, write_objects
from CalcScoreLogic.case_files import files_of
from CalcScoreLogic.images.files import read_ct
from CalcScoreLogic.images.geometry import Geometry, Image
from CalcScoreLogic.phantom import Phantom, PhantomParameters, make_phantom
from CalcScoreLogic.pipeline import score_masks
from CalcScoreLogic.quality.codes import CodedWarning, WarningCode
from CalcScoreLogic.results import BurdenRange, ScoredCase
from Testing.logic.archive.ct_series import write_ct_series

KINDS = ("thin", "thick", "oblique", "many slices", "absent", "not in view", "no calcium", "edited", "nothing")

_SPACING = (4.0, 4.0, 3.0)
_MANY = 520


@dataclass(frozen=True, eq=False)
class Written:
    """A case with its CT series and the objects made of it."""

    kind: str
    series: Path
    folder: Path
    cta: Image
    scored: ScoredCase

    @property
    def segmentation(self) -> Path:
        return self.folder / "segmentation.dcm"

    @property
    def report(self) -> Path:
        return self.folder / "scores.dcm"


def write(kind: str, folder: Path, **changes: Any) -> Written:
    """Write the CT series of a case, and both objects; `changes` go into the headers of the series."""
    phantom = phantom_of(kind)
    folder.mkdir(parents=True, exist_ok=True)
    series = write_ct_series(folder / "series", phantom.cta, **changes)
    cta = read_ct(series)
    images = (Image(image.array, cta.geometry) for image in (phantom.territories, phantom.calcification))
    scored = _with_results(kind, score_masks("case", *images, cta=cta))
    write_objects(folder, scored, DicomOrder(files_of(series), "case", "Doe^Jane" if kind == "edited" else None))
    return Written(kind, series, folder, cta, scored)


@lru_cache(maxsize=4)
def _phantom(spacing: tuple[float, float, float]) -> Phantom:
    return make_phantom(PhantomParameters(7, spacing))


def phantom_of(kind: str) -> Phantom:
    """Make the phantom of a kind."""
    phantom = _phantom((4.0, 4.0, 1.0) if kind == "thin" else _SPACING)
    territories, calcification = phantom.territories.array.copy(), phantom.calcification.array.copy()
    kept: Any = slice(None)
    geometry = phantom.cta.geometry
    if kind == "oblique":
        geometry = replace(geometry, direction=_turned(25, 10))
    if kind == "absent":
        territories[territories == 4] = 0
    if kind == "no calcium":
        calcification[calcification == 2] = 1
    if kind == "nothing":
        territories[:], calcification[:] = 0, 0
    if kind == "not in view":
        first = int(np.flatnonzero((territories == 2).any(axis=(1, 2)))[-1]) + 2
        kept, geometry = slice(first, None), _from_slice(geometry, first, len(territories) - first)
    if kind == "thin":
        kept, geometry = slice(60, 160), _from_slice(geometry, 60, 100)
    if kind == "many slices":
        # Each slice several times over, so that the phantom need not be made anew.
        kept = np.arange(_MANY) * len(territories) // _MANY
        size, step = (*geometry.size[:2], _MANY), _SPACING[2] * len(territories) / _MANY
        geometry = replace(geometry, size=size, spacing=(*_SPACING[:2], step))
        # dciodvfy takes a minute for frames by the thousand.
        territories[: len(territories) // 2], calcification[: len(territories) // 2] = 0, 0
    cta, territories, calcification = (array[kept] for array in (phantom.cta.array, territories, calcification))
    images = (Image(np.ascontiguousarray(array), geometry) for array in (cta, territories, calcification))
    return Phantom(*images, phantom.details)


def _from_slice(geometry: Geometry, first: int, count: int) -> Geometry:
    """Give the grid of some slices."""
    origin = tuple(float(v) for v in geometry.to_physical([0, 0, first]))
    return replace(geometry, size=(*geometry.size[:2], count), origin=origin)


def _turned(about_x: float, about_z: float) -> tuple[float, ...]:
    """Give the direction of a grid that was turned, degrees."""
    x, z = np.radians([about_x, about_z])
    first = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    second = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
    return tuple(float(v) for v in (second @ first).ravel())


def _with_results(kind: str, scored: ScoredCase) -> ScoredCase:
    """Add what networks and readers leave in a result."""
    result = scored.result
    if kind == "thin":
        models = {"territories": {"name": "arteries", "sha256": "ab" * 32}}
        models["calcification"] = {"name": "plaques", "sha256": "cd" * 32}
        told = CodedWarning(WarningCode.FOLDS_DISAGREE, "Aorta: the folds disagree ≥ 1 mm³.", "aorta")
        result = replace(
            result,
            provenance={**result.provenance, "models": models},
            burden_ranges={"aorta": BurdenRange(0.001, 0.0123456789012345678), "renal": BurdenRange(None, None)},
            warnings=(*result.warnings, told, "Said of the whole case."),
            composite={"weights": {"aorta": 1.0}, "burden": result.scores.territories["aorta"].burden},
        )
    if kind == "edited":
        rescored = {"edited_segments": ["calcification", "full.renal"], "created": "", "calcscore": ""}
        rows = ("aorta", "renal", "combined", "left_renal", "right_renal")
        result = replace(result, provenance={**result.provenance, "rescored": rescored}, edited=rows)
    return replace(scored, result=result)
