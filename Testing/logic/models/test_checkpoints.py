"""Checkpoints: original ones load, spoiled ones are told apart, crafted ones never run."""

from __future__ import annotations

import os
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from CalcScoreLogic.errors import CalcScoreError, InputError
from CalcScoreLogic.models import check, check_checkpoint, read_header, safe_loading
from Testing.logic.model_folders import (
    NEEDS_NNUNET,
    WritesFile,
    copy_model,
    make_model,
    replace_record,
)

pytestmark = NEEDS_NNUNET

FORCE, FORCE_NOT = "TORCH_FORCE_WEIGHTS_ONLY_LOAD", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("models") / "one", folds=[0])


@pytest.fixture
def model(trained: Path, tmp_path: Path) -> Path:
    return copy_model(trained, tmp_path / "copy ä")


@pytest.fixture
def checkpoint(model: Path) -> Path:
    return model / "fold_0" / "checkpoint_final.pth"


def content_of(checkpoint: Path) -> dict[str, Any]:
    import torch

    return torch.load(checkpoint, weights_only=False)  # type: ignore[no-any-return]


def save(content: Any, checkpoint: Path) -> None:
    import torch

    torch.save(content, checkpoint)


def refusal(function: Callable[[Path], Any], path: Path) -> str:
    with pytest.raises(InputError) as caught:
        function(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def test_original_checkpoint_loads_whole(checkpoint: Path) -> None:
    import torch

    original = content_of(checkpoint)
    with safe_loading():
        loaded = torch.load(checkpoint, weights_only=False)
    assert loaded["_best_ema"] == original["_best_ema"]
    assert type(loaded["logging"]["mean_fg_dice"][1]) is np.float32
    np.testing.assert_equal(loaded["logging"], original["logging"])
    assert loaded["init_args"] == original["init_args"]
    assert loaded["optimizer_state"]["param_groups"] == original["optimizer_state"]["param_groups"]
    assert all(
        torch.equal(loaded["network_weights"][name], value) for name, value in original["network_weights"].items()
    )
    assert check_checkpoint(checkpoint) == read_header(checkpoint)


@pytest.mark.parametrize("fold", [3, "3", "all"])
def test_stripped_checkpoints_pass(checkpoint: Path, fold: int | str) -> None:
    content = content_of(checkpoint)
    kept = {name: content[name] for name in ("network_weights", "trainer_name", "inference_allowed_mirroring_axes")}
    kept["network_weights"] = {name: value.half() for name, value in kept["network_weights"].items()}
    save({**kept, "init_args": {"configuration": "3d_fullres", "fold": fold}}, checkpoint)
    assert check_checkpoint(checkpoint).fold == str(fold)


def test_variants_of_the_trainer_are_told(model: Path, checkpoint: Path) -> None:
    save({**content_of(checkpoint), "trainer_name": "nnUNetTrainer_onlyMirror01_DA5"}, checkpoint)
    assert check(model).trainer == "nnUNetTrainer_onlyMirror01_DA5"


@pytest.mark.parametrize("kept", [0, 2, 4, 1000, -5000, -30, -1])
def test_cut_short_is_told(checkpoint: Path, kept: int) -> None:
    checkpoint.write_bytes(checkpoint.read_bytes()[:kept])
    for function in (read_header, check_checkpoint):
        message = refusal(function, checkpoint)
        assert {0: "empty", 2: "not a checkpoint"}.get(kept, "cut short") in message


def test_every_damaged_record_is_told(checkpoint: Path) -> None:
    intact = checkpoint.read_bytes()
    with zipfile.ZipFile(checkpoint) as archive:
        offsets = [record.header_offset for record in archive.infolist() if record.file_size]
    # A record starts after 30 bytes, its name and an extra field.
    starts = [offset + 30 + sum(struct.unpack_from("<HH", intact, offset + 26)) for offset in offsets]
    assert len(starts) > 10
    for start in starts:
        checkpoint.write_bytes(intact[:start] + bytes([intact[start] ^ 1]) + intact[start + 1 :])
        assert "damaged" in refusal(read_header, checkpoint)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"network_weights": None}, "'network_weights'"),
        ({"network_weights": {}}, "'network_weights' is empty"),
        ({"init_args": None}, "'init_args'"),
        ({"init_args": OrderedDict()}, "'init_args'"),
        ({"init_args": {"configuration": "2d", "fold": 0}}, "the configuration is '2d'"),
        ({"init_args": {"fold": 0}}, "the configuration is None"),
        ({"init_args": {"configuration": "3d_fullres", "fold": [0]}}, "the fold is [0]"),
        ({"init_args": {"configuration": "3d_fullres"}}, "the fold is None"),
        ({"trainer_name": None}, "'trainer_name'"),
        ({"trainer_name": "os"}, "'os', which is not one of nnU-Net's own trainers"),
        ({"trainer_name": "nnUNetTrainerMine"}, "'nnUNetTrainerMine', which is not one"),
        ({"inference_allowed_mirroring_axes": (0, 3)}, "mirroring axes are (0, 3)"),
    ],
)
def test_incomplete_checkpoints_are_refused(checkpoint: Path, change: dict[str, Any], words: str) -> None:
    save({**content_of(checkpoint), **change}, checkpoint)
    for function in (read_header, check_checkpoint):
        assert words in refusal(function, checkpoint)


