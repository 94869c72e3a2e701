"""`models.check`: what a model folder is, and in words why one cannot be used."""

from __future__ import annotations

import hashlib
import json
import pydoc
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from CalcScoreLogic.anatomy import Territory
from CalcScoreLogic.errors import InputError
from CalcScoreLogic.models import Role, check, check_fully, nnunet_names
from CalcScoreLogic.models.checkpoints import safe_loading
from Testing.logic.model_folders import LABELS, NEEDS_NNUNET, change, copy_model, make_model, write

pytestmark = NEEDS_NNUNET

FULLRES = ("configurations", "3d_fullres")
ARGUMENTS = (*FULLRES, "architecture", "arch_kwargs")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("models") / "Ensemble ä b")


@pytest.fixture
def model(trained: Path, tmp_path: Path) -> Path:
    return copy_model(trained, tmp_path / "copy ä")


def refusal(folder: Path) -> str:
    """The one sentence that `check` refuses a folder with."""
    with pytest.raises(InputError) as caught:
        check(folder)
    message = str(caught.value)
    assert str(folder) in message
    assert "\n" not in message
    assert "Traceback" not in message
    return message


def test_check_describes_a_model(trained: Path) -> None:
    model = check_fully(trained)
    assert (model.path, model.name, model.role) == (trained, "Ensemble ä b", Role.TERRITORIES)
    assert (model.folds, model.missing_folds) == ((0, 1, 2, 3, 4), ())
    assert model.label_values == {int(label): int(label) for label in Territory}
    # The plans store [3, 1.5, 2] and [8, 16, 32] with the first two axes of z, y, x exchanged.
    assert model.spacing_mm == (2.0, 3.0, 1.5)
    assert model.patch_size == (32, 8, 16)
    assert (model.trainer, model.demo, model.trained_on) == ("nnUNetTrainer", False, None)
    assert model.mirroring_axes == (0, 1, 2)
    files = [trained / "dataset.json", trained / "plans.json", *sorted(trained.glob("fold_*/*.pth"))]
    assert model.size_bytes == sum(file.stat().st_size for file in files)
    assert json.loads(json.dumps(model.to_dict()))["folds"] == [0, 1, 2, 3, 4]


