"""Bad files and bad options: exit code 2, one sentence, and nothing written."""

from __future__ import annotations

from pathlib import Path

import pytest

from Testing.logic.bad_files import BAD_FILES, good_calcification, good_ct, good_territories
from Testing.logic.cli.command_line import call


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_input_gives_exit_code_2_and_one_sentence(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bad = BAD_FILES[name]
    inputs = {"ct": good_ct(tmp_path), "territories": good_territories(tmp_path)}
    inputs["calcification"] = good_calcification(tmp_path)
    inputs["arteries"] = inputs["territories"]
    inputs[bad.kind] = bad.make(tmp_path)
    output = tmp_path / "output"
    output.mkdir()
    if bad.kind in ("ct", "arteries"):
        arguments = ["threshold", inputs["ct"], "--arteries", inputs["arteries"], "--method", "fixed"]
        arguments += ["-o", output / "c.nii.gz"]
    else:
        arguments = ["score", "--territories", inputs["territories"], "--calcification", inputs["calcification"]]
        arguments += ["-o", output / "s.json", "--csv", output / "s.csv"]
    assert call(*arguments, "--json") == 2
    printed = capfd.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert bad.fragment in printed.err
    assert inputs[bad.kind].name in printed.err
    assert not list(output.iterdir())


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        ([], "required: COMMAND"),
        (["nonsense"], "invalid choice"),
        (["score"], "the following arguments are required"),
        (["shorten", "T", "-o", "O", "--length", "abc"], "invalid float value"),
        (["shorten", "T", "-o", "O", "--length", "101"], "runs from 5 to 100 mm"),
        (["shorten", "T", "-o", "missing/o.nii.gz"], "missing does not exist"),
        (["shorten", "T.nii.gz", "-o", "T.nii.gz"], "would overwrite an input"),
        (["shorten", "T.nii.gz", "-o", "."], "this is a folder"),
        (["threshold", "C", "--arteries", "T", "-o", "O.nii", "--method", "ideal"], "needs a reference"),
        (
            ["threshold", "C", "--arteries", "T", "-o", "O.nii", "--method", "fixed", "--value", "nan"],
            "must be a number",
        ),
        (["territories", "-o", "O.nii.gz"], "give a segmentation"),
        (["territories", "S", "--map", "1=aorta", "--aorta", "F", "-o", "O.nii"], "give a segmentation"),
        (["phantom", "-o", "P", "--cases", "0"], "give 1 or more"),
        (["phantom", "-o", "P", "--seed", "-1"], "0 or more"),
        (["phantom", "-o", "P", "--spacing", "0.1", "1", "1"], "0.4 to 5 mm"),
    ],
)
def test_bad_usage_gives_exit_code_2_and_one_line(
    arguments: list[str],
    fragment: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(*arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert fragment in printed.err
    assert not list(tmp_path.iterdir())


def test_an_output_that_cannot_be_an_image_is_refused_before_any_work(
    case: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("shorten", case / "territories.nii.gz", "-o", case / "out.txt") == 2
    assert "out.txt" in capsys.readouterr().err
    assert not (case / "out.txt").exists()
