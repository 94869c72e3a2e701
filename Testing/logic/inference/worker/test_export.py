"""Label maps put together slab by slab, against nnU-Net's own export of the whole grid."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from CalcScoreLogic.images.geometry import Array
from CalcScoreLogic.models import Role
from Testing.logic.model_folders import NEEDS_NNUNET, dataset_json, make_model, plans_json
from Testing.phantom_networks import PHANTOM_NETWORKS
from Testing.trees import to_sitk

pytestmark = NEEDS_NNUNET
pytest.importorskip("nnunetv2", reason="nnunetv2 and torch are not installed")

import torch  # noqa: E402
from nnunetv2.inference.export_prediction import (  # noqa: E402
    convert_predicted_logits_to_segmentation_with_correct_shape,
)
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor  # noqa: E402
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager  # noqa: E402

from CalcScoreLogic.inference.worker import export  # noqa: E402
from CalcScoreLogic.inference.worker.export import (  # noqa: E402
    determined_range,
    labels_on_cta_grid,
    model_shape,
    supports,
)
from CalcScoreLogic.inference.worker.interpolation import neighbours, positions  # noqa: E402

PHANTOM_MODEL = PHANTOM_NETWORKS / "territories"
HEADS = 5
ORDERS = [(0, 1, 2), (1, 0, 2), (2, 0, 1), (1, 2, 0)]
sizes = st.integers(1, 11)
grids = st.tuples(sizes, sizes, sizes)


def make_predictor(
    spacing: list[float], forward: tuple[int, ...] = (0, 1, 2), resampling: str | None = None, **options: Any
) -> nnUNetPredictor:
    """Make nnU-Net's predictor with the plans of a demo model, changed; it needs no network here."""
    plans = json.loads((PHANTOM_MODEL / "plans.json").read_text())
    plans["transpose_forward"], plans["transpose_backward"] = list(forward), np.argsort(forward).tolist()
    configuration = plans["configurations"]["3d_fullres"]
    configuration["spacing"] = spacing
    configuration["resampling_fn_probabilities"] = resampling or "resample_data_or_seg_to_shape"
    configuration["resampling_fn_probabilities_kwargs"].update(options)
    return _initialized(plans, json.loads((PHANTOM_MODEL / "dataset.json").read_text()))


def _initialized(plans: dict[str, Any], dataset: dict[str, Any]) -> nnUNetPredictor:
    predictor = nnUNetPredictor(device=torch.device("cpu"))
    manager = PlansManager(plans)
    configuration = manager.get_configuration("3d_fullres")
    predictor.manual_initialization(None, manager, configuration, None, dataset, "nnUNetTrainer", None)
    return predictor


def make_case(
    model: tuple[int, ...],
    cta: tuple[int, ...],
    mm: tuple[float, ...] = (1.0, 1.0, 1.0),
    forward: tuple[int, ...] = (0, 1, 2),
    margins: tuple[int, ...] = (0, 0, 0),
    **options: Any,
) -> tuple[nnUNetPredictor, dict[str, Any]]:
    """Make a model and a CTA whose grids, transposed, are these; `mm` is the CTA's transposed voxel size."""
    spacing = [length * n_cta / n_model for length, n_cta, n_model in zip(mm, cta, model, strict=True)]
    properties = {
        "spacing": [mm[axis] for axis in np.argsort(forward)],
        "shape_before_cropping": tuple(n + 2 * margin for n, margin in zip(cta, margins, strict=True)),
        "bbox_used_for_cropping": [[margin, margin + n] for n, margin in zip(cta, margins, strict=True)],
        "shape_after_cropping_and_before_resampling": tuple(cta),
    }
    predictor = make_predictor(spacing, forward, **options)
    assert model_shape(properties, predictor) == tuple(model)
    return predictor, properties


