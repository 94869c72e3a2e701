"""A CT of 512 x 512 x 685 voxels from file to report, with the ensembles that would be used."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from CalcScoreLogic.benchmark.process_meter import measure
from CalcScoreLogic.images.files import write_image
from CalcScoreLogic.images.geometry import Geometry, Image
from CalcScoreLogic.models import Role, find
from CalcScoreLogic.phantom import PhantomParameters, make_phantom
from Testing.bench.full_size import middles
from Testing.bench.real import read_ctliver

SHAPE, SPACING_MM = (685, 512, 512), (0.7, 0.7, 0.7)
"""Voxels along (k, j, i) of CTLiver whole, and their size along (i, j, k)."""

FAT_HU, AIR_HU = -100, -1000
VARIANTS = (["--profile", "standard"], ["--profile", "standard", "--first-look"])


def run(data: Path | None) -> None:
    """Print seconds and peak memory of the whole command, with and without a first look; `data` holds ``ctliver``."""
    models = [find(role) for role in Role]
    told = ", ".join(f"{model.name} ({len(model.folds)} folds, {model.fingerprint[:12]})" for model in models)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cta, what = _large(data)
        write_image(folder / "cta.nii.gz", cta)
        print(f"{what}; {told}")
        for options in VARIANTS:
            command = [sys.executable, "-m", "CalcScoreLogic", "analyze", str(folder / "cta.nii.gz")]
            usage = measure([*command, "-o", str(folder / "out"), "--device", "cpu", *options])
            ended = "" if usage.code == 0 else f", failed: {usage.last_line}"
            print(f"{' '.join(options)}: {usage.seconds:.0f} s, {usage.peak_bytes / 1e9:.1f} GB{ended}", flush=True)


def _large(data: Path | None) -> tuple[Image, str]:
    """Put the real CT, or a phantom where it is not there, into a body of fat in a large volume."""
    if data is not None and (data / "ctliver").is_dir():
        inside, what = read_ctliver(data / "ctliver").cta, "CTLiver's region in a body of fat"
    else:
        inside, what = make_phantom(PhantomParameters(1, SPACING_MM)).cta, "a phantom in a body of fat"
    whole = np.full(SHAPE, AIR_HU, np.int16)
    y, x = np.ogrid[: SHAPE[1], : SHAPE[2]]
    body = ((y - SHAPE[1] / 2) / 190) ** 2 + ((x - SHAPE[2] / 2) / 250) ** 2 <= 1
    whole[:, body] = FAT_HU
    part = inside.canonical().array
    cut, box = middles(part.shape, SHAPE)
    whole[box] = part[cut]
    return Image(whole, Geometry(SHAPE[::-1], SPACING_MM)), what
