"""A patient's identifiers are in a DICOM study and in nothing that is made from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from CalcScoreLogic.models import Role
from Testing.logic.model_folders import NEEDS_NNUNET
from Testing.logic.patient_study import WORDS, calcscore, export, leaks


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    export(tmp_path)
    assert len(leaks(tmp_path)) >= 10 * len(WORDS)


@NEEDS_NNUNET
@pytest.mark.parametrize("command", ["analyze", "batch"])
def test_no_output_holds_an_identifier(command: str, tmp_path: Path, trained: dict[Role, Path]) -> None:
    series = export(tmp_path / "in")
    source = series.parent if command == "analyze" else tmp_path / "in"
    if command == "analyze":
        for path in series.iterdir():
            path.rename(source / path.name)
        series.rmdir()
    output = tmp_path / "out"
    (source / "Quillfeather.txt").write_text("note")
    models = ("--territory-model", trained[Role.TERRITORIES], "--calcification-model", trained[Role.CALCIFICATION])
    code, printed = calcscore(command, source, "-o", output, *models, "--folds", "0", "--no-mirroring")
    assert code == 0, printed
    names = {path.name for path in output.rglob("*") if path.is_file()}
    assert {"scores.json", "scores.csv", "report.html", "territories.nii.gz"} <= names
    assert leaks(output, printed) == []
    assert "study_" in printed
    if command == "batch":
        assert f"{source}: 11 files, 10 in 1 case, 1 left out" in printed
        assert "….txt was left out: neither a DICOM file nor an image file" in printed


@NEEDS_NNUNET
def test_failures_name_no_patient(tmp_path: Path, trained: dict[Role, Path]) -> None:
    series = export(tmp_path / "in")
    (series / "ZX4711Q_4.dcm").unlink()
    output = tmp_path / "out"
    models = ("--territory-model", trained[Role.TERRITORIES], "--calcification-model", trained[Role.CALCIFICATION])
    code, printed = calcscore("batch", tmp_path / "in", "-o", output, *models, "--folds", "0")
    assert code == 1, printed
    assert "slices are missing (1 between 160 and 190 mm)" in (output / "cases.csv").read_text(encoding="utf-8")
    assert leaks(output, printed) == []
