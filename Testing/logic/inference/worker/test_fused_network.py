"""Networks with fewer operations against nnU-Net's own, in PyTorch."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("nnunetv2", reason="nnunetv2 is not installed")

from dynamic_network_architectures.architectures.unet import PlainConvUNet, ResidualEncoderUNet  # noqa: E402

from CalcScoreLogic.inference.worker.fused_network import _MergedDecoder, fused  # noqa: E402

axes = st.tuples(*[st.sampled_from([1, 2])] * 3)
kernels = st.tuples(*[st.sampled_from([1, 3])] * 3)


def network_of(kind: Any, strides: Any, widths: Any, seed: int = 0, **options: Any) -> Any:
    """A small network with large biases: an error at a border would be seen."""
    nn = torch.nn
    settings = {"conv_bias": True, "n_conv_per_stage_decoder": [1, 2], "nonlin": nn.LeakyReLU, **options}
    blocks = "n_blocks_per_stage" if kind is ResidualEncoderUNet else "n_conv_per_stage"
    torch.manual_seed(seed)
    network = kind(
        1,
        3,
        [3, 4, 5],
        nn.Conv3d,
        [list(width) for width in widths],
        [[1, 1, 1], *map(list, strides)],
        num_classes=2,
        norm_op=nn.InstanceNorm3d,
        norm_op_kwargs={"eps": 1e-5, "affine": True},
        **{blocks: [1, 2, 1]},
        **settings,
    )
    with torch.no_grad():
        for name, value in network.named_parameters():
            if name.endswith("bias"):
                value.copy_(3 * torch.randn(value.shape))
    return network.eval()


def assert_same(network: Any, shape: tuple[int, ...], merged: bool) -> None:
    x = torch.randn(2, 1, *shape)
    fewer = fused(network, shape)
    assert isinstance(fewer.decoder, _MergedDecoder) is merged
    with torch.inference_mode():
        expected, found = network(x), fewer(x)
    assert found.shape == expected.shape
    torch.testing.assert_close(found, expected, rtol=0, atol=2e-5 * float(expected.abs().max()))
    # Borders as well as what lies within, which the largest logits may hide.
    assert float((found - expected).abs().mean()) < 1e-5 * float(expected.std())


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    kind=st.sampled_from([PlainConvUNet, ResidualEncoderUNet]),
    strides=st.tuples(axes, axes),
    widths=st.tuples(kernels, kernels, kernels),
    bias=st.booleans(),
    voxels=st.tuples(*[st.integers(2, 3)] * 3),
    seed=st.integers(0, 9),
)
def test_the_logits_are_those_of_the_network(
    kind: Any, strides: Any, widths: Any, bias: bool, voxels: tuple[int, ...], seed: int
) -> None:
    network = network_of(kind, strides, widths, seed, conv_bias=bias)
    assert_same(network, tuple(n * a * b for n, a, b in zip(voxels, *strides, strict=True)), merged=True)


def test_every_parameter_takes_part() -> None:
    network = network_of(PlainConvUNet, [[2, 2, 2]] * 2, [[3, 3, 3]] * 3, deep_supervision=True)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    fewer = fused(network, (8, 8, 8))
    logits = fewer(torch.randn(1, 1, 8, 8, 8))
    assert logits.shape == (1, 2, 8, 8, 8)
    logits.square().sum().backward()
    # What is the same everywhere in a channel does not survive the normalization, but takes part.
    assert [name for name, value in fewer.named_parameters() if value.grad is None] == []
    assert network.decoder.deep_supervision
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_multiplications_are_saved() -> None:
    """With n channels above and 2 n below: 8 taps of 2 n in place of 27 of n and one of 2 n."""
    network = network_of(PlainConvUNet, [[2, 2, 2]] * 2, [[3, 3, 3]] * 3)
    up, fewer = network.decoder.transpconvs[1], fused(network, (8, 8, 8)).decoder.ups[1]
    below, above = up.weight.shape[:2]
    assert (below, above) == (4, 3)
    before = up.weight.numel() / 8 + 27 * above * above
    after = fewer.of_coarse.numel() / 8
    assert (before, after) == (below * above + 27 * above * above, 8 * below * above)


def test_other_decoders_are_left_alone() -> None:
    wide = network_of(PlainConvUNet, [[2, 2, 2]] * 2, [[5, 3, 3]] * 3)
    assert_same(wide, (8, 8, 8), merged=False)


def test_a_voxel_at_both_borders_is_no_case_for_the_table() -> None:
    flat = network_of(PlainConvUNet, [[1, 2, 2]] * 2, [[3, 3, 3]] * 3)
    assert_same(flat, (1, 8, 8), merged=False)
    assert_same(flat, (2, 8, 8), merged=True)
