"""Cases that another tool has segmented, with arteries of 350 HU and plaques of 800 HU."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from CalcScoreLogic.images.files import write_image
from CalcScoreLogic.images.geometry import Geometry, Image
from Testing.trees import Capsule, paint

GEOMETRY = Geometry((60, 60, 100), (1.0, 1.0, 1.0), (5.0, -3.0, 10.0))
LUMEN_HU, PLAQUE_HU = 350, 800
TOTALSEGMENTATOR = {1: 52, 2: 65}


def arrays(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw CTA, territories and plaques: an aorta and two iliac arteries, with noise of up to 10 HU."""
    capsules = [
        Capsule(1, (30, 30, 45), (30, 30, 88), 8),
        Capsule(2, (30, 30, 44), (48, 30, 8), 4),
        Capsule(2, (30, 30, 44), (12, 30, 8), 4),
    ]
    territories = paint(capsules, (60, 60, 100), (1, 1, 1))
    plaques = np.zeros(territories.shape, bool)
    plaques[60 : 60 + 2 + seed, 29:32, 29:32] = True
    cta = np.where(territories > 0, LUMEN_HU, -60) + np.random.default_rng(seed).integers(-10, 11, territories.shape)
    cta[plaques] = PLAQUE_HU
    return cta.astype(np.int16), territories, plaques


def write_case(folder: Path, seed: int = 0) -> Path:
    """Write CTA, territory map, TotalSegmentator's label map and its folder of masks into a folder."""
    folder.mkdir(parents=True)
    cta, territories, _ = arrays(seed)
    write_image(folder / "cta.nii.gz", Image(cta, GEOMETRY))
    write_image(folder / "arteries.nii.gz", Image(territories, GEOMETRY))
    theirs = np.zeros(territories.shape, np.int16)
    (folder / "masks").mkdir()
    for ours, value in TOTALSEGMENTATOR.items():
        theirs[territories == ours] = value
    for name, label in (("aorta", 1), ("iliac_artery_left", 2)):
        write_image(folder / "masks" / f"{name}.nii.gz", Image((territories == label).astype(np.uint8), GEOMETRY))
    write_image(folder / "totalseg.nii.gz", Image(theirs, GEOMETRY))
    return folder