def test_other_content_is_refused(checkpoint: Path) -> None:
    save([1, 2], checkpoint)
    assert "not a checkpoint of nnU-Net" in refusal(read_header, checkpoint)
    disguised = OrderedDict(trainer_name="nnUNetTrainer")
    disguised.get = "hidden"  # type: ignore[assignment,method-assign]
    save(disguised, checkpoint)
    assert "not a checkpoint of nnU-Net" in refusal(read_header, checkpoint)


def test_weights_that_are_no_tensors_are_refused(checkpoint: Path) -> None:
    save({**content_of(checkpoint), "network_weights": {"weight": 1}}, checkpoint)
    assert "something else than tensors" in refusal(check_checkpoint, checkpoint)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda weights: weights * float("nan"), "are not all finite, the training of this fold went wrong"),
        (lambda weights: weights / 0, "are not all finite"),
        (lambda weights: weights.char(), "are stored as int8 and not as floating-point numbers"),
    ],
)
def test_weights_that_are_no_numbers_are_refused(checkpoint: Path, spoil: Callable[[Any], Any], words: str) -> None:
    content = content_of(checkpoint)
    name = next(reversed(content["network_weights"]))
    content["network_weights"][name] = spoil(content["network_weights"][name])
    save(content, checkpoint)
    assert f"the weights {name!r} {words}" in refusal(check_checkpoint, checkpoint)


def test_a_missing_tensor_is_told(checkpoint: Path) -> None:
    copy = checkpoint.with_suffix(".new")
    with zipfile.ZipFile(checkpoint) as old, zipfile.ZipFile(copy, "w") as new:
        for record in old.infolist():
            if not record.filename.endswith("/data/0"):
                new.writestr(record.filename, old.read(record))
    copy.replace(checkpoint)
    assert "PyTorch cannot read" in refusal(check_checkpoint, checkpoint)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
