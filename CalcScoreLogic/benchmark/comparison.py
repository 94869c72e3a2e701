"""How fast ``calcscore analyze`` is against stock nnU-Net: same weights, same options, same machine, in turn."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import case_files as files
from ..errors import CalcScoreError
from ..images.coverage import coverage_of
from ..images.files import read_calcification, read_labels, read_territories, write_image
from ..images.geometry import Array, Image
from ..images.label_values import relabelled
from ..models import Model, Role
from ..pipeline import score_masks
from .process_meter import Usage, measure

STOCK = "from nnunetv2.inference.predict_from_raw_data import predict_entry_point_modelfolder as run; run()"


@dataclass(frozen=True)
class BenchOptions:
    """How both sides are run.

    Attributes
    ----------
    mirroring : bool
        Average over mirrored copies of each tile.
    step_size : float
        Distance between tiles as a share of the tile.
    device : str
        ``"cpu"``, ``"cuda"`` or ``"mps"``.
    repeats : int
        Runs of each side; the fastest counts.
    engine : str
        What computes the networks of the analysis on a CPU, as `InferenceOptions.engine`.
    """

    mirroring: bool = False
    step_size: float = 0.5
    device: str = "cpu"
    repeats: int = 1
    engine: str = "auto"


@dataclass(frozen=True)
class Comparison:
    """What a benchmark found.

    Attributes
    ----------
    ours, stock : Usage
        Wall time and peak memory of one analysis, and of one stock run of each ensemble.
    tiles : dict of str to list of int
        Tiles that were run, and tiles of the full run, of all folds together, by role.
    dice : dict of str to float or None
        Overlap of each label with stock's, calcification where it was looked for; None where neither has it.
    burden_difference : float or None
        Largest difference of a territory's burden, percentage points; None where none is defined.
    engine : str
        What computed the networks of the analysis.
    """

    ours: Usage
    stock: Usage
    tiles: dict[str, list[int]]
    dice: dict[str, float | None]
    burden_difference: float | None
    engine: str

    @property
    def speedup(self) -> float:
        """How many times faster the analysis is."""
        return self.stock.seconds / self.ours.seconds

    def to_dict(self) -> dict[str, Any]:
        """Give it in what JSON can hold."""
        sides = {
            name: {"seconds": round(usage.seconds, 2), "peak_bytes": usage.peak_bytes}
            for name, usage in (("calcscore", self.ours), ("stock", self.stock))
        }
        return {
            **sides,
            "speedup": round(self.speedup, 2),
            "tiles": self.tiles,
            "dice": self.dice,
            "largest_burden_difference_percentage_points": self.burden_difference,
            "engine": self.engine,
        }


def compare(cta: Image, models: Mapping[Role, Model], options: BenchOptions, tell: Callable[[str], None]) -> Comparison:
    """Analyze a CTA, and let stock nnU-Net label it, in turn.

    Parameters
    ----------
    cta : Image
        HU.
    models : mapping of Role to Model
        Both ensembles.
    options : BenchOptions
        How they are run.
    tell : callable
        Called with a few words about what is running.

    Returns
    -------
    Comparison
        Times, memory and agreement.

    Raises
    ------
    CalcScoreError
        A run failed.
    """
    with tempfile.TemporaryDirectory(prefix="calcscore-bench-") as name:
        folder = Path(name)
        (folder / "in").mkdir()
        write_image(folder / "in" / "case_0000.nii.gz", cta)
        ours, stock = [], []
        for number in range(1, options.repeats + 1):
            of = f", {number} of {options.repeats}" if options.repeats > 1 else ""
            tell(f"calcscore analyze{of}")
            ours.append(_run(_our_command(folder, models, options), "calcscore analyze"))
            usages = []
            for role in Role:
                tell(f"stock nnU-Net, {role.value}{of}")
                usages.append(run_stock(folder, models[role], options))
            stock.append(usages[0] + usages[1])
        record = json.loads((folder / "ours" / files.SCORES).read_text(encoding="utf-8"))["provenance"]
        dice, difference = _agreement(folder, models, record)
    inference = record["inference"]
    return Comparison(min(ours), min(stock), inference["tiles"], dice, difference, inference["engine"])


def _our_command(folder: Path, models: Mapping[Role, Model], options: BenchOptions) -> list[str]:
    command = [sys.executable, "-m", "CalcScoreLogic", "analyze", str(folder / "in" / "case_0000.nii.gz")]
    command += ["-o", str(folder / "ours"), "--device", options.device, "--step-size", str(options.step_size)]
    command += ["--engine", options.engine]
    for role in Role:
        option = "--territory-model" if role is Role.TERRITORIES else "--calcification-model"
        command += [option, str(models[role].path)]
    return command if options.mirroring else [*command, "--no-mirroring"]


def run_stock(folder: Path, model: Model, options: BenchOptions) -> Usage:
    """Let stock nnU-Net label a CTA.

    Parameters
    ----------
    folder : Path
        Holds ``in/case_0000.nii.gz``; the label map goes into a folder named like the model's role.
    model : Model
        The ensemble.
    options : BenchOptions
        How it is run.

    Returns
    -------
    Usage
        What it took.

    Raises
    ------
    CalcScoreError
        It failed.
    """
    command = [sys.executable, "-c", STOCK, "-i", str(folder / "in"), "-o", str(folder / model.role.value)]
    command += ["-m", str(model.path), "-device", options.device, "-step_size", str(options.step_size)]
    command += ["-f", *map(str, model.folds)]
    return _run(command if options.mirroring else [*command, "--disable_tta"], "nnUNetv2_predict")


def stock_labels(folder: Path, model: Model) -> Image:
    """Read the label map that `run_stock` has made, with our label values."""
    return relabelled(read_labels(folder / model.role.value / "case.nii.gz"), model.label_values, np.uint8)


def _run(command: Sequence[str], name: str) -> Usage:
    """Run a program to its end; raises CalcScoreError where it fails."""
    usage = measure(command)
    if usage.code:
        raise CalcScoreError(f"{name} failed (exit code {usage.code}): {usage.last_line}")
    return usage


def _agreement(
    folder: Path, models: Mapping[Role, Model], record: Mapping[str, Any]
) -> tuple[dict[str, float | None], float | None]:
    """Compare label maps and scores with stock's."""
    found = {
        Role.TERRITORIES: read_territories(folder / "ours" / files.TERRITORIES),
        Role.CALCIFICATION: read_calcification(folder / "ours" / files.CALCIFICATION),
    }
    stock = {role: stock_labels(folder, models[role]) for role in Role}
    looked = coverage_of(record)
    dice: dict[str, float | None] = {}
    for role in Role:
        where = looked.mask() if looked is not None and role is Role.CALCIFICATION else np.True_
        for label in role.labels:
            ours, theirs = ((image.array == label) & where for image in (found[role], stock[role]))
            dice[label.key] = _dice(ours, theirs)
    rows = [
        score_masks("bench", maps[Role.TERRITORIES], maps[Role.CALCIFICATION]).result.scores.territories
        for maps in (found, stock)
    ]
    pairs = [(rows[0][name].burden, rows[1][name].burden) for name in rows[0]]
    apart = [100 * abs(first - second) for first, second in pairs if first is not None and second is not None]
    return dice, max(apart, default=None)


def _dice(first: Array, second: Array) -> float | None:
    both = np.count_nonzero(first) + np.count_nonzero(second)
    return float(2 * np.count_nonzero(first & second) / both) if both else None