def test_fingerprint_is_that_of_sha256sum(trained: Path) -> None:
    names = ["dataset.json", "plans.json", *(f"fold_{fold}/checkpoint_final.pth" for fold in range(5))]
    lines = [f"{hashlib.sha256((trained / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    assert check(trained).fingerprint == hashlib.sha256("".join(lines).encode()).hexdigest()


def test_fingerprint_tells_contents_apart(model: Path, trained: Path) -> None:
    (model / "README.md").write_text("not covered")
    assert check(model).fingerprint == check(trained).fingerprint
    shutil.copy(model / "fold_0" / "checkpoint_final.pth", model / "fold_1" / "checkpoint_final.pth")
    assert check(model).fingerprint != check(trained).fingerprint


def test_stock_nnunet_loads_the_same_folder(trained: Path) -> None:
    import torch
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    predictor = nnUNetPredictor(device=torch.device("cpu"))
    with safe_loading(trained):
        predictor.initialize_from_trained_model_folder(str(trained), use_folds=None)
    assert len(predictor.list_of_parameters) == 5
    assert predictor.network(torch.zeros(1, 1, 8, 16, 32)).shape == (1, 5, 8, 16, 32)


def test_fewer_folds_are_accepted_and_told(model: Path) -> None:
    shutil.rmtree(model / "fold_1")
    (model / "fold_3" / "checkpoint_final.pth").rename(model / "fold_3" / "checkpoint_latest.pth")
    (model / "fold_all").mkdir()
    found = check(model)
    assert (found.folds, found.missing_folds) == ((0, 2, 4), (1, 3))


def test_about_file_is_read(model: Path) -> None:
    about = {
        "name": "Site A",
        "role": "territories",
        "trained_on": "40 CTAs\n\x1b[1m",
        "demo": True,
        "synthetic": True,
        "note": "n",
    }
    write(model / "calcscore_model.json", about)
    found = check(model)
    assert (found.name, found.trained_on, found.demo, found.synthetic, found.note) == (
        "Site A",
        "40 CTAs [1m",
        True,
        True,
        "n",
    )


def test_older_names_are_understood(model: Path) -> None:
    dataset, plans = (json.loads((model / name).read_text()) for name in ("dataset.json", "plans.json"))
    dataset["modality"] = dataset.pop("channel_names")
    intensities = plans.pop("foreground_intensity_properties_per_channel")
    plans["foreground_intensity_properties_by_modality"] = intensities
    del plans["configurations"]["3d_fullres"]["architecture"]
    plans["configurations"]["3d_fullres"]["UNet_class_name"] = "PlainConvUNet"
    write(model / "dataset.json", dataset)
    write(model / "plans.json", plans)
    assert check(model).role is Role.TERRITORIES


@pytest.mark.parametrize(
    ("labels", "role", "values"),
    [
        (
            {"renal": 1, "background": 0, "mesenteric": 2, "iliac": 3, "aorta": 4},
            Role.TERRITORIES,
            {1: 4, 2: 3, 3: 2, 4: 1},
        ),
        (
            {"background": 0, "Aorta": 1, "Renal_arteries": 2, "iliac artery": 3, "MESENTERIC": 4, "ignore": 5},
            Role.TERRITORIES,
            {1: 1, 2: 4, 3: 2, 4: 3},
        ),
        ({"background": 0, "Calcifications": 1, "arteries": 2}, Role.CALCIFICATION, {1: 2, 2: 1}),
        # Further labels, wherever they stand, count as background.
        (
            {"background": 0, "aorta": 1, "vein": 2, "iliac": 3, "mesenteric": 4, "renal": 5, "spleen": 6},
            Role.TERRITORIES,
            {1: 1, 2: 0, 3: 2, 4: 3, 5: 4, 6: 0},
        ),
        (
            {"background": 0, "artery": 1, "calcification": 2, "stent": 3},
            Role.CALCIFICATION,
            {1: 1, 2: 2, 3: 0},
        ),
    ],
)
def test_labels_are_mapped_by_name(model: Path, labels: dict[str, int], role: Role, values: dict[int, int]) -> None:
    change(model / "dataset.json", "labels", to=labels)
    found = check(model)
    assert (found.role, found.label_values) == (role, values)


_TERRITORIES = LABELS[Role.TERRITORIES]


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (
            {"background": 0, "liver": 1},
            ["liver", "aorta, iliac, mesenteric, renal", "artery, calcification"],
        ),
        ({"background": 0, "aorta": 1, "iliac": 2, "renal": 3}, ["aorta, iliac, mesenteric, renal"]),
        ({"background": 0, "left renal": 1, "aorta": 2, "iliac": 3, "mesenteric": 4}, ["left renal"]),
        # Two names that mean the same are not one to one.
        ({**_TERRITORIES, "renal artery": 5}, ["renal artery"]),
        ({**_TERRITORIES, "aorta": [1, 2]}, ["regions"]),
        ({"0": "background", "1": "artery", "2": "calcification"}, ["background"]),
        ({"aorta": 1, "iliac": 2, "mesenteric": 3, "renal": 4}, ["background"]),
        ({**_TERRITORIES, "background": 5}, ["background"]),
        ({**_TERRITORIES, "renal": 5}, ["[1, 2, 3, 5]", "[1, 2, 3, 4]"]),
        ({**_TERRITORIES, "renal": 3}, ["[1, 2, 3, 3]"]),
        ({**_TERRITORIES, "renal": True}, ["True"]),
        ({**_TERRITORIES, "renal": "4"}, ["'4'"]),
        ({**_TERRITORIES, "ignore": 9}, ["ignore", "5"]),
        ([], ["labels", "an object"]),
    ],
)
def test_other_labels_are_refused(model: Path, labels: Any, words: list[str]) -> None:
    change(model / "dataset.json", "labels", to=labels)
    message = refusal(model)
    assert all(word in message for word in ["dataset.json", *words]), message


Spoil = Callable[[Path], Any]


def _set(name: str, *keys: str, to: Any) -> Spoil:
    return lambda folder: change(folder / name, *keys, to=to)


def _drop_folds(folder: Path) -> None:
    for fold in folder.glob("fold_*"):
        shutil.rmtree(fold)


def _only_fold_all(folder: Path) -> None:
    (folder / "fold_0").rename(folder / "fold_all")
    for fold in folder.glob("fold_[0-9]"):
        shutil.rmtree(fold)


