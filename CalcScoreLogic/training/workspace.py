"""Where things lie in a work folder."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..atomic import locked, write_json
from ..errors import InputError
from ..models import Role
from ..models.model import CHECKPOINT
from .recipe import CONFIGURATION, FOLDS, Recipe, dataset_name

if TYPE_CHECKING:
    from .finetune.base import Base
    from .starter.recipe import StarterRecipe

FINAL, LATEST = CHECKPOINT, "checkpoint_latest.pth"
_PREPROCESSED_MARK = "preprocessed.txt"


class Planned(Protocol):
    """A recipe of either kind: its plans name the folders of what is trained."""

    @property
    def plans_name(self) -> str:
        """Name of nnU-Net's plans file."""


@dataclass(frozen=True)
class Workspace:
    """A work folder.

    Attributes
    ----------
    root : Path
        The folder that the user gave.
    """

    root: Path

    @property
    def settings_file(self) -> Path:
        """Recipe and cases, as the processes of the folds read them."""
        return self.root / "training.json"

    def raw(self, role: Role) -> Path:
        """Give the folder of nnU-Net's raw data set."""
        return self.root / "nnUNet_raw" / dataset_name(role)

    def preprocessed(self, role: Role) -> Path:
        """Give the folder of nnU-Net's plans, the split and the preprocessed data."""
        return self.root / "nnUNet_preprocessed" / dataset_name(role)

    def preprocessed_mark(self, role: Role) -> Path:
        """Give the file that is there once all is preprocessed."""
        return self.preprocessed(role) / _PREPROCESSED_MARK

    def trained(self, role: Role, recipe: Planned) -> Path:
        """Give nnU-Net's result folder of an ensemble."""
        folder = f"nnUNetTrainer__{recipe.plans_name}__{CONFIGURATION}"
        return self.root / "nnUNet_results" / dataset_name(role) / folder

    def fold(self, role: Role, recipe: Planned, fold: int) -> Path:
        """Give nnU-Net's result folder of a fold."""
        return self.trained(role, recipe) / f"fold_{fold}"

    def finished(self, role: Role, recipe: Planned) -> list[int]:
        """List the folds of an ensemble that are trained to the end."""
        return [fold for fold in range(FOLDS) if (self.fold(role, recipe, fold) / FINAL).is_file()]

    @property
    def conversion_file(self) -> Path:
        """What the cases were when their conversion was begun."""
        return self.root / "conversion.json"

    def locked(self, work: str) -> AbstractContextManager[None]:
        """Keep other programs from doing the same work in this folder.

        Parameters
        ----------
        work : str
            A few words, e.g. ``"territories fold 2"``.

        Returns
        -------
        context manager
            Raises what `atomic.locked` raises.
        """
        taken = f"another calcscore train is at work here ({work}), wait for its end or choose another folder"
        return locked(self.root / "locks" / work.replace(" ", "_"), self.root, taken)

    def model(self, role: Role) -> Path:
        """Give the folder of the assembled model."""
        return self.root / "models" / role.value

    def log(self, name: str) -> Path:
        """Give the log of a process."""
        return self.root / "logs" / f"{name}.log"

    def settings(self) -> dict[str, Any]:
        """Read the settings.

        Raises
        ------
        InputError
            The folder holds none.
        """
        try:
            content: dict[str, Any] = json.loads(self.settings_file.read_text("utf-8"))
        except (OSError, ValueError):
            raise InputError(f"{self.root}: no training was prepared in this folder") from None
        return content

    def write_settings(self, settings: Mapping[str, Any]) -> None:
        """Write what `settings` reads; raises what `atomic.write_json` raises."""
        write_json(self.settings_file, dict(settings))

    def refuse_other(self, changed: Sequence[str], source: str) -> None:
        """Refuse to go on with a training of which something was changed; raises InputError, naming it."""
        if changed:
            raise InputError(
                f"{self.root}: this folder holds a training with other {' and '.join(changed)}, "
                f"give the same options and {source} to go on with it, or another folder"
            )

    def recipe(self) -> Recipe:
        """Read the recipe; raises what `settings` raises."""
        return Recipe.from_dict(self.settings()["recipe"])

    def base(self, role: Role) -> Base | None:
        """Read what an ensemble starts from; None where it starts from random weights."""
        from .finetune.base import Base

        content = self.settings().get("start_from", {}).get(role.value)
        return Base.from_dict(role, content) if content else None

    def planned(self) -> Recipe | StarterRecipe:
        """Read the recipe, of either kind; raises what `settings` raises."""
        return self.starter_recipe() if "anatomies" in self.settings() else self.recipe()

    def starter_recipe(self) -> StarterRecipe:
        """Read the recipe of starter ensembles; raises what `settings` raises."""
        from .starter.recipe import StarterRecipe

        return StarterRecipe.from_dict(self.settings()["recipe"])

    def variables(self) -> dict[str, str]:
        """Give the environment variables that tell nnU-Net its folders."""
        names = ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results")
        return {name: str((self.root / name).resolve()) for name in names}

    def environment(self) -> dict[str, str]:
        """Give the environment of nnU-Net's processes; this process keeps its own."""
        package = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
        return {**os.environ, **self.variables(), "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
