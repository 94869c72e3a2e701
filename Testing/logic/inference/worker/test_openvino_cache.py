"""OpenVINO's converted networks, kept beside the model's checkpoints: used again, or made anew."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from CalcScoreLogic.inference.options import InferenceOptions
from CalcScoreLogic.models import Role, check, install, starter_models_folder
from Testing.logic.model_folders import copy_model

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("nnunetv2", reason="nnunetv2 is not installed")

from CalcScoreLogic.inference.worker.openvino_conversion import ConvertibleNetwork
from CalcScoreLogic.inference.worker.openvino_network import OpenVinoNetwork, cache_file
from Testing.logic.inference.worker.small_networks import (
    CONVERT,
    logits_of,
    noise,
    plain,
    plain_logits,
)

if InferenceOptions().cpu_engine() != "openvino":
    pytest.skip("OpenVINO is not installed", allow_module_level=True)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache of a network with seed 0."""
    file = tmp_path_factory.mktemp("cache") / "Gefäße" / "fold_0.zip"
    logits_of(plain(0), noise(1), cache=file)
    return file


@pytest.fixture
def kept(written: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(written.parent, tmp_path / "Gefäße")) / written.name


def test_the_converted_network_is_kept_and_used(written: Path, kept: Path, tmp_path: Path) -> None:
    assert list(written.parent.iterdir()) == [written]
    one, another, x = plain(0), plain(1), noise(1)
    np.testing.assert_array_equal(logits_of(one, x, cache=kept), plain_logits(0))
    # With the file of another network in its place, the weights that are given do not matter.
    logits_of(another, x, cache=tmp_path / "another.zip")
    shutil.copy(tmp_path / "another.zip", kept)
    before = kept.stat().st_mtime_ns
    np.testing.assert_array_equal(logits_of(one, x, cache=kept), plain_logits(1))
    assert kept.stat().st_mtime_ns == before


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def empty(file: Path) -> None:
    file.write_bytes(b"")


def change_a_weight(file: Path) -> None:
    content, weight = bytearray(file.read_bytes()), plain(0).state_dict()["encoder.stages.0.0.convs.0.conv.weight"]
    place = content.index(weight.numpy().tobytes()[:16])
    content[place] ^= 1
    file.write_bytes(content)


def of_another_patch(file: Path) -> None:
    file.unlink()
    network = plain(0)
    OpenVinoNetwork(ConvertibleNetwork(network, (32, 32, 32), 1), network.state_dict(), cache=file)


def no_network(file: Path) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("network.xml", "<net/>")
        archive.writestr("network.bin", b"")


@pytest.mark.parametrize("spoil", [cut_short, empty, change_a_weight, of_another_patch, no_network])
def test_a_cache_that_cannot_be_used_is_made_anew(spoil: Callable[[Path], None], kept: Path) -> None:
    spoil(kept)
    np.testing.assert_array_equal(logits_of(plain(0), noise(1), cache=kept), plain_logits(0))
    # It is whole again: the weights of another network do not matter.
    np.testing.assert_array_equal(logits_of(plain(1), noise(1), cache=kept), plain_logits(0))
    assert list(kept.parent.iterdir()) == [kept]


def test_where_nothing_can_be_kept_the_network_is_converted(tmp_path: Path) -> None:
    network, x = plain(0), noise(1)
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for blocked in (tmp_path / "file" / "fold_0.zip", tmp_path / "folder"):
        np.testing.assert_array_equal(logits_of(network, x, cache=blocked), plain_logits(0))
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "folder"]


def test_two_processes_at_once_do_not_harm_each_other(tmp_path: Path) -> None:
    file = tmp_path / "openvino" / "fold_0.zip"
    runs = [
        subprocess.Popen([sys.executable, "-c", CONVERT, str(file), "3"], stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert [(run.communicate()[1], run.returncode) for run in runs] == [("", 0)] * 2
    expected = plain_logits(0)
    found = [np.frombuffer(path.read_bytes(), np.float32) for path in file.parent.glob("*.logits")]
    assert len(found) == 2
    for logits in found:
        np.testing.assert_array_equal(logits.reshape(expected.shape), expected)
    assert len(list(file.parent.iterdir())) == 3
    np.testing.assert_array_equal(logits_of(plain(1), noise(1), cache=file), expected)


def test_the_cache_lies_in_the_models_own_folder(trained: dict[Role, Path], tmp_path: Path) -> None:
    folder = copy_model(trained[Role.CALCIFICATION], tmp_path / "model")
    model = check(folder)
    file = cache_file(model, 1)
    assert file == folder / "openvino" / f"{model.fingerprint[:16]}-2" / "fold_1.zip"
    logits_of(plain(), noise(1), cache=file)
    assert file.is_file()
    assert check(folder) == model
    installed = install(folder, tmp_path / "store")[0]
    assert installed.fingerprint == model.fingerprint
    assert not (installed.path / "openvino").exists()


def test_starter_models_have_no_cache() -> None:
    folder = starter_models_folder()
    if folder is None:
        pytest.skip("there are no starter ensembles in Resources/StarterModels")
    assert [cache_file(check(folder / role.value), 0) for role in Role] == [None, None]
