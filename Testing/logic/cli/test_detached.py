"""Arteries that are labelled but hang in the air: neither absent nor out of view."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from CalcScoreLogic.cli import main
from CalcScoreLogic.images.files import write_image
from CalcScoreLogic.images.geometry import Geometry, Image

GRID = Geometry((40, 30, 60), (1.0, 1.0, 2.0), (5.0, -3.0, 10.0))


def maps(bottom: int = 6) -> np.ndarray:
    """An aorta from slice `bottom` up, an iliac and a mesenteric artery that touch it, a renal one 5 mm beside it."""
    territories = np.zeros(GRID.shape, np.uint8)
    territories[bottom:56, 10:18, 10:18] = 1
    territories[10:20, 10:18, 18:22] = 2
    territories[30:32, 2:10, 13:15] = 3
    territories[30:32, 12:16, 23:38] = 4
    return territories


def score(folder: Path, territories: np.ndarray, *options: object) -> dict[str, Any]:
    write_image(folder / "t.nii.gz", Image(territories, GRID))
    write_image(folder / "c.nii.gz", Image((territories > 0).astype(np.uint8), GRID))
    files = ["--territories", folder / "t.nii.gz", "--calcification", folder / "c.nii.gz"]
    command = ("score", *files, "-o", folder / "s.json", "--csv", folder / "s.csv", *options)
    assert main([str(part) for part in command]) == 0
    found: dict[str, Any] = json.loads((folder / "s.json").read_text(encoding="utf-8"))
    return found


def test_a_piece_that_is_not_attached_is_detached(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = score(tmp_path, maps())
    rows = found["territories"]
    assert {name: row["status"] for name, row in rows.items()} == {
        "aorta": "ok",
        "iliac": "ok",
        "mesenteric": "ok",
        "renal": "detached",
        "combined": "incomplete",
    }
    assert (rows["renal"]["artery_volume_mm3"], rows["renal"]["burden"]) == (0, None)
    assert found["vessels"]["left_renal"]["status"] == found["vessels"]["right_renal"]["status"] == "detached"
    printed = capsys.readouterr()
    assert "renal no artery (detached)" in printed.out
    assert [entry["territory"] for entry in found["warning_codes"] if entry["code"] == "detached"] == ["renal"]
    assert "warning: Renal: " in printed.err
    with (tmp_path / "s.csv").open(newline="", encoding="utf-8") as stream:
        table = {row["territory"]: row for row in csv.DictReader(stream)}
    assert table["renal"]["status"] == "detached"
    assert "detached" in table["renal"]["warning_codes"].split(";")
    assert score(tmp_path, maps(), "--no-shorten")["territories"]["renal"]["status"] == "ok"


def test_where_the_scan_ends_pieces_are_still_detached(tmp_path: Path) -> None:
    territories = maps(bottom=0)
    territories[territories == 2] = 0
    assert score(tmp_path, territories)["territories"]["iliac"]["status"] == "not_in_view"
    territories[10:20, 2:6, 2:6] = 2
    assert score(tmp_path, territories)["territories"]["iliac"]["status"] == "detached"


def test_pieces_without_an_aorta_are_detached(tmp_path: Path) -> None:
    territories = maps()
    territories[territories == 1] = 0
    rows = score(tmp_path, territories)["territories"]
    assert [rows[name]["status"] for name in ("aorta", "iliac", "renal")] == ["not_in_view", "detached", "detached"]


def test_an_attached_piece_beside_detached_ones_is_no_such_case(tmp_path: Path) -> None:
    territories = maps()
    territories[30:32, 12:16, 2:10] = 4
    assert score(tmp_path, territories)["territories"]["renal"]["status"] == "ok"
