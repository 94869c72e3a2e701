"""What ``plans.json`` tells nnU-Net to build and to import."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError
from . import nnunet_names as names
from .json_objects import member, shown

CONFIGURATION = "3d_fullres"
"""The only configuration that CalcScore uses."""

_RESAMPLING_KEYS = ("resampling_fn_data", "resampling_fn_probabilities", "resampling_fn_seg")
_INTENSITIES = ("mean", "std", "percentile_00_5", "percentile_99_5")


@dataclass(frozen=True)
class Plans:
    """What is told of a configuration.

    Attributes
    ----------
    spacing_mm : tuple of float
        Voxel size that the network works on, x, y, z.
    patch_size : tuple of int
        Voxels of a patch, x, y, z.
    """

    spacing_mm: tuple[float, float, float]
    patch_size: tuple[int, int, int]


def check_plans(path: Path, plans: dict[str, Any]) -> Plans:
    """Check everything in a ``plans.json`` that nnU-Net imports, calls or needs for a prediction.

    Parameters
    ----------
    path : Path
        The file, for messages.
    plans : dict
        Its content.

    Returns
    -------
    Plans
        Spacing and patch size of the configuration 3d_fullres.

    Raises
    ------
    InputError
        It names a class that is not one of nnU-Net's own, lacks the configuration, or is not complete.
    """
    configurations = member(path, plans, "configurations", dict)
    if CONFIGURATION not in configurations:
        found = shown(list(configurations))
        raise InputError(f"{path}: there is no configuration '{CONFIGURATION}' (found: {found}), train that one")
    _check_top(path, plans)
    # The other configurations are never built, but a file that names foreign classes is not to be trusted.
    for name in configurations:
        _check_classes(path, _resolved(path, configurations, name))
    configuration = resolved_configuration(path, plans)
    _check_complete(path, configuration)
    _check_normalization(path, plans, configuration)
    return _measures(path, plans, configuration)


def check_name(path: Path, where: str, value: Any, allowed: frozenset[str]) -> None:
    """Refuse a name that is not in an allow-list.

    Raises
    ------
    InputError
        It is not.
    """
    if not isinstance(value, str) or value not in allowed:
        raise InputError(
            f"{path}: {shown(where)} names the class {shown(value)}, which is not one of nnU-Net's own; "
            "the model is refused because using it would run foreign code"
        )


def resolved_configuration(path: Path, plans: dict[str, Any]) -> dict[str, Any]:
    """Give the configuration 3d_fullres with what it inherits.

    Parameters
    ----------
    path : Path
        The file, for messages.
    plans : dict
        Its content.

    Returns
    -------
    dict
        The configuration, as nnU-Net puts it together.

    Raises
    ------
    InputError
        There is none, or it inherits from one that cannot be.
    """
    return _resolved(path, member(path, plans, "configurations", dict), CONFIGURATION)


def intensities_key(plans: Mapping[str, Any]) -> str:
    """Give the member of a ``plans.json`` that holds the intensities of the channels; older ones have another name."""
    older, newer = "foreground_intensity_properties_by_modality", "foreground_intensity_properties_per_channel"
    return newer if newer in plans else older


def _check_top(path: Path, plans: dict[str, Any]) -> None:
    for key, allowed in (
        ("image_reader_writer", names.READERS),
        ("label_manager", names.LABEL_MANAGERS),
        ("experiment_planner_used", names.PLANNERS),
    ):
        if key in plans:
            check_name(path, key, plans[key], allowed)


def _resolved(path: Path, configurations: dict[str, Any], name: str) -> dict[str, Any]:
    """Merge a configuration with those that it inherits from, as nnU-Net does."""
    chain: list[str] = []
    merged: dict[str, Any] = {}
    while True:
        chain.append(name)
        configuration = member(path, configurations, name, dict)
        merged = {**configuration, **merged}
        if "inherits_from" not in configuration:
            return merged
        name = configuration["inherits_from"]
        if not isinstance(name, str) or name in chain or name not in configurations:
            raise InputError(
                f"{path}: the configuration {shown(chain[-1])} inherits from {shown(name)}, which cannot be"
            )


def _check_classes(path: Path, configuration: dict[str, Any]) -> None:
    """Refuse foreign names in a configuration."""
    if "preprocessor_name" in configuration:
        check_name(path, "preprocessor_name", configuration["preprocessor_name"], names.PREPROCESSORS)
    for key in _RESAMPLING_KEYS:
        if key in configuration:
            check_name(path, key, configuration[key], names.RESAMPLING)
    if "normalization_schemes" in configuration:
        for scheme in member(path, configuration, "normalization_schemes", list):
            check_name(path, "normalization_schemes", scheme, names.NORMALIZATIONS)
    if "architecture" in configuration:
        _check_network(path, member(path, configuration, "architecture", dict))
    elif "UNet_class_name" in configuration:
        check_name(path, "UNet_class_name", configuration["UNet_class_name"], names.OLD_NETWORKS)


def _check_network(path: Path, architecture: dict[str, Any]) -> None:
    """Refuse foreign names in an architecture."""
    check_name(path, "network_class_name", architecture.get("network_class_name"), names.NETWORKS)
    arguments = member(path, architecture, "arch_kwargs", dict)
    # Some trainers import an argument that is not on the list, so every text in the arguments is checked.
    for key, text in _texts(arguments):
        check_name(path, key, text, names.OPERATIONS)
    for key in member(path, architecture, "_kw_requires_import", list):
        if not isinstance(key, str) or not isinstance(arguments.get(key, 0), (str, type(None))):
            raise InputError(f"{path}: '_kw_requires_import' names {shown(key)}, which is no class in 'arch_kwargs'")


def _texts(arguments: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Find every text in nested JSON, however deep, with the member that it belongs to."""
    left: list[tuple[str, Any]] = list(arguments.items())
    while left:
        key, value = left.pop()
        if isinstance(value, str):
            yield key, value
        elif isinstance(value, dict):
            left.extend(value.items())
        elif isinstance(value, list):
            left.extend((key, content) for content in value)


