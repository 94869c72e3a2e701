"""The networks on a CPU by OpenVINO, which is faster there than PyTorch."""

from __future__ import annotations

import copy
import functools
import sys
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from ..atomic import atomic_path
from ..errors import CalcScoreError, InputError
from ..models import Model
from ..models.folders import demo_models_folder

Precision = Literal["f32", "bf16"]

_FOLDER = "openvino"
_DESCRIPTION, _WEIGHTS = "network.xml", "network.bin"


def has_bfloat16() -> bool:
    """Tell whether this CPU computes in bfloat16 natively; raises InputError where OpenVINO is not installed."""
    return "BF16" in _load_openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def cache_file(model: Model, fold: int) -> Path | None:
    """Give the place of a fold's converted network.

    Parameters
    ----------
    model : Model
        A checked model.
    fold : int
        One of its folds.

    Returns
    -------
    Path or None
        A file in the model's own folder, its place bound to the fingerprint; none for the demo models that come
        with CalcScore, whose folder belongs to the program.
    """
    demo = demo_models_folder()
    if demo is not None and model.path.resolve().is_relative_to(demo.resolve()):
        return None
    return model.path / _FOLDER / model.fingerprint[:16] / f"fold_{fold}.zip"


class OpenVinoNetwork(torch.nn.Module):  # type: ignore[misc]
    """A network of nnU-Net with the weights of one fold, computed by OpenVINO.

    Parameters
    ----------
    network : Module
        nnU-Net's network, with any weights; it stays as it is.
    weights : mapping of str to Tensor
        Its state dict of the fold.
    patch_size : sequence of int
        Voxels of a tile along (z, y, x).
    channels : int
        Channels of a tile.
    precision : {"f32", "bf16"}
        What convolutions are computed in; ``"bf16"`` pays only where `has_bfloat16`.
    threads : int, optional
        CPU threads, at most as many as there are cores; PyTorch's number by default.
    cache : Path, optional
        File to take the converted network from, and to keep it in where it can be written. What it holds is
        computed as it is, so it must lie where nobody else writes.

    Raises
    ------
    InputError
        OpenVINO is not installed.
    """

    def __init__(
        self,
        network: torch.nn.Module,
        weights: Mapping[str, torch.Tensor],
        patch_size: Sequence[int],
        channels: int,
        precision: Precision = "f32",
        threads: int | None = None,
        cache: Path | None = None,
    ) -> None:
        super().__init__()
        openvino = _load_openvino()
        shape = (1, channels, *patch_size)
        description = _read(cache, shape) if cache is not None else None
        if description is None:
            description = _convert(network, weights, shape)
            if cache is not None:
                _write(cache, description)
        self._compiled = openvino.Core().compile_model(
            description,
            "CPU",
            {
                "PERFORMANCE_HINT": "LATENCY",
                # Left alone, OpenVINO takes bfloat16 wherever the CPU has it.
                "INFERENCE_PRECISION_HINT": precision,
                "INFERENCE_NUM_THREADS": threads or torch.get_num_threads(),
                # Two runs at once would be pinned to the same cores.
                "ENABLE_CPU_PINNING": False,
            },
        )

    @property
    def threads(self) -> int:
        """CPU threads in use."""
        return int(self._compiled.get_property("INFERENCE_NUM_THREADS"))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute the logits of tiles.

        Parameters
        ----------
        x : Tensor of float32, shape (n, channels, z, y, x)
            One tile or more, of the patch size.

        Returns
        -------
        Tensor of float32, shape (n, heads, z, y, x)
            Logits of the highest resolution.
        """
        tiles = x.contiguous().numpy()
        # One after the other: a batch is no faster on a CPU, and takes more memory.
        logits = [self._compiled(tile[np.newaxis], share_inputs=True)[0] for tile in tiles]
        return torch.from_numpy(np.concatenate(logits) if len(logits) > 1 else logits[0])


def _load_openvino() -> Any:
    """Import OpenVINO without its reports of usage to its maker."""
    # It does without this package where it cannot be imported.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    try:
        import openvino  # type: ignore[import-not-found,import-untyped]
    except ImportError:
        raise InputError('OpenVINO is not installed, install it with: pip install "CalcScoreLogic[cpu]"') from None
    return openvino


def _convert(network: torch.nn.Module, weights: Mapping[str, torch.Tensor], shape: tuple[int, ...]) -> Any:
    """Convert a network with the weights of a fold, for tiles of `shape`, in float32."""
    network = copy.deepcopy(network).cpu().float()
    network.load_state_dict(weights)
    network.decoder.deep_supervision = False
    for module in network.modules():
        if isinstance(module, torch.nn.InstanceNorm3d):
            module.forward = functools.partial(_normalize, module)
    # The operations do not depend on the tile, so the smallest one shows them: two voxels are left at the bottom.
    smallest = np.prod(network.encoder.strides, axis=0)
    smallest[-1] *= 2
    with warnings.catch_warnings(), torch.no_grad():
        # Tracing says that it follows no branches and is to go; torch.export takes several times as long.
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(network.eval(), torch.zeros(*shape[:2], *smallest.tolist()), check_trace=False)
        return _load_openvino().convert_model(traced, input=[shape])


def _normalize(norm: torch.nn.InstanceNorm3d, x: torch.Tensor) -> torch.Tensor:
    """Normalize each channel as `norm` does, in short sums.

    OpenVINO's own operation adds the voxels of a tile one by one, which in float32 is wrong in the third digit for a
    million of them.
    """
    centred = x - _channel_means(x)
    scale = torch.rsqrt(_channel_means(centred * centred) + norm.eps)
    if norm.affine:
        scale = scale * norm.weight.view(1, -1, 1, 1, 1)
        return centred * scale + norm.bias.view(1, -1, 1, 1, 1)
    return centred * scale


def _channel_means(x: torch.Tensor) -> torch.Tensor:
    # Axis by axis, and not in three means: OpenVINO would make one of them.
    return x.mean(4, keepdim=True).sum(3, keepdim=True).mean(2, keepdim=True) / x.shape[3]


def _read(cache: Path, shape: tuple[int, ...]) -> Any | None:
    """Read a converted network; give none where there is none for tiles of `shape` that is whole."""
    openvino = _load_openvino()
    # Checksums of the zip tell a damaged file; OpenVINO raises RuntimeError for what it does not understand.
    with suppress(OSError, EOFError, KeyError, RuntimeError, ValueError, zipfile.BadZipFile, zlib.error):
        with zipfile.ZipFile(cache) as archive:
            description = openvino.Core().read_model(archive.read(_DESCRIPTION), archive.read(_WEIGHTS))
        if [tuple(port.shape) for port in description.inputs] == [shape]:
            return description
    return None


def _write(cache: Path, description: Any) -> None:
    """Keep a converted network, whole or not at all; without a word where the folder cannot be written."""
    with suppress(OSError, RuntimeError, CalcScoreError):
        cache.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".", suffix=".tmp", dir=cache.parent) as folder:
            file = Path(folder, _DESCRIPTION)
            # By default the weights would lose half of their bits.
            _load_openvino().save_model(description, str(file), compress_to_fp16=False)
            # One file, so that a description never meets the weights of another process.
            with atomic_path(cache) as temporary, zipfile.ZipFile(temporary, "w") as archive:
                for name in (_DESCRIPTION, _WEIGHTS):
                    archive.write(Path(folder, name), name)
