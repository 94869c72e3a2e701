"""A cohort from its inputs to its tables; it goes on where it was when it was killed."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from ..case_files import SCORES_TABLE, real_path
from ..errors import CalcScoreError, InputError
from ..report.case_folder import check_place
from .case_inputs import CohortInput, Inputs
from .case_outcome import Ending, OnProgress
from .checksums import UNREADABLE, Content, content_of, stamp_of
from .dicom_objects import add_missing
from .local import run_here
from .progress import Countdown
from .recipe import Recipe
from .report import COHORT_PAGE, write_cohort_page
from .state import STATE_FOLDER, CohortFolder, Record, State
from .tables import CASES_TABLE, Tables, read_tables


@dataclass(frozen=True)
class Summary:
    """What a batch did.

    Attributes
    ----------
    records : tuple of Record
        Of the cases of the inputs, in their order.
    ran : tuple of str
        Cases that were run now; the others had ended before.
    others : tuple of str
        Cases that the folder holds beside those of the inputs; they stay in the tables.
    kept : tuple of str
        Edited cases that were made in another way and would have lost their edits.
    dicom_problems : tuple of str
        Why cases that were done before have no DICOM objects, although these are wanted.
    doubles : tuple of tuple of str
        Cases of the folder whose files hold the same.
    """

    records: tuple[Record, ...]
    ran: tuple[str, ...]
    others: tuple[str, ...]
    kept: tuple[str, ...]
    dicom_problems: tuple[str, ...] = ()
    doubles: tuple[tuple[str, ...], ...] = ()


def run_batch(
    inputs: Inputs,
    output: Path,
    recipe: Recipe,
    countdown: Countdown,
    retry_failed: bool = False,
    scheduler: str | None = None,
) -> Summary:
    """Run a cohort.

    Parameters
    ----------
    inputs : Inputs
        The cases.
    output : Path
        Gets a folder for each case, the tables and the cohort's page; made where there is none.
    recipe : Recipe
        What is done to each case.
    countdown : Countdown
        Told how far the cohort is.
    retry_failed : bool
        Also run cases again that failed before and have not changed.
    scheduler : str, optional
        Address of a Dask scheduler whose workers run the cases; this machine by default.

    Returns
    -------
    Summary
        What became of each case.

    Raises
    ------
    InputError
        Results would lie among the inputs, another batch is writing here, or the networks or the scheduler
        cannot be used.
    CalcScoreError
        The folder cannot be written to, or the networks failed while they were loaded.
    """
    _check_apart(inputs, output)
    cohort = CohortFolder(output)
    with cohort.locked():
        tables, records, pending, kept = _choose(inputs.cases, cohort, recipe, retry_failed)
        tables.write()
        ended = [records[case.name] for case in inputs.cases if case.name in records]
        failed = sum(record.state is State.FAILED for record in ended)
        countdown.begin(len(inputs.cases), len(pending), failed)
        if pending:
            with closing(_endings(pending, recipe, cohort, countdown.on_progress, scheduler)) as endings:
                for ending in endings:
                    record = records[ending.case] = _record(ending, recipe)
                    cohort.keep(record)
                    tables.put(record, cohort.result(ending.case) if not ending.reason else None)
                    tables.write()
                    countdown.on_end(failed=bool(ending.reason))
        done = [case for case in inputs.cases if case.name in records and not records[case.name].reason]
        problems = add_missing(done, recipe, cohort)
        write_cohort_page(cohort.path)
    names = [case.name for case in inputs.cases]
    return Summary(
        tuple(records[name] for name in names if name in records),
        tuple(case.name for case in pending),
        tuple(sorted(records.keys() - set(names))),
        kept,
        problems,
        _doubles(records.values()),
    )


def _doubles(records: Iterable[Record]) -> tuple[tuple[str, ...], ...]:
    """Find cases that hold the same; what cannot be read is like nothing else."""
    names: dict[str, list[str]] = {}
    for record in sorted(records, key=lambda record: record.case):
        if record.content.sha256 and not record.reason:
            names.setdefault(record.content.sha256, []).append(record.case)
    return tuple(tuple(cases) for cases in names.values() if len(cases) > 1)


def _check_apart(inputs: Inputs, output: Path) -> None:
    """Refuse results among the inputs: their files have the same names; raises InputError."""
    folder = real_path(output)
    for case in inputs.cases:
        place = next(iter(case.files), None)
        if place is not None and folder in real_path(place).parents:
            raise InputError(f"{output}: the case {case.name} lies in this folder, choose another one for the results")
        if case.name in (STATE_FOLDER, SCORES_TABLE, CASES_TABLE, COHORT_PAGE):
            raise InputError(f"{case.name}: no case can have this name, rename it")


def _choose(
    cases: Sequence[CohortInput], cohort: CohortFolder, recipe: Recipe, retry_failed: bool
) -> tuple[Tables, dict[str, Record], list[CohortInput], tuple[str, ...]]:
    """Do what `_triage` does; also give the tables and the records of what stays."""
    # Before the tables are read: that forgets cases whose results are not whole, and what is left of them may go.
    ours = {case for case, record in cohort.records().items() if record.state is State.DONE}
    tables, records = read_tables(cohort)
    for case in cases:
        if case.name not in records or records[case.name].reason:
            _adopt_edited(case.name, cohort, tables, records)
    pending, kept = _triage(cases, cohort, records, recipe, retry_failed)
    pending = [_checked(case, cohort, case.name in ours) for case in pending]
    for case in pending:
        # Their results stay until new ones are written; another try with the old options finds them.
        records.pop(case.name, None)
        tables.remove(case.name)
    return tables, records, pending, kept


def _triage(
    cases: Sequence[CohortInput], cohort: CohortFolder, records: dict[str, Record], recipe: Recipe, retry_failed: bool
) -> tuple[list[CohortInput], tuple[str, ...]]:
    """Choose the cases to run; also name the edited ones that are out of date and stay all the same."""
    fingerprint = recipe.fingerprint()
    pending, kept = [], []
    for case in cases:
        record = records.get(case.name)
        if record is None or (record.state is State.FAILED and retry_failed):
            pending.append(case)
        elif record.recipe != fingerprint or not _unchanged(case, record.content):
            result = cohort.result(case.name)
            if result is not None and result.edited_segments:
                kept.append(case.name)
            else:
                pending.append(case)
    return pending, tuple(kept)


def _adopt_edited(case: str, cohort: CohortFolder, tables: Tables, records: dict[str, Record]) -> None:
    """Take in results that were edited by hand and that no record speaks of, such as those of a copied folder."""
    result = cohort.result(case)
    if result is not None and result.edited_segments:
        # What they were made of is not known, and never the same as what a recipe makes.
        records[case] = Record(case, State.DONE, "", 0.0, UNREADABLE, "", result.provenance.get("calcscore", ""))
        cohort.keep(records[case])
        tables.put(records[case], result)


def _checked(case: CohortInput, cohort: CohortFolder, is_ours: bool) -> CohortInput:
    """Give a case, with the reason why it cannot be run where something would be lost in its folder."""
    try:
        check_place(cohort.case_folder(case.name), case.all_files, is_ours)
    except CalcScoreError as error:
        return replace(case, problem=case.problem or str(error))
    return case


def _unchanged(case: CohortInput, content: Content) -> bool:
    """Tell whether the files of a case still hold what they held; read only where they were touched."""
    files = case.all_files
    if content.stamp and stamp_of(files) == content.stamp:
        return True
    return content_of(files).sha256 == content.sha256


def _endings(
    cases: Sequence[CohortInput], recipe: Recipe, cohort: CohortFolder, on_progress: OnProgress, scheduler: str | None
) -> Generator[Ending, None, None]:
    """Run cases here or on a cluster."""
    if scheduler is None:
        return run_here(cases, recipe, cohort, on_progress)
    from .cluster import run_on_cluster

    return run_on_cluster(cases, recipe, cohort, scheduler)


def _record(ending: Ending, recipe: Recipe) -> Record:
    state = State.FAILED if ending.reason else State.DONE
    return Record(ending.case, state, ending.reason, ending.seconds, ending.content, recipe.fingerprint())
