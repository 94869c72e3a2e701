"""A CT of 512 x 512 x 685 voxels from file to report, with the ensembles that would be used: docs/performance.md."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from CalcScoreLogic.benchmark.process_meter import measure
from CalcScoreLogic.images.files import read_ct, write_image
from CalcScoreLogic.images.geometry import Array, Geometry, Image
from CalcScoreLogic.models import Role, find
from CalcScoreLogic.phantom import PhantomParameters, make_phantom

SHAPE, SPACING_MM = (685, 512, 512), (0.7, 0.7, 0.7)
"""Voxels along (k, j, i) of CTLiver whole, and their size along (i, j, k)."""

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "ctliver"
FAT_HU, AIR_HU = -100, -1000
VARIANTS = (["--profile", "standard"], ["--profile", "standard", "--first-look"])


def run() -> None:
    """Print seconds and peak memory of the whole command, with and without a first look."""
    models = [find(role) for role in Role]
    told = ", ".join(f"{model.name} ({len(model.folds)} folds, {model.fingerprint[:12]})" for model in models)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cta, what = _large()
        write_image(folder / "cta.nii.gz", cta)
        print(f"{what}; {told}")
        for options in VARIANTS:
            command = [sys.executable, "-m", "CalcScoreLogic", "analyze", str(folder / "cta.nii.gz")]
            usage = measure([*command, "-o", str(folder / "out"), "--device", "cpu", *options])
            ended = "" if usage.code == 0 else f", failed: {usage.last_line}"
            print(f"{' '.join(options)}: {usage.seconds:.0f} s, {usage.peak_bytes / 1e9:.1f} GB{ended}", flush=True)


def _large() -> tuple[Image, str]:
    """Put the real CT, or a phantom where it is not there, into a body of fat in a large volume."""
    if REAL.is_dir():
        inside, what = read_ct(next(REAL.glob("*.nrrd"))), "CTLiver's region in a body of fat"
    else:
        inside, what = make_phantom(PhantomParameters(1, SPACING_MM)).cta, "a phantom in a body of fat"
    whole = np.full(SHAPE, AIR_HU, np.int16)
    y, x = np.ogrid[: SHAPE[1], : SHAPE[2]]
    body = ((y - SHAPE[1] / 2) / 190) ** 2 + ((x - SHAPE[2] / 2) / 250) ** 2 <= 1
    whole[:, body] = FAT_HU
    part = inside.canonical().array
    box, cut = _middle(part)
    whole[box] = part[cut]
    return Image(whole, Geometry(SHAPE[::-1], SPACING_MM)), what


def _middle(part: Array) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Find where an array lies in the middle of the volume, and what of it fits there."""
    both = [min(n, m) for n, m in zip(part.shape, SHAPE, strict=True)]
    here = tuple(slice((m - b) // 2, (m - b) // 2 + b) for m, b in zip(SHAPE, both, strict=True))
    there = tuple(slice((n - b) // 2, (n - b) // 2 + b) for n, b in zip(part.shape, both, strict=True))
    return here, there