def _check_complete(path: Path, configuration: dict[str, Any]) -> None:
    """Refuse a configuration that lacks what a prediction needs."""
    if configuration.get("previous_stage") is not None:
        raise InputError(
            f"{path}: '{CONFIGURATION}' is the second stage of a cascade, train it without 'previous_stage'"
        )
    member(path, configuration, "preprocessor_name", str)
    for key in _RESAMPLING_KEYS[:2]:
        member(path, configuration, key, str)
        member(path, configuration, f"{key}_kwargs", dict)
    if "architecture" not in configuration:
        member(path, configuration, "UNet_class_name", str)


def _check_normalization(path: Path, plans: dict[str, Any], configuration: dict[str, Any]) -> None:
    """Refuse a normalization that is not for one channel with known intensities."""
    for key in ("normalization_schemes", "use_mask_for_norm"):
        entries = member(path, configuration, key, list)
        if len(entries) != 1:
            raise InputError(f"{path}: {key!r} has {len(entries)} entries, but a model for CT has one channel")
    intensities = member(path, plans, intensities_key(plans), dict)
    properties = member(path, intensities, "0", dict)
    if configuration["normalization_schemes"] == ["CTNormalization"]:
        for key in _INTENSITIES:
            if not _is_finite(properties.get(key)):
                raise InputError(f"{path}: the CT intensity {key!r} is {shown(properties.get(key))} and not a number")


def _measures(path: Path, plans: dict[str, Any], configuration: dict[str, Any]) -> Plans:
    """Read spacing and patch size, which are stored in the network's order of axes."""
    forward, backward = (member(path, plans, key, list) for key in ("transpose_forward", "transpose_backward"))
    if not all(type(axis) is int for axis in forward + backward) or not (
        sorted(forward) == [0, 1, 2] and [forward[axis] for axis in backward if axis in (0, 1, 2)] == [0, 1, 2]
    ):
        raise InputError(f"{path}: the axis orders {shown(forward)} and {shown(backward)} do not undo each other")
    spacing, patch = (member(path, configuration, key, list) for key in ("spacing", "patch_size"))
    if len(spacing) != 3 or not all(_is_finite(size) and size > 0 for size in spacing):
        raise InputError(f"{path}: the spacing {shown(spacing)} of '{CONFIGURATION}' is not three lengths in mm")
    if len(patch) != 3 or not all(type(size) is int and size > 0 for size in patch):
        raise InputError(f"{path}: the patch size {shown(patch)} of '{CONFIGURATION}' is not three numbers of voxels")
    z, y, x = backward
    return Plans(
        (float(spacing[x]), float(spacing[y]), float(spacing[z])),
        (patch[x], patch[y], patch[z]),
    )


def _is_finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e9
