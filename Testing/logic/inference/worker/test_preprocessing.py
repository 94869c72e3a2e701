"""Preprocessing in little time and memory: against nnU-Net's own, bit by bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from CalcScoreLogic.images.files import write_image
from CalcScoreLogic.models import Role
from Testing.logic.model_folders import NEEDS_NNUNET, dataset_json, plans_json
from Testing.trees import rotation, to_image, to_sitk

pytestmark = NEEDS_NNUNET
pytest.importorskip("nnunetv2", reason="nnunetv2 and torch are not installed")

from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor  # noqa: E402
from nnunetv2.preprocessing.resampling.default_resampling import (  # noqa: E402
    compute_new_shape,
    resample_data_or_seg_to_shape,
)
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager  # noqa: E402

from CalcScoreLogic.images import boxes  # noqa: E402
from CalcScoreLogic.inference.worker import preprocessing  # noqa: E402
from CalcScoreLogic.inference.worker.interpolation import slice_axis  # noqa: E402
from CalcScoreLogic.inference.worker.preprocessing import CtPreprocessing, preprocess  # noqa: E402

spacings = st.tuples(*[st.floats(0.4, 6)] * 3)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    shape=st.tuples(*[st.integers(1, 17)] * 3),
    current=spacings,
    target=spacings,
    order=st.sampled_from([0, 1, 2, 3, 5]),
    separate=st.sampled_from([None, False, True]),
    seed=st.integers(0, 99),
)
def test_every_bit_is_nnunets(
    shape: tuple[int, ...],
    current: tuple[float, ...],
    target: tuple[float, ...],
    order: int,
    separate: bool | None,
    seed: int,
) -> None:
    data = np.random.default_rng(seed).normal(0, 2, (1, *shape)).astype(np.float32)
    new_shape = np.maximum(compute_new_shape(shape, current, target), 1)
    options: dict[str, Any] = {"order": order, "order_z": 0, "force_separate_z": separate}
    expected = resample_data_or_seg_to_shape(data.copy(), new_shape, current, target, is_seg=False, **options)
    axis = slice_axis(current, target, **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boxes, "SLAB_VOXELS", 50)
        found = preprocessing.resample(data[0], new_shape, order, axis)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected[0])


def resolved(content: dict[str, Any]) -> CtPreprocessing | None:
    return CtPreprocessing.of(content, content["configurations"]["3d_fullres"])


@pytest.mark.parametrize(("kind", "empty"), [(np.int16, False), (np.float32, False), (np.int16, True)])
@pytest.mark.parametrize("slice_mm", [1.4, 3.0, 9.0])
def test_a_cta_is_preprocessed_as_by_nnunet(slice_mm: float, kind: Any, empty: bool, tmp_path: Path) -> None:
    array = np.random.default_rng(3).normal(300, 250, (11, 21, 25)).astype(kind)
    array[:, :2] = array[:, :, -3:] = 0
    if empty:
        array[:] = 0
    file = tmp_path / "cta.nii"
    write_image(file, to_image(to_sitk(array, (0.9, 1.1, slice_mm), rotation((4, 8, 12)))))
    plans = PlansManager(plans_json())
    configuration = plans.get_configuration("3d_fullres")
    expected, _, known = DefaultPreprocessor(False).run_case(
        [str(file)], None, plans, configuration, dataset_json(Role.TERRITORIES)
    )
    ct = resolved(plans_json())
    assert ct is not None
    found, properties = ct.run(file)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == expected.dtype
    del known["sitk_stuff"]
    assert properties == known


def test_another_model_of_the_same_scale_is_done_at_once_unless_it_takes_much_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cta.nii"
    array = np.random.default_rng(3).normal(300, 250, (11, 21, 25)).astype(np.int16)
    write_image(file, to_image(to_sitk(array, (0.9, 1.1, 2.0), rotation((4, 8, 12)))))
    first = resolved(plans_json())
    assert first is not None
    ways = [replace(first, spacing_mm=spacing) for spacing in [(1.0, 1.0, 1.0), (2.0, 1.1, 0.9), (4.0, 4.0, 4.0)]]
    assert all(first.shares_splines(way) for way in ways)
    assert not first.shares_splines(replace(first, mean_hu=first.mean_hu + 1))
    found = preprocess(file, *ways)
    assert list(found) == ways
    for way, (volume, properties) in found.items():
        alone, known = way.run(file)
        np.testing.assert_array_equal(volume, alone)
        assert properties == known
    monkeypatch.setattr(preprocessing, "KEPT_BYTES", found[ways[1]][0].nbytes - 1)
    assert list(preprocess(file, *ways)) == [ways[0], ways[2]]


@pytest.mark.parametrize(
    "change",
    [
        {"preprocessor_name": "OtherPreprocessor"},
        {"normalization_schemes": ["ZScoreNormalization"]},
        {"resampling_fn_data": "resample_torch_fornnunet"},
        {"resampling_fn_data_kwargs": {"is_seg": False, "order": 3, "order_z": 1, "force_separate_z": None}},
        {"resampling_fn_data_kwargs": {"is_seg": False, "order": 3, "a_new_one": 1}},
    ],
)
def test_a_preprocessing_of_its_own_is_left_to_nnunet(change: dict[str, Any]) -> None:
    content = plans_json()
    content["configurations"]["3d_fullres"].update(change)
    assert resolved(content) is None


def test_a_reader_of_another_kind_is_left_to_nnunet() -> None:
    assert resolved({**plans_json(), "image_reader_writer": "NibabelIOWithReorient"}) is None
