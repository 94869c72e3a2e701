"""The page of a cohort says what its tables say."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from CalcScoreLogic.cohort.report import COHORT_PAGE, outliers, write_cohort_page
from CalcScoreLogic.errors import InputError

BURDENS = (0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.50)


def tables(folder: Path, burdens: tuple[float, ...] = BURDENS) -> list[dict[str, str]]:
    """Write a cohort of aortas, one a case, with a failed case and one whose aorta is cut."""
    cases = [("case_failed", "failed", "slices are <missing>", "")]
    rows = [("case_cut", "truncated", 9e6, 0.9)]
    rows += [(f"case {n}", "ok", 20000.0 + n, burden) for n, burden in enumerate(burdens)]
    cases += [(row[0], "done", "", "noise;metal" if row[0] == "case 1" else "noise") for row in rows]
    with (folder / "cases.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([("case", "state", "reason", "warning_codes"), *cases])
    with (folder / "scores.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("case", "territory", "status", "artery_volume_mm3", "burden"))
        writer.writerows((case, "aorta", status, volume, burden) for case, status, volume, burden in rows)
        writer.writerow(("case 1", "renal", "absent", 0.0, ""))
    with (folder / "scores.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def table(page: str, title: str) -> list[list[str]]:
    """Give the cells of the table below a heading, without their markup."""
    part = page.split(f"<h2>{title}")[1].split("</table>")[0]
    rows = re.findall(r"<tr>(.*?)</tr>", part.split("<tbody>")[1])
    return [[re.sub(r"<[^>]+>", "", cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row)] for row in rows]


def test_distribution_failures_warnings_and_links(tmp_path: Path) -> None:
    tables(tmp_path)
    write_cohort_page(tmp_path)
    page = (tmp_path / COHORT_PAGE).read_text(encoding="utf-8")
    assert "<h1>Cohort of 11 cases</h1>" in page
    assert "10 done, 1 failed" in page
    rows = {row[0]: row[1:] for row in table(page, "Burden")}
    # Ten values 1, 2, …, 8, 50, 90 %: the median lies between 5 and 6, the quartiles at 3.25 and 7.75.
    assert rows["Aorta"] == ["10", "5.5", "3.2 to 7.8", "1.0 to 90.0", "", "1 truncated"]
    assert rows["Renal"] == ["0", "–", "–", "–", "", "1 absent"]
    assert table(page, "Failed") == [["case_failed", "slices are &lt;missing&gt;"]]
    assert table(page, "Warnings") == [["noise", "10"], ["metal", "1"]]
    assert 'href="case%201/report.html"' in page
    assert 'href="case_failed' not in page
    assert page.count("<circle") == 10
    assert page.count("Research use only") == 1
    assert len(table(page, "Cases")) == 11


def test_outliers_lie_beyond_the_fences(tmp_path: Path) -> None:
    # 1 to 8 and 50 %: quartiles 3 and 7, fences -3 and 13 %; the cut aorta does not count.
    (found,) = outliers(tables(tmp_path))
    assert (found.case, found.territory, found.figure, found.value) == ("case 8", "aorta", "burden", 0.5)
    assert found.spread.fences == pytest.approx((-0.03, 0.13))
    write_cohort_page(tmp_path)
    page = (tmp_path / COHORT_PAGE).read_text(encoding="utf-8")
    assert table(page, "Outliers") == [["case 8", "Aorta", "Burden, %", "50.0", "3.0 to 7.0"]]


def test_few_cases_have_no_outliers(tmp_path: Path) -> None:
    assert outliers(tables(tmp_path, (0.01, 0.02, 0.03, 0.01, 0.02, 0.03, 0.9))) == []


def test_an_empty_cohort_has_a_page(tmp_path: Path) -> None:
    (tmp_path / "cases.csv").write_text("case,state,reason\r\n")
    (tmp_path / "scores.csv").write_text("case,territory,status,artery_volume_mm3,burden\r\n")
    write_cohort_page(tmp_path)
    assert "Cohort of 0 cases" in (tmp_path / COHORT_PAGE).read_text(encoding="utf-8")


def test_tables_that_are_missing_or_old_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        write_cohort_page(tmp_path)
    tables(tmp_path)
    (tmp_path / "scores.csv").write_text("case,territory\r\n")
    with pytest.raises(InputError, match="no column artery_volume_mm3, burden, status"):
        write_cohort_page(tmp_path)


def test_what_was_corrected_by_hand_is_summed_up(tmp_path: Path) -> None:
    (tmp_path / "cases.csv").write_text("case,state,reason\r\na,done,\r\nb,done,\r\nc,done,\r\nd,done,\r\n")
    figures = ("artery_volume_mm3", "calcified_volume_mm3", "burden", "cluster_count")
    head = ("case", "territory", "status", "edited", *figures, *(f"{name}_before_edits" for name in figures))
    rows = [
        ("a", "aorta", "ok", "yes", 1000, 50, 0.05, 5, 1000, 80, 0.08, 8),
        ("b", "aorta", "ok", "yes", 1000, 90, 0.09, 4, 1000, 80, 0.08, 3),
        ("c", "aorta", "ok", "yes", 1000, 90, 0.09, 4, "", "", "", ""),
        ("d", "aorta", "ok", "no", 1000, 10, 0.01, 1, 1000, 10, 0.01, 1),
        # A branch that was added: there was nothing before.
        ("a", "renal", "ok", "yes", 600, 0, 0.0, 0, 0, 0, "", 0),
    ]
    with (tmp_path / "scores.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([head, *rows])
    write_cohort_page(tmp_path)
    page = (tmp_path / COHORT_PAGE).read_text(encoding="utf-8")
    unknown = ("1 trimmed to other lengths since: not known",)
    assert table(page, "Corrected by hand: after minus before") == [
        [
            "Aorta",
            "3",
            "\N{MINUS SIGN}1.0",
            "\N{MINUS SIGN}3.0 to +1.0",
            "\N{MINUS SIGN}20",
            "0",
            "\N{MINUS SIGN}2",
            *unknown,
        ],
        ["Renal", "1", "–", "–", "0", "+600", "0", "–"],
    ]


def test_a_cohort_without_edits_says_nothing_of_corrections(tmp_path: Path) -> None:
    tables(tmp_path)
    write_cohort_page(tmp_path)
    assert "Corrected by hand" not in (tmp_path / COHORT_PAGE).read_text(encoding="utf-8")
