"""The folder of a cohort: one batch at a time, and what became of each case."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from enum import Enum
from pathlib import Path

from .. import case_files as files
from ..atomic import finish_folder, locked, write_json
from ..errors import InputError
from ..results import CaseResult, read_scores
from ..version import __version__
from .checksums import Content

STATE_FOLDER = ".calcscore"
_LOCK = "lock"
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{8}\.tmp(\..+)?")


class State(str, Enum):
    """What became of a case."""

    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class Record:
    """What became of a case, and of what.

    Attributes
    ----------
    case : str
        Name of the case.
    state : State
        What became of it.
    reason : str
        Why it failed, one sentence; empty where it did not.
    seconds : float
        Time that the case took.
    content : Content
        What its files held.
    recipe : str
        Fingerprint of what was done to it.
    calcscore : str
        Version that did it.
    """

    case: str
    state: State
    reason: str
    seconds: float
    content: Content
    recipe: str
    calcscore: str = __version__


class CohortFolder:
    """A folder with a folder of results for each case, and records of them.

    Parameters
    ----------
    path : Path
        The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._state = path / STATE_FOLDER

    def exists(self) -> bool:
        """Tell whether a batch has written here."""
        return self._state.is_dir()

    def case_folder(self, case: str) -> Path:
        """Give the folder of a case's results."""
        return self.path / case

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other programs from writing here, and remove what a killed one left half written.

        Raises
        ------
        InputError
            Another batch or rescore is writing here.
        CalcScoreError
            The folder cannot be written to.
        """
        taken = (
            "another calcscore batch or rescore is writing into this folder, wait for its end or choose another folder"
        )
        with locked(self._state / _LOCK, self.path, taken):
            self._remove_leftovers()
            yield

    def records(self) -> dict[str, Record]:
        """Read the records, by case; those that cannot be read count as not there."""
        found = {}
        for path in sorted(self._state.glob("[!.]*.json")):
            try:
                fields = json.loads(path.read_text(encoding="utf-8"))
                state, content = State(fields.pop("state")), Content(**fields.pop("content"))
                record = Record(state=state, content=content, **fields)
            except (OSError, ValueError, TypeError, KeyError):
                continue
            found[record.case] = record
        return found

    def keep(self, record: Record) -> None:
        """Write a record; raises what `write_json` raises."""
        fields = asdict(replace(record, state=record.state.value))  # type: ignore[arg-type]
        write_json(self._record(record.case), fields)

    def forget(self, case: str) -> None:
        """Remove a record."""
        self._record(case).unlink(missing_ok=True)

    def result(self, case: str) -> CaseResult | None:
        """Read the scores of a case; None where its results are not all there; raises what `finish_folder` raises."""
        folder = self.case_folder(case)
        finish_folder(folder)
        if not files.has_results(folder):
            return None
        try:
            return read_scores(folder / files.SCORES)
        except InputError:
            return None

    def _record(self, case: str) -> Path:
        return self._state / f"{case}.json"

    def _remove_leftovers(self) -> None:
        """Remove what `atomic` was writing when it was killed."""
        for folder in (self.path, self._state):
            for path in folder.iterdir():
                if not _TEMPORARY.fullmatch(path.name):
                    continue
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)
