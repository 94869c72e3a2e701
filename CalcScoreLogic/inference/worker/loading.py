"""The ensembles of a run: checked, loaded, and ready on their device."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
from nnunetv2.utilities.label_handling.label_handling import determine_num_input_channels
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

from ...errors import InputError
from ...images.boxes import slabs
from ...images.geometry import Array
from ...models import Model, check
from ...models.check import DATASET, PLANS
from ...models.checkpoints import check_weights, safe_loading
from ...models.model import CHECKPOINT
from ..expected_time import operations_per_tile
from ..options import InferenceOptions
from . import openvino_network
from .openvino_conversion import ConvertibleNetwork
from .parallel import in_threads
from .predictor import TilePredictor
from .preprocessing import CtPreprocessing

_STORED_ORDER = ("SimpleITKIO", "NibabelIO")
"""nnU-Net's readers that leave the axes as they are stored."""

_KEPT_BYTES = 256 * 2**20
"""Ensembles below this stay converted from CTA to CTA; a standard network takes 1.4 GB a fold."""


@dataclass
class LoadedEnsemble:
    """An ensemble in memory.

    Attributes
    ----------
    role : str
        What it labels.
    model : Model
        Its folder, checked.
    folds : tuple of int
        The folds that are averaged.
    predictor : TilePredictor
        With the weights of these folds.
    operations_per_tile : float
        Floating point operations, mirrored copies among them.
    engine : str
        What computes its networks, for the record.
    """

    role: str
    model: Model
    folds: tuple[int, ...]
    predictor: TilePredictor
    operations_per_tile: float
    engine: str

    @property
    def heads(self) -> int:
        """Channels of the logits."""
        return int(self.predictor.label_manager.num_segmentation_heads)

    @property
    def forward(self) -> tuple[int, ...]:
        """CTA axis behind each axis of the model's grid."""
        return tuple(self.predictor.plans_manager.transpose_forward)

    @property
    def keeps_axes(self) -> bool:
        """Whether its reader gives the CTA's axes (k, j, i) as they are stored."""
        return self.predictor.plans_manager.image_reader_writer_class.__name__ in _STORED_ORDER

    @property
    def wanted(self) -> tuple[int, ...] | None:
        """The model's values of our labels; None where it has no others."""
        values = self.model.label_values
        return tuple(theirs for theirs, ours in values.items() if ours) if 0 in values.values() else None

    def our_labels(self, labels: Array) -> Array:
        """Turn the model's label values into ours, in place; give the array."""
        if all(theirs == ours for theirs, ours in self.model.label_values.items()):
            return labels
        table = np.zeros(256, np.uint8)
        for theirs, ours in self.model.label_values.items():
            table[theirs] = ours

        def turn(rows: slice) -> None:
            labels[rows] = table[labels[rows]]

        # Numpy makes indices of eight bytes of every label, so never of a whole CTA at once.
        in_threads(turn, slabs(labels.shape))
        return labels

    def preprocess(self, cta: Path) -> tuple[torch.Tensor, dict[str, Any]]:
        """Read and preprocess a CTA as nnU-Net does.

        Parameters
        ----------
        cta : Path
            The file.

        Returns
        -------
        volume : Tensor of float32, shape (1, z, y, x)
            On the model's grid.
        properties : dict
            What nnU-Net needs to bring labels back.
        """
        predictor, plans = self.predictor, self.predictor.plans_manager
        if self.ct is not None:
            data, properties = self.ct.run(cta)
            return torch.from_numpy(data), properties
        configuration = predictor.configuration_manager
        data, _, properties = configuration.preprocessor_class(verbose=False).run_case(
            [str(cta)], None, plans, configuration, predictor.dataset_json
        )
        return torch.from_numpy(np.ascontiguousarray(data, dtype=np.float32)), properties

    @cached_property
    def ct(self) -> CtPreprocessing | None:
        """Its preprocessing, where that is nnU-Net's default for CT."""
        return CtPreprocessing.of(
            self.predictor.plans_manager.plans, self.predictor.configuration_manager.configuration
        )

    def preprocessing(self) -> tuple[Any, ...]:
        """Give what the preprocessed CTA depends on; two ensembles that share it share the CTA."""
        configuration, plans = self.predictor.configuration_manager, self.predictor.plans_manager
        decisive = {
            key: configuration.configuration.get(key)
            for key in (
                "preprocessor_name",
                "spacing",
                "normalization_schemes",
                "use_mask_for_norm",
                "resampling_fn_data",
                "resampling_fn_data_kwargs",
            )
        }
        reader = plans.image_reader_writer_class.__name__
        return decisive, reader, self.forward, plans.foreground_intensity_properties_per_channel


def load(
    role: str,
    path: Path,
    options: InferenceOptions,
    device: torch.device,
    on_tile: Callable[[int, int], None],
    on_notice: Callable[[str], None],
    many: bool = False,
) -> LoadedEnsemble:
    """Check and load an ensemble.

    Parameters
    ----------
    role : str
        What it labels.
    path : Path
        Folder of the trained model.
    options : InferenceOptions
        How it is run.
    device : torch.device
        Where.
    on_tile, on_notice : callable
        See `TilePredictor`.
    many : bool
        Whether more than one CTA will come: networks may then stay as OpenVINO needs them.

    Returns
    -------
    LoadedEnsemble
        Ready to run.

    Raises
    ------
    InputError
        The model cannot be used, or lacks a fold.
    """
    model = check(path)
    folds = _folds(model, options)
    predictor = TilePredictor(on_tile, on_notice, device, options.step_size, options.mirroring)
    with safe_loading():
        _initialize(predictor, model, folds)
    engine = _choose_engine(predictor, model, folds, options, many)
    return LoadedEnsemble(role, model, folds, predictor, operations_per_tile(model, options), engine)


