"""Tiny trained-model folders, made with nnU-Net's own classes, and crafted ones."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from CalcScoreLogic.models import Role

NEEDS_NNUNET = pytest.mark.skipif(
    find_spec("torch") is None or find_spec("nnunetv2") is None, reason="PyTorch and nnU-Net are not installed"
)

LABELS = {
    Role.TERRITORIES: {"background": 0, "aorta": 1, "iliac": 2, "mesenteric": 3, "renal": 4},
    Role.CALCIFICATION: {"background": 0, "artery": 1, "calcification": 2},
}
NETWORK = "dynamic_network_architectures.architectures.unet.PlainConvUNet"


def make_model(
    folder: Path,
    role: Role = Role.TERRITORIES,
    folds: Iterable[int] = range(5),
    *,
    seed: int = 0,
    labels: dict[str, int] | None = None,
    about: dict[str, Any] | None = None,
    **checkpoint: Any,
) -> Path:
    """Make a model folder that stock nnU-Net loads; `checkpoint` replaces members of every checkpoint.

    Every fold has small random weights of its own, so that several can run together.
    """
    import torch

    dataset, plans = dataset_json(role, labels), plans_json()
    folder.mkdir(parents=True)
    write(folder / "dataset.json", dataset)
    write(folder / "plans.json", plans)
    if about is not None:
        write(folder / "calcscore_model.json", about)
    for number, fold in enumerate(folds):
        network = random_network(plans, dataset, seed + 1000 * number)
        (folder / f"fold_{fold}").mkdir()
        content = {**original_checkpoint(network, plans, dataset, fold), **checkpoint}
        torch.save(content, folder / f"fold_{fold}" / "checkpoint_final.pth")
    return folder


def random_network(plans: Any, dataset: Any, seed: int) -> Any:
    """Build the network of plans as nnU-Net does, with random weights."""
    import torch
    from nnunetv2.utilities.get_network_from_plans import get_network_from_plans

    architecture = plans["configurations"]["3d_fullres"]["architecture"]
    torch.manual_seed(seed)
    return get_network_from_plans(
        architecture["network_class_name"],
        architecture["arch_kwargs"],
        architecture["_kw_requires_import"],
        1,
        len(dataset["labels"]),
        deep_supervision=False,
    )


def make_pair(folder: Path) -> dict[Role, Path]:
    """Make a model of each role, with two folds, as nnU-Net leaves it: with files that are not needed."""
    made = {role: make_model(folder / role.value, role, [0, 1], seed=7) for role in Role}
    for model in made.values():
        (model / "LICENSE.txt").write_text("terms")
        (model / "fold_0" / "progress.png").write_bytes(b"picture")
        (model / "crossval_results_folds_0_1").mkdir()
        for name in ("dataset.json", "plans.json"):
            shutil.copy(model / name, model / "crossval_results_folds_0_1" / name)
    return made


def dataset_json(role: Role, labels: dict[str, int] | None = None) -> dict[str, Any]:
    """What nnU-Net's `generate_dataset_json` writes."""
    return {
        "channel_names": {"0": "CT"},
        "labels": labels or LABELS[role],
        "numTraining": 8,
        "file_ending": ".nii.gz",
        "overwrite_image_reader_writer": "SimpleITKIO",
    }


