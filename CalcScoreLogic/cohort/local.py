"""The cases of a cohort on this machine: one at the networks, others read, scored and written meanwhile."""

from __future__ import annotations

import queue
from collections.abc import Generator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from itertools import islice

from ..inference.protocol import Message, Progress
from ..inference.run import Labelled
from ..report.case_folder import write_case
from ..results import ScoredCase
from .case_inputs import CohortInput
from .case_outcome import Ending, OnProgress, Stopwatch, reason_of
from .checksums import UNREADABLE, Content, content_of
from .recipe import CaseImages, Recipe
from .state import CohortFolder

MOST_CASES = 3
"""Cases in memory at a time: one being read, one at the networks, one being scored."""

_LOOK_SECONDS = 0.2

_Event = Ending | tuple[str, Progress]


def run_here(
    cases: Sequence[CohortInput], recipe: Recipe, cohort: CohortFolder, on_progress: OnProgress
) -> Generator[Ending, None, None]:
    """Run cases on this machine.

    Parameters
    ----------
    cases : sequence of CohortInput
        The cases, taken in this order.
    recipe : Recipe
        What is done to them.
    cohort : CohortFolder
        Where each case's folder of results goes.
    on_progress : callable
        Told how far the case at the networks is.

    Yields
    ------
    Ending
        Of each case; a case whose networks' process died has failed, and the next one gets a new process.

    Raises
    ------
    InputError
        The networks cannot be started; no case has been touched.
    CalcScoreError
        They failed while they were loaded.
    """
    with ExitStack() as stack:
        line = _Line(recipe, cohort, stack)
        waiting = iter(cases)
        for case in islice(waiting, MOST_CASES):
            line.enter(case)
        line.open(on_progress)
        for _ in cases:
            yield line.next_ending(on_progress)
            for case in islice(waiting, 1):
                line.enter(case)


class _Line:
    """Three stations, one case at each: reading, networks, scoring and writing."""

    def __init__(self, recipe: Recipe, cohort: CohortFolder, stack: ExitStack) -> None:
        self._recipe, self._cohort = recipe, cohort
        self._events: queue.SimpleQueue[_Event] = queue.SimpleQueue()
        self._opened: Future[None] = Future()
        self._stations = [ThreadPoolExecutor(1) for _ in range(3)]
        for station in self._stations:
            stack.callback(station.shutdown, cancel_futures=True)
        # Closed first of all, so that the station that waits for the networks comes free.
        self._service = stack.enter_context(recipe.service()) if recipe.models else None
        stack.callback(self._opened.cancel)

    def enter(self, case: CohortInput) -> None:
        """Let a case in."""
        watch = Stopwatch()
        readers, networks, writers = self._stations
        content = readers.submit(_timed_content, case, watch)
        images = readers.submit(self._read, case, watch)
        labelled = networks.submit(self._label, case, images, watch)
        writers.submit(self._finish, case, content, images, labelled, watch)

    def open(self, on_progress: OnProgress) -> None:
        """Load the networks, if any; raises where that fails."""
        if self._service is not None:
            self._service.start(lambda message: _pass_on("", message, on_progress))
        self._opened.set_result(None)

    def next_ending(self, on_progress: OnProgress) -> Ending:
        """Wait for the end of a case."""
        while True:
            try:
                # A wait without an end could not be interrupted on Windows.
                event = self._events.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                continue
            if isinstance(event, Ending):
                return event
            on_progress(*event)

    def _read(self, case: CohortInput, watch: Stopwatch) -> CaseImages:
        with watch.running():
            return self._recipe.read(case)

    def _label(self, case: CohortInput, images: Future[CaseImages], watch: Stopwatch) -> Labelled | None:
        found = images.result()
        self._opened.result()
        if self._service is None:
            return None
        with watch.running():
            listen = partial(_pass_on, case.name, on_progress=self._progressed)
            return self._service.label(found.cta, listen, found.arteries)

    def _progressed(self, case: str, progress: Progress) -> None:
        self._events.put((case, progress))

    def _finish(
        self,
        case: CohortInput,
        content: Future[Content],
        images: Future[CaseImages],
        labelled: Future[Labelled | None],
        watch: Stopwatch,
    ) -> None:
        """Score and write a case, and tell of its end, whatever it was."""
        held = UNREADABLE
        try:
            held = content.result()
            read, found = images.result(), labelled.result()
            with watch.running():
                scored = self._score(case, read, held, found)
                # From here on the folder does not hold what its record says.
                self._cohort.forget(case.name)
                write_case(self._cohort.case_folder(case.name), read.cta, scored, self._recipe.order(case))
            self._events.put(Ending(case.name, watch.seconds, held))
        except CancelledError:
            # The batch ends before this case came to its turn; why is told once, and not by every case.
            return
        except Exception as error:  # the other cases go on
            self._events.put(Ending(case.name, watch.seconds, held, reason_of(error, case)))

    def _score(self, case: CohortInput, read: CaseImages, held: Content, found: Labelled | None) -> ScoredCase:
        try:
            return self._recipe.score(case, read, held, found)
        finally:
            if found is not None and self._service is not None:
                self._service.drop(found)


def _timed_content(case: CohortInput, watch: Stopwatch) -> Content:
    with watch.running():
        return content_of(case.all_files)


def _pass_on(case: str, message: Message, on_progress: OnProgress) -> None:
    if isinstance(message, Progress):
        on_progress(case, message)