def make_logits(kind: str, shape: tuple[int, ...], seed: int) -> Array:
    """Make logits that are noise, mostly clear, often equal, or so close that rounding decides."""
    random = np.random.default_rng(seed)
    noise = random.normal(0, 4, (HEADS, *shape))
    if kind == "clear":
        coarse = random.integers(0, HEADS, [n // 4 + 1 for n in shape])
        blocks = coarse[np.ix_(*(np.arange(n) // 4 for n in shape))]
        noise = noise / 8 + 9 * (blocks == np.arange(HEADS)[:, None, None, None])
    elif kind == "equal":
        noise = np.round(noise)
    elif kind == "close":
        # From 1024 to 2048 half precision has whole numbers only.
        noise = random.integers(1024, 2040, shape) + random.integers(0, 3, (HEADS, *shape))
    return noise.astype(np.float16)


def nnunet_labels(logits: Array, properties: dict[str, Any], predictor: nnUNetPredictor) -> Array:
    """Export as nnU-Net does."""
    return convert_predicted_logits_to_segmentation_with_correct_shape(
        torch.from_numpy(logits.copy()),
        predictor.plans_manager,
        predictor.configuration_manager,
        predictor.label_manager,
        properties,
        num_threads_torch=1,
    )


@settings(max_examples=300, deadline=None)
@given(
    grids,
    grids,
    st.tuples(*[st.sampled_from([1.0, 1.3, 0.7, 5.0])] * 3),
    st.sampled_from(ORDERS),
    st.tuples(*[st.integers(0, 2)] * 3),
    st.sampled_from(["noise", "clear", "equal", "close"]),
    st.sampled_from([0, 1]),
    st.sampled_from([np.float16, np.float32]),
    st.sampled_from([1, 2**14, 2**25]),
    st.integers(0, 2**32 - 1),
)
@example((1, 1, 1), (1, 1, 1), (1, 1, 1), (0, 1, 2), (0, 0, 0), "noise", 1, np.float16, 1, 0)
@example((1, 9, 9), (7, 1, 9), (1, 1, 1), (0, 1, 2), (0, 0, 0), "noise", 1, np.float16, 1, 0)
@example((6, 8, 8), (9, 11, 11), (5, 1, 1), (1, 0, 2), (1, 2, 0), "noise", 1, np.float16, 1, 0)
@example((6, 9, 8), (6, 9, 8), (1, 1, 1), (2, 0, 1), (1, 1, 1), "noise", 1, np.float16, 1, 0)
def test_labels_equal_those_of_nnunet(
    model: tuple[int, ...],
    cta: tuple[int, ...],
    mm: tuple[float, ...],
    forward: tuple[int, ...],
    margins: tuple[int, ...],
    kind: str,
    order: int,
    precision: type,
    memory: int,
    seed: int,
) -> None:
    predictor, properties = make_case(model, cta, mm, forward, margins, order=order)
    logits = make_logits(kind, model, seed).astype(precision)
    with patch.object(export, "SLAB_BYTES", memory):
        labels = labels_on_cta_grid(torch.from_numpy(logits), (0, 0, 0), properties, predictor)
    np.testing.assert_array_equal(labels, nnunet_labels(logits, properties, predictor))
    assert labels.dtype == np.uint8


@pytest.mark.parametrize("kind", ["noise", "clear", "equal", "close"])
@pytest.mark.parametrize(
    ("model", "cta", "mm"),
    [
        ((31, 40, 37), (47, 61, 50), (1.0, 0.8, 0.8)),
        ((47, 61, 50), (31, 40, 37), (1.0, 0.8, 0.8)),
        ((12, 41, 41), (20, 61, 61), (6.0, 0.8, 0.8)),
        ((41, 12, 41), (61, 12, 61), (0.8, 6.0, 0.8)),
        ((30, 30, 30), (45, 60, 90), (1.0, 1.0, 1.0)),
    ],
)
def test_larger_grids_equal_too(kind: str, model: tuple[int, ...], cta: tuple[int, ...], mm: tuple[float, ...]) -> None:
    predictor, properties = make_case(model, cta, mm, (1, 0, 2), (3, 0, 2))
    logits = make_logits(kind, model, 5)
    with patch.object(export, "SLAB_BYTES", 2**20):
        labels = labels_on_cta_grid(logits, (0, 0, 0), properties, predictor)
    np.testing.assert_array_equal(labels, nnunet_labels(logits, properties, predictor))


def test_rounding_gives_a_close_voxel_to_the_lower_label() -> None:
    """From 1024 to 2048 half precision has whole numbers: 1 in 3 parts of a step is none."""
    predictor, properties = make_case((1, 1, 2), (1, 1, 6))
    logits = np.full((HEADS, 1, 1, 2), -9, np.float16)
    logits[0] = 1024
    logits[1, 0, 0] = 1024, 1025
    # Positions -1/3, 0, 1/3, 2/3, 1, 4/3 of the way from 1024 to 1025; label 1 where that rounds to 1025.
    assert labels_on_cta_grid(logits, (0, 0, 0), properties, predictor).tolist() == [[[0, 0, 0, 1, 1, 1]]]


@settings(max_examples=150, deadline=None)
@given(
    st.data(),
    grids,
    grids,
    st.tuples(*[st.sampled_from([1.0, 1.3, 5.0])] * 3),
    st.sampled_from(ORDERS),
    st.sampled_from(["noise", "clear"]),
)
def test_a_box_gives_the_labels_that_it_determines(
    data: st.DataObject,
    model: tuple[int, ...],
    cta: tuple[int, ...],
    mm: tuple[float, ...],
    forward: tuple[int, ...],
    kind: str,
) -> None:
    predictor, properties = make_case(model, cta, mm, forward, (1, 0, 2))
    logits = make_logits(kind, model, 3)
    starts = tuple(data.draw(st.integers(0, n - 1), f"start of {n}") for n in model)
    stops = [data.draw(st.integers(low + 1, n), f"stop of {n}") for low, n in zip(starts, model, strict=True)]
    box = tuple(slice(low, high) for low, high in zip(starts, stops, strict=True))
    expected = np.zeros_like(whole := nnunet_labels(logits, properties, predictor)).transpose(forward)
    inside = tuple(
        slice(*(margin + k for k in determined_range(side.start, side.stop, n_model, n_cta)))
        for side, n_model, n_cta, margin in zip(box, model, cta, (1, 0, 2), strict=True)
    )
    expected[inside] = whole.transpose(forward)[inside]
    labels = labels_on_cta_grid(logits[(slice(None), *box)], starts, properties, predictor)
    np.testing.assert_array_equal(labels.transpose(forward), expected)


def test_ranges_worked_out_by_hand() -> None:
    """Eight CTA voxels over four model voxels lie at -0.25, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3.25."""
    assert determined_range(1, 3, 4, 8) == (3, 5)
    assert determined_range(0, 3, 4, 8) == (0, 5)
    assert determined_range(1, 4, 4, 8) == (3, 8)
    below, above = neighbours(positions(4, 8), 4)
    assert below.tolist() == [0, 0, 0, 1, 1, 2, 2, 3]
    assert above.tolist() == [0, 1, 1, 2, 2, 3, 3, 3]
    low, high = determined_range(2, 3, 4, 8)
    assert low == high


@settings(max_examples=300, deadline=None)
@given(st.data(), st.integers(1, 40), st.integers(1, 40))
def test_ranges_equal_those_of_unit_impulses(data: st.DataObject, n_model: int, n_cta: int) -> None:
    """The model voxels with weight are those whose impulse is seen after the resizing that nnU-Net uses."""
    from skimage.transform import resize

    seen = np.stack(
        [resize(impulse, (n_cta,), 1, mode="edge", anti_aliasing=False) != 0 for impulse in np.eye(n_model)], axis=1
    )
    start = data.draw(st.integers(0, n_model - 1))
    stop = data.draw(st.integers(start + 1, n_model))
    outside = np.ones(n_model, bool)
    outside[start:stop] = False
    assert list(range(*determined_range(start, stop, n_model, n_cta))) == [
        k for k in range(n_cta) if not (seen[k] & outside).any()
    ]
    below, above = neighbours(positions(n_model, n_cta), n_model)
    assert [sorted({*pair}) for pair in zip(below.tolist(), above.tolist(), strict=True)] == [
        np.flatnonzero(voxel).tolist() for voxel in seen
    ]


@pytest.mark.parametrize(("start", "shape"), [((0, 0, 1), (4, 4, 4)), ((-1, 0, 0), (2, 2, 2))])
def test_a_box_outside_the_grid_is_refused(start: tuple[int, int, int], shape: tuple[int, ...]) -> None:
    predictor, properties = make_case((4, 4, 4), (6, 6, 6))
    with pytest.raises(ValueError, match="not inside the model's 4 voxels"):
        labels_on_cta_grid(make_logits("noise", shape, 0), start, properties, predictor)


@pytest.mark.parametrize("logits", [np.zeros((HEADS, 4, 4, 4)), np.zeros((3, 4, 4, 4), np.float16)])
def test_logits_of_another_kind_are_refused(logits: Array) -> None:
    predictor, properties = make_case((4, 4, 4), (6, 6, 6))
    with pytest.raises(ValueError, match=r"of shape \(5, a, b, c\)"):
        labels_on_cta_grid(logits, (0, 0, 0), properties, predictor)


@pytest.mark.parametrize(
    ("resampling", "options", "supported"),
    [
        (None, {}, True),
        (None, {"order": 0}, True),
        (None, {"order": 3}, False),
        (None, {"order_z": 1}, False),
        (None, {"is_seg": True}, False),
        ("resample_torch_fornnunet", {}, False),
        ("no_resampling_hack", {}, False),
    ],
)
def test_only_the_default_resampling_is_supported(
    resampling: str | None, options: dict[str, Any], supported: bool
) -> None:
    assert supports(make_predictor([1.0, 1.0, 1.0], resampling=resampling, **options)) is supported


def test_regions_are_not_supported() -> None:
    dataset = copy.deepcopy(dataset_json(Role.TERRITORIES))
    assert supports(_initialized(plans_json(), dataset))
    dataset["labels"]["iliac"] = [1, 2]
    plans = plans_json()
    assert not supports(_initialized(plans, {**dataset, "regions_class_order": [1, 2, 3, 4]}))


def test_a_preprocessed_cta(tmp_path: Path) -> None:
    """Grid and cropping come from nnU-Net's own preprocessor, the model from its folder."""
    import SimpleITK as sitk

    array = np.zeros((14, 20, 26), np.int16)
    array[2:12, 3:20, 5:23] = np.random.default_rng(1).integers(1, 500, (10, 17, 18))
    sitk.WriteImage(to_sitk(array, (1.3, 1.1, 2.5)), str(tmp_path / "cta.nii.gz"))
    predictor = nnUNetPredictor(device=torch.device("cpu"))
    predictor.initialize_from_trained_model_folder(str(make_model(tmp_path / "model", folds=[0])), (0,))
    preprocessor = predictor.configuration_manager.preprocessor_class(verbose=False)
    data, _, properties = preprocessor.run_case(
        [str(tmp_path / "cta.nii.gz")],
        None,
        predictor.plans_manager,
        predictor.configuration_manager,
        predictor.dataset_json,
    )
    assert model_shape(properties, predictor) == data.shape[1:]
    logits = make_logits("clear", data.shape[1:], 2)
    labels = labels_on_cta_grid(logits, (0, 0, 0), properties, predictor)
    np.testing.assert_array_equal(labels, nnunet_labels(logits, properties, predictor))
    assert labels.shape == array.shape
    assert not labels[array == 0].any()
    assert set(np.unique(labels)) == {0, 1, 2, 3, 4}


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    model=grids,
    cta=grids,
    kind=st.sampled_from(["noise", "clear", "equal", "close"]),
    wanted=st.sampled_from([(1,), (1, 2), (2, 4), (1, 2, 3)]),
    seed=st.integers(0, 2**31),
)
def test_wanted_labels_are_those_of_the_whole_export(
    model: tuple[int, ...], cta: tuple[int, ...], kind: str, wanted: tuple[int, ...], seed: int
) -> None:
    predictor, properties = make_case(model, cta)
    logits = make_logits(kind, model, seed)
    expected = labels_on_cta_grid(logits, (0, 0, 0), properties, predictor)
    found = labels_on_cta_grid(logits, (0, 0, 0), properties, predictor, wanted)
    told = [np.where(np.isin(labels, wanted), labels, 0) for labels in (found, expected)]
    np.testing.assert_array_equal(*told)


def test_borders_of_other_labels_are_not_interpolated() -> None:
    predictor, properties = make_case((8, 8, 8), (40, 40, 40))
    # Organs of 3 and 4 side by side, far from the artery 1; the background comes second in both.
    logits = np.full((HEADS, 8, 8, 8), -9.0, np.float16)
    logits[0] = 2.0
    logits[3, :, :, :4], logits[4, :, :, 4:] = 6.0, 6.0
    logits[1, 0, 0, 0] = 9.0
    with patch.object(export, "_interpolated_labels", wraps=export._interpolated_labels) as interpolate:
        found = labels_on_cta_grid(logits, (0, 0, 0), properties, predictor, (1, 2))
        near = sum(call.args[1].shape[1] for call in interpolate.call_args_list)
        interpolate.reset_mock()
        labels_on_cta_grid(logits, (0, 0, 0), properties, predictor)
        everywhere = sum(call.args[1].shape[1] for call in interpolate.call_args_list)
    assert 0 < near < 0.1 * everywhere
    assert 1 in found
