"""Whether a folder is a model that CalcScore can use, in words."""

from __future__ import annotations

import hashlib
import importlib.util
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import InputError, unreadable
from ..file_hashes import file_sha256
from .checkpoints import check_checkpoint, read_header
from .json_objects import member, read_object, shown
from .labels import read_labels
from .model import ORIENTATION, Model, Role, checkpoint_path
from .nnunet_names import READERS
from .plans import check_name, check_plans

DATASET, PLANS, ABOUT = "dataset.json", "plans.json", "calcscore_model.json"
FOLDS = range(5)
_LARGEST_PIECE_MM3 = 1000.0
_FOLD = re.compile(r"fold_(0|[1-9]\d?)")


def check(path: Path) -> Model:
    """Check a model folder, without PyTorch and without running anything that is in it.

    Parameters
    ----------
    path : Path
        A folder with ``dataset.json``, ``plans.json``, ``fold_0/checkpoint_final.pth`` and so on.

    Returns
    -------
    Model
        What it is.

    Raises
    ------
    InputError
        It cannot be used; the message says why and what to do.
    """
    model = describe(path)
    # Hashes and checksums are computed outside Python's lock.
    with ThreadPoolExecutor() as threads:
        reading = threads.map(read_header, map(model.checkpoint, model.folds))
        hashes = threads.map(file_sha256, covered_files(model))
        headers = list(reading)
        fingerprint = hashlib.sha256()
        for file, sha256 in zip(covered_files(model), hashes, strict=True):
            fingerprint.update(f"{sha256}  {file.relative_to(path).as_posix()}\n".encode("ascii"))
    return replace(
        model,
        fingerprint=fingerprint.hexdigest(),
        trainer=", ".join(dict.fromkeys(header.trainer for header in headers)),
        # nnU-Net takes them from the first fold.
        mirroring_axes=headers[0].mirroring_axes,
    )


def check_fully(path: Path) -> Model:
    """Check a model folder, and load its checkpoints where PyTorch is installed.

    Without PyTorch the model cannot be used, and `check` has seen everything that could run.

    Raises
    ------
    InputError
        As `check`, and what `check_checkpoint` refuses.
    """
    model = check(path)
    if importlib.util.find_spec("torch") is not None:
        for fold in model.folds:
            check_checkpoint(model.checkpoint(fold))
    return model


def describe(path: Path) -> Model:
    """Check everything but the checkpoints' content; fingerprint, trainer and mirroring axes stay empty.

    Raises
    ------
    InputError
        As `check`.
    """
    if not path.is_dir():
        found = "this is a file" if path.exists() else "there is no such folder"
        raise InputError(f"{path}: {found}, give the folder with {DATASET}, {PLANS} and fold_0 to fold_4")
    dataset = read_object(path / DATASET)
    role, label_values = read_labels(path / DATASET, dataset)
    _check_channel(path / DATASET, dataset)
    reader = dataset.get("overwrite_image_reader_writer")
    if reader not in (None, "None"):
        check_name(path / DATASET, "overwrite_image_reader_writer", reader, READERS)
    plans = check_plans(path / PLANS, read_object(path / PLANS))
    folds, about = _find_folds(path), _read_about(path / ABOUT, role)
    model = Model(
        path=path,
        role=role,
        name=about.get("name") or path.resolve().name,
        folds=folds,
        missing_folds=tuple(fold for fold in FOLDS if fold not in folds),
        fingerprint="",
        label_values=label_values,
        spacing_mm=plans.spacing_mm,
        patch_size=plans.patch_size,
        trainer="",
        mirroring_axes=(),
        size_bytes=0,
        trained_on=about.get("trained_on"),
        note=about.get("note"),
        demo=about.get("demo", False),
        synthetic=about.get("synthetic", False),
        orientation=about.get("orientation"),
        least_piece_mm3=about.get("least_piece_mm3", 0.0),
    )
    return replace(model, size_bytes=sum(file.stat().st_size for file in covered_files(model)))


def covered_files(model: Model) -> list[Path]:
    """List the files that the fingerprint covers, in its order."""
    return [model.path / DATASET, model.path / PLANS, *map(model.checkpoint, model.folds)]


def learned_canonically(path: Path) -> bool:
    """Tell whether the model in a folder, which was checked, has the orientation `ORIENTATION`."""
    about = path / ABOUT
    return about.exists() and read_object(about).get("orientation") == ORIENTATION


def _check_channel(path: Path, dataset: dict[str, Any]) -> None:
    """Refuse anything but one CT channel: its name decides how intensities are normalised."""
    # nnU-Net itself prefers the older name where both are there.
    key = "modality" if "modality" in dataset else "channel_names"
    channels = list(member(path, dataset, key, dict).values())
    if len(channels) != 1 or not isinstance(channels[0], str) or channels[0].casefold() != "ct":
        raise InputError(f"{path}: {key!r} is {shown(channels)} and should be one channel 'CT', train the model on CT")


def _find_folds(path: Path) -> tuple[int, ...]:
    """Find the folds that were trained to their end."""
    try:
        folders = sorted(entry.name for entry in path.iterdir() if entry.name.startswith("fold_"))
    except OSError as error:
        raise unreadable(path, error, "folder") from None
    numbers = sorted(int(match[1]) for match in map(_FOLD.fullmatch, folders) if match)
    folds = tuple(number for number in numbers if checkpoint_path(path, number).is_file())
    if folds:
        return folds
    wanted = "one to five of fold_0 to fold_4 are needed, each with checkpoint_final.pth"
    if "fold_all" in folders and not numbers:
        raise InputError(f"{path}: there is only fold_all, which is no fold of an ensemble; {wanted}")
    if numbers:
        found = ", ".join(f"fold_{number}" for number in numbers)
        raise InputError(
            f"{path}: no fold was trained to its end (found {found} without checkpoint_final.pth); {wanted}"
        )
    raise InputError(f"{path}: there is no fold folder; {wanted}")


def _read_about(path: Path, role: Role) -> dict[str, Any]:
    """Read what the maker of a model tells about it, where there is such a file."""
    if not path.exists():
        return {}
    about = read_object(path)
    told: dict[str, Any] = {}
    for key in ("name", "role", "trained_on", "note"):
        if about.get(key) is not None:
            # These are printed as they are: one line, no control characters.
            words = " ".join(member(path, about, key, str).split())
            told[key] = "".join(letter for letter in words if letter.isprintable())
    for key in ("demo", "synthetic"):
        if about.get(key) is not None:
            told[key] = member(path, about, key, bool)
    orientation = about.get("orientation")
    if orientation not in (None, ORIENTATION):
        raise InputError(f"{path}: the orientation is {shown(orientation)} and can only be '{ORIENTATION}' or left out")
    told["orientation"] = orientation
    least = about.get("least_piece_mm3")
    if least is not None:
        if isinstance(least, bool) or not isinstance(least, int | float) or not 0 <= least <= _LARGEST_PIECE_MM3:
            raise InputError(
                f"{path}: 'least_piece_mm3' is {shown(least)} and can be 0 to {_LARGEST_PIECE_MM3:g}, or left out"
            )
        told["least_piece_mm3"] = float(least)
    if told.get("role") not in (None, role.value):
        raise InputError(f"{path}: the role is {shown(told['role'])}, but the labels are those of {role.value}")
    return told
