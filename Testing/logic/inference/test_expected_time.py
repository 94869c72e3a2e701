"""How long a run will take: tiles as nnU-Net places them, and sums worked out by hand."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from math import prod
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from CalcScoreLogic.inference.expected_time import count_tiles, forecast_seconds, planned_work
from CalcScoreLogic.inference.options import InferenceOptions
from CalcScoreLogic.models import Model, Role, check
from Testing.logic.model_folders import NEEDS_NNUNET

SIZE, SPACING = (60, 40, 30), (1.0, 1.5, 1.0)
"""Of a CTA, along i, j and k: 72 000 voxels of 60 x 60 x 30 mm."""


@pytest.fixture(scope="module")
def models(trained: dict[Role, Path]) -> list[Model]:
    """Tiny networks with two folds; patches of 32 x 8 x 16 voxels of 2 x 3 x 1.5 mm (x, y, z)."""
    return [check(trained[role]) for role in Role]


def bare(patch: tuple[int, ...], spacing: tuple[float, float, float]) -> Model:
    """A model of which only the grid counts."""
    return Model(Path(), Role.TERRITORIES, "", (0,), (), "", {}, spacing, patch, "", (), 0)


@NEEDS_NNUNET
@settings(deadline=None, derandomize=True)
@given(
    size=st.tuples(*[st.integers(1, 700)] * 3),
    spacing=st.tuples(*[st.floats(0.3, 5)] * 3),
    target=st.tuples(*[st.floats(0.5, 3)] * 3),
    patch=st.tuples(*[st.integers(1, 24).map(lambda n: 8 * n)] * 3),
    step=st.floats(0.1, 1),
)
def test_tiles_are_those_of_nnunet(
    size: tuple[int, ...],
    spacing: tuple[float, ...],
    target: tuple[float, float, float],
    patch: tuple[int, ...],
    step: float,
) -> None:
    from nnunetv2.inference.sliding_window_prediction import compute_steps_for_sliding_window
    from nnunetv2.preprocessing.resampling.default_resampling import compute_new_shape

    # nnU-Net's axes are z, y, x; a grid that is smaller than a tile is padded.
    resampled = compute_new_shape(size[::-1], spacing[::-1], target[::-1])
    padded = tuple(max(int(n), p) for n, p in zip(resampled, patch[::-1], strict=True))
    steps = compute_steps_for_sliding_window(padded, patch[::-1], step)
    assert count_tiles(size, spacing, bare(patch, target), step) == prod(len(along) for along in steps)


@NEEDS_NNUNET
def test_work_by_hand(models: list[Model]) -> None:
    # 30 x 20 x 20 voxels of the networks' size, padded to 32: 1 x 4 x 2 tiles at half steps.
    assert count_tiles(SIZE, SPACING, models[0], 0.5) == 8
    # Operations of a tile, see test_operations, with 5 and 3 heads; three mirrored axes are eight copies.
    five = 2 * (4096 * 2 * 27 + 512 * 8 * 27 + 512 * 8 * 8 + 4096 * 8 * 27 + 4096 * 2 * 5)
    three = five - 2 * 4096 * 2 * 2
    work = planned_work(models, SIZE, SPACING, InferenceOptions())
    assert work["tiles"] == pytest.approx(2 * 8 * 8 * (five + 0.3 * three))
    # A map a fold and one of all, in 5 and 3 channels.
    assert work["label maps"] == 3 * (5 + 3) * 72000
    assert work["preprocessing"] == 2 * 72000
    assert work["networks"] == 4
    assert work["loading"] == 2
    single = planned_work(models, SIZE, SPACING, InferenceOptions(folds=(1,)))
    assert (single["networks"], single["label maps"]) == (2, (5 + 3) * 72000)
    whole = planned_work(models, SIZE, SPACING, InferenceOptions(whole_volume=True))
    assert whole["tiles"] == 2 * 8 * 8 * (five + three)


@NEEDS_NNUNET
def test_options_count(models: list[Model]) -> None:
    def tiles(options: InferenceOptions, *chosen: Model) -> float:
        return planned_work(chosen or models, SIZE, SPACING, options)["tiles"]

    full = tiles(InferenceOptions())
    assert tiles(InferenceOptions(mirroring=False)) == pytest.approx(full / 8)
    assert tiles(InferenceOptions(folds=(1,))) == pytest.approx(full / 2)
    # At a step of one tile there are 1 x 3 x 2.
    assert tiles(InferenceOptions(step_size=1.0)) == pytest.approx(full * 6 / 8)
    in_x = [replace(model, mirroring_axes=(2,)) for model in models]
    assert tiles(InferenceOptions(), *in_x) == pytest.approx(full / 4)
    # A first look takes one fold of the territories over 6 tiles; a whole volume is 2 x 8 tiles of each.
    whole, look = InferenceOptions(whole_volume=True), InferenceOptions(whole_volume=True, first_look=True)
    arteries = tiles(whole, models[0])
    assert tiles(look) == pytest.approx(tiles(whole) + arteries * 6 / 16)
    never = [replace(model, mirroring_axes=()) for model in models]
    assert tiles(InferenceOptions(), *never) == pytest.approx(full / 8)


@NEEDS_NNUNET
def test_seconds_are_work_times_speed(models: list[Model]) -> None:
    options = InferenceOptions()
    speed = {"tiles": 0.0, "preprocessing": 1e-3, "loading": 0.25, "networks": 0.5, "label maps": 1e-4}
    assert forecast_seconds(models, SIZE, SPACING, options, speed) == pytest.approx(144 + 0.5 + 2 + 172.8)
    tiles = planned_work(models, SIZE, SPACING, options)["tiles"]
    speed = {**dict.fromkeys(speed, 0.0), "tiles": 7 / tiles}
    assert forecast_seconds(models, SIZE, SPACING, options, speed) == pytest.approx(7)


def test_nothing_heavy_is_imported() -> None:
    program = (
        "import sys; import CalcScoreLogic.inference.expected_time, CalcScoreLogic.inference.speed_history, "
        "CalcScoreLogic.inference.profiles; "
        "print({'torch', 'nnunetv2', 'SimpleITK', 'skimage'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
