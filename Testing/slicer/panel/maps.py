"""A small artery tree with a renal artery longer than any trimming here; all figures worked out by hand.

Voxels are 1 x 1 x 2 mm, 2 mm³. The aorta (8 x 8 voxels) runs from k = 6 to 55, a left renal artery (4 x 4 mm) leaves
it at k = 30 and 31 and is 50 mm long, an iliac artery (4 x 4 x 4 voxels) lies below. There is no mesenteric artery.

Trimmed to 25 mm: the stump is 2 mm wide, so 27 mm of the renal artery stay: 27 * 4 * 2 voxels = 432 mm³; at 35 mm it
is 37 * 4 * 2 = 592 mm³. The aorta ends 10 mm above k = 31, at k = 36: 31 * 64 voxels = 3968 mm³. The iliac artery is
64 voxels = 128 mm³. Plaques: 12 and 4 voxels in the aorta, 2 in the iliac artery: 24, 8 and 4 mm³.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from CalcScoreLogic.anatomy import Territory
from CalcScoreLogic.images.geometry import Geometry, Image

GRID = Geometry((80, 30, 60), (1.0, 1.0, 2.0), (5.0, -3.0, 10.0))
PLAQUE_IJK = np.array([(i, j, 20) for i in range(10, 16) for j in (10, 11)])
"""The largest plaque: 12 voxels, 24 mm³."""

FIGURES = {
    "Aorta": ("0.8", "32", "4.0", "2", "16"),
    "Iliac": ("3.1", "4", "0.1", "1", "4"),
    "Renal": ("0.0", "0", "0.4", "0", "–"),
    "Combined ⚠": ("0.8", "36", "4.5", "3", "12"),
}


def territories() -> Image:
    """Full-length arteries."""
    array = np.zeros((60, 30, 80), np.uint8)
    array[6:56, 10:18, 10:18] = Territory.AORTA
    array[2:6, 12:16, 12:16] = Territory.ILIAC
    array[30:32, 12:16, 18:68] = Territory.RENAL
    return Image(array, GRID)


def calcified() -> Any:
    """Where calcification is; shape (k, j, i)."""
    where = np.zeros((60, 30, 80), bool)
    where[20, 10:12, 10:16] = True
    where[10, 10, 10:14] = True
    where[3, 12, 12:14] = True
    return where


def cta() -> Image:
    """HU: 40 outside, 300 in the arteries, 700 in plaques, 1240 in one voxel."""
    hu = np.full((60, 30, 80), 40, np.int16)
    hu[territories().array > 0] = 300
    hu[calcified()] = 700
    hu[20, 10, 10] = 1240
    return Image(hu, GRID)


def process_count(folder: Path) -> int:
    """Count the processes whose command line names a folder."""
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return sum(str(folder) in line for line in listed.splitlines())


def written(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))
