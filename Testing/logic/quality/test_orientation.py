"""A volume that stands on its head, or lies on its side, is told by its arteries."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from CalcScoreLogic.cli import main
from CalcScoreLogic.images.files import write_image
from CalcScoreLogic.images.geometry import Geometry, Image
from CalcScoreLogic.phantom import PhantomParameters, make_phantom
from CalcScoreLogic.quality.orientation import orientation_warning
from Testing.logic.other_tool_cases import GEOMETRY, arrays


@pytest.mark.parametrize(
    ("array", "geometry", "where"),
    [
        (lambda a: a, GEOMETRY, None),
        (lambda a: a[::-1], GEOMETRY, "above"),
        (lambda a: a.transpose(1, 0, 2), Geometry((60, 100, 60), (1, 1, 1)), "beside"),
        (lambda a: a[::-1], Geometry((60, 60, 100), (1, 1, 1), direction=(1, 0, 0, 0, 1, 0, 0, 0, -1)), None),
    ],
)
def test_the_iliac_arteries_are_below(array: object, geometry: Geometry, where: str | None, tmp_path: Path) -> None:
    _, territories, plaques = arrays(0)
    for name, values in (("t", territories), ("c", np.where(plaques, 2, territories > 0).astype(np.uint8))):
        write_image(tmp_path / f"{name}.nrrd", Image(np.ascontiguousarray(array(values)), geometry))  # type: ignore[operator]
    maps = ["--territories", tmp_path / "t.nrrd", "--calcification", tmp_path / "c.nrrd", "-o", tmp_path / "s.json"]
    assert main(["score", *map(str, maps)]) == 0
    codes = json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))["warning_codes"]
    told = [entry["warning"] for entry in codes if entry["code"] == "orientation"]
    assert [text.split(",")[0] for text in told] == ([f"The iliac arteries lie {where} the aorta"] if where else [])


@pytest.mark.parametrize("seed", range(1, 6))
def test_phantoms_lie_as_they_say(seed: int) -> None:
    assert orientation_warning(make_phantom(PhantomParameters(seed, (3.0, 3.0, 3.0))).territories) is None


def test_a_short_aorta_with_one_iliac_artery_is_no_finding() -> None:
    array = np.zeros((60, 60, 60), np.uint8)
    array[40:60, 28:34, 28:34] = 1
    for z in range(40):
        array[z, 28:32, 28 + (40 - z) // 2 : 32 + (40 - z) // 2] = 2
    assert orientation_warning(Image(array, Geometry((60, 60, 60), (1.0, 1.0, 1.0)))) is None
