"""A plain body: fat, and arteries that a test lays into it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from CalcScoreLogic.synthesis import Anatomy, drawn_anatomy
from CalcScoreLogic.synthesis.body import Body
from CalcScoreLogic.synthesis.contrast import Contrast
from CalcScoreLogic.synthesis.plaques import Plaque
from CalcScoreLogic.synthesis.pose import Pose
from CalcScoreLogic.synthesis.tissues import Tissue
from CalcScoreLogic.synthesis.tubes import STEP_MM, Axes, Vessel
from CalcScoreLogic.synthesis.vessels import Tree

FAT_HU, LUMEN_HU, WALL_HU = -100.0, 300.0, 50.0


@pytest.fixture(scope="session")
def anatomy() -> Anatomy:
    return drawn_anatomy()


@pytest.fixture
def still() -> Pose:
    """The body as it is, in the patient's coordinates."""
    return Pose(np.eye(3), np.zeros(3), ())


@pytest.fixture
def lay(anatomy: Anatomy) -> Callable[..., Body]:
    def make(vessels: list[Vessel], plaques: list[tuple[Plaque, ...]] | None = None) -> Body:
        field = np.full((60, 60, 60), Tissue.FAT, np.uint8)
        return Body(anatomy, field, Tree(tuple(vessels)), tuple(plaques or [() for _ in vessels]))

    return make


def straight(
    length_mm: float,
    outer_mm: float,
    wall_mm: float,
    label: int = 1,
    start: tuple[float, ...] = (60, 60, 20),
    towards: tuple[float, ...] = (0, 0, 1),
) -> Vessel:
    """A straight tube."""
    n = round(length_mm / STEP_MM) + 1
    points = np.array(start) + np.outer(np.arange(n) * STEP_MM, np.array(towards) / np.linalg.norm(towards))
    outer = np.full(n, outer_mm)
    return Vessel("aorta", label, points, outer, outer - wall_mm, np.zeros((n, 2)))


def contrast(phase: str = "arterial", lumen: float = LUMEN_HU) -> Contrast:
    """Intensities without texture."""
    mean = np.full(256, FAT_HU, np.float32)
    return Contrast(phase, mean, np.zeros(256, np.float32), lumen, WALL_HU, WALL_HU, lumen, 0.0)


def grid(low: float, high: float, *steps_zyx: float) -> Axes:
    """The same range along every axis."""
    return Axes(*(np.arange(low, high, step) for step in (steps_zyx if len(steps_zyx) == 3 else steps_zyx * 3)))


__all__ = ["FAT_HU", "LUMEN_HU", "WALL_HU", "contrast", "grid", "straight"]
