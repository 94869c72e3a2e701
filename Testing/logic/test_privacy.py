"""A patient's identifiers are in a DICOM study and in nothing that is made from it."""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
from pathlib import Path

import pytest

from CalcScoreLogic.models import Role
from Testing.logic.dicom_files import write_slice
from Testing.logic.model_folders import NEEDS_NNUNET

IDENTIFIERS = {
    "PatientName": "Quillfeather^Marmaduke",
    "PatientID": "ZX4711Q",
    "PatientBirthDate": "19230417",
    "OtherPatientIDs": "YY8822",
    "AccessionNumber": "ACC99817",
    "ReferringPhysicianName": "Bloodworth^Hepzibah",
}
WORDS = sorted({part for value in IDENTIFIERS.values() for part in value.split("^")})


def export(folder: Path, **changes: object) -> Path:
    """Write a study whose folders, files and descriptions name the patient, as real exports do."""
    series = folder / "QUILLFEATHER_Marmaduke_ZX4711Q" / "CTA"
    series.mkdir(parents=True)
    told = {**IDENTIFIERS, "SeriesDescription": "CTA ZX4711Q Quillfeather", "StudyInstanceUID": "1.2.9"}
    for index in range(10):
        place = {"ImagePositionPatient": [-3.5, 2.25, 100 + 15.0 * index], "SliceThickness": 15}
        write_slice(series / f"ZX4711Q_{9 - index}.dcm", index, **{**told, **place, **changes})
    return series


def leaks(folder: Path, *texts: str) -> list[str]:
    """Find the identifiers in every file below a folder, packed or not, in its names, and in texts."""
    found = []
    contents = [(str(path.relative_to(folder)), path.read_bytes()) for path in folder.rglob("*") if path.is_file()]
    contents += [("what was printed", text.encode()) for text in texts]
    for name, content in contents:
        unpacked = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else b""
        for word in WORDS:
            # Base64 of a picture can spell a short word; none of these is that short.
            if re.search(re.escape(word).encode(), name.encode() + b"\0" + content + b"\0" + unpacked, re.IGNORECASE):
                found.append(f"{word} in {name}")
    return found


def calcscore(*arguments: object) -> tuple[int, str]:
    """Run a command as a user does; give its exit code and all that it printed."""
    command = [sys.executable, "-m", "CalcScoreLogic", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


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