def plans_json() -> dict[str, Any]:
    """What nnU-Net's default planner writes, with a tiny network."""
    resampling = {"is_seg": False, "order": 3, "order_z": 0, "force_separate_z": None}
    fullres = {
        "data_identifier": "nnUNetPlans_3d_fullres",
        "preprocessor_name": "DefaultPreprocessor",
        "batch_size": 2,
        "patch_size": [8, 16, 32],
        "median_image_size_in_voxels": [40.0, 50.0, 60.0],
        "spacing": [3.0, 1.5, 2.0],
        "normalization_schemes": ["CTNormalization"],
        "use_mask_for_norm": [False],
        "resampling_fn_data": "resample_data_or_seg_to_shape",
        "resampling_fn_seg": "resample_data_or_seg_to_shape",
        "resampling_fn_data_kwargs": resampling,
        "resampling_fn_seg_kwargs": {**resampling, "is_seg": True, "order": 1},
        "resampling_fn_probabilities": "resample_data_or_seg_to_shape",
        "resampling_fn_probabilities_kwargs": {**resampling, "order": 1},
        "architecture": {
            "network_class_name": NETWORK,
            "arch_kwargs": {
                "n_stages": 2,
                "features_per_stage": [2, 4],
                "conv_op": "torch.nn.modules.conv.Conv3d",
                "kernel_sizes": [[3, 3, 3], [3, 3, 3]],
                "strides": [[1, 1, 1], [2, 2, 2]],
                "n_conv_per_stage": [1, 1],
                "n_conv_per_stage_decoder": [1],
                "conv_bias": True,
                "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
                "norm_op_kwargs": {"eps": 1e-05, "affine": True},
                "dropout_op": None,
                "dropout_op_kwargs": None,
                "nonlin": "torch.nn.LeakyReLU",
                "nonlin_kwargs": {"inplace": True},
            },
            "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
        },
        "batch_dice": False,
    }
    intensities = {"max": 1500.0, "mean": 300.0, "median": 280.0, "min": -200.0, "std": 120.0}
    return {
        "dataset_name": "Dataset001_Tiny",
        "plans_name": "nnUNetPlans",
        "original_median_spacing_after_transp": [3.0, 1.5, 2.0],
        "original_median_shape_after_transp": [40, 50, 60],
        "image_reader_writer": "SimpleITKIO",
        "transpose_forward": [1, 0, 2],
        "transpose_backward": [1, 0, 2],
        "configurations": {
            "3d_fullres": fullres,
            "3d_cascade_fullres": {"inherits_from": "3d_fullres", "previous_stage": "3d_lowres"},
        },
        "experiment_planner_used": "ExperimentPlanner",
        "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {
            "0": {**intensities, "percentile_00_5": -50.0, "percentile_99_5": 900.0}
        },
    }


def original_checkpoint(network: Any, plans: Any, dataset: Any, fold: int) -> dict[str, Any]:
    """What `nnUNetTrainer.save_checkpoint` puts into a checkpoint: NumPy scalars, a device, an optimizer."""
    import torch

    optimizer = torch.optim.SGD(network.parameters(), 1e-2, momentum=0.99, nesterov=True)
    # The mean: the step that fills the optimizer hardly moves the weights.
    network(torch.zeros(1, 1, 8, 16, 32)).mean().backward()
    optimizer.step()
    init_args = {"plans": plans, "configuration": "3d_fullres", "fold": fold, "dataset_json": dataset}
    return {
        "network_weights": network.state_dict(),
        "optimizer_state": optimizer.state_dict(),
        "grad_scaler_state": {"scale": 65536.0, "growth_factor": 2.0, "_growth_tracker": 0},
        "logging": {
            "mean_fg_dice": [np.float64(0.5), np.float32(0.25)],
            "dice_per_class_or_region": [[np.float64(0.75), np.float64("nan")]],
            "lrs": [0.01],
        },
        "_best_ema": np.float64(0.5),
        "current_epoch": 1000,
        "init_args": {**init_args, "device": torch.device("cuda")},
        "trainer_name": "nnUNetTrainer",
        "inference_allowed_mirroring_axes": (0, 1, 2),
    }


class WritesFile:
    """An object whose pickle writes a file when it is loaded."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.write_text, (self.target, "it ran")


def replace_record(checkpoint: Path, name: str, data: bytes) -> None:
    """Replace one record of a checkpoint and leave all else as it was, with right checksums."""
    copy = checkpoint.with_suffix(".new")
    with zipfile.ZipFile(checkpoint) as old, zipfile.ZipFile(copy, "w") as new:
        for record in old.infolist():
            right = record.filename.endswith(f"/{name}")
            new.writestr(record.filename, data if right else old.read(record))
    copy.replace(checkpoint)


def zip_folder(folder: Path, target: Path, inside: str = "") -> Path:
    """Zip a folder, its content below `inside`."""
    with zipfile.ZipFile(target, "a", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, Path(inside, path.relative_to(folder)).as_posix())
    return target


def copy_model(model: Path, target: Path) -> Path:
    """Copy a model folder, to spoil the copy."""
    shutil.copytree(model, target)
    return target


def change(path: Path, *keys: str, to: Any) -> None:
    """Change one member of a JSON file."""
    content = json.loads(path.read_text())
    inner = content
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = to
    write(path, content)


def write(path: Path, content: Any) -> None:
    """Write JSON."""
    path.write_text(json.dumps(content))
