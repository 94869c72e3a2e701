"""The ensembles themselves, inside the worker: nnU-Net's own steps, one fold and one tile at a time.

The label maps are those of nnU-Net's predictor, voxel by voxel: logits of the folds are summed in the
type and the order it uses, and resampled by its own export.
"""

from __future__ import annotations

import copy
import os
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nnunetv2.inference.export_prediction import convert_predicted_logits_to_segmentation_with_correct_shape
from nnunetv2.inference.sliding_window_prediction import compute_steps_for_sliding_window

from ..errors import InputError
from ..geometry import Array
from ..models import Model, check
from ..models.checkpoints import safe_loading
from .estimate import Timetable
from .options import InferenceOptions
from .predictor import TilePredictor
from .protocol import Message, Notice, Progress, Result

SECONDS_PER_UNIT = {"tiles": 3.0e-11, "resampling": 6.0e-8, "loading": 1.0}
"""First guess of the speed: a floating point operation, a voxel of one resampled channel, a model."""


@dataclass
class _Ensemble:
    """A loaded ensemble and what it needs for one CTA."""

    role: str
    model: Model
    folds: tuple[int, ...]
    predictor: TilePredictor
    operations_per_tile: float

    @property
    def heads(self) -> int:
        """Channels of the logits."""
        return int(self.predictor.label_manager.num_segmentation_heads)


class _Way:
    """How far a CTA is on its way; keeps the time and speaks."""

    def __init__(self, say: Callable[[Message], None], times: Timetable) -> None:
        self.say, self.times = say, times
        self.started = time.monotonic()
        self.stage, self.fold, self.folds = "loading", 0, 0
        self.tile_cost = self.fraction = 0.0
        self.planned = False
        times.begin()

    def tell(self, tile: int | None = None, tiles: int | None = None) -> None:
        """Say how far the run is."""
        in_fold = {"fold": self.fold, "folds": self.folds, "tile": tile, "tiles": tiles} if self.fold else {}
        # Before all is loaded nobody knows how much there is to do.
        left = round(self.times.seconds_left(), 1) if self.planned else None
        # A better estimate may find that less is done than was said; a bar that runs back helps nobody.
        self.fraction = max(self.fraction, round(self.times.fraction(), 4)) if self.planned else 0.0
        self.say(Progress(self.stage, self.fraction, left, **in_fold))

    def reach(self, stage: str, folds: int = 0) -> None:
        """Say what is being done now."""
        self.stage, self.fold, self.folds = stage, 0, folds
        self.tell()

    def on_tile(self, done: int, tiles: int) -> None:
        """Note a tile."""
        self.times.finish("tiles", self.tile_cost)
        self.tell(done, tiles)


