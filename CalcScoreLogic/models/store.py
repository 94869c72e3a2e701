"""The user's models: installed whole or not at all, listed, found and removed."""

from __future__ import annotations

import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..atomic import write_json
from ..errors import CalcScoreError, InputError
from ..file_hashes import file_sha256
from .check import check, check_fully, covered_files, describe
from .folders import starter_models_folder, user_models_folder
from .json_objects import member, read_object
from .model import BrokenModel, Model, Role
from .packages import Package, open_packages

RECORD = "installed.json"
_STALE_SECONDS = 24 * 3600
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)


def install(source: Path, store: Path | None = None) -> list[Model]:
    """Install the model, or both models, of a folder or a zip.

    Parameters
    ----------
    source : Path
        A model folder, or a zip; it may hold two models where there is one of each role.
    store : Path, optional
        Folder of the models; by default the user's.

    Returns
    -------
    list of Model
        The installed models, territories first. One that was there already is given as it is.

    Raises
    ------
    InputError
        The source is no such thing, or one of its models does not pass every check; nothing is installed.
    CalcScoreError
        It could not be written.
    """
    folder = store or user_models_folder()
    with open_packages(source) as packages, _staging(folder) as staging:
        sha256 = None if source.is_dir() else file_sha256(source)
        staged = [_stage(package, staging / str(number)) for number, package in enumerate(packages)]
        if len(staged) == 2 and staged[0].role is staged[1].role:
            raise InputError(f"{source}: both models are for {staged[0].role.value}, install them one at a time")
        there = {model.fingerprint: model for model in _user_models(folder) if isinstance(model, Model)}
        staged.sort(key=lambda model: list(Role).index(model.role))
        return _publish(staged, there, folder, sha256)


def list_models(store: Path | None = None) -> list[Model | BrokenModel]:
    """List the user's models, newest first, and then the starter models that come with CalcScore.

    Parameters
    ----------
    store : Path, optional
        Folder of the models; by default the user's.

    Returns
    -------
    list of Model or BrokenModel
        A folder that cannot be used is a `BrokenModel`.
    """
    return [*_user_models(store or user_models_folder()), *_starter_models()]


def find(role: Role, store: Path | None = None, name: str | None = None) -> Model:
    """Find the model to use.

    Parameters
    ----------
    role : Role
        What it is for.
    store : Path, optional
        Folder of the models; by default the user's.
    name : str, optional
        Its name; by default the user's newest model of that role, else the starter model.

    Returns
    -------
    Model
        The model.

    Raises
    ------
    InputError
        There is none, or the named one cannot be used.
    """
    models = list_models(store)
    usable = [model for model in models if isinstance(model, Model) and model.role is role]
    if name is not None:
        usable = [model for model in usable if model.name == name]
        for model in models:
            if isinstance(model, BrokenModel) and model.name == name and not usable:
                raise InputError(f"the model {name} cannot be used: {model.reason}")
    if usable:
        return usable[0]
    known = ", ".join(model.name for model in models if isinstance(model, Model) and model.role is role) or "none"
    wanted = f"model {name!r}" if name is not None else "model"
    raise InputError(
        f"there is no {wanted} for {role.value} (installed: {known}), "
        "install one with calcscore models install FOLDER_OR_ZIP"
    )


def find_named(name: str, store: Path | None = None) -> list[Model]:
    """Find the models that a name stands for.

    Parameters
    ----------
    name : str
        A model's name; or what the names of both ensembles begin with, such as ``starter`` for
        ``starter-territories`` and ``starter-calcification``.
    store : Path, optional
        Folder of the models; by default the user's.

    Returns
    -------
    list of Model
        One, or one of each role.

    Raises
    ------
    InputError
        There is none.
    """
    models = [model for model in list_models(store) if isinstance(model, Model)]
    exact = [model for model in models if model.name == name][:1]
    both = [next((m for m in models if m.name == f"{name}-{role.value}"), None) for role in Role]
    found = exact or [model for model in both if model is not None]
    if not found:
        known = ", ".join(model.name for model in models) or "none"
        raise InputError(f"there is no model {name!r} (installed: {known}), see calcscore models list")
    return found


def remove(name: str, store: Path | None = None) -> Path:
    """Remove one of the user's models.

    Parameters
    ----------
    name : str
        Its name.
    store : Path, optional
        Folder of the models; by default the user's.

    Returns
    -------
    Path
        The folder that is gone.

    Raises
    ------
    InputError
        There is no such model, or it comes with CalcScore.
    CalcScoreError
        It could not be removed.
    """
    folder = store or user_models_folder()
    target = next((path for path in _model_folders(folder) if path.name == name), None)
    if target is None:
        if any(model.name == name for model in _starter_models()):
            raise InputError(f"the model {name!r} comes with CalcScore and cannot be removed")
        known = ", ".join(path.name for path in _model_folders(folder)) or "none"
        raise InputError(f"there is no model {name!r} in {folder} (installed: {known}), see calcscore models list")
    hidden = _hidden(folder)
    try:
        # Renamed first, so that an interrupt leaves no half model under its name.
        target.rename(hidden)
    except OSError as error:
        raise CalcScoreError(f"{target}: the model could not be removed ({error.strerror})") from error
    if hidden.is_symlink():
        hidden.unlink()
    shutil.rmtree(hidden, ignore_errors=True)
    return target


@contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """Make a hidden folder inside the store and remove it at the end."""
    temporary = _hidden(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(".*.tmp"):
            # Left by a process that was killed.
            if time.time() - left.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
        temporary.mkdir()
        yield temporary
    except PermissionError as error:
        raise InputError(f"{folder}: permission to write denied, choose another folder for the models") from error
    except OSError as error:
        raise CalcScoreError(f"{folder}: the model could not be installed ({error.strerror or error})") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _hidden(folder: Path) -> Path:
    return folder / f".{secrets.token_hex(4)}.tmp"


def _stage(package: Package, folder: Path) -> Model:
    """Copy a model into the staging folder and check everything of it."""
    package.copy_to(folder)
    try:
        model = check_fully(folder)
    except InputError as error:
        raise InputError(str(error).replace(str(folder), package.label)) from None
    return replace(model, name=package.name if model.name == folder.name else model.name)


def _publish(staged: list[Model], there: dict[str, Model], folder: Path, sha256: str | None) -> list[Model]:
    """Give the staged models their names; all of them or none."""
    models: list[Model] = []
    published: list[Path] = []
    try:
        for model in staged:
            if model.fingerprint not in there:
                _write_record(model, sha256 or model.fingerprint)
                target = _free_name(folder, model)
                model.path.rename(target)
                published.append(target)
            models.append(there.get(model.fingerprint) or _load(published[-1]))
    except BaseException:
        for path in published:
            shutil.rmtree(path, ignore_errors=True)
        raise
    return models


def _write_record(model: Model, sha256: str) -> None:
    """Keep what was found, so that unchanged files need not be read again."""
    record = {
        "installed": datetime.now(timezone.utc).isoformat(),
        "source_sha256": sha256,
        "fingerprint": model.fingerprint,
        "trainer": model.trainer,
        "mirroring_axes": list(model.mirroring_axes),
        "files": _stamps(model),
    }
    write_json(model.path / RECORD, record)


def _stamps(model: Model) -> dict[str, list[int]]:
    """Give size and time of change of the files that the fingerprint covers."""
    stats = {file.relative_to(model.path).as_posix(): file.stat() for file in covered_files(model)}
    return {name: [stat.st_size, stat.st_mtime_ns] for name, stat in stats.items()}


def _free_name(folder: Path, model: Model) -> Path:
    """Find a folder name that every system allows and that is not taken."""
    name = re.sub(r"[^\w.-]+", "-", model.name).strip(".-")[:60].rstrip(".-") or model.role.value
    if _RESERVED.fullmatch(name.split(".")[0]):
        name = f"model-{name}"
    target, number = folder / name, 2
    while target.exists() or target.is_symlink():
        target, number = folder / f"{name}-{number}", number + 1
    return target


def _model_folders(folder: Path) -> list[Path]:
    """List the folders of a store that are meant as models."""
    if not folder.exists():
        return []
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError as error:
        raise InputError(f"{folder}: the models cannot be listed ({error.strerror}), give another folder") from None


def _user_models(folder: Path) -> list[Model | BrokenModel]:
    models = [_tell(_load, path) for path in _model_folders(folder)]
    return sorted(models, key=lambda model: getattr(model, "installed", None) or "", reverse=True)


def _starter_models() -> list[Model | BrokenModel]:
    folder = starter_models_folder()
    if folder is None:
        return []
    found = [_tell(check, folder / role.value) for role in Role if (folder / role.value).is_dir()]
    return [replace(model, bundled=True) if isinstance(model, Model) else model for model in found]


def _tell(load: Callable[[Path], Model], path: Path) -> Model | BrokenModel:
    """Load a model, or tell why it cannot be."""
    try:
        return load(path)
    except InputError as error:
        return BrokenModel(path, str(error))


def _load(path: Path) -> Model:
    """Check an installed model, but do not read checkpoints again that have not changed."""
    record = _read_record(path)
    model = describe(path)
    if record.get("files") == _stamps(model):
        model = replace(
            model,
            fingerprint=record["fingerprint"],
            trainer=record["trainer"],
            mirroring_axes=tuple(record["mirroring_axes"]),
        )
    else:
        model = check(path)
    return replace(model, name=path.name, source_sha256=record.get("source_sha256"), installed=record.get("installed"))


def _read_record(path: Path) -> dict[str, Any]:
    """Read what `install` kept; a folder that was put there by hand has nothing of the kind."""
    with suppress(InputError):
        record = read_object(path / RECORD)
        for key in ("fingerprint", "trainer", "installed", "source_sha256"):
            member(path / RECORD, record, key, str)
        member(path / RECORD, record, "mirroring_axes", list)
        return record
    return {}