def _unfinished(folder: Path) -> None:
    for file in folder.glob("fold_*/checkpoint_final.pth"):
        file.rename(file.with_name("checkpoint_best.pth"))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: (folder / "dataset.json").unlink(), ["dataset.json", "missing"]),
        (lambda folder: (folder / "plans.json").unlink(), ["plans.json", "missing"]),
        (lambda folder: (folder / "plans.json").write_text("{"), ["plans.json", "not JSON"]),
        (lambda folder: (folder / "plans.json").write_bytes(b"\xff\xfe{"), ["plans.json", "not JSON"]),
        (lambda folder: (folder / "plans.json").write_text("[" * 10**5), ["plans.json", "not JSON"]),
        (lambda folder: (folder / "dataset.json").write_text("[1]"), ["dataset.json", "JSON object"]),
        (lambda folder: (folder / "plans.json").write_text("{}"), ["plans.json", "configurations"]),
        (_set("dataset.json", "channel_names", to={"0": "MRI"}), ["channel_names", "MRI", "CT"]),
        (_set("dataset.json", "channel_names", to={"0": "CT", "1": "CT"}), ["one channel"]),
        (_set("dataset.json", "channel_names", to={}), ["one channel"]),
        (_set("dataset.json", "modality", to={"0": "zscore"}), ["modality", "zscore"]),
        (_set("dataset.json", "regions_class_order", to=[1, 2, 3, 4]), ["regions"]),
        (_set("plans.json", "configurations", to={"2d": {}}), ["3d_fullres", "2d"]),
        (_set("plans.json", *FULLRES, "previous_stage", to="3d_lowres"), ["cascade"]),
        (_set("plans.json", *FULLRES, "inherits_from", to="3d_fullres"), ["inherits"]),
        (_set("plans.json", *FULLRES, "inherits_from", to="nothing"), ["inherits", "nothing"]),
        (_set("plans.json", *FULLRES, "spacing", to=[1, 1]), ["spacing"]),
        (_set("plans.json", *FULLRES, "spacing", to=[1, 1, 0]), ["spacing"]),
        (_set("plans.json", *FULLRES, "spacing", to=[1, 1, 10**400]), ["spacing"]),
        (_set("plans.json", *FULLRES, "patch_size", to=[8, 8, 8.5]), ["patch size"]),
        (_set("plans.json", *FULLRES, "patch_size", to=[8, 8]), ["patch size"]),
        (_set("plans.json", *FULLRES, "normalization_schemes", to=["CTNormalization"] * 2), ["2 entries"]),
        (_set("plans.json", *FULLRES, "resampling_fn_data_kwargs", to=None), ["resampling_fn_data_kwargs"]),
        (_set("plans.json", "transpose_backward", to=[1, 2, 0]), ["axis orders"]),
        (_set("plans.json", "transpose_forward", to=[0, 0, 0]), ["axis orders"]),
        (_set("plans.json", "foreground_intensity_properties_per_channel", "0", "std", to=None), ["std"]),
        (_drop_folds, ["no fold folder", "fold_0"]),
        (_only_fold_all, ["fold_all"]),
        (_unfinished, ["fold_0", "fold_4", "checkpoint_final.pth"]),
        (lambda folder: write(folder / "calcscore_model.json", {"role": "calcification"}), ["role", "territories"]),
        (lambda folder: write(folder / "calcscore_model.json", {"demo": "yes"}), ["demo", "true or false"]),
        (
            lambda folder: write(folder / "calcscore_model.json", {"least_piece_mm3": -1}),
            ["least_piece_mm3", "-1", "0 to 1000"],
        ),
        (lambda folder: write(folder / "calcscore_model.json", {"least_piece_mm3": True}), ["least_piece_mm3", "True"]),
    ],
)
def test_wrong_folders_are_refused(model: Path, spoil: Spoil, words: list[str]) -> None:
    spoil(model)
    message = refusal(model)
    assert all(word in message for word in words), message


def test_no_folder_is_refused(model: Path, tmp_path: Path) -> None:
    assert "no such folder" in refusal(tmp_path / "nowhere")
    assert "this is a file" in refusal(model / "plans.json")


