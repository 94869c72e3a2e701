"""The two tables of a cohort, written whole after each case."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..atomic import write_text
from ..case_files import SCORES_TABLE
from ..csv_files import to_csv
from ..quality.codes import codes_of
from ..results import CSV_COLUMNS, CaseResult
from .state import CohortFolder, Record, State

CASES_TABLE = "cases.csv"
CASES_COLUMNS = ("case", "state", "reason", "seconds", "warnings", "warning_codes", "edited")


class Tables:
    """``scores.csv`` (a row for each case and territory) and ``cases.csv`` of a cohort.

    Parameters
    ----------
    folder : Path
        The cohort's folder.

    Notes
    -----
    Rows stand in the order of the cases' names, whatever the order in which cases end.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rows: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {}

    def put(self, record: Record, result: CaseResult | None) -> None:
        """Take the rows of a case; a failed one has none in ``scores.csv``."""
        warnings = result.warnings if result else ()
        row = {
            "case": record.case,
            "state": record.state.value,
            "reason": record.reason,
            "seconds": f"{record.seconds:.1f}",
            "warnings": " ".join(warnings),
            "warning_codes": codes_of(warnings),
            "edited": "yes" if result and result.edited else "no",
        }
        self._rows[record.case] = (row, result.csv_rows() if result else [])

    def remove(self, case: str) -> None:
        """Take the rows of a case away."""
        self._rows.pop(case, None)

    def write(self) -> None:
        """Write both tables; raises what `atomic.write_text` raises."""
        cases = [self._rows[name] for name in sorted(self._rows)]
        write_text(self._folder / SCORES_TABLE, to_csv((row for _, rows in cases for row in rows), CSV_COLUMNS))
        write_text(self._folder / CASES_TABLE, to_csv((row for row, _ in cases), CASES_COLUMNS))


def read_tables(cohort: CohortFolder) -> tuple[Tables, dict[str, Record]]:
    """Take the rows of all cases that a cohort's folder holds.

    Parameters
    ----------
    cohort : CohortFolder
        The folder, locked.

    Returns
    -------
    tables : Tables
        Not written yet.
    records : dict of str to Record
        The records that stand; one whose results are gone is removed.
    """
    tables, standing = Tables(cohort.path), {}
    for case, record in cohort.records().items():
        result = cohort.result(case) if record.state is State.DONE else None
        if record.state is State.DONE and result is None:
            cohort.forget(case)
            continue
        tables.put(record, result)
        standing[case] = record
    return tables, standing
