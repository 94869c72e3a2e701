"""A result written as scores.json comes back, and says which rows rest on edits."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from CalcScoreLogic.anatomy import Territory
from CalcScoreLogic.errors import InputError
from CalcScoreLogic.images.geometry import Geometry, Image
from CalcScoreLogic.pipeline import CaseParameters, score_masks
from CalcScoreLogic.results import BurdenRange, CaseResult

GRID = Geometry((20, 20, 30), (1.0, 1.0, 2.0))


def result() -> CaseResult:
    territories = np.zeros((30, 20, 20), np.uint8)
    territories[6:26, 5:13, 5:13] = Territory.AORTA
    territories[2:6, 7:11, 7:11] = Territory.ILIAC
    calcification = (territories > 0).astype(np.uint8)
    calcification[10, 5, 5:9] = 2
    cta = Image(np.full(territories.shape, 500, np.int16), GRID)
    parameters = CaseParameters(weights={Territory.AORTA: 1.0})
    scored = score_masks("ä", Image(territories, GRID), Image(calcification, GRID), parameters, cta)
    return scored.result


def test_a_result_comes_back_from_its_json() -> None:
    made = replace(
        result(),
        burden_ranges={"aorta": BurdenRange(0.1, 0.2), "iliac": BurdenRange(None, None)},
        edited=("aorta", "combined", "left_renal"),
    )
    found = CaseResult.from_dict(json.loads(json.dumps(made.to_dict())))
    assert replace(found, scores=made.scores) == made
    assert replace(found.scores, warnings=made.scores.warnings) == made.scores
    assert found.to_dict() == made.to_dict()


def test_edited_rows_are_marked_in_json_and_csv() -> None:
    made = replace(result(), edited=("aorta", "combined"))
    rows = made.to_dict()["territories"]
    assert [name for name, row in rows.items() if row.get("edited")] == ["aorta", "combined"]
    assert [row["edited"] for row in made.csv_rows()] == ["yes", "no", "no", "no", "yes"]
    assert all("edited" not in row for row in result().to_dict()["territories"].values())


def test_other_content_is_refused() -> None:
    content = result().to_dict()
    with pytest.raises(InputError, match="schema 'calcscore/2', this version reads 'calcscore/1'"):
        CaseResult.from_dict({**content, "schema": "calcscore/2"})
    for key in ("territories", "clusters", "warnings"):
        with pytest.raises(InputError, match=r"cannot be read \(KeyError"):
            CaseResult.from_dict({name: value for name, value in content.items() if name != key})
    with pytest.raises(InputError, match="cannot be read"):
        CaseResult.from_dict({**content, "clusters": [{"territory": "spleen"}]})


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("case",), 7),
        (("warnings",), [1]),
        (("warnings",), "text"),
        (("parameters", "method"), {}),
        (("parameters", "length_mm"), "long"),
        (("parameters", "calcification"), None),
        (("territories", "aorta", "artery_volume_mm3"), "much"),
        (("territories", "aorta", "cluster_count"), None),
        (("territories", "combined"), None),
        (("vessels",), {"tail": {}}),
        (("provenance", "inputs"), []),
        (("provenance", "inputs"), {"\x19": None}),
        (("provenance", "models"), {"territories": {"name": 3, "sha256": None}}),
        (("provenance", "rescored"), 0.5),
        (("composite",), {"weights": {"heart": 1}, "burden": 0.1}),
        (("composite",), [1]),
    ],
)
def test_scores_of_other_types_are_refused(place: tuple[str, ...], value: object) -> None:
    content = json.loads(json.dumps(result().to_dict()))
    part = content
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    with pytest.raises(InputError):
        CaseResult.from_dict(content)
    del part[place[-1]]
    if place != ("composite",) and place[0] != "provenance":
        with pytest.raises(InputError):
            CaseResult.from_dict(content)