@pytest.mark.parametrize(
    ("name", "keys", "value"),
    [
        ("plans.json", (*FULLRES, "architecture", "network_class_name"), "os.system"),
        ("plans.json", (*FULLRES, "architecture", "network_class_name"), "subprocess.Popen"),
        ("plans.json", (*FULLRES, "architecture", "network_class_name"), "evil.unet.PlainConvUNet"),
        ("plans.json", (*FULLRES, "architecture", "network_class_name"), None),
        ("plans.json", (*FULLRES, "architecture", "network_class_name"), ["os.system"]),
        ("plans.json", (*ARGUMENTS, "conv_op"), "os.system"),
        ("plans.json", (*ARGUMENTS, "norm_op"), "torch.hub.load"),
        ("plans.json", (*ARGUMENTS, "nonlin"), "torch.load"),
        ("plans.json", (*ARGUMENTS, "dropout_op"), "builtins.exec"),
        ("plans.json", (*ARGUMENTS, "n_stages"), "builtins.eval"),
        ("plans.json", (*ARGUMENTS, "norm_op_kwargs"), {"eps": [{"deep": "os.system"}]}),
        ("plans.json", (*FULLRES, "preprocessor_name"), "os"),
        ("plans.json", (*FULLRES, "preprocessor_name"), "DatasetFingerprintExtractor"),
        ("plans.json", (*FULLRES, "resampling_fn_data"), "recursive_find_python_class"),
        ("plans.json", (*FULLRES, "resampling_fn_probabilities"), "os.system"),
        ("plans.json", (*FULLRES, "resampling_fn_seg"), "os.system"),
        ("plans.json", (*FULLRES, "normalization_schemes"), ["np"]),
        ("plans.json", ("configurations", "3d_cascade_fullres", "preprocessor_name"), "evil"),
        ("plans.json", ("image_reader_writer",), "evil.Reader"),
        ("plans.json", ("label_manager",), "evil.Manager"),
        ("plans.json", ("experiment_planner_used",), "evil.Planner"),
        ("dataset.json", ("overwrite_image_reader_writer",), "evil.Reader"),
    ],
)
def test_foreign_classes_are_refused_by_name(model: Path, name: str, keys: tuple[str, ...], value: Any) -> None:
    change(model / name, *keys, to=value)
    message = refusal(model)
    assert "not one of nnU-Net's own" in message
    assert name in message


@pytest.mark.parametrize("required", [["conv_op", "os.system"], [["conv_op"]], ["n_stages"]])
def test_foreign_imports_are_refused(model: Path, required: list[Any]) -> None:
    change(model / "plans.json", *FULLRES, "architecture", "_kw_requires_import", to=[*required, "absent"])
    # An argument that is not there is nothing to import; the others are no classes.
    assert "_kw_requires_import" in refusal(model)


def test_old_network_names_are_checked(model: Path) -> None:
    plans = json.loads((model / "plans.json").read_text())
    del plans["configurations"]["3d_fullres"]["architecture"]
    plans["configurations"]["3d_fullres"]["UNet_class_name"] = "os.system"
    write(model / "plans.json", plans)
    assert "not one of nnU-Net's own" in refusal(model)
    del plans["configurations"]["3d_fullres"]["UNet_class_name"]
    write(model / "plans.json", plans)
    assert "UNet_class_name" in refusal(model)


@pytest.mark.parametrize(
    ("package", "pattern", "allowed"),
    [
        ("training/nnUNetTrainer", r"^class (\w*)\(", nnunet_names.TRAINERS | {"AbstractPrimus", "nnUNetTrainer"}),
        ("experiment_planning/experiment_planners", r"^class (\w*Planner\w*)\(", nnunet_names.PLANNERS),
        ("imageio", r"^class (\w*IO\w*)\(", nnunet_names.READERS),
        ("preprocessing/normalization", r"^class (\w+Normalization)\(ImageN", nnunet_names.NORMALIZATIONS),
        ("preprocessing/preprocessors", r"^class (\w+Preprocessor)\(", nnunet_names.PREPROCESSORS),
    ],
)
def test_nothing_of_nnunets_own_is_left_out(package: str, pattern: str, allowed: frozenset[str]) -> None:
    import nnunetv2

    files = (Path(nnunetv2.__path__[0]) / package).rglob("*.py")
    found = {name for file in files for name in re.findall(pattern, file.read_text(encoding="utf-8"), re.MULTILINE)}
    assert found
    assert found <= allowed


def test_listed_layers_are_classes_of_networks() -> None:
    import torch

    for name in nnunet_names.OPERATIONS:
        assert issubclass(pydoc.locate(name), torch.nn.Module), name  # type: ignore[arg-type]


def test_check_needs_no_pytorch(trained: Path) -> None:
    program = (
        "import sys, pathlib; sys.modules['torch'] = None; from CalcScoreLogic.models import check; "
        "print(check(pathlib.Path(sys.argv[1])).trainer)"
    )
    done = subprocess.run([sys.executable, "-c", program, trained], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "nnUNetTrainer"
