"""The cases of a cohort on an existing Dask cluster; this program writes all results itself."""

from __future__ import annotations

import secrets
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..atomic import atomic_folder
from ..case_files import DICOM_REPORT
from ..errors import CalcScoreError, InputError
from ..report.case_folder import drop_dicom
from ..version import __version__
from .case_inputs import CohortInput
from .case_outcome import Ending
from .checksums import content_of
from .cluster_tasks import NetworksError, ScoredFiles, end_networks, label_case, score_case
from .recipe import Recipe
from .state import CohortFolder

if TYPE_CHECKING:
    from distributed import Client

GPU = "GPU"
"""Name of the resource that workers with a GPU announce: ``dask worker --resources GPU=1``."""

_CONNECT_SECONDS = 20
_SCORING_FIRST = 10


def run_on_cluster(
    cases: Sequence[CohortInput], recipe: Recipe, cohort: CohortFolder, scheduler: str
) -> Generator[Ending, None, None]:
    """Run cases on the workers of a Dask cluster.

    Parameters
    ----------
    cases : sequence of CohortInput
        The cases, taken in this order.
    recipe : Recipe
        What is done to them.
    cohort : CohortFolder
        Where each case's folder of results goes; the workers do not need to see it.
    scheduler : str
        Address of the scheduler, e.g. ``"tcp://10.0.0.1:8786"``.

    Yields
    ------
    Ending
        Of each case. What a worker had at hand when it was lost runs again on another one.

    Raises
    ------
    InputError
        Dask is not installed, the scheduler or its workers cannot be used.
    NetworksError
        No worker can load the networks.
    """
    with _connected(scheduler) as client:
        crew = _Crew(client, cohort, _absolute(recipe))
        try:
            yield from crew.run(cases)
        finally:
            crew.dismiss()


class _Crew:
    """The workers of a cluster, and the cases that they have at hand."""

    def __init__(self, client: Client, cohort: CohortFolder, recipe: Recipe) -> None:
        self._client, self._cohort, self._recipe = client, cohort, recipe
        self._batch = secrets.token_hex(8)
        self._at_hand: dict[Any, CohortInput] = {}
        self._without_networks: set[str] = set()

    def run(self, cases: Sequence[CohortInput]) -> Iterator[Ending]:
        """Hand out the cases and take them in as they end."""
        from distributed import as_completed

        ends = as_completed(loop=self._client.loop)
        waiting = iter(cases)
        while True:
            while len(self._at_hand) < self._most_at_hand() and (case := next(waiting, None)):
                ends.add(self._hand_out(case))
            if not self._at_hand:
                return
            future = next(ends)
            if future.status in ("cancelled", "lost"):
                raise CalcScoreError("the Dask scheduler went away; run the same command again to go on")
            case = self._at_hand.pop(future)
            error = future.exception()
            if isinstance(error, NetworksError):
                self._without_networks.add(error.worker)
                if not self._able():
                    raise error
                ends.add(self._hand_out(case))
                continue
            yield self._take_in(case, future.result() if error is None else error)

    def dismiss(self) -> None:
        """Take back what has not ended, and end the networks on the workers."""
        # A cluster that is gone has nothing to take back.
        with suppress(Exception):
            self._client.cancel(list(self._at_hand), force=True)
            self._client.run(end_networks, self._batch, on_error="ignore")

    def _hand_out(self, case: CohortInput) -> Any:
        """Submit the two tasks of a case; give the future of the second."""
        case = _absolute_case(case)
        workers = self._workers()
        with_gpu = {address for address, resources in workers.items() if resources.get(GPU)}
        labelled = self._client.submit(
            label_case,
            case,
            self._recipe,
            self._batch,
            pure=False,
            resources={GPU: 1} if with_gpu else None,
            workers=self._able() if self._without_networks else None,
        )
        future = self._client.submit(
            score_case,
            case,
            self._recipe,
            labelled,
            pure=False,
            priority=_SCORING_FIRST,
            workers=sorted(workers.keys() - with_gpu) or None,
            allow_other_workers=bool(workers.keys() - with_gpu),
        )
        self._at_hand[future] = case
        return future

    def _take_in(self, case: CohortInput, found: ScoredFiles | BaseException) -> Ending:
        """Write the results of a case."""
        if isinstance(found, BaseException):
            reason = f"the workers that had this case were lost or failed ({type(found).__name__}: {found})"
            return Ending(case.name, 0.0, content_of(case.all_files), " ".join(reason.split()))
        try:
            if found.files:
                self._cohort.forget(case.name)
                folder = self._cohort.case_folder(case.name)
                with atomic_folder(folder) as part:
                    for name, data in found.files.items():
                        (part / name).write_bytes(data)
                if DICOM_REPORT not in found.files:
                    drop_dicom(folder)
        except CalcScoreError as error:
            return replace(found.ending, reason=str(error))
        return found.ending

    def _workers(self) -> dict[str, dict[str, float]]:
        """Give the resources of each worker that is there now, by its address."""
        return dict(self._client.run_on_scheduler(_resources))

    def _able(self) -> list[str]:
        """Name the workers that have not failed to load the networks."""
        return sorted(self._workers().keys() - self._without_networks)

    def _most_at_hand(self) -> int:
        """Count the cases that keep every worker busy; results wait in the workers' memory."""
        return max(2, 2 * len(self._workers()))


@contextmanager
def _connected(scheduler: str) -> Iterator[Client]:
    """Connect to a scheduler whose workers have this version; raises InputError."""
    try:
        from distributed import Client
    except ImportError:
        raise InputError("--scheduler needs Dask: pip install 'CalcScoreLogic[cluster]'") from None
    try:
        client = Client(scheduler, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{scheduler}: no Dask scheduler answers there ({reason}), check the address") from error
    with client:
        try:
            versions = {scheduler: client.run_on_scheduler(_version), **client.run(_version)}
        except Exception as error:
            told = f"{type(error).__name__}: {error}"
            raise InputError(f"{scheduler}: scheduler or workers lack CalcScore ({told}), install it there") from error
        for address, version in versions.items():
            if version != __version__:
                raise InputError(
                    f"{address}: CalcScore {version} is installed there and {__version__} here, install one version"
                )
        yield client


def _version() -> str:
    """Give the version of CalcScore where this runs."""
    return __version__


def _resources(dask_scheduler: Any) -> dict[str, dict[str, float]]:
    """Read each worker's resources on the scheduler."""
    return {address: dict(worker.resources) for address, worker in dask_scheduler.workers.items()}


def _absolute(recipe: Recipe) -> Recipe:
    """Give paths that mean the same in another working folder."""
    return replace(recipe, models=tuple(replace(model, path=model.path.resolve()) for model in recipe.models))


def _absolute_case(case: CohortInput) -> CohortInput:
    return replace(
        case,
        path=_absolute_path(case.path),
        arteries=case.arteries.absolute() if case.arteries else None,
        artery_files=tuple(file.absolute() for file in case.artery_files),
    )


def _absolute_path(path: Path | tuple[Path, ...]) -> Path | tuple[Path, ...]:
    return path.absolute() if isinstance(path, Path) else tuple(part.absolute() for part in path)
