"""The ensembles that a fine-tuning starts from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...models import Model, Role, check, find_named
from ...models.model import checkpoint_path
from ..recipe import with_tuples


@dataclass(frozen=True)
class Base:
    """An ensemble that learns on.

    Attributes
    ----------
    role : Role
        Which ensemble it is.
    folder : Path
        Its folder.
    name, fingerprint, trained_on : str
        For the record of the model that is made from it.
    folds : tuple of int
        Its folds; a fold starts from its own, or from one of the others where it is missing.
    mirroring_axes : tuple of int
        Axes along which patches may be mirrored; where the ensemble tells sides apart there are none.
    least_piece_mm3 : float
        Pieces of a territory below this volume are dropped, mm³; the networks that come of it keep that.
    """

    role: Role
    folder: Path
    name: str
    fingerprint: str
    trained_on: str
    folds: tuple[int, ...]
    mirroring_axes: tuple[int, ...]
    least_piece_mm3: float

    @classmethod
    def of(cls, model: Model) -> Base:
        """Take a checked model.

        Raises
        ------
        InputError
            Its label values are not those of the cases.
        """
        if any(ours not in (0, theirs) for theirs, ours in model.label_values.items()):
            raise InputError(
                f"{model.name}: its labels have other values than label maps have ({model.label_values}), "
                "it cannot learn on from them"
            )
        known = model.trained_on or "data that is not told"
        return cls(
            model.role,
            model.path.resolve(),
            model.name,
            model.fingerprint,
            known,
            model.folds,
            model.mirroring_axes,
            model.least_piece_mm3,
        )

    def start_of(self, fold: int) -> Path:
        """Give the checkpoint that a fold starts from."""
        return checkpoint_path(self.folder, fold if fold in self.folds else self.folds[fold % len(self.folds)])

    def to_dict(self) -> dict[str, Any]:
        """Give it in what JSON can hold."""
        return {
            "folder": str(self.folder),
            "name": self.name,
            "fingerprint": self.fingerprint,
            "trained_on": self.trained_on,
            "folds": list(self.folds),
            "mirroring_axes": list(self.mirroring_axes),
            "least_piece_mm3": self.least_piece_mm3,
        }

    @classmethod
    def from_dict(cls, role: Role, content: Mapping[str, Any]) -> Base:
        """Read what `to_dict` gave."""
        return cls(role, **{**with_tuples(content), "folder": Path(content["folder"])})


def bases_of(names: Iterable[str], store: Path | None = None) -> dict[Role, Base]:
    """Find the ensembles that are named.

    Parameters
    ----------
    names : iterable of str
        Installed models, or folders; a name that both ensembles begin with stands for both
        (``starter`` for ``starter-territories`` and ``starter-calcification``).
    store : Path, optional
        Folder of the installed models; the user's by default.

    Returns
    -------
    dict of Role to Base
        One or both ensembles.

    Raises
    ------
    InputError
        A model is not there or cannot be used, or one role is named twice.
    """
    found: dict[Role, Base] = {}
    for name in names:
        for base in map(Base.of, [check(Path(name))] if Path(name).is_dir() else find_named(name, store)):
            if base.role in found:
                both = f"{found[base.role].name} and {base.name}"
                raise InputError(f"--start-from: {both} are both for {base.role.value}, name one")
            found[base.role] = base
    return found
