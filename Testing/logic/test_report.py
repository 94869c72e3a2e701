"""The report of a case says what its scores say."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from CalcScoreLogic.anatomy import Territory
from CalcScoreLogic.geometry import Geometry, Image
from CalcScoreLogic.pipeline import score_masks
from CalcScoreLogic.report import write_report
from CalcScoreLogic.results import BurdenRange, CaseResult


def result() -> CaseResult:
    """An aorta of 512 voxels of 1 cm³ with 8 calcified ones, and a right renal artery."""
    territories = np.zeros((12, 12, 14), np.uint8)
    territories[2:10, 2:10, 5:13] = Territory.AORTA
    territories[5:7, 5:7, 2:5] = Territory.RENAL
    calcification = np.where(territories > 0, 1, 0).astype(np.uint8)
    calcification[3, 3, 5:13] = 2
    geometry = Geometry((14, 12, 12), (10.0, 10.0, 10.0))
    case = score_masks("<b> & co", Image(territories, geometry), Image(calcification, geometry)).result
    return replace(case, warnings=("Look <here>.",))


def cells(page: str) -> list[list[str]]:
    rows = re.findall(r"<tr class[^>]*>(.*?)</tr>", page)
    return [re.findall(r"<td>(.*?)</td>", row) for row in rows]


def test_rows_and_missing_values(tmp_path: Path) -> None:
    case = result()
    write_report(tmp_path / "r.html", case)
    rows = {row[0]: row[1:] for row in cells((tmp_path / "r.html").read_text(encoding="utf-8"))}
    aorta = case.scores.territories["aorta"]
    assert rows["Aorta"][0] == f"{100 * aorta.burden:.1f}"
    assert rows["Aorta"][1] == "8\u202f000"  # mm³
    assert rows["Mesenteric"] == ["–", "0", "0.0", "0", "–", "absent"]
    assert rows["right renal"][-1] == "ok"
    assert rows["left renal"][-1] == "absent"
    assert list(rows)[-1] == "Combined"


def test_names_and_warnings_cannot_break_the_page(tmp_path: Path) -> None:
    write_report(tmp_path / "r.html", result())
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<h1>&lt;b&gt; &amp; co" in page
    assert "<li>Look &lt;here&gt;.</li>" in page
    assert page.count("not a medical device") == 1


def test_folds_have_a_column_where_there_are_some(tmp_path: Path) -> None:
    write_report(tmp_path / "r.html", result())
    assert "Folds" not in (tmp_path / "r.html").read_text(encoding="utf-8")
    ranges = {"aorta": BurdenRange(0.011, 0.034), "mesenteric": BurdenRange(None, None)}
    write_report(tmp_path / "r.html", replace(result(), burden_ranges=ranges))
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    rows = {row[0]: row[1:] for row in cells(page)}
    assert "Folds" in page
    assert rows["Aorta"][5] == "1.1 to 3.4"
    assert rows["Mesenteric"][5] == rows["right renal"][5] == ""
    assert {len(row) for row in rows.values()} == {7}
