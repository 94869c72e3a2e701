"""How well the starter ensembles, run as `calcscore demo` runs them, label phantoms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.stats import pearsonr
from tqdm import tqdm

from CalcScoreLogic.anatomy import CalcificationLabel, Territory
from CalcScoreLogic.inference.options import InferenceOptions
from CalcScoreLogic.inference.service import InferenceService
from CalcScoreLogic.models import Model, Role, check, starter_models_folder
from CalcScoreLogic.phantom import Phantom, PhantomParameters, make_phantom
from CalcScoreLogic.pipeline import score_masks
from CalcScoreLogic.results import ScoredCase
from CalcScoreLogic.sources import FinishedRun, score_sources

SEEDS = range(200000, 200020)
SPACING_MM = (1.5, 1.5, 1.5)
# Dice needs the calcification everywhere; the scores are the same.
AS_DEMO = InferenceOptions(mirroring=False, whole_volume=True)
ROWS = (*(territory.key for territory in Territory), CalcificationLabel.CALCIFICATION.key)


def dice(found: np.ndarray, true: np.ndarray) -> float:
    """Overlap of two masks, 0 to 1; NaN where both are empty."""
    size = np.count_nonzero(found) + np.count_nonzero(true)
    return float(2 * np.count_nonzero(found & true) / size) if size else float("nan")


def label_phantoms(models: Sequence[Model]) -> Iterator[tuple[ScoredCase, Phantom]]:
    """Yield what the ensembles made of each phantom, and the phantom."""
    with InferenceService({model.role.value: model.path for model in models}, AS_DEMO) as service:
        for seed in tqdm(SEEDS):
            phantom = make_phantom(PhantomParameters(seed, SPACING_MM))
            labelled = service.label(phantom.cta)
            yield score_sources(f"case_{seed}", phantom.cta, FinishedRun(labelled, models)), phantom
            service.drop(labelled)


def run() -> None:
    """Print Dice of every label before shortening, and the burden against the truth."""
    folder = starter_models_folder()
    if folder is None:
        print("skipped, there are no starter ensembles in Resources/StarterModels")
        return
    models = [check(folder / role.value) for role in Role]
    table: list[list[float]] = []
    burdens: list[tuple[float, float]] = []
    for found, phantom in label_phantoms(models):
        row = [
            dice(found.territories.array == territory, phantom.territories.array == territory)
            for territory in Territory
        ]
        plaques = [
            image.array == CalcificationLabel.CALCIFICATION for image in (found.calcification, phantom.calcification)
        ]
        # A phantom without plaques has no overlap to measure; its burden counts all the same.
        row.append(dice(*plaques) if plaques[1].any() else float("nan"))
        table.append(row)
        true = score_masks("truth", phantom.territories, phantom.calcification).result
        pair = [result.scores.territories["combined"].burden or 0.0 for result in (found.result, true)]
        burdens.append((pair[0], pair[1]))
    print("| label | Dice, mean | lowest | n |\n| --- | --- | --- | --- |")
    for name, column in zip(ROWS, np.array(table).T, strict=True):
        print(
            f"| {name} | {np.nanmean(column):.3f} | {np.nanmin(column):.3f} | {np.count_nonzero(~np.isnan(column))} |"
        )
    found_burdens, true_burdens = np.array(burdens).T
    bias = 100 * float(np.mean(found_burdens - true_burdens))
    print(f"\nCombined burden against the truth: Pearson r {pearsonr(found_burdens, true_burdens)[0]:.3f}, ", end="")
    print(f"mean difference {bias:+.2f} percentage points, n {len(burdens)}.")
