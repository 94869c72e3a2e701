"""The networks of a Dask worker: loaded once for all its cases, gone when there are no more."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ..inference.run import RunCancelledError
from ..inference.service import InferenceService
from .recipe import Recipe

IDLE_SECONDS = 300.0
"""Networks that wait longer than this for a case are ended; their batch may have been killed."""


class Networks:
    """Both ensembles, for one case at a time."""

    def __init__(self) -> None:
        self._service: InferenceService | None = None
        self._made_for: tuple[str, Recipe] | None = None
        self._turn = threading.Lock()
        self._idle: threading.Timer | None = None
        self._cancelled: set[str] = set()

    @contextmanager
    def loaded(self, batch: str, recipe: Recipe) -> Iterator[InferenceService]:
        """Wait for one's turn, and keep the networks from others until the block ends.

        Parameters
        ----------
        batch : str
            Name of the batch that asks.
        recipe : Recipe
            Models and options.

        Yields
        ------
        InferenceService
            Started, with these models.

        Raises
        ------
        RunCancelledError
            The batch has been ended.
        InputError, CalcScoreError
            The networks cannot be loaded here.
        """
        with self._turn:
            if self._idle is not None:
                self._idle.cancel()
            if batch in self._cancelled:
                raise RunCancelledError("the run was cancelled")
            if self._service is None or self._made_for != (batch, recipe):
                self._close()
                self._service = recipe.service()
                self._made_for = batch, recipe
            try:
                yield self._service
            finally:
                self._idle = threading.Timer(IDLE_SECONDS, self._rest)
                self._idle.daemon = True
                self._idle.start()

    def end(self, batch: str) -> None:
        """End the networks of a batch, a case that is at them too; the batch gets no others."""
        self._cancelled.add(batch)
        if self._made_for is not None and self._made_for[0] == batch:
            self._close()

    def _rest(self) -> None:
        with self._turn:
            self._close()

    def _close(self) -> None:
        if self._service is not None:
            self._service.close()
        self._service = self._made_for = None


NETWORKS = Networks()
"""Those of this process."""
