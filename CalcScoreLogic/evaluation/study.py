"""What a study has found: its cases, their measurements and the tables made from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .cases import Matching, StudyCase, StudyParameters
from .measure import CaseOutcome

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, eq=False)
class Study:
    """A study with its results.

    Attributes
    ----------
    parameters : StudyParameters
        What was done with each case.
    matching : Matching
        Which cases were taken, and which left out.
    outcomes : tuple of CaseOutcome
        What became of the cases, in the order of `matching.cases`.
    cases, accuracy, agreement, tests, phases : pandas.DataFrame
        The tables (`tables`).
    """

    parameters: StudyParameters
    matching: Matching
    outcomes: tuple[CaseOutcome, ...]
    cases: DataFrame
    accuracy: DataFrame
    agreement: DataFrame
    tests: DataFrame
    phases: DataFrame

    @property
    def failed(self) -> dict[str, str]:
        """Why cases failed, by name."""
        return {outcome.case: outcome.reason for outcome in self.outcomes if outcome.reason}

    @property
    def done(self) -> list[StudyCase]:
        """The cases that the tables rest on."""
        return [case for case in self.matching.cases if case.name not in self.failed]
