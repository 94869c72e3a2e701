"""Every code of a warning is explained."""

from __future__ import annotations

from pathlib import Path

from CalcScoreLogic.quality.codes import WarningCode

PAGE = Path(__file__).resolve().parents[3] / "docs" / "quality.md"


def test_every_code_stands_in_the_docs() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert [code.value for code in WarningCode if f"`{code.value}`" not in text] == []
