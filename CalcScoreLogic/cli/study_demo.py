"""``calcscore study-demo``: a study on phantoms with the starter ensembles."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..inference.remaining_time import duration
from .evaluate import finish, fixed_threshold, threshold_source
from .models import starter_models
from .outcome import Outcome, make_folder
from .progress import stage

if TYPE_CHECKING:
    from ..inference.protocol import Message


def add(commands: Any) -> argparse.ArgumentParser:
    """Describe the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "study-demo",
        help="run a study on phantoms with the starter ensembles",
        description="Make 24 phantoms that no ensemble has learned from, label them with the starter ensembles and by "
        "thresholds, and evaluate. The same command goes on where it was interrupted.",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder for cases and results")
    return parser


def run(options: argparse.Namespace) -> Outcome:
    """Do it."""
    from ..evaluation import NETWORK, StudyParameters, check_packages, match_cases, phantoms
    from ..training.phantoms import FIRST_SEED as FIRST_TRAINING_SEED

    check_packages()
    models = starter_models()
    make_folder(options.output)
    reference, prediction, training = (
        options.output / name
        for name in (phantoms.REFERENCE_FOLDER, phantoms.PREDICTION_FOLDER, phantoms.TRAINING_FOLDER)
    )
    phantoms.make_phantoms(reference, phantoms.FIRST_SEED, tell=stage)
    phantoms.make_phantoms(training, FIRST_TRAINING_SEED, tell=stage)
    teller = _Teller()
    phantoms.predict(reference, prediction, models, teller.start_case, teller.listen)
    fixed = fixed_threshold(training)
    matching = match_cases(reference, {NETWORK: prediction}, reference)
    return finish(
        options.output, matching, StudyParameters(fixed_hu=fixed.hu, fixed_from=threshold_source(fixed)), fixed
    )


class _Teller:
    """Shows a terminal which case is being labelled, how far it is, and the time left for all."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._first = 0
        self._text = ""

    def start_case(self, number: int, count: int) -> None:
        """Tell that a case is started."""
        self._first = self._first or number
        done = number - self._first
        seconds = (time.monotonic() - self._start) / done * (count - number + 1) if done else None
        self._text = f"labelling case {number} of {count}" + (f" · {duration(seconds)} left" if seconds else "")
        stage(self._text)

    def listen(self, message: Message) -> None:
        """Tell how far the case is."""
        from ..inference.protocol import Progress

        if isinstance(message, Progress):
            stage(f"{self._text} · {100 * message.fraction:.0f} % of this one")
