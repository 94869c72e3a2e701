"""Every bad input is refused with one sentence that names it and says what was found."""

from __future__ import annotations

from pathlib import Path

import pytest

from CalcScoreLogic.errors import InputError
from CalcScoreLogic.images.common_grid import check_same_grid
from CalcScoreLogic.images.files import read_calcification, read_ct, read_territories
from Testing.logic.bad_files import BAD_FILES, BadFile, good_calcification, good_ct, good_territories

READERS = {
    "ct": read_ct,
    "territories": read_territories,
    "arteries": read_territories,
    "calcification": read_calcification,
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_input_is_refused_with_its_own_sentence(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bad = BAD_FILES[name]
    path = bad.make(tmp_path)
    ct = good_ct(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError) as caught:
        _read(bad, path, ct)
    message = str(caught.value)
    assert bad.fragment in message
    assert str(path) in message
    assert "\n" not in message
    assert len(message.replace(str(path), "")) < 260
    assert not any(word in message for word in ("ITK", "itk", ".cxx", "Exception", "Secret", "4711", "20240229"))
    assert capfd.readouterr() == ("", "")
    assert sorted(tmp_path.rglob("*")) == before


def _read(bad: BadFile, path: Path, ct: Path) -> None:
    """Read an input the way a command does: by itself, and where that works, against the CTA."""
    image = READERS[bad.kind](path)
    if bad.off_grid:
        check_same_grid(read_ct(ct), image, "CTA", str(path))


@pytest.mark.parametrize("kind", ["ct", "territories", "calcification"])
def test_the_good_inputs_are_read(kind: str, tmp_path: Path) -> None:
    make = {"ct": good_ct, "territories": good_territories, "calcification": good_calcification}[kind]
    check_same_grid(read_ct(good_ct(tmp_path)), READERS[kind](make(tmp_path)), "CTA", kind)


def test_every_kind_of_input_has_bad_ones() -> None:
    assert len(BAD_FILES) >= 45
    assert {bad.kind for bad in BAD_FILES.values()} == set(READERS)
