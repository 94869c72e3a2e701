"""``calcscore bench``: speed against stock nnU-Net, same weights, same machine."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .analyze import add_engine_option, chosen_models
from .models import starter_models
from .outcome import Outcome
from .progress import stage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..benchmark.comparison import BenchOptions, Comparison
    from ..images.geometry import Image
    from ..models import Model

SEED = 200000
SPACING_MM = (1.5, 1.5, 1.5)


def add(commands: Any) -> argparse.ArgumentParser:
    """Describe the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "bench",
        help="speed against stock nnU-Net",
        description="Time an analysis against stock nnU-Net, with the same weights and options, in turn. "
        "Without options: a phantom and the starter ensembles.",
    )
    parser.add_argument("--cta", type=Path, metavar="CTA", help="CT angiography (default: a phantom)")
    parser.add_argument("--territory-model", metavar="NAME", help="installed model or folder (default: the demo)")
    parser.add_argument("--calcification-model", metavar="NAME", help="installed model or folder (default: the demo)")
    parser.add_argument("--store", type=Path, metavar="DIR", help="folder of the installed models")
    parser.add_argument("--mirroring", action="store_true", help="average over mirrored copies, on both sides")
    parser.add_argument("--step-size", type=float, default=0.5, metavar="S", help="tile step, 0.1 to 1 (default 0.5)")
    parser.add_argument("--device", choices=("cpu", "cuda", "mps"), default="cpu", help="default: cpu")
    add_engine_option(parser)
    parser.add_argument("--repeats", type=int, default=1, metavar="N", help="runs, of which the fastest counts")
    return parser


def run(options: argparse.Namespace) -> Outcome:
    """Do it."""
    from ..benchmark.comparison import BenchOptions, compare
    from ..errors import InputError
    from ..inference.options import InferenceOptions

    if options.repeats < 1:
        raise InputError(f"--repeats: {options.repeats} is too few, give 1 or more")
    InferenceOptions(step_size=options.step_size)  # refuses what cannot be, before any work
    models = _models(options)
    settings = BenchOptions(options.mirroring, options.step_size, options.device, options.repeats, options.engine)
    found = compare(_cta(options), {model.role: model for model in models}, settings, stage)
    return Outcome(lines(found, settings), {**found.to_dict(), "machine": machine()})


def lines(found: Comparison, options: BenchOptions) -> list[str]:
    """Tell a reader what was found.

    Parameters
    ----------
    found : Comparison
        Times, memory and agreement.
    options : BenchOptions
        How both sides were run.

    Returns
    -------
    list of str
        A few lines.
    """
    copies = "with" if options.mirroring else "without"
    told = [
        f"calcscore analyze {_usage(found.ours.seconds, found.ours.peak_bytes)}, two stock runs "
        f"{_usage(found.stock.seconds, found.stock.peak_bytes)}: {found.speedup:.1f} times faster "
        f"({copies} mirrored copies, step {options.step_size:g}, {options.device}, {found.engine})",
        *(f"tiles run, {role}: {run} of {total}" for role, (run, total) in found.tiles.items()),
        "overlap with stock (Dice): "
        + ", ".join(f"{name} {'–' if dice is None else f'{dice:.4f}'}" for name, dice in found.dice.items()),
    ]
    if found.burden_difference is not None:
        told.append(f"largest difference of a burden: {found.burden_difference:.3f} percentage points")
    return [*told, ", ".join(f"{name} {value}" for name, value in machine().items())]


def machine() -> dict[str, str]:
    """Describe the machine and the versions that matter for speed."""
    import os
    import platform
    from importlib.metadata import PackageNotFoundError, version

    described = {"processor": _processor(), "cores": str(os.cpu_count()), "python": platform.python_version()}
    for package in ("torch", "nnunetv2", "openvino"):
        try:
            described[package] = version(package)
        except PackageNotFoundError:
            described[package] = "none"
    return described


def _processor() -> str:
    """Name the processor as far as the system tells."""
    import platform

    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        if names:
            return names[0]
    return platform.processor() or platform.machine()


def _usage(seconds: float, peak_bytes: int) -> str:
    return f"{seconds:.1f} s" + (f" and {peak_bytes / 2**30:.1f} GB" if peak_bytes else "")


def _models(options: argparse.Namespace) -> Sequence[Model]:
    """Give the named models, or the starter ensembles where none is named."""
    named = options.territory_model or options.calcification_model or options.store
    return chosen_models(options) if named else starter_models()


def _cta(options: argparse.Namespace) -> Image:
    from ..images.files import read_ct
    from ..phantom import PhantomParameters, make_phantom

    if options.cta is not None:
        stage("reading")
        return read_ct(options.cta)
    stage("making a phantom")
    return make_phantom(PhantomParameters(SEED, SPACING_MM)).cta
