"""The CTA of a run, preprocessed while PyTorch and the networks are loaded."""

from __future__ import annotations

import json
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ...images.geometry import Array
from ...models.check import PLANS
from ...models.plans import resolved_configuration
from ..protocol import CTA_FILE, JOB_FILE
from .parallel import use_threads
from .preprocessing import CtPreprocessing, preprocess

_LOOK_SECONDS = 0.02


Preprocessed = dict[CtPreprocessing, tuple[Array, dict[str, Any]]]
"""A CTA by the way it was preprocessed, see `preprocessing.preprocess`."""


class StartupPreprocessing:
    """Preprocesses the CTA in a thread, as soon as the job is there.

    It is done for the model that is run first, and for those that can share most of the work.

    Parameters
    ----------
    folder : Path
        The run's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._coming: Future[Preprocessed] | None = ThreadPoolExecutor(1).submit(_preprocessed, folder)

    def take(self) -> Preprocessed:
        """Wait for it and give it, once; empty where it could not be made, or was given before."""
        coming, self._coming = self._coming, None
        return coming.result() if coming is not None else {}


def wait_for_job(folder: Path) -> dict[str, Any]:
    """Wait until the caller has handed a job over, and read it."""
    while not (folder / JOB_FILE).exists():
        time.sleep(_LOOK_SECONDS)
    job: dict[str, Any] = json.loads((folder / JOB_FILE).read_text(encoding="utf-8"))
    return job


def _preprocessed(folder: Path) -> Preprocessed:
    job = wait_for_job(folder)
    if job.get("many"):
        return {}
    use_threads(job["options"]["threads"])
    try:
        first, *others = (_way_of(Path(model) / PLANS) for model in job["models"].values())
        if first is None:
            return {}
        return preprocess(folder / CTA_FILE, first, *(way for way in others if way and first.shares_splines(way)))
    except Exception:
        # What is wrong with a model or the CTA is told where they are used.
        return {}


def _way_of(path: Path) -> CtPreprocessing | None:
    plans = json.loads(path.read_text(encoding="utf-8"))
    return CtPreprocessing.of(plans, resolved_configuration(path, plans))
