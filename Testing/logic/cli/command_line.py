"""The command line in the process of the test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from CalcScoreLogic.cli import main


def call(*arguments: object) -> int:
    """Run a command; give its exit code."""
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as stop:
        return int(stop.code or 0)


def read(path: Path) -> np.ndarray:
    """Read the voxels of an image file by SimpleITK alone, shape (k, j, i)."""
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


def score_arguments(case: Path) -> list[object]:
    """Give the command that scores the label maps of a case folder."""
    return ["score", "--territories", case / "territories.nii.gz", "--calcification", case / "calcification.nii.gz"]
