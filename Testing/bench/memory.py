"""Peak memory of an analysis of a run-off CTA, 512x512x1500 voxels, on the grid of standard networks."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from CalcScoreLogic.cli.bench import SEED
from CalcScoreLogic.images.files import write_image
from CalcScoreLogic.models import Role, starter_models_folder
from CalcScoreLogic.phantom import PhantomParameters, make_phantom
from Testing.bench.full_size import SPACING_MM as MODEL_SPACING_MM
from Testing.bench.full_size import fitted
from Testing.bench.processes import measure

SHAPE = (1500, 512, 512)
SPACING_MM = (0.8, 0.8, 1.0)
"""Not the networks' own: the CTA is resampled."""

PATCH = (128, 128, 128)
FOLDS = "0,1"
"""More folds take more time, not more memory."""


def run() -> None:
    """Print the largest sum of the memory of all processes; the starter ensembles stand in for standard ones."""
    starter = starter_models_folder()
    if starter is None:
        print("skipped, there are no starter ensembles in Resources/StarterModels")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [sys.executable, "-m", "CalcScoreLogic", "analyze", str(_cta(folder)), "-o", str(folder / "out")]
        for role, option in zip(Role, ("--territory-model", "--calcification-model"), strict=True):
            command += [option, str(_model(starter / role.value, folder / role.value))]
        seconds, gigabytes = measure([*command, "--no-mirroring", "--step-size", "1", "--folds", FOLDS])
    print(f"512x512x1500: {gigabytes:.1f} GB at most, {seconds:.0f} s")


def _cta(folder: Path) -> Path:
    """Stack a phantom until it is long enough, with air around it."""
    made = make_phantom(PhantomParameters(SEED, SPACING_MM)).cta
    stacked = np.concatenate([made.array] * (1 + SHAPE[0] // len(made.array)))
    grid = replace(made.geometry, size=SHAPE[::-1])
    file = folder / "cta.nii"
    write_image(file, fitted(stacked, SHAPE, -1000, grid))
    return file


def _model(starter: Path, folder: Path) -> Path:
    """Let starter networks run on the grid and the tiles of standard ones: their weights fit tiles of any size."""
    shutil.copytree(starter, folder)
    file = folder / "plans.json"
    plans = json.loads(file.read_text(encoding="utf-8"))
    fullres = plans["configurations"]["3d_fullres"]
    fullres["patch_size"], fullres["spacing"] = list(PATCH), list(reversed(MODEL_SPACING_MM))
    file.write_text(json.dumps(plans), encoding="utf-8")
    return folder
