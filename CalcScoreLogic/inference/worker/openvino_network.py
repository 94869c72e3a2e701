"""The networks on a CPU by OpenVINO, which is faster there than PyTorch."""

from __future__ import annotations

import tempfile
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from ...atomic import atomic_path
from ...errors import CalcScoreError
from ...models import Model
from ...models.folders import starter_models_folder
from .openvino_conversion import ConvertibleNetwork, Weights, load_openvino

Precision = Literal["f32", "bf16"]

_FOLDER = "openvino"
_FORM = 2
"""Raised whenever networks are converted in another way."""

_DESCRIPTION, _WEIGHTS = "network.xml", "network.bin"


def has_bfloat16() -> bool:
    """Tell whether this CPU computes in bfloat16 natively; raises InputError where OpenVINO is not installed."""
    return "BF16" in load_openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


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
        A file in the model's own folder, its place bound to the fingerprint; none for the starter models that come
        with CalcScore, whose folder belongs to the program.
    """
    starter = starter_models_folder()
    if starter is not None and model.path.resolve().is_relative_to(starter.resolve()):
        return None
    return model.path / _FOLDER / f"{model.fingerprint[:16]}-{_FORM}" / f"fold_{fold}.zip"


class OpenVinoNetwork(torch.nn.Module):  # type: ignore[misc]
    """A network of nnU-Net with the weights of one fold, computed by OpenVINO.

    Parameters
    ----------
    convertible : ConvertibleNetwork
        The network.
    weights : mapping of str to Tensor
        Its state dict of the fold.
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
        convertible: ConvertibleNetwork,
        weights: Weights,
        precision: Precision = "f32",
        threads: int | None = None,
        cache: Path | None = None,
    ) -> None:
        super().__init__()
        openvino = load_openvino()
        description = _read(cache, convertible.shape) if cache is not None else None
        if description is None:
            description = convertible.with_weights(weights)
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

    def release(self) -> None:
        """Give the memory of what lies between the layers back until the next tile; 210 MB for a tile of 96³."""
        self._compiled.release_memory()

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


def _read(cache: Path, shape: tuple[int, ...]) -> Any | None:
    """Read a converted network; give none where there is none for tiles of `shape` that is whole."""
    openvino = load_openvino()
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
            load_openvino().save_model(description, str(file), compress_to_fp16=False)
            # One file, so that a description never meets the weights of another process.
            with atomic_path(cache) as temporary, zipfile.ZipFile(temporary, "w") as archive:
                for name in (_DESCRIPTION, _WEIGHTS):
                    archive.write(Path(folder, name), name)
