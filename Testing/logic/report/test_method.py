"""One line says what scores were made with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from CalcScoreLogic.images.geometry import Geometry, Image
from CalcScoreLogic.pipeline import score_masks
from CalcScoreLogic.report.case_page import write_report
from CalcScoreLogic.report.method import method_text
from CalcScoreLogic.results import CaseResult


def scored(parameters: dict[str, Any], **provenance: Any) -> CaseResult:
    grid = Geometry((4, 4, 4), (1.0, 1.0, 1.0))
    territories = Image(np.ones((4, 4, 4), np.uint8), grid)
    result = score_masks("case", territories, Image(np.zeros((4, 4, 4), np.uint8), grid)).result
    return replace(
        result, parameters={**result.parameters, **parameters}, provenance={**result.provenance, **provenance}
    )


def test_networks_are_named() -> None:
    models = {"territories": {"name": "site-arteries"}, "calcification": {"name": "site-calcium"}}
    assert method_text(scored({"calcification": "network"}, models=models)) == (
        "Arteries: network site-arteries · calcium: network site-calcium"
        " · branches 25 mm (published method), aorta + 10 mm"
    )


def test_a_threshold_tells_its_hu_and_a_segmentation_its_name() -> None:
    sources = {"territories": "segmentation TotalSegmentator"}
    text = method_text(scored({"calcification": "fixed", "threshold_hu": 469.6}, sources=sources))
    assert text.startswith("Arteries: segmentation TotalSegmentator · calcium: fixed 470 HU · ")


def test_true_length_does_not_read_like_the_published_method() -> None:
    text = method_text(scored({"method": "geodesic", "length_mm": 30.0}))
    assert text.endswith(" · branches 30 mm (geodesic, true length), aorta + 10 mm")
    assert method_text(scored({"length_mm": None})).endswith(" · as segmented, not trimmed")
    assert method_text(scored({})).startswith("Arteries: a mask · calcium: a mask · ")


def test_the_report_says_the_same_line(tmp_path: Path) -> None:
    result = scored({"calcification": "fixed", "threshold_hu": 312.0, "method": "geodesic"})
    write_report(tmp_path / "report.html", result)
    assert method_text(result) in (tmp_path / "report.html").read_text(encoding="utf-8")
