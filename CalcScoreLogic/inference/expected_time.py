"""How long a run will take, before it begins: counted from the models and the CTA's grid, without PyTorch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, prod

from ..models import Model, Role
from .cost_model import model_cost
from .options import InferenceOptions
from .remaining_time import CALCIFICATION_SHARE, SECONDS_PER_UNIT


def forecast_seconds(
    models: Sequence[Model],
    size: Sequence[int],
    spacing_mm: Sequence[float],
    options: InferenceOptions,
    seconds_per_unit: Mapping[str, float],
) -> float:
    """Expect how long the ensembles take for a CTA.

    Parameters
    ----------
    models : sequence of Model
        The ensembles that are run.
    size : sequence of int
        Voxels of the CTA along (i, j, k).
    spacing_mm : sequence of float
        Distance between voxel centres along (i, j, k).
    options : InferenceOptions
        How they are run.
    seconds_per_unit : mapping of str to float
        Speed of the machine by kind of work, as `remaining_time.SECONDS_PER_UNIT`.

    Returns
    -------
    float
        Seconds, with the loading of the models.

    Raises
    ------
    InputError
        A model's ``plans.json`` cannot be read any more.
    """
    work = planned_work(models, size, spacing_mm, options)
    return sum(units * seconds_per_unit[kind] for kind, units in work.items())


def planned_work(
    models: Sequence[Model], size: Sequence[int], spacing_mm: Sequence[float], options: InferenceOptions
) -> dict[str, float]:
    """Count the work of a run by kind, as the worker does once it has loaded the networks.

    Parameters
    ----------
    models, size, spacing_mm, options
        See `forecast_seconds`.

    Returns
    -------
    dict of str to float
        In the units of `remaining_time.SECONDS_PER_UNIT`.

    Raises
    ------
    InputError
        A model's ``plans.json`` cannot be read any more.
    """
    voxels = float(prod(size))
    work = dict.fromkeys(SECONDS_PER_UNIT, 0.0)
    for model in models:
        folds = len(options.folds_of(model))
        maps = folds + 1 if folds > 1 else 1
        work["loading"] += 1
        work["preprocessing"] += voxels
        work["networks"] += folds
        work["tiles"] += _tile_operations(model, size, spacing_mm, options)
        work["label maps"] += maps * model.heads * voxels
    return work


def operations_per_tile(model: Model, options: InferenceOptions) -> float:
    """Count the floating point operations of a tile, mirrored copies among them.

    Parameters
    ----------
    model : Model
        The ensemble.
    options : InferenceOptions
        How it is run.

    Returns
    -------
    float
        Of one fold.

    Raises
    ------
    InputError
        The model's ``plans.json`` cannot be read any more.
    """
    copies = 2 ** len(model.mirroring_axes) if options.mirroring else 1
    return float(copies * model_cost(model).operations)


def count_tiles(size: Sequence[int], spacing_mm: Sequence[float], model: Model, step_size: float) -> int:
    """Count the tiles of nnU-Net's sliding window over a whole CTA, as if nothing were cropped.

    Parameters
    ----------
    size : sequence of int
        Voxels of the CTA along (i, j, k).
    spacing_mm : sequence of float
        Distance between voxel centres along (i, j, k).
    model : Model
        Its spacing and patch size count.
    step_size : float
        Distance between tiles as a share of the tile.

    Returns
    -------
    int
        Tiles of one fold.
    """
    tiles = 1
    for n, spacing, target, patch in zip(size, spacing_mm, model.spacing_mm, model.patch_size, strict=True):
        resampled = max(round(spacing / target * n), patch)
        tiles *= ceil((resampled - patch) / (patch * step_size)) + 1
    return tiles


def _tile_operations(
    model: Model, size: Sequence[int], spacing_mm: Sequence[float], options: InferenceOptions
) -> float:
    """Count the floating point operations of all tiles of all folds of an ensemble, as if nothing were cropped."""
    tiles = count_tiles(size, spacing_mm, model, options.step_size)
    some = model.role is Role.CALCIFICATION and not options.whole_volume
    runs = len(options.folds_of(model)) * tiles * (CALCIFICATION_SHARE if some else 1.0)
    if options.first_look and model.role is Role.TERRITORIES:
        runs += count_tiles(size, spacing_mm, model, 1.0)
    return runs * operations_per_tile(model, options)
