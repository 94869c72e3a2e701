"""Poses: there and back again, and never mirrored."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from CalcScoreLogic.synthesis.pose import draw_pose

SEEDS = st.integers(0, 2**32 - 1)


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_the_way_to_the_patient_is_the_way_to_the_body_turned_round(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pose = draw_pose(rng, np.array([200.0, 180.0, 250.0]))
    x, y, z = np.sort(rng.uniform(-90, 90, (3, 4)))
    body = pose.to_body(x, y, z).reshape(3, -1).T
    grid = np.stack(np.meshgrid(z, y, x, indexing="ij"), axis=-1).reshape(-1, 3)[:, ::-1]
    assert np.abs(pose.to_patient(body.astype(float)) - grid).max() < 0.25


@settings(max_examples=50, deadline=None)
@given(SEEDS)
def test_left_stays_left(seed: int) -> None:
    pose = draw_pose(np.random.default_rng(seed), np.zeros(3))
    assert np.linalg.det(pose.matrix) > 0
    left = pose.to_patient(np.array([[60.0, 0, 0], [-60.0, 0, 0]]))
    assert left[0, 0] > left[1, 0]
