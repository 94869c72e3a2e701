"""Studies into a real archive, scored, and their results back beside them: the commands of the docs."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pydicom
import pytest

from CalcScoreLogic.anatomy import Territory
from CalcScoreLogic.cli import main
from CalcScoreLogic.cohort.dicom_series import study_name
from CalcScoreLogic.cohort.inputs import find_inputs
from CalcScoreLogic.images.files import read_territories, write_label_map
from CalcScoreLogic.images.geometry import Image
from Testing.logic.archive import orthanc
from Testing.logic.archive.ct_series import write_ct_series
from Testing.logic.archive.outside_tools import NEEDS_HIGHDICOM
from Testing.logic.archive.scored_cases import phantom_of

ROOT = Path(__file__).resolve().parents[3]

pytestmark = [
    NEEDS_HIGHDICOM,
    pytest.mark.skipif(orthanc.PROGRAM is None, reason="Orthanc is not installed"),
    pytest.mark.skipif(find_spec("pynetdicom") is None, reason="pynetdicom is not installed"),
]

FIRST, SLICES = 20, 20
PATIENTS = {"thick": "P1", "absent": "P2", "no calcium": "P3"}


def commands() -> list[str]:
    """Read the commands of the docs."""
    text = (ROOT / "docs" / "dicom.md").read_text(encoding="utf-8")
    block = text.partition("## There and back")[2].split("```")[1]
    found = block.strip().splitlines()
    assert [line.split()[:3] for line in found][2] == ["calcscore", "batch", "retrieved"]
    return found


def middle(image: Image) -> Image:
    """Give every second slice of a part: each is a message to the archive and back."""
    grid = image.geometry
    array = np.ascontiguousarray(image.array[FIRST : FIRST + 2 * SLICES : 2])
    origin = tuple(float(v) for v in grid.to_physical([0, 0, FIRST]))
    spacing = (*grid.spacing[:2], 2 * grid.spacing[2])
    return Image(array, replace(grid, size=(*grid.size[:2], SLICES), spacing=spacing, origin=origin))


def run(folder: Path, command: str) -> str:
    """Run a command as a shell would."""
    words = []
    for word in shlex.split(command):
        words += sorted(map(str, folder.glob(word))) if "*" in word else [word]
    programs = {"python": [sys.executable], "calcscore": [sys.executable, "-m", "CalcScoreLogic"]}
    done = subprocess.run(
        [*programs[words[0]], *words[1:]],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_results_come_back_beside_the_right_studies(tmp_path: Path) -> None:
    patients = {}
    for kind, patient in PATIENTS.items():
        phantom = phantom_of(kind)
        series = write_ct_series(tmp_path / "study" / patient, middle(phantom.cta), PatientID=patient)
        uid = str(pydicom.dcmread(next(iter(series.iterdir())), stop_before_pixels=True).StudyInstanceUID)
        patients[uid] = patient
        write_label_map(tmp_path / f"{study_name(uid)}.nii.gz", middle(phantom.territories), Territory)
    # The networks' part is played by arteries and a threshold.
    sources = f" --arteries '{tmp_path}/{{case}}.nii.gz' --calcification 470"
    with orthanc.running(tmp_path / "orthanc") as archive:
        store, retrieve, score, store_results = (
            line.replace("localhost 4242", f"localhost {archive.dicom_port}") for line in commands()
        )
        run(tmp_path, store)
        assert archive.modalities_by_study() == {uid: ["CT"] for uid in patients}
        for uid in patients:
            run(tmp_path, retrieve.replace("1.2.3", uid))
        assert "3 cases done, 0 failed" in run(tmp_path, score + sources)
        run(tmp_path, store_results)
        assert archive.modalities_by_study() == {uid: ["CT", "SEG", "SR"] for uid in patients}
        for study in archive.ask("studies?expand"):
            uid = study["MainDicomTags"]["StudyInstanceUID"]
            assert study["PatientMainDicomTags"]["PatientID"] == patients[uid]
        run(tmp_path, retrieve.replace("1.2.3", uid).replace("-od retrieved", "-od again"))
    opened, own = tmp_path / "opened.nii.gz", tmp_path / "results" / study_name(uid) / "territories.nii.gz"
    assert main(["territories", str(tmp_path / "again"), "-o", str(opened)]) == 0
    np.testing.assert_array_equal(read_territories(opened).array, read_territories(own).array)
    # The CTA is found among the results that lie beside it by now.
    found = find_inputs(tmp_path / "again")
    assert [case.name for case in found.cases] == [study_name(uid)]
    assert [len(case.files) for case in found.cases] == [SLICES]
