"""The ensembles inside the worker, for any number of CTAs one after the other."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import torch

from ...images.files import read_territories
from ...images.geometry import Geometry
from ...shortening import ShorteningParameters
from ..expected_time import planned_work
from ..options import InferenceOptions
from ..protocol import ARTERIES_FILE, CTA_FILE, Message, Notice, Result
from ..remaining_time import SECONDS_PER_UNIT, Timetable
from ..speed_history import remembered
from .artery_region import TrimmedArteries
from .case_run import CaseRun
from .loading import LoadedEnsemble, choose_device, device_name, load
from .parallel import use_threads
from .prefetch import PreprocessedCta
from .progress import RunProgress
from .startup_preprocessing import StartupPreprocessing


class Ensembles:
    """Loaded ensembles.

    Parameters
    ----------
    models : mapping of str to str
        Folder of the trained model of each role, run in this order.
    options : InferenceOptions
        How to run them.
    lengths : ShorteningParameters or None
        How the arteries will be trimmed; None: not at all.
    say : callable
        Takes the messages on the way.
    many : bool
        Whether more than one CTA will come.

    Raises
    ------
    InputError
        A model that cannot be used, a fold it does not have, a device that is not there.
    """

    def __init__(
        self,
        models: Mapping[str, str],
        options: InferenceOptions,
        lengths: ShorteningParameters | None,
        say: Callable[[Message], None],
        many: bool = False,
    ) -> None:
        use_threads(options.threads)
        if options.threads is not None:
            torch.set_num_threads(options.threads)
        self._options, self._lengths, self._say = options, lengths, say
        self._device = choose_device(options.device)
        self._progress = RunProgress(say, Timetable({**SECONDS_PER_UNIT, **remembered(options, models.values())}))
        self._progress.times.plan("loading", len(models))
        self._ensembles = [self._load(role, Path(path), many) for role, path in models.items()]

    def start_clock(self) -> None:
        """Let the time of the next CTA begin now, without the loading."""
        self._progress = RunProgress(self._say, self._progress.times.again())

    def run(self, folder: Path, geometry: Geometry, startup: StartupPreprocessing | None = None) -> Result:
        """Run the ensembles on a CTA, one after the other.

        Parameters
        ----------
        folder : Path
            Holds the CTA, and the arteries where no ensemble labels them; the label maps go there too.
        geometry : Geometry
            The CTA's grid: the file's is single precision.
        startup : StartupPreprocessing, optional
            Where it may be preprocessed already.

        Returns
        -------
        Result
            The label maps and what they were made with.
        """
        progress, cta = self._progress, PreprocessedCta(folder / CTA_FILE, geometry, startup)
        planned = self._plan(geometry)
        arteries = TrimmedArteries(geometry, self._lengths, folder)
        if (folder / ARTERIES_FILE).exists():
            arteries.take(read_territories(folder / ARTERIES_FILE).array)
        case = CaseRun(cta, geometry, arteries, self._ensembles, planned, self._options, self._device, progress)
        for ensemble in self._ensembles:
            case.predict(ensemble)
        provenance = {
            "device": device_name(self._device),
            "seconds": round(time.monotonic() - progress.started, 1),
            "torch": torch.__version__,
            "nnunetv2": version("nnunetv2"),
            "python": platform.python_version(),
            "threads": torch.get_num_threads(),
            "engine": ", ".join(dict.fromkeys(ensemble.engine for ensemble in self._ensembles)),
            "folds": {ensemble.role: list(ensemble.folds) for ensemble in self._ensembles},
            "mirroring": self._options.mirroring,
            "step_size": self._options.step_size,
            "tiles": case.tiles,
            "coverage": case.coverage.to_dict() if case.coverage else None,
        }
        return Result(case.files, case.fold_burdens, provenance, progress.times.seen(), asdict(geometry))

    def _plan(self, geometry: Geometry) -> dict[str, float]:
        """Put a CTA into the timetable; give the operations of each ensemble's tiles by role."""
        progress, tiles = self._progress, {}
        for ensemble in self._ensembles:
            work = planned_work([ensemble.model], geometry.size, geometry.spacing, self._options)
            for kind, units in work.items():
                if kind != "loading":
                    progress.times.plan(kind, units)
            tiles[ensemble.role] = work["tiles"]
        progress.planned = True
        return tiles

    def _load(self, role: str, path: Path, many: bool) -> LoadedEnsemble:
        """Check and load an ensemble."""
        self._progress.reach(f"loading {role}")
        ensemble = load(
            role,
            path,
            self._options,
            self._device,
            # The progress changes from CTA to CTA.
            lambda done, tiles: self._progress.on_tile(done, tiles),
            lambda text: self._say(Notice(text)),
            many,
        )
        self._progress.times.finish("loading", 1)
        return ensemble
