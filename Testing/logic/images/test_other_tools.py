"""Territory maps from other tools' label maps and masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from CalcScoreLogic.anatomy import Territory
from CalcScoreLogic.errors import InputError
from CalcScoreLogic.images.geometry import Geometry, Image
from CalcScoreLogic.images.other_tools import (
    TOTALSEGMENTATOR_LABELS,
    find_totalsegmentator_files,
    from_label_map,
    from_masks,
    parse_mapping,
)


def line(values: list, spacing: float = 2.0) -> Image:
    array = np.array(values, np.uint8).reshape(1, 1, -1)
    return Image(array, Geometry(array.shape[::-1], (spacing, 1.0, 1.0)))


def test_totalsegmentator_labels() -> None:
    result = from_label_map(line([0, 52, 52, 65, 66, 63, 1]), TOTALSEGMENTATOR_LABELS)
    assert result.territories.array.ravel().tolist() == [0, 1, 1, 2, 2, 0, 0]
    assert result.used == {"aorta": 4.0, "iliac_artery_left": 2.0, "iliac_artery_right": 2.0}
    assert result.lacked == (Territory.MESENTERIC, Territory.RENAL)
    assert result.warnings == ("No voxels for: mesenteric, renal; these rows will have no score.",)


def test_an_empty_structure_is_named() -> None:
    result = from_label_map(line([52, 65, 0]), TOTALSEGMENTATOR_LABELS)
    assert "iliac_artery_right is empty." in result.warnings


def test_no_label_at_all_is_refused_with_what_was_found() -> None:
    with pytest.raises(InputError, match=r"expected 52 \(aorta\).*found 3, 7"):
        from_label_map(line([3, 7, 0]), TOTALSEGMENTATOR_LABELS)


@pytest.mark.parametrize("order", [1, -1])
def test_the_aorta_wins_where_masks_overlap(order: int) -> None:
    masks = [("a", Territory.AORTA, line([1, 1, 0, 0])), ("r", Territory.RENAL, line([0, 1, 1, 0]))][::order]
    result = from_masks(masks)
    assert result.territories.array.ravel().tolist() == [1, 1, 4, 0]
    assert any("overlap in 2 mm³" in warning for warning in result.warnings)


def test_masks_on_different_grids_are_refused() -> None:
    with pytest.raises(InputError, match=r"first\.nii and second\.nii lie on different grids"):
        from_masks([("first.nii", Territory.AORTA, line([1])), ("second.nii", Territory.ILIAC, line([1], 3.0))])


def test_mapping_is_read() -> None:
    assert parse_mapping("52=aorta, 65=Iliac,66=iliac") == {
        52: ("label 52", Territory.AORTA),
        65: ("label 65", Territory.ILIAC),
        66: ("label 66", Territory.ILIAC),
    }


@pytest.mark.parametrize("text", ["52", "52=heart", "aorta=52", "-3=aorta", "0=aorta", "", "52=aorta,52=iliac"])
def test_a_mapping_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="--map"):
        parse_mapping(text)


def test_files_of_a_totalsegmentator_folder(tmp_path: Path) -> None:
    for name in ("aorta.nii.gz", "celiac_trunk.nii.gz", "liver.nii.gz"):
        (tmp_path / name).touch()
    found = [(name, territory, path.name) for name, territory, path in find_totalsegmentator_files(tmp_path)]
    assert found == [
        ("aorta", Territory.AORTA, "aorta.nii.gz"),
        ("celiac_trunk", Territory.MESENTERIC, "celiac_trunk.nii.gz"),
    ]


def test_a_folder_without_arteries_is_refused(tmp_path: Path) -> None:
    (tmp_path / "liver.nii.gz").touch()
    with pytest.raises(InputError, match="no artery mask is in this folder"):
        find_totalsegmentator_files(tmp_path)
