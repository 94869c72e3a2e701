"""``calcscore score`` on two 512 x 512 x 685 masks against SimpleITK reading the two files."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from Testing.bench.processes import measure
from Testing.bench.tree import life_size_tree
from Testing.trees import to_sitk

SIZE, SPACING = (512, 512, 685), (0.7, 0.7, 0.8)
REPEATS = 5
READ = "import sys, SimpleITK as sitk; [sitk.ReadImage(f) for f in sys.argv[1:]]"


def run() -> None:
    """Print times of whole processes, their ratio and the peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        files = [str(Path(folder) / name) for name in ("territories.nii.gz", "calcification.nii.gz")]
        write_masks(files)
        output = str(Path(folder) / "scores.json")
        command = ["--territories", files[0], "--calcification", files[1], "-o", output]
        scoring, reading, memory = [], [], 0.0
        for _ in range(REPEATS):
            seconds, peak = measure([sys.executable, "-m", "CalcScoreLogic", "score", *command])
            scoring.append(seconds)
            memory = max(memory, peak)
            reading.append(measure([sys.executable, "-c", READ, *files])[0])
    ours, baseline = float(np.median(scoring)), float(np.median(reading))
    print(
        f"calcscore score {ours:.2f} s, SimpleITK reads both files in {baseline:.2f} s: "
        f"{ours / baseline:.2f} times as long, peak memory {memory:.2f} GB"
    )


def write_masks(files: list[str]) -> None:
    """Write the territory map and the calcification map."""
    tree = life_size_tree(SIZE, SPACING)
    calcification = np.where(tree > 0, 1, 0).astype(np.uint8)
    rng = np.random.default_rng(0)
    # Eighty plaques of 1 to 4 mm around random voxels of the arteries.
    for z, y, x in rng.choice(np.argwhere(tree > 0), 80):
        reach = [round(rng.uniform(1, 4) / mm) for mm in SPACING[::-1]]
        window = tuple(slice(max(c - r, 0), c + r + 1) for c, r in zip((z, y, x), reach, strict=True))
        calcification[window][calcification[window] == 1] = 2
    for file, array in zip(files, (tree, calcification), strict=True):
        sitk.WriteImage(to_sitk(array, SPACING), file, useCompression=True)
