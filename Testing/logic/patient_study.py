"""A DICOM study that names its patient wherever it can, and a search for these names in what is made from it."""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
from pathlib import Path

from Testing.logic.dicom_files import write_slice

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
