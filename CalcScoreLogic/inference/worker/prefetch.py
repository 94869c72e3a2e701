"""A CTA preprocessed for one ensemble after the other; for the next one while the one before it is at work."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch

from ...images.geometry import Geometry
from .loading import LoadedEnsemble
from .preprocessing import preprocess
from .startup_preprocessing import Preprocessed, StartupPreprocessing

SMALL_VOXELS = 2**27
"""Up to so many voxels two preprocessed CTAs fit into memory, and the work for one of them: 512x512x512."""

_Preprocessed = tuple[torch.Tensor, dict[str, Any]]


class PreprocessedCta:
    """A CTA on the grids of the ensembles.

    Parameters
    ----------
    cta : Path
        The file.
    geometry : Geometry
        Its grid.
    startup : StartupPreprocessing, optional
        Where it may be preprocessed already.

    Attributes
    ----------
    file : Path
        The file.
    """

    def __init__(self, cta: Path, geometry: Geometry, startup: StartupPreprocessing | None = None) -> None:
        self.file, self._startup = cta, startup
        i, j, k = geometry.size
        self._small = i * j * k <= SMALL_VOXELS
        self._decisive: Any = None
        self._ready: _Preprocessed | None = None
        self._beside = ThreadPoolExecutor(1)
        self._next: Future[_Preprocessed] | None = None
        self._waiting: Preprocessed = {}

    def take(self, ensemble: LoadedEnsemble, following: Sequence[LoadedEnsemble]) -> _Preprocessed:
        """Give the CTA on the grid of an ensemble.

        Parameters
        ----------
        ensemble : LoadedEnsemble
            The ensemble that is to be run now.
        following : sequence of LoadedEnsemble
            Those that are run after it, in this order; the first of them is the next one to ask.

        Returns
        -------
        volume : Tensor of float32, shape (1, z, y, x)
            As `LoadedEnsemble.preprocess` gives it.
        properties : dict
            Likewise.
        """
        decisive = ensemble.preprocessing()
        if self._ready is None or self._decisive != decisive:
            # Let go of first: two preprocessed CTAs may not fit into memory.
            self._ready = None
            self._ready = self._next.result() if self._next else self._preprocess(ensemble, following)
            self._decisive, self._next = decisive, None
        if self._small and following and following[0].preprocessing() != decisive and not self._waiting:
            self._next = self._beside.submit(following[0].preprocess, self.file)
        return self._ready

    def _preprocess(self, ensemble: LoadedEnsemble, following: Sequence[LoadedEnsemble]) -> _Preprocessed:
        way = ensemble.ct
        if self._startup is not None:
            self._waiting, self._startup = self._startup.take(), None
        elif way is not None and way not in self._waiting:
            sharing = {other.ct for other in following if other.ct is not None and way.shares_splines(other.ct)}
            self._waiting = preprocess(self.file, way, *(sharing - {way}))
        found = self._waiting.pop(way, None) if way is not None else None
        # Nobody will ask for the others.
        wanted = {other.ct for other in following}
        self._waiting = {kept: made for kept, made in self._waiting.items() if kept in wanted}
        return ensemble.preprocess(self.file) if found is None else (torch.from_numpy(found[0]), found[1])