class Ensembles:
    """Loaded ensembles, for any number of CTAs one after the other.

    Parameters
    ----------
    models : mapping of str to str
        Folder of the trained model of each role, run in this order.
    options : InferenceOptions
        How to run them.
    say : callable
        Takes the messages on the way.

    Raises
    ------
    InputError
        A model that cannot be used, a fold it does not have, a device that is not there.
    """

    def __init__(self, models: Mapping[str, str], options: InferenceOptions, say: Callable[[Message], None]) -> None:
        if options.threads is not None:
            torch.set_num_threads(options.threads)
        self._options, self._say = options, say
        self._device = _device(options)
        self._way = _Way(say, Timetable(dict(SECONDS_PER_UNIT)))
        self._way.times.plan("loading", len(models))
        self._ensembles = [self._load(role, Path(path)) for role, path in models.items()]

    def start_clock(self) -> None:
        """Let the time of the next CTA begin now, without the loading."""
        self._way = _Way(self._say, self._way.times.again())

    def run(self, cta: Path, folder: Path) -> Result:
        """Run the ensembles on a CTA, one after the other.

        Parameters
        ----------
        cta : Path
            The CTA, an uncompressed NIfTI file.
        folder : Path
            Where the label maps go.

        Returns
        -------
        Result
            The label maps and what they were made with.
        """
        way = self._way
        size, spacing = _grid(cta)
        for ensemble in self._ensembles:
            tiles = _count_tiles(ensemble.predictor, size, spacing)
            way.times.plan("tiles", len(ensemble.folds) * tiles * ensemble.operations_per_tile)
            way.times.plan("resampling", (1 + ensemble.heads) * float(np.prod(size)))
        way.planned = True
        results = {ensemble.role: self._predict(ensemble, cta, folder) for ensemble in self._ensembles}
        provenance = {
            "device": _device_name(self._device),
            "seconds": round(time.monotonic() - way.started, 1),
            "torch": torch.__version__,
            "nnunetv2": _version("nnunetv2"),
            "python": platform.python_version(),
            "threads": torch.get_num_threads(),
            "folds": {ensemble.role: list(ensemble.folds) for ensemble in self._ensembles},
        }
        files = {role: name for role, (name, _) in results.items()}
        return Result(files, {role: names for role, (_, names) in results.items() if names}, provenance)

    def _load(self, role: str, path: Path) -> _Ensemble:
        """Check and load an ensemble."""
        self._way.reach(f"loading {role}")
        model = check(path)
        folds = _folds(model, self._options)
        predictor = TilePredictor(
            lambda done, tiles: self._way.on_tile(done, tiles),
            lambda text: self._say(Notice(text)),
            tile_step_size=self._options.step_size,
            use_mirroring=self._options.mirroring,
            perform_everything_on_device=self._device.type == "cuda",
            device=self._device,
        )
        with safe_loading():
            predictor.initialize_from_trained_model_folder(str(path), folds, "checkpoint_final.pth")
        self._way.times.finish("loading", 1)
        return _Ensemble(role, model, folds, predictor, _operations_per_tile(predictor))

    def _predict(self, ensemble: _Ensemble, cta: Path, folder: Path) -> tuple[str, list[str]]:
        """Run an ensemble; give its label map's file name and those of its folds."""
        way, predictor = self._way, ensemble.predictor
        # An earlier CTA may have been too large for the GPU.
        predictor.device, predictor.perform_everything_on_device = self._device, self._device.type == "cuda"
        way.reach(ensemble.role, len(ensemble.folds))
        way.times.begin()
        preprocessor = predictor.configuration_manager.preprocessor_class(verbose=False)
        data, _, properties = preprocessor.run_case(
            [str(cta)], None, predictor.plans_manager, predictor.configuration_manager, predictor.dataset_json
        )
        volume = torch.from_numpy(np.ascontiguousarray(data, dtype=np.float32))
        whole = float(np.prod(properties["shape_before_cropping"]))
        way.times.finish("resampling", whole)
        way.tile_cost = ensemble.operations_per_tile
        mean, single = self._average(ensemble, volume)
        way.reach(f"{ensemble.role}, putting together")
        labels = convert_predicted_logits_to_segmentation_with_correct_shape(
            mean, predictor.plans_manager, predictor.configuration_manager, predictor.label_manager, properties
        )
        name = _write(folder, ensemble, labels, properties, "")
        names = [
            _write(folder, ensemble, _on_cta_grid(labels, properties, predictor), properties, f"_fold_{fold}")
            for fold, labels in zip(ensemble.folds, single, strict=False)
        ]
        way.times.finish("resampling", ensemble.heads * whole)
        return name, names

    def _average(self, ensemble: _Ensemble, volume: torch.Tensor) -> tuple[torch.Tensor, list[Array]]:
        """Average the folds' logits as nnU-Net does; also give each fold's own labels on the model's grid."""
        predictor = ensemble.predictor
        total: torch.Tensor | None = None
        single: list[Array] = []
        with torch.inference_mode():
            for number, weights in enumerate(predictor.list_of_parameters, start=1):
                self._way.fold = number
                logits = predictor.fold_logits(volume, weights)
                if len(ensemble.folds) > 1:
                    single.append(
                        predictor.label_manager.convert_logits_to_segmentation(logits).numpy().astype(np.uint8)
                    )
                total = logits if total is None else total.add_(logits)
            assert total is not None  # noqa: S101
            if len(ensemble.folds) > 1:
                total /= len(ensemble.folds)
            return total, single


