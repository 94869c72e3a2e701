"""Time and memory of both DICOM objects of a large CTA: 1000 slices of 512 x 512, five segments in every slice."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from CalcScoreLogic.archive.objects import DicomOrder, write_objects
from CalcScoreLogic.case_files import files_of
from CalcScoreLogic.images.geometry import Geometry, Image
from CalcScoreLogic.pipeline import score_masks
from CalcScoreLogic.results import ScoredCase
from Testing.bench.processes import measure
from Testing.logic.archive.ct_series import write_ct_series

GRID = Geometry((512, 512, 1000), (0.7, 0.7, 0.7), (-180.0, -180.0, -1000.0))
PLACES = ((200, 250), (300, 250), (250, 200), (250, 320))
"""First column and row of each territory."""


def run() -> None:
    """Print the time and the largest memory of the program that writes them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        air = Image(np.broadcast_to(np.zeros(1, np.int16), GRID.shape), GRID)
        # Voxels are not read: the headers are what counts.
        write_ct_series(folder / "series", air, PixelData=b"\0\0")
        seconds, gigabytes = measure([sys.executable, "-m", "Testing.bench.dicom", name])
    print(f"512x512x1000, five segments: {seconds:.0f} s, {gigabytes:.1f} GB at most")


def write(folder: Path) -> None:
    """Make the label maps and write both objects."""
    territories, calcification = np.zeros(GRID.shape, np.uint8), np.zeros(GRID.shape, np.uint8)
    for territory, (column, row) in enumerate(PLACES, start=1):
        territories[:, row : row + 40, column : column + 40] = territory
        calcification[:, row : row + 5, column : column + 5] = 2
    arteries = Image(territories, GRID)
    small = Geometry((512, 512, 4), GRID.spacing)
    # The figures are not what is measured.
    result = score_masks("case", Image(territories[:4], small), Image(calcification[:4], small)).result
    scored = ScoredCase(result, arteries, arteries, Image(calcification, GRID))
    write_objects(folder, scored, DicomOrder(files_of(folder / "series"), "case"), lambda stage: print(stage))


if __name__ == "__main__":
    write(Path(sys.argv[1]))