def test_other_files_are_refused(checkpoint: Path) -> None:
    import torch

    with zipfile.ZipFile(checkpoint) as archive:
        records = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(checkpoint, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in records.items():
            archive.writestr(name, data)
    assert "compressed" in refusal(read_header, checkpoint)
    with zipfile.ZipFile(checkpoint, "w") as archive:
        archive.writestr("a.txt", "nothing")
    assert "not a checkpoint" in refusal(read_header, checkpoint)
    torch.jit.script(torch.nn.ReLU()).save(str(checkpoint))
    assert "not a checkpoint" in refusal(read_header, checkpoint)
    checkpoint.unlink()
    assert "missing" in refusal(read_header, checkpoint)


def test_a_senseless_pickle_is_told(checkpoint: Path) -> None:
    for data in (b"", b"garbage", b"\x80\x02}q", b"\x80\x02s.", b"\x80\x02" + b"(" * 10**5 + b"."):
        replace_record(checkpoint, "data.pkl", data)
        assert "makes no sense" in refusal(read_header, checkpoint)


@pytest.mark.parametrize(
    ("data", "operation"),
    [
        (b"\x80\x02}r\xff\xff\xff\x7f.", "LONG_BINPUT"),
        (b"\x80\x05\x96" + b"\xff" * 5 + b"\x00\x00\x00.", "makes no sense"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93.", "SHORT_BINUNICODE"),
        (b"cos\nsystem\n.", "os.system"),
        (b"(S'true'\nios\nsystem\n.", "STRING"),
        (b"\x80\x02\x82\x01.", "EXT1"),
    ],
)
def test_operations_that_pytorch_never_writes_are_refused(checkpoint: Path, data: bytes, operation: str) -> None:
    replace_record(checkpoint, "data.pkl", data)
    assert operation in refusal(read_header, checkpoint)


def inside_original(checkpoint: Path, trap: Any) -> None:
    """All that nnU-Net stores, and the trap among it."""
    save({**content_of(checkpoint), "logging": trap}, checkpoint)


def pickle_replaced(checkpoint: Path, trap: Any) -> None:
    """An original zip around a crafted pickle."""
    replace_record(checkpoint, "data.pkl", pickle.dumps(trap, protocol=4))


def no_zip(checkpoint: Path, trap: Any) -> None:
    """A bare pickle."""
    checkpoint.write_bytes(pickle.dumps(trap, protocol=2))


def old_format(checkpoint: Path, trap: Any) -> None:
    """What PyTorch wrote before 1.6."""
    import torch

    torch.save({"trainer_name": trap}, checkpoint, _use_new_zipfile_serialization=False)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol 4")
@pytest.mark.parametrize("make", [inside_original, pickle_replaced, no_zip, old_format])
def test_crafted_checkpoints_never_run(model: Path, checkpoint: Path, tmp_path: Path, make: Any) -> None:
    import torch
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    written = tmp_path / "written"
    make(checkpoint, WritesFile(written))
    refusal(read_header, checkpoint)
    refusal(check_checkpoint, checkpoint)
    with pytest.raises(InputError):
        check(model)
    predictor = nnUNetPredictor(device=torch.device("cpu"))
    with pytest.raises(InputError, match="never stores"), safe_loading(model):
        predictor.initialize_from_trained_model_folder(str(model), use_folds=(0,))
    assert not written.exists()
    # The trap is real: stock nnU-Net alone steps into it, whatever it says afterwards.
    with suppress(Exception):
        predictor.initialize_from_trained_model_folder(str(model), use_folds=(0,))
    assert written.read_text() == "it ran"


class Calls:
    """Pickles as a call of a function with arguments, followed by a state."""

    def __init__(self, function: Any, arguments: tuple[Any, ...], state: Any = None) -> None:
        self.call = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


SCALAR = np.float64(1).__reduce__()[0]
DOUBLE = np.dtype("f8")


@pytest.mark.parametrize(
    "value",
    [
        Calls(np.dtype, ("O8", False, True)),
        Calls(np.dtype, ("V8", False, True)),
        Calls(np.dtype, (["f8"], False, True)),
        Calls(np.dtype, ("f8", False, True), (3, "!", None, None, None, -1, -1, 0)),
        Calls(SCALAR, (Calls(np.dtype, ("O8", False, True)), {"a": 1})),
        Calls(SCALAR, (DOUBLE, b"short")),
        Calls(SCALAR, (DOUBLE, b"\x00" * 16)),
        Calls(SCALAR, ("f8", b"\x00" * 8)),
    ],
)
def test_numpy_values_that_are_no_numbers_are_refused(checkpoint: Path, value: Any) -> None:
    import torch

    save({**content_of(checkpoint), "_best_ema": value}, checkpoint)
    with pytest.raises(InputError, match="never stores"), safe_loading(checkpoint):
        torch.load(checkpoint, weights_only=False)


@pytest.mark.parametrize("before", [{}, {FORCE: "0"}, {FORCE_NOT: "1"}, {FORCE: "1", FORCE_NOT: "0"}])
def test_safe_loading_restores_everything(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch, before: dict[str, str]
) -> None:
    import torch

    for name in (FORCE, FORCE_NOT):
        monkeypatch.delenv(name, raising=False)
    for name, value in before.items():
        monkeypatch.setenv(name, value)
    allowed = torch.serialization.get_safe_globals()
    with safe_loading():
        torch.load(checkpoint)
        assert (os.environ[FORCE], FORCE_NOT in os.environ) == ("1", False)
    with pytest.raises(ZeroDivisionError), safe_loading():
        1 / 0  # noqa: B018
    assert {name: os.environ[name] for name in (FORCE, FORCE_NOT) if name in os.environ} == before
    # PyTorch keeps them in a set, whose order may differ.
    assert set(torch.serialization.get_safe_globals()) == set(allowed)


def test_pytorch_with_unsafe_safe_loading_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch, "__version__", "2.5.1+cu124")
    with pytest.raises(CalcScoreError, match=r"2\.5\.1.*install 2\.6"), safe_loading():
        pass
