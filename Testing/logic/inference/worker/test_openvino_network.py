"""OpenVINO's networks against PyTorch's, on networks that know phantoms and on small networks made here."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from CalcScoreLogic.anatomy import CalcificationLabel
from CalcScoreLogic.errors import InputError
from CalcScoreLogic.inference.options import InferenceOptions
from CalcScoreLogic.models import Role
from CalcScoreLogic.phantom import PhantomParameters, make_phantom
from Testing.phantom_networks import PHANTOM_NETWORKS

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("nnunetv2", reason="nnunetv2 is not installed")

from CalcScoreLogic.inference.worker import openvino_conversion  # noqa: E402
from CalcScoreLogic.inference.worker.fused_network import fused  # noqa: E402
from CalcScoreLogic.inference.worker.openvino_conversion import ConvertibleNetwork  # noqa: E402
from CalcScoreLogic.inference.worker.openvino_network import OpenVinoNetwork, has_bfloat16  # noqa: E402
from CalcScoreLogic.inference.worker.parallel import usable_cores  # noqa: E402
from Testing.logic.inference.worker.small_networks import (  # noqa: E402
    CONVERT,
    PATCH,
    logits_of,
    noise,
    plain,
    residual,
    without_affine,
)

if InferenceOptions().cpu_engine() != "openvino":
    pytest.skip("OpenVINO is not installed", allow_module_level=True)

LOGITS_TOLERANCE = 1e-5
"""Share of the largest logit: float32 sums in another order."""


@dataclass
class Demo:
    """A demo network with the weights of its first fold, and a patch of a phantom on its grid."""

    network: Any
    weights: dict[str, Any]
    tile: Any
    logits: Any

    def by_openvino(self, precision: str) -> np.ndarray:
        network = OpenVinoNetwork(ConvertibleNetwork(self.network, self.tile.shape[2:], 1), self.weights, precision, 1)
        return network(self.tile).numpy()


@cache
def demo(role: Role) -> Demo:
    from acvl_utils.cropping_and_padding.padding import pad_nd_image
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    predictor = nnUNetPredictor(device=torch.device("cpu"), perform_everything_on_device=False, allow_tqdm=False)
    predictor.initialize_from_trained_model_folder(str(PHANTOM_NETWORKS / role.value), (0,), "checkpoint_final.pth")
    configuration, weights = predictor.configuration_manager, predictor.list_of_parameters[0]
    phantom = make_phantom(PhantomParameters(28, tuple(configuration.spacing[::-1])))
    volume, _, _ = configuration.preprocessor_class(verbose=False).run_case_npy(
        phantom.cta.array[None].astype(np.float32),
        None,
        {"spacing": list(configuration.spacing)},
        predictor.plans_manager,
        configuration,
        predictor.dataset_json,
    )
    plaques = np.argwhere(phantom.calcification.array == CalcificationLabel.CALCIFICATION)
    middle, tile = np.median(plaques, axis=0).astype(int), np.asarray(configuration.patch_size)
    volume = pad_nd_image(volume, tile)
    corner = np.clip(middle - tile // 2, 0, np.asarray(volume.shape[1:]) - tile)
    box = tuple(slice(low, low + side) for low, side in zip(corner, tile, strict=True))
    patch = torch.from_numpy(np.ascontiguousarray(volume[(None, slice(None), *box)], dtype=np.float32))
    predictor.network.load_state_dict(weights)
    with torch.inference_mode():
        logits = predictor.network.eval()(patch)
    return Demo(predictor.network, weights, patch, logits.numpy())


def dice(found: np.ndarray, expected: np.ndarray) -> dict[int, float]:
    """Give the Dice of every label that is expected."""
    return {
        int(label): 2
        * float(((found == label) & (expected == label)).sum())
        / float((found == label).sum() + (expected == label).sum())
        for label in np.unique(expected)
    }


@pytest.mark.parametrize("role", Role)
def test_demo_networks_give_the_logits_of_pytorch(role: Role) -> None:
    example = demo(role)
    found = example.by_openvino("f32")
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, example.logits, rtol=0, atol=LOGITS_TOLERANCE * np.abs(example.logits).max())
    per_label = dice(found.argmax(1), example.logits.argmax(1))
    assert len(per_label) == found.shape[1]
    assert min(per_label.values()) >= 0.999


@pytest.mark.parametrize("role", Role)
def test_bfloat16_gives_nearly_the_same_labels(role: Role) -> None:
    if not has_bfloat16():
        pytest.skip("this CPU has no bfloat16")
    example = demo(role)
    found = example.by_openvino("bf16")
    # It was computed in bfloat16 indeed: 8 bits cannot give what float32 gives.
    assert np.abs(found - example.logits).max() > 100 * LOGITS_TOLERANCE * np.abs(example.logits).max()
    expected = example.logits.argmax(1)
    # In a handful of voxels a single one decides.
    per_label = {
        label: value for label, value in dice(found.argmax(1), expected).items() if (expected == label).sum() >= 300
    }
    assert len(per_label) >= 3
    assert min(per_label.values()) >= 0.995


def make_noisy(network: Any) -> Any:
    """Copy a network with other weights, the constant ones of a new network among them."""
    other = copy.deepcopy(network)
    torch.manual_seed(9)
    with torch.no_grad():
        for value in other.parameters():
            value.add_(0.1 * torch.randn(value.shape))
    return other


@dataclass
class Given:
    """A network that has been converted already."""

    description: Any

    def with_weights(self, weights: Any) -> Any:
        return self.description


def by_torch(network: Any, x: Any) -> np.ndarray:
    with torch.inference_mode():
        return network.eval()(x).numpy()


@pytest.mark.parametrize("make", [plain, residual, without_affine])
def test_other_strides_and_blocks_are_converted(make: Callable[[], Any]) -> None:
    network, x = make(), noise(1)
    expected = by_torch(network, x)
    np.testing.assert_allclose(logits_of(network, x), expected, rtol=0, atol=LOGITS_TOLERANCE * np.abs(expected).max())


def test_a_batch_is_its_tiles_one_by_one() -> None:
    network, x = plain(), noise(2)
    converted = OpenVinoNetwork(ConvertibleNetwork(network, PATCH, 1), network.state_dict())
    batch = converted(x)
    assert batch.shape == (2, 3, *PATCH)
    np.testing.assert_array_equal(batch, np.concatenate([converted(x[:1]), converted(x[1:])]))
    assert not np.array_equal(batch[0], batch[1])
    mirrored = converted(torch.flip(x, (2,)).transpose(3, 4).contiguous().transpose(3, 4))
    np.testing.assert_allclose(mirrored, by_torch(network, torch.flip(x, (2,))), rtol=0, atol=1e-4)


def test_a_network_that_gave_its_memory_back_gives_the_same_logits() -> None:
    network = plain()
    converted = OpenVinoNetwork(ConvertibleNetwork(network, PATCH, 1), network.state_dict(), threads=1)
    logits = converted(noise(1)).numpy().copy()
    converted.release()
    np.testing.assert_array_equal(converted(noise(1)).numpy(), logits)


def test_the_given_network_stays_as_it_is() -> None:
    network, other, x = plain(0, deep_supervision=True), plain(1), noise(1)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    found = OpenVinoNetwork(ConvertibleNetwork(network, PATCH, 1), other.state_dict())(x)
    np.testing.assert_allclose(found, by_torch(other, x), rtol=0, atol=1e-4)
    assert network.decoder.deep_supervision
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize("make", [plain, residual, without_affine, partial(plain, deep_supervision=True)])
def test_one_conversion_serves_all_folds(make: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    network, x = make(), noise(1)
    folds = [network.state_dict(), make_noisy(network).state_dict()]
    conversions, convert = [], openvino_conversion._convert
    monkeypatch.setattr(openvino_conversion, "_convert", lambda *given: conversions.append(given) or convert(*given))
    convertible = ConvertibleNetwork(network, PATCH, 1)
    for weights in folds:
        with torch.inference_mode():
            logits = OpenVinoNetwork(convertible, weights)(x).numpy()
        fold = copy.deepcopy(network)
        fold.load_state_dict(weights)
        direct = convert(fused(fold, PATCH), convertible.shape)
        np.testing.assert_array_equal(OpenVinoNetwork(Given(direct), weights)(x).numpy(), logits)
    assert len(conversions) == 1


def test_parameters_that_are_not_found_again_are_converted_with_each_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    network, other, x = plain(0), plain(1), noise(1)
    expected = [logits_of(each, x) for each in (network, other)]
    monkeypatch.setattr(openvino_conversion, "_names_of_constants", lambda *given: None)
    convertible = ConvertibleNetwork(network, PATCH, 1)
    found = [OpenVinoNetwork(convertible, each.state_dict(), threads=1)(x).numpy() for each in (network, other)]
    np.testing.assert_array_equal(found, expected)


def test_threads_are_those_asked_for() -> None:
    network = plain()
    assert OpenVinoNetwork(ConvertibleNetwork(network, PATCH, 1), network.state_dict(), threads=1).threads == 1
    if usable_cores() >= 2:
        assert OpenVinoNetwork(ConvertibleNetwork(network, PATCH, 1), network.state_dict(), threads=2).threads == 2


def test_nothing_is_printed_and_nobody_is_told(tmp_path: Path) -> None:
    """OpenVINO reports to its maker by a package of its own; here one lies in its place and tells when it is loaded."""
    package = tmp_path / "openvino_telemetry"
    package.mkdir()
    (package / "__init__.py").write_text("import pathlib; pathlib.Path(__file__).with_name('loaded').touch()")
    told = package / "loaded"
    paths = [str(tmp_path), str(Path(__file__).parents[4])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}

    command = [sys.executable, "-c", CONVERT, str(tmp_path / "fold_0.zip"), "1"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
    assert not told.exists()
    subprocess.run([sys.executable, "-c", "import openvino"], env=environment, capture_output=True)
    assert told.exists()


def test_without_openvino_the_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    assert InferenceOptions().cpu_engine() == "openvino"
    monkeypatch.setitem(sys.modules, "openvino", None)
    assert InferenceOptions().cpu_engine() == "torch"
    with pytest.raises(InputError, match=r'pip install "CalcScoreLogic\[cpu\]"'):
        logits_of(plain(), noise(1))
    with pytest.raises(InputError, match="OpenVINO is not installed"):
        has_bfloat16()
