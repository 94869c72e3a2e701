"""The case that the tests of the commands share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from Testing.trees import Capsule, paint, to_sitk


@pytest.fixture
def case(tmp_path: Path) -> Path:
    """A case folder: aorta, two iliacs of 40 mm, one renal artery, one plaque of 27 voxels in the aorta."""
    capsules = [
        Capsule(1, (30, 30, 45), (30, 30, 88), 7),
        Capsule(2, (30, 30, 44), (48, 30, 8), 4),
        Capsule(2, (30, 30, 44), (12, 30, 8), 4),
        Capsule(4, (30, 30, 70), (56, 34, 70), 3),
    ]
    territories = paint(capsules, (60, 60, 100), (1, 1, 1))
    calcification = np.where(territories > 0, 1, 0).astype(np.uint8)
    calcification[60:63, 29:32, 29:32] = 2
    cta = np.where(territories > 0, 350, 40).astype(np.int16)
    cta[calcification == 2] = 800
    folder = tmp_path / "patient 7 ä"
    folder.mkdir()
    for name, array in (("territories", territories), ("calcification", calcification), ("cta", cta)):
        sitk.WriteImage(to_sitk(array, (1, 1, 1)), str(folder / f"{name}.nii.gz"))
    return folder
