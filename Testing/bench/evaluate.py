"""``calcscore evaluate`` on 76 cases of 300 x 300 x 400 voxels: seconds a case and peak memory on this machine."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from Testing.bench.processes import measure
from Testing.bench.tree import life_size_tree
from Testing.trees import to_sitk

SIZE, SPACING = (300, 300, 400), (0.9, 0.9, 1.2)
CASES = 76


def run() -> None:
    """Print seconds a case and the peak memory of all processes, drawing included."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_cases(root)
        command = [sys.executable, "-m", "CalcScoreLogic", "evaluate", "--reference", str(root / "reference")]
        command += ["--prediction", str(root / "prediction"), "--cta", str(root / "reference"), "-o", str(root / "out")]
        seconds, peak = measure(command)
    told = f"{CASES} cases of {' x '.join(map(str, SIZE))} voxels on {len(os.sched_getaffinity(0))} cores"
    print(f"{told}: {seconds / CASES:.1f} s a case, peak memory {peak:.2f} GB")


def write_cases(root: Path) -> None:
    """Write one case of plaques and its perturbed prediction, and the other cases as links to it."""
    territories = life_size_tree(SIZE, SPACING)
    calcification = np.where(territories > 0, 1, 0).astype(np.uint8)
    rng = np.random.default_rng(0)
    for z, y, x in rng.choice(np.argwhere(territories > 0), 80):
        window = calcification[z - 2 : z + 3, y - 2 : y + 3, x - 2 : x + 3]
        window[window == 1] = 2
    cta = np.array([40, 350, 800], np.int16)[calcification] + rng.normal(0, 20, territories.shape).astype(np.int16)
    sides = {
        "reference": {"territories": territories, "calcification": calcification, "cta": cta},
        "prediction": {
            "territories": np.roll(territories, 1, axis=2),
            "calcification": np.roll(calcification, 1, axis=2),
        },
    }
    for side, arrays in sides.items():
        first = root / side / "case_0"
        first.mkdir(parents=True)
        for name, array in arrays.items():
            sitk.WriteImage(to_sitk(array, SPACING), str(first / f"{name}.nii.gz"), useCompression=True)
        for number in range(1, CASES):
            (root / side / f"case_{number}").symlink_to(first)
