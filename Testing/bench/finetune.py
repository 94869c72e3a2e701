"""What corrected cases gain on images of another kind than the ensembles learned from: docs/training.md."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import ndimage
from tqdm import tqdm

from CalcScoreLogic import case_files as files
from CalcScoreLogic.anatomy import CalcificationLabel, Territory
from CalcScoreLogic.cli import main
from CalcScoreLogic.images.files import read_calcification, read_ct, read_territories, write_image, write_label_map
from CalcScoreLogic.images.geometry import Image
from CalcScoreLogic.inference.options import InferenceOptions
from CalcScoreLogic.inference.service import InferenceService
from CalcScoreLogic.models import Model, Role, find, list_models
from CalcScoreLogic.phantom import PhantomParameters, make_phantom
from CalcScoreLogic.training import Workspace, recipe
from CalcScoreLogic.training.recipe import FOLDS, Recipe, SmallNetwork
from Testing.bench.accuracy import dice

SPACING_MM = (0.9, 0.9, 3.0)
"""Thick slices; phantoms that ensembles learn from have 1 to 1.5 mm."""

CORRECTED, HELD_BACK = range(800000, 800020), range(810000, 810008)
COUNTS = (5, 20)
EPOCHS = 1
"""Of fold 0 alone, 250 iterations: all five folds for 50 epochs, as a site would train, take days on a CPU."""

NAMES = (*(territory.key for territory in Territory), CalcificationLabel.CALCIFICATION.key)

_TINY = Recipe(
    "demo",
    epochs=4,
    iterations=10,
    networks={
        Role.TERRITORIES: SmallNetwork(4.0, (32, 48, 64), features=(4, 8, 16)),
        Role.CALCIFICATION: SmallNetwork(3.0, (24, 24, 24), features=(4, 8, 16), keeps_bright=True),
    },
)


def run() -> None:
    """Fine-tune fold 0 of the ensembles that would be used, with 5 and with 20 cases: an hour on a CPU."""
    models = [find(role) for role in Role]
    print(f"start: {', '.join(model.name for model in models)}")
    with tempfile.TemporaryDirectory() as folder:
        _measure(Path(folder), models, CORRECTED, HELD_BACK, COUNTS, SPACING_MM)


def run_small() -> None:
    """Go the same way with tiny networks, few cases and epochs: it shows that it works, and no gain worth telling."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        before = recipe.PRESETS["demo"]
        recipe.PRESETS["demo"] = _TINY
        try:
            command = ["train", "--preset", "demo", "--phantoms", "6", "--name", "tiny"]
            assert main([*command, "-o", str(root / "tiny"), "--store", str(root / "store")]) == 0
        finally:
            recipe.PRESETS["demo"] = before
        models = [model for model in list_models(root / "store") if isinstance(model, Model) and "tiny" in model.name]
        _measure(root, models, CORRECTED[:5], HELD_BACK[:2], (5,), (3.0, 3.0, 5.0))


def _measure(
    root: Path,
    models: Sequence[Model],
    corrected: Sequence[int],
    held_back: Sequence[int],
    counts: Sequence[int],
    spacing: tuple[float, float, float],
) -> None:
    """Print Dice on held-back cases before and after."""
    for seed in tqdm(corrected, desc="cases"):
        _write_shifted(root / "all" / f"case_{seed}", seed, spacing)
    for seed in tqdm(held_back, desc="held back"):
        _write_shifted(root / "test" / f"case_{seed}", seed, spacing)
    print(f"| cases | {' | '.join(NAMES)} |\n| --- |{' --- |' * len(NAMES)}")
    _tell("before", models, root / "test")
    for count in counts:
        cases = root / f"first_{count}"
        cases.mkdir()
        for seed in corrected[:count]:
            (cases / f"case_{seed}").symlink_to(root / "all" / f"case_{seed}", target_is_directory=True)
        store, work = root / f"store_{count}", Workspace(root / f"work_{count}")
        command = ["train", str(cases), "--start-from", *(str(model.path) for model in models)]
        command += ["--epochs", str(EPOCHS), "-o", str(work.root), "--store", str(store)]
        assert main([*command, "--fold", "0"]) == 0
        for role in Role:
            for fold in range(1, FOLDS):  # so that there is something to install
                shutil.copytree(work.fold(role, work.recipe(), 0), work.fold(role, work.recipe(), fold))
        assert main(command) == 0
        tuned = [find(role, store, f"tuned-{role.value}") for role in Role]
        _tell(f"after {count}", tuned, root / "test")


def _write_shifted(folder: Path, seed: int, spacing: tuple[float, float, float]) -> None:
    """Write a phantom of another scanner: thick slices, coarse noise, less contrast."""
    folder.mkdir(parents=True)
    made = make_phantom(PhantomParameters(seed, spacing))
    rng = np.random.default_rng(seed)
    grain = ndimage.gaussian_filter(rng.normal(0, 1, made.cta.array.shape), (0.4, 1.5, 1.5))
    hu = 0.75 * made.cta.array + 25 * grain / grain.std()
    write_image(folder / files.CTA, Image(hu.astype(np.int16), made.cta.geometry))
    write_label_map(folder / files.TERRITORIES, made.territories, Territory)
    write_label_map(folder / files.CALCIFICATION, made.calcification, CalcificationLabel)


def _tell(name: str, models: Sequence[Model], cases: Path) -> None:
    """Print the mean Dice of each label before trimming, fold 0."""
    options = replace(InferenceOptions(mirroring=False), whole_volume=True, folds=(0,))
    rows = []
    with InferenceService({model.role.value: model.path for model in models}, options) as service:
        for case in sorted(cases.iterdir()):
            labelled = service.label(read_ct(case / files.CTA))
            found = {role: labelled.folder / labelled.result.files[role.value] for role in Role}
            rows.append(_dice_of(found, case))
            service.drop(labelled)
    means = np.nanmean(np.array(rows), axis=0)
    print(f"| {name} | {' | '.join(f'{value:.3f}' for value in means)} |", flush=True)


def _dice_of(found: dict[Role, Path], case: Path) -> list[float]:
    labels, truth = (read_territories(path).array for path in (found[Role.TERRITORIES], case / files.TERRITORIES))
    row = [dice(labels == territory, truth == territory) for territory in Territory]
    maps = (read_calcification(path).array for path in (found[Role.CALCIFICATION], case / files.CALCIFICATION))
    plaques, true = (array == CalcificationLabel.CALCIFICATION for array in maps)
    return [*row, dice(plaques, true) if true.any() else float("nan")]