def _write(folder: Path, ensemble: _Ensemble, labels: Array, properties: dict[str, Any], suffix: str) -> str:
    """Write a label map with our label values; give its name."""
    table = np.zeros(256, np.uint8)
    for theirs, ours in ensemble.model.label_values.items():
        table[theirs] = ours
    name = f"{ensemble.role}{suffix}.nii.gz"
    writer = ensemble.predictor.plans_manager.image_reader_writer_class()
    writer.write_seg(table[labels], str(folder / name), properties)
    return name


def _folds(model: Model, options: InferenceOptions) -> tuple[int, ...]:
    """Choose the folds to run."""
    wanted = model.folds if options.folds is None else options.folds
    missing = [fold for fold in wanted if fold not in model.folds]
    if missing:
        raise InputError(
            f"{model.path}: the model has no fold {missing[0]} (it has {', '.join(map(str, model.folds))})"
        )
    return wanted


def _device(options: InferenceOptions) -> torch.device:
    """Choose the device, and refuse one that is not there."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if options.device == "auto":
        return torch.device(next(name for name, is_there in there.items() if is_there))
    if not there[options.device]:
        raise InputError(f"the device {options.device} is not there, choose auto or cpu")
    return torch.device(options.device)


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    return f"{device.type} ({os.cpu_count()} cores)" if device.type == "cpu" else device.type


def _version(package: str) -> str:
    from importlib.metadata import version

    return version(package)


def _grid(cta: Path) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Read size and spacing (mm) of a file along (z, y, x)."""
    import SimpleITK as sitk

    reader = sitk.ImageFileReader()
    reader.SetFileName(str(cta))
    reader.ReadImageInformation()
    return reader.GetSize()[::-1], reader.GetSpacing()[::-1]


def _count_tiles(predictor: TilePredictor, size: tuple[int, ...], spacing: tuple[float, ...]) -> int:
    """Count the tiles of a fold before preprocessing, as if nothing were cropped."""
    configuration, forward = predictor.configuration_manager, predictor.plans_manager.transpose_forward
    resampled = [
        round(size[axis] * spacing[axis] / target) for axis, target in zip(forward, configuration.spacing, strict=True)
    ]
    padded = tuple(max(n, patch) for n, patch in zip(resampled, configuration.patch_size, strict=True))
    steps = compute_steps_for_sliding_window(padded, configuration.patch_size, predictor.tile_step_size)
    return int(np.prod([len(along) for along in steps]))


def _operations_per_tile(predictor: TilePredictor) -> float:
    """Count the floating point operations of a tile, on a copy of the network without numbers."""
    from torch.utils.flop_counter import FlopCounterMode

    network = copy.deepcopy(predictor.network).to("meta").eval()
    channels = len(predictor.dataset_json["channel_names"])
    tile = torch.empty((1, channels, *predictor.configuration_manager.patch_size), device="meta")
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(tile)
    axes = len(predictor.allowed_mirroring_axes or ()) if predictor.use_mirroring else 0
    return float(counter.get_total_flops() * 2**axes)


def _on_cta_grid(labels: Array, properties: dict[str, Any], predictor: TilePredictor) -> Array:
    """Bring a fold's labels from the model's grid to the CTA's by nearest neighbour."""
    shape = properties["shape_after_cropping_and_before_resampling"]
    for axis, (n, target) in enumerate(zip(labels.shape, shape, strict=True)):
        nearest = np.minimum(((np.arange(target) + 0.5) * n / target).astype(np.intp), n - 1)
        labels = labels.take(nearest, axis=axis)
    whole = np.zeros(properties["shape_before_cropping"], np.uint8)
    whole[tuple(slice(low, high) for low, high in properties["bbox_used_for_cropping"])] = labels
    return whole.transpose(predictor.plans_manager.transpose_backward)
