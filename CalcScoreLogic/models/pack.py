"""One zip of a model, or of one of each role, that another site can install."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..atomic import atomic_path
from ..errors import InputError
from .card import CARD, MeasuredDice, card_of
from .check import ABOUT, covered_files
from .model import Model

_TIME = (1980, 1, 1, 0, 0, 0)
"""Of every entry, so that the same model gives the same zip."""


def pack(models: Sequence[Model], target: Path, measured: Mapping[str, MeasuredDice] | None = None) -> None:
    """Write models into a zip, each with its card.

    Parameters
    ----------
    models : sequence of Model
        One, or one of each role.
    target : Path
        The zip; it appears whole or not at all.
    measured : mapping of str to MeasuredDice, optional
        What `card.read_measured` gave.

    Raises
    ------
    InputError
        Two models are of one role.
    CalcScoreError
        The zip could not be written.
    """
    if len({model.role for model in models}) < len(models):
        raise InputError(f"{' and '.join(m.name for m in models)} are of one role, pack them one at a time")
    with atomic_path(target) as part, zipfile.ZipFile(part, "w") as archive:
        for model in models:
            for file in _files(model):
                # Weights hardly get smaller, and take long.
                kind = zipfile.ZIP_STORED if file.suffix == ".pth" else zipfile.ZIP_DEFLATED
                _write(archive, f"{model.name}/{file.relative_to(model.path).as_posix()}", file.read_bytes(), kind)
            card = card_of(model, measured or {}).encode("utf-8")
            _write(archive, f"{model.name}/{CARD}", card, zipfile.ZIP_DEFLATED)


def _files(model: Model) -> list[Path]:
    """List what is packed: what the fingerprint covers, what its maker tells, and the terms."""
    terms = [path for path in sorted(model.path.iterdir()) if path.name.upper().startswith(("LICENCE", "LICENSE"))]
    about = [model.path / ABOUT] if (model.path / ABOUT).is_file() else []
    return [*covered_files(model), *about, *(path for path in terms if path.is_file())]


def _write(archive: zipfile.ZipFile, name: str, data: bytes, kind: int) -> None:
    entry = zipfile.ZipInfo(name, _TIME)
    entry.compress_type, entry.external_attr = kind, 0o644 << 16
    archive.writestr(entry, data)
