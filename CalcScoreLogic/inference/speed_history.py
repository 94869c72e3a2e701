"""How fast this machine was in its last runs, kept for the forecast of the next one."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from math import isfinite
from pathlib import Path
from typing import Any

from ..atomic import write_json
from ..errors import CalcScoreError
from ..models import Model, user_models_folder
from ..models.check import PLANS
from .cost_model import model_cost
from .options import InferenceOptions
from .remaining_time import SECONDS_PER_UNIT

SECONDS_PER_OPERATION, SECONDS_PER_ACTIVATION = 8e-12, 2e-8
"""First guess for one core: arithmetic, and the reading and writing of a number that a convolution makes."""

ENGINE_GAIN = {"torch": 1.0, "openvino": 2.0, "openvino-bf16": 4.0}
"""First guess of how many times as fast as PyTorch an engine is."""


def speed_file() -> Path:
    """Give the file of the speeds, in the platform's data directory; it may not be there yet."""
    return user_models_folder().parent / "speed.json"


def remembered(options: InferenceOptions, models: Iterable[str | os.PathLike[str]]) -> dict[str, float]:
    """Give the speeds of the last run of these networks on this device.

    Parameters
    ----------
    options : InferenceOptions
        Device, engine and threads count.
    models : iterable of path
        The models' folders.

    Returns
    -------
    dict of str to float
        Seconds a unit by kind of work; empty where nothing is known.
    """
    found = _read().get(_key(options, models), {})
    return {kind: seconds for kind, seconds in found.items() if kind in SECONDS_PER_UNIT and _is_speed(seconds)}


def remember(
    options: InferenceOptions, models: Iterable[str | os.PathLike[str]], seconds_per_unit: Mapping[str, float]
) -> None:
    """Keep the speeds of a run that is done; what cannot be written is not kept, and nobody is bothered.

    Parameters
    ----------
    options, models
        See `remembered`.
    seconds_per_unit : mapping of str to float
        As the worker has seen them, by kind of work.
    """
    speeds = {kind: seconds for kind, seconds in seconds_per_unit.items() if _is_speed(seconds)}
    if not speeds:
        return
    known, key = _read(), _key(options, models)
    known[key] = {**known.get(key, {}), **speeds}
    with suppress(CalcScoreError, OSError, ImportError):
        speed_file().parent.mkdir(parents=True, exist_ok=True)
        write_json(speed_file(), known)


def expected(options: InferenceOptions, models: Sequence[Model]) -> dict[str, float] | None:
    """Give the speeds to expect: those of the last such run, else a first guess for a processor.

    Parameters
    ----------
    options : InferenceOptions
        How the networks are run.
    models : sequence of Model
        The ensembles.

    Returns
    -------
    dict of str to float or None
        Seconds a unit by kind of work; None where a graphics card may be used that nothing is known of.

    Raises
    ------
    InputError
        A model's ``plans.json`` cannot be read any more.
    """
    known = remembered(options, [model.path for model in models])
    if "tiles" in known:
        return {**SECONDS_PER_UNIT, **known}
    if options.device not in ("auto", "cpu") or (options.device == "auto" and _may_have_graphics()):
        return None
    return {**SECONDS_PER_UNIT, "tiles": first_guess(options, models)}


def first_guess(options: InferenceOptions, models: Sequence[Model]) -> float:
    """Guess how long a processor takes for a floating point operation.

    Small networks take longer for one: they read and write more for each.

    Parameters
    ----------
    options : InferenceOptions
        Engine and threads count.
    models : sequence of Model
        The ensembles.

    Returns
    -------
    float
        Seconds.
    """
    costs = [model_cost(model) for model in models]
    operations = sum(cost.operations for cost in costs)
    activations = sum(cost.activations for cost in costs)
    cores = options.threads or os.cpu_count() or 1
    gain = ENGINE_GAIN[options.cpu_engine()]
    return (SECONDS_PER_OPERATION + SECONDS_PER_ACTIVATION * activations / operations) / (cores * gain)


def _key(options: InferenceOptions, models: Iterable[str | os.PathLike[str]]) -> str:
    """Name a device with engine, threads and the networks: each network has a speed of its own."""
    threads = f"{options.threads} threads" if options.threads else "all threads"
    networks = sorted(_fingerprint(Path(folder, PLANS)) for folder in models)
    return f"{options.device}, {options.engine}, {threads}, networks {' '.join(networks)}"


def _fingerprint(plans: Path) -> str:
    """Give a short text that other networks do not have, however they were trained."""
    try:
        return hashlib.sha256(plans.read_bytes()).hexdigest()[:16]
    except OSError:
        return "unknown"


def _read() -> dict[str, dict[str, Any]]:
    """Read what is known; nothing where there is no file, or one that makes no sense."""
    try:
        content = json.loads(speed_file().read_bytes())
    except (OSError, ValueError, ImportError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {key: speeds for key, speeds in content.items() if isinstance(speeds, dict)}


def _is_speed(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value) and value > 0


def _may_have_graphics() -> bool:
    """Tell whether a graphics card may be there that PyTorch uses, without asking PyTorch."""
    return shutil.which("nvidia-smi") is not None or (platform.system(), platform.machine()) == ("Darwin", "arm64")
