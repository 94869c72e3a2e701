"""``calcscore batch`` against a shell loop of ``analyze``: the same cases, in turn."""

from __future__ import annotations

import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from CalcScoreLogic.models import starter_models_folder
from Testing.bench.phantoms import write_phantoms
from Testing.bench.processes import measure

CASES, SPACING_MM = 12, (3.0, 3.0, 3.0)
REPEATS = 2
ONE_FOLD = ("--no-mirroring", "--folds", "0")
ALL_FOLDS = ("--no-mirroring",)


def run() -> None:
    """Print times, their ratio and the peak memory, with one fold and with all: the start weighs less then."""
    if starter_models_folder() is None:
        print("skipped, there are no starter ensembles in Resources/StarterModels")
        return
    with tempfile.TemporaryDirectory() as folder:
        source = write_phantoms(Path(folder, "in"), CASES, SPACING_MM)
        for name, options in (("one fold", ONE_FOLD), ("all folds", ALL_FOLDS)):
            pairs = []
            for turn in range(REPEATS):
                place = Path(folder, f"{name} {turn}")
                whole = measure([*command("batch", options), str(source), "-o", f"{place} batch"])
                pairs.append((whole, measure(["sh", "-c", loop(source, Path(f"{place} loop"), options)])))
            (ours, memory), (theirs, their_memory) = (min(runs) for runs in zip(*pairs, strict=True))
            print(
                f"{CASES} phantoms at {SPACING_MM[0]:g} mm, {name}: batch {ours:.1f} s ({memory:.1f} GB), a loop of "
                f"analyze {theirs:.1f} s ({their_memory:.1f} GB): {theirs / ours:.1f} times the throughput"
            )


def command(name: str, options: Sequence[str]) -> list[str]:
    """Give the beginning of a command line."""
    return [sys.executable, "-m", "CalcScoreLogic", name, *options]


def loop(source: Path, output: Path, options: Sequence[str]) -> str:
    """Write the shell loop that someone without batch would write."""
    output.mkdir()
    cases, results = shlex.quote(str(source)), shlex.quote(str(output))
    analyze = f'{shlex.join(command("analyze", options))} "$case/cta.nii.gz" -o {results}/$(basename "$case")'
    return f"for case in {cases}/*; do {analyze} || exit 1; done"
