"""The tables, from values put in by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from CalcScoreLogic.evaluation.measure import CaseOutcome, Measurement
from CalcScoreLogic.evaluation.tables import (
    CASES_COLUMNS,
    TABLE2_COLUMNS,
    TABLE3_COLUMNS,
    TESTS_COLUMNS,
    accuracy_table,
    agreement_table,
    cases_table,
    comparison_table,
    holm,
)


def outcomes(*cases: list[Measurement]) -> list[CaseOutcome]:
    return [CaseOutcome(f"case {n}", 1.234, measurements=tuple(found)) for n, found in enumerate(cases)]


def burden(method: str, value: float | None, reference: float | None, structure: str = "aorta") -> Measurement:
    return Measurement(method, structure, "burden", value, reference, "ok", "ok")


def test_cases_are_long_and_a_failed_one_has_a_row() -> None:
    done = outcomes([Measurement("network", "aorta", "dice", 0.9), burden("network", 0.1, 0.2)])
    frame = cases_table([*done, CaseOutcome("b", 0.5, "the file is damaged", ("look",))])
    assert list(frame) == CASES_COLUMNS
    assert CASES_COLUMNS[:5] == ["case", "state", "reason", "seconds", "warnings"]
    assert list(frame["state"]) == ["done", "done", "failed"]
    assert list(frame["seconds"]) == [1.23, 1.23, 0.5]
    assert (frame["reason"].iloc[2], frame["warnings"].iloc[2]) == ("the file is damaged", "look")
    assert math.isnan(frame["value"].iloc[2])


def test_accuracy_is_mean_sd_and_range_of_what_is_defined() -> None:
    values = [0.8, 0.9, None, 1.0]
    cases = cases_table(outcomes(*([Measurement("network", "renal", "precision", v)] for v in values)))
    table = accuracy_table(cases)
    assert list(table) == TABLE2_COLUMNS
    assert table.to_dict("records") == [
        {"structure": "renal", "method": "network", "metric": "precision", "mean": pytest.approx(0.9, abs=1e-12)}
        | {"sd": pytest.approx(0.1, abs=1e-12), "min": 0.8, "max": 1.0, "n": 3}
    ]
    nowhere = accuracy_table(cases_table(outcomes([Measurement("network", "renal", "precision", None)])))
    assert nowhere["n"].iloc[0] == 0
    assert math.isnan(nowhere["mean"].iloc[0])


def test_a_plaque_removed_in_each_case_gives_the_bias_by_arithmetic() -> None:
    # Three arteries of 1000 voxels that lack 10, 20 and 30 of their voxels of plaque, and one plaque each.
    reference, lost = [50, 70, 90], [10, 20, 30]
    cases = cases_table(
        outcomes(
            *(
                [
                    burden("network", (whole - less) / 1000, whole / 1000),
                    Measurement("network", "aorta", "cluster_count", 4, 5, "ok", "ok"),
                ]
                for whole, less in zip(reference, lost, strict=True)
            )
        )
    )
    table = agreement_table(cases)
    assert list(table) == TABLE3_COLUMNS
    row, clusters = table.iloc[0], table.iloc[1]
    assert (row["territory"], row["figure"], row["method"], row["n"]) == ("aorta", "burden", "network", 3)
    # Differences -0.01, -0.02, -0.03: mean -0.02, SD 0.01.
    assert row["bias"] == pytest.approx(-0.02, abs=1e-12)
    assert [row["loa_low"], row["loa_high"]] == pytest.approx([-0.0396, -0.0004], abs=1e-12)
    assert [row["slope"], row["intercept"]] == pytest.approx([0.5, 0.015], abs=1e-12)
    assert row["pearson_r"] == pytest.approx(1, abs=1e-9)
    assert (clusters["bias"], clusters["loa_low"], clusters["loa_high"]) == (-1, -1, -1)


def test_a_score_that_one_side_lacks_is_left_out_and_counted() -> None:
    pairs = [(0.1, 0.2), (0.3, 0.2), (None, 0.2), (None, 0.1), (0.5, None), (None, None)]
    table = agreement_table(cases_table(outcomes(*([burden("network", *pair)] for pair in pairs))))
    row = table.iloc[0]
    assert (row["n"], row["n_no_prediction"], row["n_no_reference"]) == (2, 2, 1)
    assert row["bias"] == pytest.approx(0, abs=1e-12)


def test_rows_follow_the_anatomy_and_the_methods_their_order() -> None:
    structures, methods = ("combined", "renal", "aorta"), ("network", "another")
    found = [burden(method, 0.1, 0.1, s) for method in methods for s in structures]
    table = agreement_table(cases_table(outcomes(found)))
    expected = [(s, m) for s in ("aorta", "renal", "combined") for m in methods]
    assert list(zip(table["territory"], table["method"], strict=True)) == expected


def test_methods_are_tested_in_pairs_of_the_cases_that_both_have() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.1, 0.01, 8), rng.normal(0.12, 0.01, 8)
    found = [[burden("a", x, 0.1), burden("b", y, 0.1)] for x, y in zip(a, b, strict=True)]
    found[3] = found[3][:1]
    table = comparison_table(cases_table(outcomes(*found)))
    assert list(table) == TESTS_COLUMNS
    row = table.iloc[0]
    kept = np.delete(a - b, 3)
    assert (row["figure"], row["structure"], row["method_a"], row["method_b"], row["n"]) == (
        "burden",
        "aorta",
        "a",
        "b",
        7,
    )
    assert row["mean_difference"] == pytest.approx(kept.mean(), abs=1e-12)
    # One test in the family: nothing to correct.
    assert row["p_ttest_holm"] == row["p_ttest"]


def test_holm_by_hand() -> None:
    # 0.01 x 3; 0.03 x 2; 0.04 x 1 may not fall below the one before it.
    assert holm([0.01, 0.04, None, 0.03]) == [pytest.approx(0.03), pytest.approx(0.06), None, pytest.approx(0.06)]
    assert holm([None]) == [None]
    assert holm([0.6, 0.7]) == [1, 1]
