"""The tables of a study, from what was measured in its cases."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from itertools import combinations
from typing import TYPE_CHECKING, Any

from .accuracy import METRICS
from .agreement import Agreement, agreement, paired_tests
from .measure import FIGURES, STRUCTURES, TERRITORY_ROWS, CaseOutcome, Measurement

if TYPE_CHECKING:
    from pandas import DataFrame

CASES_COLUMNS = ["case", "state", "reason", "seconds", "warnings", *(field.name for field in fields(Measurement))]
TABLE2_COLUMNS = ["structure", "method", "metric", "mean", "sd", "min", "max", "n"]
TABLE3_COLUMNS = ["territory", "figure", "method", *Agreement.columns(), "n_no_reference", "n_no_prediction"]
TESTS_COLUMNS = [
    *("figure", "structure", "method_a", "method_b", "n", "mean_difference"),
    *("p_ttest", "p_ttest_holm", "p_wilcoxon", "p_wilcoxon_holm"),
]


def cases_table(outcomes: Iterable[CaseOutcome]) -> DataFrame:
    """List every value of every case; a failed case has one row with its reason.

    Parameters
    ----------
    outcomes : iterable of CaseOutcome
        What became of the cases.

    Returns
    -------
    pandas.DataFrame
        Columns `CASES_COLUMNS`, one row a value.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for outcome in outcomes:
        case = {
            "case": outcome.case,
            "state": "failed" if outcome.reason else "done",
            "reason": outcome.reason,
            "seconds": round(outcome.seconds, 2),
            "warnings": " ".join(outcome.warnings),
        }
        rows += [{**case, **asdict(measurement)} for measurement in outcome.measurements] or [case]
    frame = pd.DataFrame(rows, columns=CASES_COLUMNS)
    return frame.astype({"value": float, "reference": float})


def methods_of(cases: DataFrame) -> list[str]:
    """Give the methods that were scored, in the order in which they were measured."""
    return list(cases.loc[cases["measure"].isin(FIGURES), "method"].unique())


def accuracy_table(cases: DataFrame) -> DataFrame:
    """Give mean, SD, range and n of every accuracy metric.

    Parameters
    ----------
    cases : pandas.DataFrame
        What `cases_table` made.

    Returns
    -------
    pandas.DataFrame
        Columns `TABLE2_COLUMNS`; n counts the cases in which the metric is defined.
    """
    import pandas as pd

    rows = []
    for (structure, method, metric), values in _groups(cases, STRUCTURES, METRICS):
        defined = values["value"].dropna()
        spread = defined.std(ddof=1)
        figures = (defined.mean(), spread, defined.min(), defined.max(), len(defined))
        rows.append((structure, method, metric, *figures))
    return pd.DataFrame(rows, columns=TABLE2_COLUMNS)


def agreement_table(cases: DataFrame) -> DataFrame:
    """Give the agreement of every score with the reference's.

    Parameters
    ----------
    cases : pandas.DataFrame
        What `cases_table` made.

    Returns
    -------
    pandas.DataFrame
        Columns `TABLE3_COLUMNS`; a case enters where both sides have the score, and the last two columns count the
        cases in which only the other side has it.
    """
    import pandas as pd

    rows = []
    for (territory, method, figure), values in _groups(cases, TERRITORY_ROWS, FIGURES):
        pairs = values[["reference", "value"]].dropna()
        no_reference = int((values["reference"].isna() & values["value"].notna()).sum())
        no_prediction = int((values["reference"].notna() & values["value"].isna()).sum())
        figures = asdict(agreement(pairs["reference"].to_numpy(), pairs["value"].to_numpy()))
        rows.append({"territory": territory, "figure": figure, "method": method, **figures})
        rows[-1] |= {"n_no_reference": no_reference, "n_no_prediction": no_prediction}
    numbers = [name for name in Agreement.columns() if name != "n"]
    return pd.DataFrame(rows, columns=TABLE3_COLUMNS).astype(dict.fromkeys(numbers, float))


def comparison_table(cases: DataFrame) -> DataFrame:
    """Test the methods against each other, in pairs of cases that both have.

    Parameters
    ----------
    cases : pandas.DataFrame
        What `cases_table` made.

    Returns
    -------
    pandas.DataFrame
        Columns `TESTS_COLUMNS`; differences are method a minus method b. Holm's correction is over all pairs of
        methods and all structures of one figure.
    """
    import pandas as pd

    rows = []
    for figure in ("dice", *FIGURES):
        family = []
        for structure in STRUCTURES:
            chosen = cases[(cases["measure"] == figure) & (cases["structure"] == structure)]
            wide = chosen.pivot(index="case", columns="method", values="value")
            for a, b in combinations(chosen["method"].unique(), 2):
                differences = (wide[a] - wide[b]).dropna().to_numpy()
                tests = paired_tests(differences) if len(differences) > 1 else (None, None)
                mean = float(differences.mean()) if len(differences) else None
                family.append(
                    {"figure": figure, "structure": structure, "method_a": a, "method_b": b, "n": len(differences)}
                    | {"mean_difference": mean, "p_ttest": tests[0], "p_wilcoxon": tests[1]}
                )
        for test in ("p_ttest", "p_wilcoxon"):
            for row, corrected in zip(family, holm([row[test] for row in family]), strict=True):
                row[f"{test}_holm"] = corrected
        rows += family
    return pd.DataFrame(rows, columns=TESTS_COLUMNS).astype(dict.fromkeys(TESTS_COLUMNS[5:], float))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Correct p-values for their number by Holm's method.

    Parameters
    ----------
    p_values : sequence of float or None
        One family; None where a test could not be made.

    Returns
    -------
    list of float or None
        Corrected p-values in the same order; doi:10.2307/4615733.
    """
    from statsmodels.stats.multitest import multipletests

    made = [p for p in p_values if p is not None]
    corrected = iter(multipletests(made, method="holm")[1].tolist() if made else [])
    return [None if p is None else next(corrected) for p in p_values]


def _groups(
    cases: DataFrame, structures: Sequence[str], measures: Sequence[str]
) -> list[tuple[tuple[str, str, str], Any]]:
    """Split the values by structure, method and measure, in the order of the tables."""
    chosen = cases[cases["measure"].isin(measures) & cases["structure"].isin(structures)]
    methods = list(chosen["method"].unique())
    groups = list(chosen.groupby(["structure", "method", "measure"], sort=False))
    groups.sort(key=lambda g: (structures.index(g[0][0]), methods.index(g[0][1]), measures.index(g[0][2])))
    return groups
