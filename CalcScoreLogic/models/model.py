"""What a model is, once it has been checked."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from ..anatomy import CalcificationLabel, Territory

CHECKPOINT = "checkpoint_final.pth"
"""Name of a fold's weights once it is trained."""

ORIENTATION = "LPS"
"""Canonical storage: axes along the patient's left, posterior and superior."""


class Role(str, Enum):
    """Which of the two ensembles a model is; its label names decide."""

    TERRITORIES = "territories"
    CALCIFICATION = "calcification"

    @property
    def labels(self) -> type[Territory] | type[CalcificationLabel]:
        """Labels of the map that such a model makes."""
        return Territory if self is Role.TERRITORIES else CalcificationLabel


@dataclass(frozen=True)
class Model:
    """A trained nnU-Net folder that has passed `check`.

    Attributes
    ----------
    path : Path
        The folder.
    role : Role
        Which ensemble it is.
    name : str
        For readers, and for `find` and `remove` when the model is installed.
    folds : tuple of int
        Folds that are there, ascending.
    missing_folds : tuple of int
        Folds of a five-fold ensemble that are not.
    fingerprint : str
        SHA-256 of what ``sha256sum dataset.json plans.json fold_*/checkpoint_final.pth`` prints in the folder.
    label_values : dict of int to int
        From the model's label values to ours; background is not in it, and further labels that count as background
        have 0.
    spacing_mm : tuple of float
        Voxel size that the network works on, x, y, z.
    patch_size : tuple of int
        Voxels of a patch, x, y, z.
    trainer : str
        Class that trained it.
    mirroring_axes : tuple of int
        Axes of the network along which tiles may be mirrored in a prediction.
    size_bytes : int
        Size of the files that the fingerprint covers.
    trained_on : str, optional
        What it was trained on.
    note : str, optional
        What else its maker wants to be read.
    demo : bool
        It knows synthetic phantoms only.
    synthetic : bool
        It learned from synthetic CTA of real anatomy, from no patient's image.
    orientation : str, optional
        ``"LPS"``: its networks learned from volumes stored along L, P and S, and are given such ones, however a CTA is
        stored. None: they are given a CTA as it is stored, as nnU-Net does.
    least_piece_mm3 : float
        Smaller pieces of a territory are made background, mm³; 0: none, as nnU-Net does.
    bundled : bool
        It comes with CalcScore.
    source_sha256 : str, optional
        Of the zip that it was installed from; of a folder, the fingerprint.
    installed : str, optional
        When it was installed, ISO 8601.
    """

    path: Path
    role: Role
    name: str
    folds: tuple[int, ...]
    missing_folds: tuple[int, ...]
    fingerprint: str
    label_values: dict[int, int]
    spacing_mm: tuple[float, float, float]
    patch_size: tuple[int, ...]
    trainer: str
    mirroring_axes: tuple[int, ...]
    size_bytes: int
    trained_on: str | None = None
    note: str | None = None
    demo: bool = False
    synthetic: bool = False
    orientation: str | None = None
    least_piece_mm3: float = 0.0
    bundled: bool = False
    source_sha256: str | None = None
    installed: str | None = None

    @property
    def heads(self) -> int:
        """Channels of the logits: background, and all labels of the model."""
        return 1 + len(self.label_values)

    def checkpoint(self, fold: int) -> Path:
        """Give the checkpoint of a fold."""
        return checkpoint_path(self.path, fold)

    def to_dict(self) -> dict[str, Any]:
        """Give everything as an object that JSON can hold."""
        return {
            "name": self.name,
            "role": self.role.value,
            "path": str(self.path),
            "folds": list(self.folds),
            "missing_folds": list(self.missing_folds),
            "fingerprint": self.fingerprint,
            "label_values": {str(theirs): ours for theirs, ours in self.label_values.items()},
            "spacing_mm": list(self.spacing_mm),
            "patch_size": list(self.patch_size),
            "trainer": self.trainer,
            "mirroring_axes": list(self.mirroring_axes),
            "size_bytes": self.size_bytes,
            "trained_on": self.trained_on,
            "note": self.note,
            "demo": self.demo,
            "synthetic": self.synthetic,
            "orientation": self.orientation,
            "least_piece_mm3": self.least_piece_mm3,
            "bundled": self.bundled,
            "source_sha256": self.source_sha256,
            "installed": self.installed,
        }


@dataclass(frozen=True)
class BrokenModel:
    """A folder among the models that cannot be used.

    Attributes
    ----------
    path : Path
        The folder.
    reason : str
        What is wrong with it, one sentence.
    """

    path: Path
    reason: str

    @property
    def name(self) -> str:
        """Name for `remove`."""
        return self.path.name

    def to_dict(self) -> dict[str, Any]:
        """Give everything as an object that JSON can hold."""
        return {"name": self.name, "path": str(self.path), "broken": self.reason}


def checkpoint_path(folder: Path, fold: int) -> Path:
    """Give the path of a fold's checkpoint in a model folder."""
    return folder / f"fold_{fold}" / CHECKPOINT
