"""The CTA of a run, preprocessed while PyTorch and the networks are loaded."""

from __future__ import annotations

import json
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...images.geometry import Array
from ...models.plans import resolved_configuration
from ..protocol import CTA_FILE, JOB_FILE
from .parallel import use_threads
from .preprocessing import CtPreprocessing, read_voxels

_LOOK_SECONDS = 0.02


@dataclass(frozen=True)
class _Preprocessed:
    by: CtPreprocessing
    volume: Array
    properties: dict[str, Any]


class StartupPreprocessing:
    """Preprocesses the CTA for the model that is run first, in a thread, as soon as the job is there.

    Parameters
    ----------
    folder : Path
        The run's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._coming: Future[_Preprocessed | None] | None = ThreadPoolExecutor(1).submit(_preprocessed, folder)

    def take(self, by: CtPreprocessing | None) -> tuple[Array, dict[str, Any]] | None:
        """Give the CTA, once.

        Parameters
        ----------
        by : CtPreprocessing or None
            The preprocessing that is wanted.

        Returns
        -------
        volume, properties : see `CtPreprocessing.run`
            None in place of both where it was not made, or by another preprocessing.
        """
        coming, self._coming = self._coming, None
        found = coming.result() if coming is not None else None
        return (found.volume, found.properties) if found is not None and found.by == by else None


def wait_for_job(folder: Path) -> dict[str, Any]:
    """Wait until the caller has handed a job over, and read it."""
    while not (folder / JOB_FILE).exists():
        time.sleep(_LOOK_SECONDS)
    job: dict[str, Any] = json.loads((folder / JOB_FILE).read_text(encoding="utf-8"))
    return job


def _preprocessed(folder: Path) -> _Preprocessed | None:
    job = wait_for_job(folder)
    if job.get("many"):
        return None
    use_threads(job["options"]["threads"])
    try:
        path = Path(next(iter(job["models"].values()))) / "plans.json"
        plans = json.loads(path.read_text(encoding="utf-8"))
        by = CtPreprocessing.of(plans, resolved_configuration(path, plans))
        return None if by is None else _Preprocessed(by, *by.run(*read_voxels(folder / CTA_FILE)))
    except Exception:
        # What is wrong with the model or the CTA is told where they are used.
        return None
