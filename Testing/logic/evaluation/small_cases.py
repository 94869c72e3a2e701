"""Hand-made case folders that are small enough to count in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from CalcScoreLogic.evaluation import StudyCase
from CalcScoreLogic.evaluation.cases import LabelFiles
from Testing.trees import Capsule, paint, to_sitk

LUMEN_HU, PLAQUE_HU, TISSUE_HU = 350, 800, 40


def tree() -> np.ndarray:
    """An aorta with coeliac, superior mesenteric, renal and iliac arteries; 1 mm voxels, axes (z, y, x)."""
    capsules = [
        Capsule(1, (24, 24, 26), (24, 24, 78), 5),
        Capsule(2, (24, 24, 26), (36, 24, 4), 3),
        Capsule(2, (24, 24, 26), (12, 24, 4), 3),
        Capsule(3, (24, 24, 66), (24, 4, 66), 2),
        Capsule(3, (24, 24, 56), (24, 4, 50), 2),
        Capsule(4, (24, 24, 46), (44, 26, 46), 2),
        Capsule(4, (24, 24, 48), (4, 26, 48), 2),
    ]
    return paint(capsules, (48, 40, 90), (1, 1, 1))


def bar(length: int = 40) -> np.ndarray:
    """An aorta of 10 x 8 voxels across (x, y) and nothing else."""
    array = np.zeros((length + 10, 20, 24), np.uint8)
    array[5 : 5 + length, 6:14, 7:17] = 1
    return array


def plaques(territories: np.ndarray, *sizes: int, first_slice: int = 30) -> np.ndarray:
    """A calcification map with one straight plaque of each length (voxels along z) in the aorta, 3 voxels apart."""
    calcification = np.where(territories > 0, 1, 0).astype(np.uint8)
    y, x = (int(v) for v in np.median(np.argwhere(territories[first_slice] == 1), axis=0))
    start = first_slice
    for size in sizes:
        calcification[start : start + size, y, x] = 2
        start += size + 3
    assert start <= territories.shape[0]
    return calcification


def cta_of(calcification: np.ndarray, lumen: int = LUMEN_HU) -> np.ndarray:
    """HU that show the calcification exactly."""
    return np.array([TISSUE_HU, lumen, PLAQUE_HU], np.int16)[calcification]


def write(folder: Path, spacing: tuple[float, float, float] = (1, 1, 1), **arrays: np.ndarray) -> Path:
    """Write a case folder: ``territories``, ``calcification``, ``cta``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        sitk.WriteImage(to_sitk(array, spacing), str(folder / f"{name}.nii.gz"))
    return folder


def study_case(root: Path, reference: tuple, prediction: tuple, cta: np.ndarray | None = None) -> StudyCase:
    """Write a pair of cases, each (territories, calcification), and give the case."""
    sides = []
    for side, (territories, calcification) in (("reference", reference), ("prediction", prediction)):
        folder = write(root / side / "a", territories=territories, calcification=calcification)
        sides.append(LabelFiles(folder / "territories.nii.gz", folder / "calcification.nii.gz"))
    image = None
    if cta is not None:
        image = write(root / "reference" / "a", cta=cta) / "cta.nii.gz"
    return StudyCase("a", sides[0], {"network": sides[1]}, image)
