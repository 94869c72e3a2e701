"""What the workers of a Dask cluster do with a case: networks on one worker, scores on this or another one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from ..errors import CalcScoreError
from ..inference.protocol import Result
from ..inference.run import Labelled
from ..report.case_folder import write_case
from .case_inputs import CohortInput
from .case_outcome import Ending, Stopwatch, reason_of
from .checksums import UNREADABLE, Content, content_of
from .networks import NETWORKS
from .recipe import Recipe


class NetworksError(CalcScoreError):
    """The networks cannot be loaded on a worker.

    Parameters
    ----------
    worker : str
        Address of the worker.
    reason : str
        Why.
    """

    def __init__(self, worker: str, reason: str) -> None:
        super().__init__(worker, reason)
        self.worker, self.reason = worker, reason

    def __str__(self) -> str:
        return f"the networks cannot be loaded on the worker {self.worker}: {self.reason}"


@dataclass(frozen=True)
class LabelledCase:
    """The networks' label maps on their way to the worker that scores them; a few MB.

    Attributes
    ----------
    files : dict of str to bytes
        Content of each file by its name.
    result : Result or None
        What the networks' worker said at the end; None where no network was needed.
    notices : tuple of str
        What it said on the way.
    content : Content
        What the case's files held.
    seconds : float
        Time that this took.
    """

    files: dict[str, bytes]
    result: Result | None
    notices: tuple[str, ...]
    content: Content
    seconds: float


@dataclass(frozen=True)
class ScoredFiles:
    """A case's folder of results on its way to the program that writes it.

    Attributes
    ----------
    ending : Ending
        How the case ended.
    files : dict of str to bytes
        Content of each file by its name; empty where the case failed.
    """

    ending: Ending
    files: dict[str, bytes]


def label_case(case: CohortInput, recipe: Recipe, batch: str) -> LabelledCase | Ending:
    """Read a case and run the networks on it.

    Parameters
    ----------
    case : CohortInput
        The case; this machine reads its files under the same path.
    recipe : Recipe
        What is done to it.
    batch : str
        Name of the batch.

    Returns
    -------
    LabelledCase or Ending
        Label maps; or the end of a case that failed.

    Raises
    ------
    NetworksError
        The networks cannot be loaded on this worker.
    """
    from distributed import get_worker

    worker, watch, content = get_worker(), Stopwatch(), UNREADABLE
    if recipe.options.threads is None:
        # Dask's nanny tells libraries to use one thread; the worker's own share is meant.
        recipe = replace(recipe, options=replace(recipe.options, threads=worker.state.nthreads))
    try:
        if not recipe.models:
            return LabelledCase({}, None, (), content_of(case.all_files), 0.0)
        with NETWORKS.loaded(batch, recipe) as service:
            with watch.running():
                content = content_of(case.all_files)
                images = recipe.read(case)
            try:
                service.start()
            except CalcScoreError as error:
                raise NetworksError(worker.address, str(error)) from error
            with watch.running():
                labelled = service.label(images.cta, arteries=images.arteries)
                files = {name: (labelled.folder / name).read_bytes() for name in labelled.result.files.values()}
                service.drop(labelled)
        return LabelledCase(files, labelled.result, labelled.notices, content, watch.seconds)
    except NetworksError:
        raise
    except Exception as error:
        return Ending(case.name, watch.seconds, content, reason_of(error, case))


def score_case(case: CohortInput, recipe: Recipe, labelled: LabelledCase | Ending) -> ScoredFiles:
    """Score a labelled case and make its files.

    Parameters
    ----------
    case : CohortInput
        The case.
    recipe : Recipe
        What is done to it.
    labelled : LabelledCase or Ending
        What `label_case` gave.

    Returns
    -------
    ScoredFiles
        All files of its folder of results; or the end of a case that failed.
    """
    if isinstance(labelled, Ending):
        return ScoredFiles(labelled, {})
    watch = Stopwatch()
    watch.seconds = labelled.seconds
    try:
        with watch.running(), _temporary_folder() as folder:
            images = recipe.read(case)
            for name, data in labelled.files.items():
                (folder / name).write_bytes(data)
            found = Labelled(folder, labelled.result, labelled.notices) if labelled.result else None
            scored = recipe.score(case, images, labelled.content, found)
            write_case(folder / "results", images.cta, scored, recipe.order(case))
            files = {path.name: path.read_bytes() for path in sorted((folder / "results").iterdir())}
        return ScoredFiles(Ending(case.name, watch.seconds, labelled.content), files)
    except Exception as error:
        return ScoredFiles(Ending(case.name, watch.seconds, labelled.content, reason_of(error, case)), {})


def end_networks(batch: str) -> None:
    """End the networks that a batch has on this worker."""
    NETWORKS.end(batch)


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    """Make a folder where Dask cleans up after a worker that was killed."""
    from distributed import get_worker

    with TemporaryDirectory(dir=get_worker().local_directory) as folder:
        yield Path(folder)
