"""A study on phantoms with the starter ensembles: the method's claim, in numbers that anyone can repeat."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from .. import case_files as files
from ..anatomy import CalcificationLabel, Territory
from ..atomic import atomic_folder, finish_folder
from ..images.files import read_ct, write_label_map
from ..inference.protocol import Message
from ..inference.service import InferenceService
from ..models import Model
from ..sources import FinishedRun, model_record, score_sources
from ..training.phantoms import make_cases

FIRST_SEED = 400_000
"""Seed of the first phantom; no ensemble has learned from these."""

CASES = 24
SPACING_MM = 1.5

REFERENCE_FOLDER, PREDICTION_FOLDER, TRAINING_FOLDER = "reference", "prediction", "training"


def make_phantoms(
    folder: Path, first_seed: int, count: int = CASES, tell: Callable[[str], None] = lambda _: None
) -> None:
    """Make phantoms; those that are there are kept.

    Parameters
    ----------
    folder : Path
        Gets the case folders.
    first_seed : int
        `FIRST_SEED` for the study; that of training cases for those that the fixed threshold is found on.
    count : int
        How many.
    tell : callable
        Called with a few words before each phantom.
    """
    make_cases(folder, {first_seed + n: SPACING_MM for n in range(count)}, tell)


def predict(
    reference: Path,
    folder: Path,
    models: Sequence[Model],
    tell: Callable[[int, int], None] = lambda number, count: None,
    on_message: Callable[[Message], None] | None = None,
) -> None:
    """Label every case with both ensembles; a case that these models have labelled is kept.

    Parameters
    ----------
    reference : Path
        Case folders with a ``cta.nii.gz``.
    folder : Path
        Gets a case folder with both label maps and the scores for each.
    models : sequence of Model
        The two ensembles.
    tell : callable
        Told the number of the case that is started, and of all.
    on_message : callable, optional
        Takes the progress within a case.

    Raises
    ------
    CalcScoreError
        A run failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    cases = sorted(path for path in reference.iterdir() if (path / files.CTA).is_file())
    # The networks stay loaded from case to case.
    with InferenceService({model.role.value: model.path for model in models}) as service:
        for number, case in enumerate(cases, start=1):
            if _is_from(folder / case.name, models):
                continue
            tell(number, len(cases))
            cta = read_ct(case / files.CTA)
            labelled = service.label(cta, on_message)
            scored = score_sources(case.name, cta, FinishedRun(labelled, models), inputs={"cta": case / files.CTA})
            with atomic_folder(folder / case.name) as part:
                write_label_map(part / files.TERRITORIES, scored.territories, Territory)
                write_label_map(part / files.CALCIFICATION, scored.calcification, CalcificationLabel)
                scored.result.write_json(part / files.SCORES)
            service.drop(labelled)


def _is_from(case: Path, models: Sequence[Model]) -> bool:
    """Tell whether a case was labelled by these very models."""
    finish_folder(case)
    try:
        record = json.loads((case / files.SCORES).read_text(encoding="utf-8"))["provenance"]["models"]
    except (OSError, ValueError, KeyError):
        return False
    return bool(record == {model.role.value: model_record(model) for model in models})
