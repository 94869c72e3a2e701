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
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.inference.sliding_window_prediction import compute_steps_for_sliding_window

from ..errors import InputError
from ..geometry import Array
from ..models import Model, check
from ..models.checkpoints import safe_loading
from .estimate import Timetable
from .options import InferenceOptions
from .protocol import Message, Notice, Progress, Result

SECONDS_PER_UNIT = {"tiles": 3.0e-11, "resampling": 6.0e-8, "loading": 1.0}
"""First guess of the speed: a floating point operation, a voxel of one resampled channel, a model."""


class TilePredictor(nnUNetPredictor):  # type: ignore[misc]
    """nnU-Net's predictor, which tells every tile and what it does when the GPU's memory does not suffice.

    Parameters
    ----------
    on_tile : callable
        Called after each tile with the number of tiles done and of all tiles of the fold.
    on_notice : callable
        Called with a sentence.
    options : keyword arguments
        Of ``nnUNetPredictor``.
    """

    def __init__(self, on_tile: Callable[[int, int], None], on_notice: Callable[[str], None], **options: Any) -> None:
        super().__init__(verbose=False, allow_tqdm=False, **options)
        self._on_tile, self._on_notice = on_tile, on_notice
        self._tiles = self._tiles_done = 0

    def _internal_get_sliding_window_slicers(self, image_size: tuple[int, ...]) -> list[Any]:
        slicers: list[Any] = super()._internal_get_sliding_window_slicers(image_size)
        self._tiles = len(slicers)
        return slicers

    def _internal_predict_sliding_window_return_logits(
        self, data: torch.Tensor, slicers: list[Any], do_on_device: bool = True
    ) -> torch.Tensor:
        self._tiles_done = 0
        try:
            return super()._internal_predict_sliding_window_return_logits(data, slicers, do_on_device)
        except torch.OutOfMemoryError:
            if do_on_device:
                self._on_notice("The GPU's memory did not suffice; the run goes on with sums in main memory.")
            raise

    def _internal_maybe_mirror_and_predict(self, x: torch.Tensor) -> torch.Tensor:
        prediction = super()._internal_maybe_mirror_and_predict(x)
        self._tiles_done += 1
        self._on_tile(self._tiles_done, self._tiles)
        return prediction

    def fold_logits(self, data: torch.Tensor, weights: Mapping[str, Any]) -> torch.Tensor:
        """Predict with the weights of one fold.

        Parameters
        ----------
        data : Tensor, shape (1, z, y, x)
            Preprocessed CTA.
        weights : mapping
            Network weights of the fold.

        Returns
        -------
        Tensor of half, shape (heads, z, y, x)
            Logits in main memory.
        """
        self.network.load_state_dict(weights)
        try:
            logits = self.predict_sliding_window_return_logits(data)
        except torch.OutOfMemoryError:
            self._on_notice("The GPU's memory did not suffice; the run goes on on the CPU, which takes longer.")
            self.device, self.perform_everything_on_device = torch.device("cpu"), False
            logits = self.predict_sliding_window_return_logits(data)
        return logits.to("cpu")


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


