"""Which tiles matter, and which voxels they settle: against counting voxel by voxel."""

from __future__ import annotations

import json
from functools import cache
from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.transform import resize

from CalcScoreLogic.images.coverage import Coverage, coverage_of
from CalcScoreLogic.images.geometry import Geometry
from CalcScoreLogic.inference.worker.tiles import GridMatch, Tiles, coverage, widened
from Testing.trees import rotation

AXES = tuple(permutations(range(3)))


@st.composite
def cases(draw: st.DrawFn) -> tuple[GridMatch, list[list[int]], tuple[int, ...], list[int], np.ndarray]:
    """A CTA, nnU-Net's grid on it, tiles that cover the padded grid, and some wanted voxels of the CTA."""
    forward = draw(st.sampled_from(AXES))
    cta_shape = draw(st.tuples(*[st.integers(2, 9)] * 3))
    crop = []
    for axis in forward:
        low = draw(st.integers(0, cta_shape[axis] - 1))
        crop.append((low, draw(st.integers(low + 1, cta_shape[axis]))))
    model_shape = draw(st.tuples(*[st.integers(1, 10)] * 3))
    patch = draw(st.tuples(*[st.integers(2, 6)] * 3))
    starts = []
    for n, side in zip(model_shape, patch, strict=True):
        last = max(n, side) - side
        inner = draw(st.sets(st.integers(0, last), max_size=3))
        covered = {0, last, *inner, *range(0, last, side)}
        starts.append(sorted(covered))
    padding = [max(side - n, 0) // 2 for n, side in zip(model_shape, patch, strict=True)]
    voxels = draw(st.lists(st.tuples(*[st.integers(0, n - 1) for n in cta_shape]), max_size=4))
    wanted = np.zeros(cta_shape, bool)
    for voxel in voxels:
        wanted[voxel] = True
    return GridMatch(cta_shape, forward, tuple(crop), model_shape), starts, patch, padding, wanted


def sources(match: GridMatch, voxel: tuple[int, ...]) -> set[tuple[int, ...]] | None:
    """Model voxels that a CTA voxel's label comes from; None where it was cropped away."""
    along = []
    for axis, (low, high) in zip(match.forward, match.crop, strict=True):
        if not low <= voxel[axis] < high:
            return None
        along.append(weights(match.model_shape[len(along)], high - low)[voxel[axis] - low])
    return set(product(*along))


@cache
def weights(n_model: int, n_cta: int) -> list[list[int]]:
    """Model voxels whose impulse each CTA voxel sees after the resizing that nnU-Net uses."""
    impulses = [resize(impulse, (n_cta,), 1, mode="edge", anti_aliasing=False) for impulse in np.eye(n_model)]
    return [np.flatnonzero(seen).tolist() for seen in np.stack(impulses, axis=1)]


@settings(max_examples=150, deadline=None)
@given(cases())
def test_tiles_and_coverage_are_those_of_counting(
    case: tuple[GridMatch, list[list[int]], tuple[int, ...], list[int], np.ndarray],
) -> None:
    match, starts, patch, padding, wanted = case
    every = {}
    for index in product(*(range(len(along)) for along in starts)):
        corner = [along[i] for along, i in zip(starts, index, strict=True)]
        spans = [
            range(at - before, at - before + side) for at, before, side in zip(corner, padding, patch, strict=True)
        ]
        every[index] = set(product(*spans))
    needed = set().union(*(sources(match, tuple(voxel)) or () for voxel in np.argwhere(wanted)))
    run = {index for index, voxels in every.items() if voxels & needed}

    tiles = Tiles.every(starts, patch).reaching(match.to_model(wanted), padding)
    assert {tuple(index) for index in np.argwhere(tiles.chosen)} == run
    assert (tiles.count, tiles.total) == (len(run), len(every))

    left_out = set().union(*(voxels for index, voxels in every.items() if index not in run))
    mask = coverage(tiles, padding, match, (0.0, 0.0, 0.0)).mask()
    for voxel in np.ndindex(*match.cta_shape):
        from_model = sources(match, voxel)
        assert mask[voxel] == (from_model is None or not from_model & left_out)
    assert mask[wanted].all()


def test_windows_are_nnunets_in_its_order_within_their_box() -> None:
    wanted = np.zeros((20, 20, 20), bool)
    wanted[12, 3, 16] = True
    tiles = Tiles.every([[0, 4, 8, 12], [0, 6, 12], [0, 12]], (8, 8, 8)).reaching(wanted, [0, 0, 0])
    # 12 lies in the tiles that start at 8 and 12, 3 in the one at 0, 16 in the one at 12.
    assert tiles.box() == (slice(8, 20), slice(0, 8), slice(12, 20))
    channels = slice(None)
    assert tiles.windows() == [
        (channels, slice(0, 8), slice(0, 8), slice(0, 8)),
        (channels, slice(4, 12), slice(0, 8), slice(0, 8)),
    ]


def test_nothing_wanted_runs_nothing_and_settles_nothing() -> None:
    every = Tiles.every([[0, 4], [0, 4], [0]], (8, 8, 8))
    tiles = every.reaching(np.zeros((12, 12, 8), bool), [0, 0, 0])
    match = GridMatch((12, 12, 8), (0, 1, 2), ((0, 12), (0, 12), (0, 8)), (12, 12, 8))
    assert tiles.count == 0
    assert not coverage(tiles, [0, 0, 0], match, (0.0, 0.0, 0.0)).mask().any()
    assert coverage(every, [0, 0, 0], match, (0.0, 0.0, 0.0)).everywhere


def test_a_mask_is_widened_by_whole_voxels() -> None:
    mask = np.zeros((9, 12, 9), bool)
    mask[4, 1, 8] = True
    wide = widened(mask, (2.0, 1.0, 4.0), 5.0)
    expected = np.zeros_like(mask)
    # 5 mm: 3 voxels of 2 mm, 5 of 1 mm, 2 of 4 mm, as far as the array reaches.
    expected[1:8, 0:7, 6:9] = True
    np.testing.assert_array_equal(wide, expected)


@pytest.fixture
def some() -> Coverage:
    """Cells of 10 x 8 x 12 voxels, about half of them labelled."""
    cells = np.random.default_rng(3).random((3, 2, 4)) < 0.5
    borders = [np.array(b) for b in ([0, 4, 5, 10], [0, 3, 8], [0, 1, 6, 7, 12])]
    return Coverage((-20.0, 14.5, 300.0), borders, cells)


def test_coverage_survives_json(some: Coverage) -> None:
    text = json.dumps({"inference": {"coverage": some.to_dict()}})
    back = coverage_of(json.loads(text))
    assert back is not None
    assert back.origin == some.origin
    np.testing.assert_array_equal(back.mask(), some.mask())
    assert coverage_of({"inference": {"coverage": None}}) is None
    assert coverage_of({}) is None


def test_coverage_of_a_box_is_cut_out_of_the_whole(some: Coverage) -> None:
    direction = tuple(rotation((10, -7, 33)).ravel())
    whole = Geometry((12, 8, 10), (0.7, 0.9, 1.5), some.origin, direction)
    corner = (4, -1, 3)
    box = Geometry((9, 5, 6), whole.spacing, tuple(whole.to_physical(corner)), direction)
    inside = np.zeros(box.shape, bool)
    # i runs from 4 to 12, of which 12 is outside; j from -1 to 3; k from 3 to 8.
    inside[:, 1:, :8] = some.mask()[3:9, 0:4, 4:12]
    np.testing.assert_array_equal(some.mask(box), inside)
    np.testing.assert_array_equal(some.mask(whole), some.mask())
