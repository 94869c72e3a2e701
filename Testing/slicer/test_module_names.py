"""Every Qt, ctk, Slicer and MRML name of the module is one that real Slicer has."""

from __future__ import annotations

from pathlib import Path

from Testing.slicer.harness.names import check_folder

MODULE = Path(__file__).parents[2] / "CalcScore"


def test_every_name_is_known_to_slicer():
    assert MODULE.is_dir()
    findings = check_folder(MODULE)
    assert not findings, "\n".join(map(str, findings))
