"""One process that tries example after example, and writes down what it is at."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st

from Testing.fuzz.commands import Problem, check, trials

BEAT, FOUND, TRIED = "running.txt", "found", "tried_"


def work(folder: Path, number: int, until: float) -> None:
    """Try examples until a time; findings go to ``folder/found``, one folder for each kind."""
    warnings.simplefilter("ignore")
    tally: Counter[str] = Counter()

    @seed(number)
    @settings(
        max_examples=10**9,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def attempt(data: st.DataObject) -> None:
        if time.time() > until:
            # Hypothesis would try again what an exception ends.
            os._exit(0)
        place = Path(tempfile.mkdtemp(prefix="trial_", dir=folder))
        (folder / BEAT).write_text(f"{place}\npreparing", encoding="utf-8")
        try:
            trial = data.draw(trials(place))
            (folder / BEAT).write_text(f"{place}\n{' '.join(trial.arguments)}", encoding="utf-8")
            tally[f"{trial.arguments[0]} {check(trial, place)}"] += 1
        except Problem as problem:
            tally[f"{trial.arguments[0]} found"] += 1
            keep(folder, place, problem.key, f"{' '.join(trial.arguments)}\n\n{problem}")
        finally:
            shutil.rmtree(place, ignore_errors=True)
        (folder / f"{TRIED}{number}.json").write_text(json.dumps(tally), encoding="utf-8")

    attempt()


def keep(folder: Path, place: Path, key: str, told: str) -> None:
    """Keep the inputs of a finding, the first of its kind."""
    name = "".join(c if c.isalnum() else "_" for c in key)[:80]
    target = folder / FOUND / name
    if target.exists():
        return
    shutil.copytree(place, target, dirs_exist_ok=True)
    (target / "told.txt").write_text(told, encoding="utf-8", errors="replace")
