"""Small cohorts for the batch tests, with networks so small that what they label does not matter."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from CalcScoreLogic.images.files import write_image
from CalcScoreLogic.images.geometry import Geometry, Image
from CalcScoreLogic.models import Role
from Testing.logic.model_folders import make_model

GEOMETRY = Geometry((24, 22, 18), (1.2, 1.1, 2.5), (5.0, -3.0, 10.0))
CASES = 5


def make_models(folder: Path) -> dict[Role, Path]:
    """Make a model of each role with one fold."""
    return {role: make_model(folder / role.value, role, [0], seed=102) for role in Role}


def noise(seed: int) -> Image:
    """Make a CTA of noise."""
    array = np.random.default_rng(seed).normal(300, 250, GEOMETRY.shape)
    return Image(array.astype(np.int16), GEOMETRY)


def make_cases(folder: Path, count: int = CASES) -> Path:
    """Write cases as folders with a CTA each."""
    for number in range(count):
        place = folder / f"case_{number}"
        place.mkdir(parents=True)
        write_image(place / "cta.nii.gz", noise(number))
    return folder


def network_options(models: dict[Role, Path]) -> list[str]:
    """Give the options that name the models and run them in the shortest way."""
    chosen = ["--territory-model", str(models[Role.TERRITORIES])]
    chosen += ["--calcification-model", str(models[Role.CALCIFICATION])]
    return [*chosen, "--no-mirroring", "--device", "cpu", "--threads", "1"]


def tables(output: Path) -> dict[str, list[dict[str, str]]]:
    """Read both tables of a cohort without the times."""
    found = {}
    for name in ("scores.csv", "cases.csv"):
        with (output / name).open(newline="", encoding="utf-8") as stream:
            found[name] = list(csv.DictReader(stream))
    for row in found["cases.csv"]:
        assert float(row.pop("seconds")) >= 0
    return found


def until(condition: Callable[[], object], seconds: float = 300, interval: float = 0.005) -> None:
    """Look until something is there."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(interval)
