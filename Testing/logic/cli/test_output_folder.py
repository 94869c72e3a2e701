"""A file in the place of the folder of results is told before any work."""

from __future__ import annotations

from pathlib import Path

import pytest

from CalcScoreLogic.cli import main


@pytest.mark.parametrize(
    "command",
    [
        # The CTA does not exist: what is told first is looked at first.
        ["analyze", "none.nii", "--arteries", "none.nii", "--calcification", "470"],
        ["demo"],
    ],
)
def test_a_file_in_the_place_of_the_results(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = tmp_path / "taken"
    taken.write_text("mine")
    assert main([*command, "-o", str(taken)]) == 2
    assert capsys.readouterr().err == f"calcscore: {taken}: this is a file, give the name of a folder\n"
    assert taken.read_text() == "mine"
