"""What a tile costs: by hand, and as PyTorch counts it on the networks that nnU-Net builds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from CalcScoreLogic.inference.cost_model import TileCost, tile_cost
from Testing.logic.model_folders import NEEDS_NNUNET, plans_json
from Testing.phantom_networks import PHANTOM_NETWORKS

RESIDUAL = "dynamic_network_architectures.architectures.unet.ResidualEncoderUNet"


def plans_with(patch: list[int], name: str | None = None, **arguments: Any) -> dict[str, Any]:
    """Plans as nnU-Net writes them, with another network."""
    plans = plans_json()
    configuration = plans["configurations"]["3d_fullres"]
    configuration["patch_size"] = patch
    architecture = configuration["architecture"]
    architecture["network_class_name"] = name or architecture["network_class_name"]
    if name:
        del architecture["arch_kwargs"]["n_conv_per_stage"]
    architecture["arch_kwargs"].update(arguments)
    return plans


def standard(patch: list[int], strides: list[list[int]], **arguments: Any) -> dict[str, Any]:
    """What nnU-Net's default planner writes for a patch."""
    stages = len(strides)
    return plans_with(
        patch,
        n_stages=stages,
        features_per_stage=[32, 64, 128, 256, 320, 320][:stages],
        kernel_sizes=[[3, 3, 3]] * stages,
        strides=strides,
        n_conv_per_stage=[2] * stages,
        n_conv_per_stage_decoder=[2] * (stages - 1),
        **arguments,
    )


def residual(patch: list[int], **arguments: Any) -> dict[str, Any]:
    """What nnU-Net's planner of residual encoders writes, narrower."""
    return plans_with(
        patch,
        RESIDUAL,
        n_stages=4,
        features_per_stage=[8, 16, 32, 32],
        kernel_sizes=[[1, 3, 3], [3, 3, 3], [3, 3, 3], [3, 3, 3]],
        strides=[[1, 1, 1], [1, 2, 2], [2, 2, 2], [2, 2, 2]],
        n_blocks_per_stage=[1, 3, 4, 2],
        n_conv_per_stage_decoder=[1, 1, 1],
        **arguments,
    )


def old(patch: list[int], name: str) -> dict[str, Any]:
    """Plans as nnU-Net wrote them before version 2.4."""
    plans = plans_json()
    configuration = plans["configurations"]["3d_fullres"]
    del configuration["architecture"]
    configuration.update(
        patch_size=patch,
        UNet_class_name=name,
        UNet_base_num_features=8,
        unet_max_num_features=20,
        num_pool_per_axis=[1, 2, 2],
        n_conv_per_stage_encoder=[2, 3, 1],
        n_conv_per_stage_decoder=[2, 1],
        conv_kernel_sizes=[[3, 3, 3]] * 3,
        pool_op_kernel_sizes=[[1, 1, 1], [2, 2, 2], [1, 2, 2]],
    )
    return plans


def demo(role: str) -> dict[str, Any]:
    plans: dict[str, Any] = json.loads((PHANTOM_NETWORKS / role / "plans.json").read_text(encoding="utf-8"))
    return plans


def counted(plans: dict[str, Any], heads: int) -> tuple[int, int]:
    """Count operations, and what the convolutions write, on the network that nnU-Net builds."""
    import torch
    from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
    from torch.utils.flop_counter import FlopCounterMode

    configuration = PlansManager(plans).get_configuration("3d_fullres")
    network = get_network_from_plans(
        configuration.network_arch_class_name,
        configuration.network_arch_init_kwargs,
        configuration.network_arch_init_kwargs_req_import,
        1,
        heads,
        deep_supervision=False,
    )
    network = network.to("meta").eval()
    written = 0

    def note(module: Any, inputs: Any, output: Any) -> None:
        nonlocal written
        written += output.numel()

    for module in network.modules():
        if isinstance(module, (torch.nn.Conv3d, torch.nn.ConvTranspose3d)):
            module.register_forward_hook(note)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(torch.empty((1, 1, *configuration.patch_size), device="meta"))
    return counter.get_total_flops(), written


def test_a_tiny_network_by_hand() -> None:
    # A patch of 8 x 16 x 32 = 4096 voxels, 512 of them in the lower stage; two operations a weight and voxel.
    encoder = 2 * (4096 * 1 * 2 * 27 + 512 * 2 * 4 * 27)
    decoder = 2 * (512 * 4 * 2 * 8 + 4096 * 4 * 2 * 27)
    segmentation = 2 * 4096 * 2 * 5
    written = 4096 * 2 + 512 * 4 + 4096 * 2 + 4096 * 2 + 4096 * 5
    assert tile_cost(plans_json(), 5) == TileCost(encoder + decoder + segmentation, written)


@NEEDS_NNUNET
@pytest.mark.filterwarnings("ignore:Detected old nnU-Net plans format")
@pytest.mark.parametrize(
    ("plans", "heads"),
    [
        (demo("territories"), 5),
        (demo("calcification"), 3),
        (standard([128, 128, 128], [[1, 1, 1]] + [[2, 2, 2]] * 5), 5),
        # Thick slices: the first stages do not pool along z.
        (standard([20, 64, 96], [[1, 1, 1], [1, 2, 2], [2, 2, 2], [2, 2, 2]]), 3),
        (plans_with([16, 16, 32], kernel_sizes=3, strides=[1, 2], n_conv_per_stage=2, n_conv_per_stage_decoder=3), 5),
        (residual([16, 64, 64]), 5),
        (residual([16, 64, 64], stem_channels=4), 3),
        (
            residual(
                [16, 64, 64],
                block="dynamic_network_architectures.building_blocks.residual.BottleneckD",
                bottleneck_channels=[4, 4, 8, 8],
            ),
            5,
        ),
        (old([16, 32, 32], "PlainConvUNet"), 5),
    ],
    ids=["arteries", "calcification", "standard", "thick", "numbers", "residual", "stem", "bottleneck", "old"],
)
def test_as_many_operations_as_pytorch_counts(plans: dict[str, Any], heads: int) -> None:
    if "block" in plans["configurations"]["3d_fullres"].get("architecture", {}).get("arch_kwargs", {}):
        plans["configurations"]["3d_fullres"]["architecture"]["_kw_requires_import"].append("block")
    cost = tile_cost(plans, heads)
    assert (cost.operations, cost.activations) == counted(plans, heads)


def test_what_is_inherited_counts() -> None:
    plans = plans_json()
    whole = plans["configurations"]["3d_fullres"]
    patch = {"inherits_from": "middle", "patch_size": [16, 16, 32]}
    plans["configurations"] = {"base": whole, "middle": {"inherits_from": "base"}, "3d_fullres": patch}
    assert tile_cost(plans, 5) == tile_cost(plans_json(), 5) * 2