def _initialize(predictor: TilePredictor, model: Model, folds: tuple[int, ...]) -> None:
    """Load the weights as nnU-Net does; its usual trainer, which draws in plotting, is not imported."""
    if model.trainer != "nnUNetTrainer":
        _initialize_with_trainer(predictor, model, folds)
        return
    plans = PlansManager(str(model.path / PLANS))
    dataset = json.loads((model.path / DATASET).read_text(encoding="utf-8"))
    checkpoints = [torch.load(model.checkpoint(fold), map_location="cpu", weights_only=True) for fold in folds]
    configuration = plans.get_configuration(checkpoints[0]["init_args"]["configuration"])
    network = get_network_from_plans(
        configuration.network_arch_class_name,
        configuration.network_arch_init_kwargs,
        configuration.network_arch_init_kwargs_req_import,
        determine_num_input_channels(plans, configuration, dataset),
        plans.get_label_manager(dataset).num_segmentation_heads,
        allow_init=False,
        deep_supervision=False,
    )
    weights = [checkpoint["network_weights"] for checkpoint in checkpoints]
    # The first one last: its weights are what the network has then.
    for fold, own in reversed(list(zip(folds, weights, strict=True))):
        _take(network, own, model.checkpoint(fold))
    axes = checkpoints[0].get("inference_allowed_mirroring_axes")
    predictor.take_model(network, plans, configuration, weights, dataset, axes)


def _take(network: torch.nn.Module, weights: Any, checkpoint: Path) -> None:
    """Give a network its weights; raises InputError where they are no numbers or do not fit."""
    check_weights(checkpoint, weights)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        first = str(error).splitlines()[1:2]
        detail = f" ({first[0].strip()[:200]})" if first else ""
        raise InputError(
            f"{checkpoint}: the weights do not fit the network that plans.json describes{detail}, copy the model again "
            "from where it was trained"
        ) from None


def _initialize_with_trainer(predictor: TilePredictor, model: Model, folds: tuple[int, ...]) -> None:
    """Let the model's own trainer build the network."""
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    theirs = nnUNetPredictor(device=torch.device("cpu"))
    theirs.initialize_from_trained_model_folder(str(model.path), folds, CHECKPOINT)
    for fold, weights in zip(folds, theirs.list_of_parameters, strict=True):
        check_weights(model.checkpoint(fold), weights)
    predictor.take_model(
        theirs.network,
        theirs.plans_manager,
        theirs.configuration_manager,
        theirs.list_of_parameters,
        theirs.dataset_json,
        theirs.allowed_mirroring_axes,
    )


def choose_device(wanted: str) -> torch.device:
    """Choose the device; raises InputError where the wanted one is not there."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return torch.device(next(name for name, is_there in there.items() if is_there))
    if not there[wanted]:
        raise InputError(f"the device {wanted} is not there, choose auto or cpu")
    return torch.device(wanted)


def device_name(device: torch.device) -> str:
    """Name a device for the record."""
    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    return f"{device.type} ({os.cpu_count()} cores)" if device.type == "cpu" else device.type


def _choose_engine(
    predictor: TilePredictor, model: Model, folds: tuple[int, ...], options: InferenceOptions, many: bool
) -> str:
    """Let OpenVINO compute the networks where it is wanted; give the engine's name."""
    torch_name = f"torch {torch.__version__}"
    engine = options.cpu_engine()
    if predictor.device.type != "cpu" or engine == "torch":
        return torch_name
    precision: openvino_network.Precision = "bf16" if engine == "openvino-bf16" else "f32"
    if precision == "bf16" and not openvino_network.has_bfloat16():
        raise InputError("this processor does not compute in bfloat16, choose the engine openvino")
    network, channels = predictor.network, len(predictor.dataset_json["channel_names"])
    convertible = ConvertibleNetwork(network, predictor.configuration_manager.patch_size, channels)
    # Now: while tiles are run, PyTorch is told to take one.
    threads = options.threads or torch.get_num_threads()

    def convert(position: int) -> torch.nn.Module:
        weights = predictor.list_of_parameters[position]
        cache = openvino_network.cache_file(model, folds[position])
        return openvino_network.OpenVinoNetwork(convertible, weights, precision, threads, cache)

    size = len(folds) * sum(4 * parameter.numel() for parameter in network.parameters())
    predictor.use_converted(convert, keep=many and size < _KEPT_BYTES)
    return f"openvino {version('openvino')} {precision}"


def _folds(model: Model, options: InferenceOptions) -> tuple[int, ...]:
    """Choose the folds to run."""
    wanted = options.folds_of(model)
    missing = [fold for fold in wanted if fold not in model.folds]
    if missing:
        raise InputError(
            f"{model.path}: the model has no fold {missing[0]} (it has {', '.join(map(str, model.folds))})"
        )
    return wanted
