"""nnU-Net's plans for networks that no data set was planned for."""

from __future__ import annotations

from typing import Any

from ...models import Role
from ..recipe import CONFIGURATION, dataset_name
from .recipe import CLIP_HU, SCALE_HU, StarterNetwork, StarterRecipe


def starter_plans(recipe: StarterRecipe, role: Role) -> dict[str, Any]:
    """Write nnU-Net's plans for a network of the recipe.

    Parameters
    ----------
    recipe : StarterRecipe
        The recipe.
    role : Role
        The ensemble.

    Returns
    -------
    dict
        Plans with one configuration, axes in the order (z, y, x).
    """
    network = recipe.networks[role]
    low, high = CLIP_HU
    intensities = {
        "min": low,
        "max": high,
        "percentile_00_5": low,
        "percentile_99_5": high,
        "mean": low,
        "median": low,
        "std": SCALE_HU,
    }
    spacing = [network.spacing_mm] * 3
    return {
        "dataset_name": dataset_name(role),
        "plans_name": recipe.plans_name,
        "original_median_spacing_after_transp": spacing,
        "original_median_shape_after_transp": list(network.patch_size),
        "image_reader_writer": "SimpleITKIO",
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "configurations": {CONFIGURATION: _configuration(recipe, network)},
        "experiment_planner_used": "ExperimentPlanner",
        "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {"0": intensities},
    }


def _configuration(recipe: StarterRecipe, network: StarterNetwork) -> dict[str, Any]:
    resampling = "resample_data_or_seg_to_shape"
    orders = {"data": 3, "seg": 1, "probabilities": 1}
    return {
        "data_identifier": f"{recipe.plans_name}_{CONFIGURATION}",
        "preprocessor_name": "DefaultPreprocessor",
        "batch_size": network.batch_size,
        "patch_size": list(network.patch_size),
        "median_image_size_in_voxels": [float(size) for size in network.patch_size],
        "spacing": [network.spacing_mm] * 3,
        "normalization_schemes": ["CTNormalization"],
        "use_mask_for_norm": [False],
        **{f"resampling_fn_{kind}": resampling for kind in orders},
        **{
            f"resampling_fn_{kind}_kwargs": {
                "is_seg": kind == "seg",
                "order": order,
                "order_z": 0,
                "force_separate_z": None,
            }
            for kind, order in orders.items()
        },
        "architecture": _architecture(network),
        "batch_dice": True,
    }


def _architecture(network: StarterNetwork) -> dict[str, Any]:
    stages = len(network.features)
    return {
        "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
        "arch_kwargs": {
            "n_stages": stages,
            "features_per_stage": list(network.features),
            "conv_op": "torch.nn.modules.conv.Conv3d",
            "kernel_sizes": [[3, 3, 3]] * stages,
            "strides": [[1, 1, 1]] + [[2, 2, 2]] * (stages - 1),
            "n_conv_per_stage": list(network.convolutions),
            "n_conv_per_stage_decoder": [1] * (stages - 1),
            "conv_bias": True,
            "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
            "norm_op_kwargs": {"eps": 1e-5, "affine": True},
            "dropout_op": None,
            "dropout_op_kwargs": None,
            "nonlin": "torch.nn.LeakyReLU",
            "nonlin_kwargs": {"inplace": True},
        },
        "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
    }