class _Run:
    """One CTA through all ensembles; keeps the time and speaks."""

    def __init__(self, folder: Path, options: InferenceOptions, say: Callable[[Message], None]) -> None:
        self.folder, self.options, self.say = folder, options, say
        self.device = _device(options)
        self.times = Timetable(dict(SECONDS_PER_UNIT))
        self.stage, self.fold, self.folds = "loading", 0, 0
        self.tile_cost = self.fraction = 0.0
        self.planned = False

    def tell(self, tile: int | None = None, tiles: int | None = None) -> None:
        """Say how far the run is."""
        in_fold = {"fold": self.fold, "folds": self.folds, "tile": tile, "tiles": tiles} if self.fold else {}
        # Before all is loaded nobody knows how much there is to do.
        left = round(self.times.seconds_left(), 1) if self.planned else None
        # A better estimate may find that less is done than was said; a bar that runs back helps nobody.
        self.fraction = max(self.fraction, round(self.times.fraction(), 4)) if self.planned else 0.0
        self.say(Progress(self.stage, self.fraction, left, **in_fold))

    def on_tile(self, done: int, tiles: int) -> None:
        """Note a tile."""
        self.times.finish("tiles", self.tile_cost)
        self.tell(done, tiles)

    def load(self, role: str, path: Path, size: tuple[int, ...], spacing: tuple[float, ...]) -> _Ensemble:
        """Load an ensemble and plan its work on a CTA of `size` voxels of `spacing` mm, both (z, y, x)."""
        self.stage, self.fold = f"loading {role}", 0
        self.tell()
        model = check(path)
        folds = _folds(model, self.options)
        predictor = TilePredictor(
            self.on_tile,
            lambda text: self.say(Notice(text)),
            tile_step_size=self.options.step_size,
            use_mirroring=self.options.mirroring,
            perform_everything_on_device=self.device.type == "cuda",
            device=self.device,
        )
        with safe_loading():
            predictor.initialize_from_trained_model_folder(str(path), folds, "checkpoint_final.pth")
        ensemble = _Ensemble(role, model, folds, predictor, _operations_per_tile(predictor))
        tiles = _count_tiles(predictor, size, spacing)
        self.times.plan("tiles", len(folds) * tiles * ensemble.operations_per_tile)
        self.times.plan("resampling", (1 + ensemble.heads) * float(np.prod(size)))
        self.times.finish("loading", 1)
        return ensemble

    def predict(self, ensemble: _Ensemble, cta: Path) -> tuple[str, list[str]]:
        """Run an ensemble; give its label map's file name and those of its folds."""
        predictor = ensemble.predictor
        self.stage, self.fold, self.folds = ensemble.role, 0, len(ensemble.folds)
        self.tell()
        self.times.begin()
        preprocessor = predictor.configuration_manager.preprocessor_class(verbose=False)
        data, _, properties = preprocessor.run_case(
            [str(cta)], None, predictor.plans_manager, predictor.configuration_manager, predictor.dataset_json
        )
        volume = torch.from_numpy(np.ascontiguousarray(data, dtype=np.float32))
        whole = float(np.prod(properties["shape_before_cropping"]))
        self.times.finish("resampling", whole)
        self.tile_cost = ensemble.operations_per_tile
        mean, single = self._average(ensemble, volume)
        self.stage, self.fold = f"{ensemble.role}, putting together", 0
        self.tell()
        labels = convert_predicted_logits_to_segmentation_with_correct_shape(
            mean, predictor.plans_manager, predictor.configuration_manager, predictor.label_manager, properties
        )
        name = self._write(ensemble, labels, properties, "")
        names = [
            self._write(ensemble, _on_cta_grid(labels, properties, predictor), properties, f"_fold_{fold}")
            for fold, labels in zip(ensemble.folds, single, strict=False)
        ]
        self.times.finish("resampling", ensemble.heads * whole)
        return name, names

    def _average(self, ensemble: _Ensemble, volume: torch.Tensor) -> tuple[torch.Tensor, list[Array]]:
        """Average the folds' logits as nnU-Net does; also give each fold's own labels on the model's grid."""
        predictor = ensemble.predictor
        total: torch.Tensor | None = None
        single: list[Array] = []
        with torch.inference_mode():
            for number, weights in enumerate(predictor.list_of_parameters, start=1):
                self.fold = number
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

    def _write(self, ensemble: _Ensemble, labels: Array, properties: dict[str, Any], suffix: str) -> str:
        """Write a label map with our label values in the run's folder; give its name."""
        table = np.zeros(256, np.uint8)
        for theirs, ours in ensemble.model.label_values.items():
            table[theirs] = ours
        name = f"{ensemble.role}{suffix}.nii.gz"
        writer = ensemble.predictor.plans_manager.image_reader_writer_class()
        writer.write_seg(table[labels], str(self.folder / name), properties)
        return name


def run_ensembles(
    cta: Path, models: Mapping[str, str], options: InferenceOptions, folder: Path, say: Callable[[Message], None]
) -> Result:
    """Run ensembles on a CTA, one after the other.

    Parameters
    ----------
    cta : Path
        The CTA, an uncompressed NIfTI file.
    models : mapping of str to str
        Folder of the trained model of each role.
    options : InferenceOptions
        How to run them.
    folder : Path
        Where the label maps go.
    say : callable
        Takes the messages on the way.

    Returns
    -------
    Result
        The label maps and what they were made with.

    Raises
    ------
    InputError
        A model that cannot be used, a fold it does not have, a device that is not there.
    """
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    started = time.monotonic()
    size, spacing = _grid(cta)
    run = _Run(folder, options, say)
    run.times.plan("loading", len(models))
    run.times.begin()
    ensembles = [run.load(role, Path(path), size, spacing) for role, path in models.items()]
    run.planned = True
    results = {ensemble.role: run.predict(ensemble, cta) for ensemble in ensembles}
    provenance = {
        "device": _device_name(run.device),
        "seconds": round(time.monotonic() - started, 1),
        "torch": torch.__version__,
        "nnunetv2": _version("nnunetv2"),
        "python": platform.python_version(),
        "threads": torch.get_num_threads(),
        "folds": {ensemble.role: list(ensemble.folds) for ensemble in ensembles},
    }
    files = {role: name for role, (name, _) in results.items()}
    return Result(files, {role: names for role, (_, names) in results.items() if names}, provenance)


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
