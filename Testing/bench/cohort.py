"""A cohort that is killed ten times against one that nothing disturbs, and its memory over the cases."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from CalcScoreLogic.benchmark.process_meter import memory_of
from CalcScoreLogic.cohort.state import STATE_FOLDER
from CalcScoreLogic.models import starter_models_folder
from Testing.bench.batch import ONE_FOLD, command
from Testing.bench.phantoms import write_phantoms

CASES = int(os.environ.get("CALCSCORE_BENCH_CASES", "200"))
SPACING_MM = (3.0, 3.0, 3.0)
KILLS, SEED = 10, 5
LOOK_SECONDS = 0.2


@dataclass
class Watched:
    """A batch that ran, or was killed: how many cases had ended and what memory it took then."""

    ended: list[int] = field(default_factory=list)
    gigabytes: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def peak(self, low: float, high: float) -> float:
        """Give the largest memory between two shares of the cases."""
        ended = np.array(self.ended) / max(self.ended)
        return float(np.array(self.gigabytes)[(ended >= low) & (ended <= high)].max())


def run() -> None:
    """Print whether the tables are the same, what was left behind, and the memory of early and late cases."""
    if starter_models_folder() is None:
        print("skipped, there are no starter ensembles in Resources/StarterModels")
        return
    with tempfile.TemporaryDirectory() as folder:
        source = write_phantoms(Path(folder, "in"), CASES, SPACING_MM)
        whole = watch(source, Path(folder, "whole"), None, None)
        rng = np.random.default_rng(SEED)
        killed = Path(folder, "killed")
        # Each kill after so many cases more, and so long after the last of them.
        marks = np.sort(rng.choice(CASES, KILLS, replace=False))
        for mark, delay in zip(marks, rng.uniform(0, whole.seconds / CASES, KILLS), strict=True):
            watch(source, killed, int(mark), float(delay))
        watch(source, killed, None, None)
        tables = [read_tables(Path(folder, name)) for name in ("whole", "killed")]
        left = [path.name for path in killed.iterdir() if path.name.startswith(".") and path.name != STATE_FOLDER]
        names = [row["case"] for row in tables[1]["cases.csv"]]
    print(f"{CASES} phantoms at {SPACING_MM[0]:g} mm in {whole.seconds:.0f} s; killed {KILLS} times at random moments:")
    print(f"tables the same: {tables[0] == tables[1]}, cases {len(names)}, each once: {len(set(names)) == len(names)},")
    print(f"left behind: {left or 'nothing'}")
    print(f"peak memory: second tenth of the cases {whole.peak(0.1, 0.2):.2f} GB, last {whole.peak(0.9, 1.0):.2f} GB")


def watch(source: Path, output: Path, mark: int | None, delay: float | None) -> Watched:
    """Run a batch to its end, or kill it `delay` seconds after `mark` cases have ended."""
    seen = Watched()
    start = time.perf_counter()
    arguments = [*command("batch", ONE_FOLD), str(source), "-o", str(output)]
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while process.poll() is None:
        ended = len(list((output / STATE_FOLDER).glob("[!.]*.json")))
        if mark is not None and ended >= mark:
            time.sleep(delay or 0.0)
            process.send_signal(signal.SIGKILL)
            break
        seen.ended.append(ended)
        seen.gigabytes.append(memory_of(process.pid) / 1e9)
        time.sleep(LOOK_SECONDS)
    _, told = process.communicate()
    if process.returncode not in (0, -signal.SIGKILL):
        raise RuntimeError(f"the batch ended with {process.returncode}: {told.decode()}")
    seen.seconds = time.perf_counter() - start
    return seen


def read_tables(output: Path) -> dict[str, list[dict[str, Any]]]:
    """Read both tables without the times."""
    found = {}
    for name in ("cases.csv", "scores.csv"):
        with (output / name).open(newline="", encoding="utf-8") as stream:
            found[name] = [{key: v for key, v in row.items() if key != "seconds"} for row in csv.DictReader(stream)]
    return found
