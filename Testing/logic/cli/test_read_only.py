"""Every command that writes, against a folder on a read-only file system: one sentence, exit code 1, nothing left."""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import pytest

from CalcScoreLogic.cli import main
from CalcScoreLogic.images.files import write_image
from CalcScoreLogic.images.geometry import Geometry, Image
from CalcScoreLogic.pipeline import CaseParameters, score_masks
from CalcScoreLogic.report.case_folder import write_case

_NEW_NAMESPACE, _BIND, _REMOUNT, _READ_ONLY, _PRIVATE = 0x20000, 0x1000, 0x20, 0x1, 0x40000
_REFUSED = 3
GRID = Geometry((24, 20, 40), (1.0, 1.0, 1.0))


def commands(folder: Path, target: Path) -> list[list[object]]:
    maps = ["--territories", folder / "territories.nii.gz", "--calcification", folder / "calcification.nii.gz"]
    arteries = ["--arteries", folder / "territories.nii.gz"]
    without_network = [*arteries, "--calcification", "300"]
    return [
        ["score", *maps, "-o", target / "s.json"],
        ["score", *maps, "-o", folder / "s.json", "--csv", target / "s.csv"],
        ["shorten", folder / "territories.nii.gz", "-o", target / "t.nii.gz"],
        ["shorten", folder / "territories.nii.gz", "-o", target / "t.mha"],
        ["threshold", folder / "cta.nii.gz", *arteries, "--method", "fixed", "-o", target / "c.nrrd"],
        ["territories", folder / "territories.nii.gz", "--map", "1=aorta", "-o", target / "t.seg.nrrd"],
        ["analyze", folder / "cta.nii.gz", *without_network, "-o", target / "results"],
        ["batch", folder / "list.csv", *without_network, "-o", target / "cohort"],
        ["rescore", folder / "calcification.nii.gz", "-o", target / "case", "--cta", folder / "cta.nii.gz"],
        ["evaluate", "--reference", folder / "study", "--prediction", folder / "study", "-o", target / "study"],
        ["phantom", "-o", target / "phantoms", "--spacing", "4", "4", "4"],
    ]


def run_all(folder: Path, target: Path) -> None:
    """Make `target` read-only for this process alone and print what each command answers."""
    libc = ctypes.CDLL(None, use_errno=True)
    place = str(target).encode()
    steps = (
        lambda: libc.unshare(_NEW_NAMESPACE),
        lambda: libc.mount(b"none", b"/", None, _PRIVATE | 0x4000, None),
        lambda: libc.mount(place, place, None, _BIND, None),
        lambda: libc.mount(None, place, None, _BIND | _REMOUNT | _READ_ONLY, None),
    )
    if any(step() for step in steps):
        sys.exit(_REFUSED)
    told = []
    for command in commands(folder, target):
        errors = StringIO()
        with redirect_stderr(errors), redirect_stdout(StringIO()):
            code = main([str(part) for part in command])
        lines = [line for line in errors.getvalue().splitlines() if not line.startswith("warning: ")]
        told.append((command[0], code, lines))
    print(json.dumps(told))


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    """Inputs, and a folder with the results of a case."""
    territories = np.zeros(GRID.shape, np.uint8)
    territories[4:36, 6:14, 6:14] = 1
    territories[20:23, 8:11, 14:22] = 4
    calcification = (territories > 0).astype(np.uint8)
    hu = np.where(territories > 0, 250, -40).astype(np.int16)
    images = [Image(array, GRID) for array in (territories, calcification, hu)]
    folder, target = tmp_path / "inputs", tmp_path / "read only"
    for part in (folder, target, folder / "study" / "a"):
        part.mkdir(parents=True)
    write_case(target / "case", images[2], score_masks("case", images[0], images[1], CaseParameters(), images[2]))
    calcification[10:12, 8:10, 8:10] = 2
    for name, image in zip(("territories", "calcification", "cta"), images, strict=True):
        write_image(folder / f"{name}.nii.gz", image)
        write_image(folder / "study" / "a" / f"{name}.nii.gz", image)
    (folder / "list.csv").write_text("case,path\none,cta.nii.gz\n")
    return folder, target


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a folder read-only as only Linux can")
def test_every_command_tells_of_a_folder_that_cannot_be_written_to(places: tuple[Path, Path]) -> None:
    folder, target = places
    before = sorted(path.relative_to(target) for path in target.rglob("*"))
    code = "import sys; from pathlib import Path; from Testing.logic.cli.test_read_only import run_all; "
    code += "run_all(Path(sys.argv[1]), Path(sys.argv[2]))"
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder), str(target)], capture_output=True, text=True, check=False
    )
    if done.returncode == _REFUSED:
        pytest.skip("this machine does not let a test mount a folder read-only")
    assert (done.returncode, done.stderr) == (0, "")
    for name, answer, lines in json.loads(done.stdout):
        assert (name, answer, len(lines)) == (name, 1, 1), lines
        assert lines[0].startswith("calcscore: ")
    assert sorted(path.relative_to(target) for path in target.rglob("*")) == before
