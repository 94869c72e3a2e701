"""The names that scripts import, and the examples of the docs as they stand there."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import CalcScoreLogic
from CalcScoreLogic.cli import main

ROOT = Path(__file__).resolve().parents[2]


def test_every_public_name_can_be_imported() -> None:
    for name in CalcScoreLogic.__all__:
        assert getattr(CalcScoreLogic, name) is not None
    assert set(CalcScoreLogic.__all__) <= set(dir(CalcScoreLogic))
    with pytest.raises(AttributeError, match="no attribute 'burdn'"):
        CalcScoreLogic.burdn  # noqa: B018


def test_the_import_loads_nothing_heavy() -> None:
    code = "import sys, CalcScoreLogic; print({'numpy', 'SimpleITK', 'scipy', 'torch'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


def examples(page: str) -> str:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    return "\n".join(blocks)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("example")
    assert main(["phantom", "-o", str(folder), "--seed", "7", "--spacing", "2", "2", "2"]) == 0
    return (folder / "case_7").resolve()


@pytest.mark.parametrize(("page", "inside"), [("README.md", True), ("docs/python.md", False)])
def test_the_examples_run_and_give_the_scores_of_the_phantom(
    page: str, inside: bool, case: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = json.loads((case / "truth.json").read_text())["territories"]["combined"]
    monkeypatch.chdir(case if inside else case.parent)
    exec(compile(examples(page), page, "exec"), {})  # noqa: S102
    assert str(truth["burden"]) in capsys.readouterr().out
    if not inside:
        assert json.loads((case / "scores.json").read_text())["territories"]["combined"] == truth
