"""Conversion of cases to nnU-Net's raw format, and the split that both ensembles share."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..atomic import write_json
from ..images.files import read_calcification, read_ct, read_territories, write_image
from ..images.geometry import Image
from ..models import Role
from .cases import TrainingCase
from .recipe import FOLDS
from .workspace import Workspace

_ENDING = ".nii.gz"
_READERS = {Role.TERRITORIES: read_territories, Role.CALCIFICATION: read_calcification}


def convert(cases: Sequence[TrainingCase], workspace: Workspace, tell: Callable[[str], None] = lambda _: None) -> None:
    """Write the raw data sets of both ensembles, with the same split.

    Parameters
    ----------
    cases : sequence of TrainingCase
        Cases that passed `check_cases`; files that end in .nii.gz are linked, where the file system can.
    workspace : Workspace
        Where to; files that are there are kept, so that an interrupted conversion goes on, unless cases have changed.
    tell : callable
        Called with a few words before each case.

    Raises
    ------
    CalcScoreError
        A file could not be written.
    """
    _begin_anew_with_other_cases(cases, workspace)
    splits = split_cases(case.name for case in cases)
    for role in Role:
        folder = workspace.raw(role)
        for part in (folder / "imagesTr", folder / "labelsTr", workspace.preprocessed(role)):
            part.mkdir(parents=True, exist_ok=True)
        names = ("background", *(label.key for label in role.labels))
        write_json(folder / "dataset.json", dataset_json(names, len(cases)))
        write_json(workspace.preprocessed(role) / "splits_final.json", splits)
    for number, case in enumerate(cases, start=1):
        tell(f"converting case {number} of {len(cases)}")
        _convert_case(case, workspace)


def _begin_anew_with_other_cases(cases: Sequence[TrainingCase], workspace: Workspace) -> None:
    """Remove what was converted of other cases, or of the same ones before they were changed."""
    stamps = {case.name: case.stamps() for case in cases}
    before = None
    with suppress(OSError, ValueError):
        before = json.loads(workspace.conversion_file.read_text(encoding="utf-8"))
    if before != stamps:
        for role in Role:
            shutil.rmtree(workspace.raw(role), ignore_errors=True)
        workspace.root.mkdir(parents=True, exist_ok=True)
        write_json(workspace.conversion_file, stamps)


def dataset_json(names: Sequence[str], count: int) -> dict[str, Any]:
    """Describe a data set as nnU-Net reads it.

    Parameters
    ----------
    names : sequence of str
        Names of the labels 0, 1, 2, …
    count : int
        Number of cases.

    Returns
    -------
    dict
        Content of ``dataset.json``.
    """
    return {
        "channel_names": {"0": "CT"},
        "labels": {name: value for value, name in enumerate(names)},
        "numTraining": count,
        "file_ending": _ENDING,
        "overwrite_image_reader_writer": "SimpleITKIO",
    }


def split_cases(names: Iterable[str]) -> list[dict[str, list[str]]]:
    """Split cases into five folds.

    Parameters
    ----------
    names : iterable of str
        Names of the cases, at least five.

    Returns
    -------
    list of dict
        One a fold, with the names to train on (``train``) and the others (``val``). Every case is in ``val``
        once. The split depends on the names alone.
    """
    # Sorted by checksum: as good as shuffled, and the same with every version of every library.
    shuffled = sorted(names, key=lambda name: hashlib.sha256(os.fsencode(name)).hexdigest())
    held_out = [sorted(shuffled[fold::FOLDS]) for fold in range(FOLDS)]
    return [{"train": sorted(set(shuffled) - set(held)), "val": held} for held in held_out]


def _convert_case(case: TrainingCase, workspace: Workspace) -> None:
    """Bring the files of a case to where nnU-Net looks for them, the CTA once for both ensembles."""
    image = workspace.raw(Role.TERRITORIES) / "imagesTr" / f"{case.name}_0000{_ENDING}"
    if not image.exists():
        _store(case.cta, image, read_ct)
    shared = workspace.raw(Role.CALCIFICATION) / "imagesTr" / image.name
    if not shared.exists():
        _link(image, shared)
    for role, read in _READERS.items():
        target, source = workspace.raw(role) / "labelsTr" / f"{case.name}{_ENDING}", case.label_map(role)
        if target.exists():
            continue
        _store(source, target, read)


def _store(source: Path, target: Path, read: Callable[[Path], Image]) -> None:
    """Put an image where nnU-Net looks for it, in canonical storage, as the networks will see every CTA."""
    image = read(source)
    if source.name.endswith(_ENDING) and image.geometry.canonical() == image.geometry:
        _link(source, target)
    else:
        write_image(target, image.canonical())


def _link(source: Path, target: Path) -> None:
    """Give a file a second name, or copy it where the file system cannot."""
    temporary = target.with_name(f".{target.name}")
    temporary.unlink(missing_ok=True)
    try:
        os.link(source.resolve(), temporary)
    except OSError:
        shutil.copyfile(source, temporary)
    temporary.replace(target)
