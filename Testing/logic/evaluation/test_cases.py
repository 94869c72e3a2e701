"""Which case folders belong together, and what is said of the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from CalcScoreLogic.errors import InputError
from CalcScoreLogic.evaluation import agreeing_by_definition, match_cases

MAPS = ("territories.nii.gz", "calcification.nii.gz")


def touch(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()


def test_cases_are_matched_by_name_and_the_others_are_listed(tmp_path: Path) -> None:
    reference, network, other, cta = (tmp_path / name for name in ("r", "n", "o", "c"))
    for case in ("a", "b", "c", "e", "f"):
        touch(reference / case, *MAPS)
    for case in ("a", "b", "d", "e", "f"):
        touch(network / case, *MAPS)
    for case in ("a", "b", "c", "d", "f"):
        touch(other / case, "territories.nrrd", "calcification.mha", "scores.json")
    for case in ("a", "c", "d", "e"):
        touch(cta / case, "cta.nii")
    (cta / "b" / "cta").mkdir(parents=True)  # a DICOM series
    touch(cta / "f", "cta.nii", "cta.nrrd")
    touch(network / ".hidden", *MAPS)
    touch(network / "figures", "x.png")
    found = match_cases(reference, {"network": network, "other": other}, cta)
    assert [case.name for case in found.cases] == ["a", "b"]
    first = found.cases[0]
    assert first.reference.territories == reference / "a" / "territories.nii.gz"
    assert list(first.predictions) == ["network", "other"]
    assert first.predictions["other"].calcification == other / "a" / "calcification.mha"
    assert first.cta == cta / "a" / "cta.nii"
    assert found.cases[1].cta == cta / "b" / "cta"
    assert found.unmatched == {
        "c": "not in the prediction 'network'",
        "d": "not in the reference",
        "e": "not in the prediction 'other'",
        "f": "cta.nii and cta.nrrd are both in the CTA folder",
    }


def test_a_case_that_lacks_a_map_is_listed(tmp_path: Path) -> None:
    touch(tmp_path / "r" / "a", *MAPS)
    touch(tmp_path / "r" / "b", *MAPS)
    touch(tmp_path / "p" / "a", *MAPS)
    touch(tmp_path / "p" / "b", MAPS[0])
    found = match_cases(tmp_path / "r", {"network": tmp_path / "p"})
    assert [case.name for case in found.cases] == ["a"]
    assert found.cases[0].cta is None
    assert found.unmatched == {"b": "no calcification in the prediction 'network'"}


def test_nothing_to_compare_is_refused(tmp_path: Path) -> None:
    touch(tmp_path / "r" / "a", *MAPS)
    touch(tmp_path / "p" / "b", *MAPS)
    with pytest.raises(InputError, match=r"no case is complete on every side, e\.g\. a: not in the prediction"):
        match_cases(tmp_path / "r", {"network": tmp_path / "p"})
    with pytest.raises(InputError, match="missing: this folder does not exist"):
        match_cases(tmp_path / "missing", {"network": tmp_path / "p"})
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="hold no case folders"):
        match_cases(tmp_path / "empty", {"network": tmp_path / "empty"})


def test_a_prediction_that_is_the_reference_is_told(tmp_path: Path) -> None:
    for case in ("a", "b"):
        touch(tmp_path / "r" / case, *MAPS)
        touch(tmp_path / "p" / case, MAPS[1])
    touch(tmp_path / "p" / "a", MAPS[0])
    (tmp_path / "p" / "b" / MAPS[0]).symlink_to(tmp_path / "r" / "b" / MAPS[0])
    (tmp_path / "link").symlink_to(tmp_path / "r")
    found = match_cases(tmp_path / "r", {"one": tmp_path / "p", "two": tmp_path / "link"})
    assert agreeing_by_definition(found) == [
        "one: in 1 of 2 cases the map of territories is the reference's own file and agrees by definition",
        "two: in 2 of 2 cases the map of territories is the reference's own file and agrees by definition",
        "two: in 2 of 2 cases the map of calcification is the reference's own file and agrees by definition",
    ]
