"""From labelled anatomy to ten trained folds. Each step goes on where it was interrupted."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...atomic import write_json
from ...images.file_checks import check_exists
from ...models import Role, file_sha256
from ...version import __version__
from ..about import About
from ..dataset import dataset_json
from ..processes import Job
from ..run import Tell, run_locked
from ..workspace import FINAL, Workspace
from .parts import TRUNK, part_folder
from .plans import starter_plans
from .recipe import FULL_SIZE, STARTER, StarterRecipe

# glibc gives large blocks back to the system after each use, and zeroing them anew costs a fifth of an iteration.
_MEMORY = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "100000000000",
    "MALLOC_TOP_PAD_": "268435456",
    "OMP_WAIT_POLICY": "passive",
    "GOMP_SPINCOUNT": "0",
}


@dataclass(frozen=True)
class Anatomy:
    """A file with labelled anatomy.

    Attributes
    ----------
    file : Path
        The file.
    sha256 : str
        Of its content.
    """

    file: Path
    sha256: str

    @classmethod
    def of(cls, file: Path) -> Anatomy:
        """Read the file's checksum; raises InputError."""
        check_exists(file)
        return cls(file.resolve(), file_sha256(file))


def recipe_for_this_machine() -> StarterRecipe:
    """Give `FULL_SIZE` where there is a GPU for it, else `STARTER`."""
    import torch

    return FULL_SIZE if torch.cuda.is_available() else STARTER


def describe_anatomies(anatomies: Sequence[Anatomy]) -> str:
    """Say what a model that learned from anatomies was trained on."""
    told = ", ".join(f"{anatomy.file.name} (SHA-256 {anatomy.sha256[:12]}…)" for anatomy in anatomies)
    return f"synthetic CTA made from labelled anatomy: {told}; no CT of a patient"


def prepare_starter(workspace: Workspace, recipe: StarterRecipe, anatomies: Sequence[Anatomy], about: About) -> None:
    """Write recipe and plans into a work folder, which may hold them already.

    Parameters
    ----------
    workspace : Workspace
        Where to.
    recipe : StarterRecipe
        How the ensembles will be trained.
    anatomies : sequence of Anatomy
        What patches are made of.
    about : About
        What is told of the models.

    Raises
    ------
    InputError
        The work folder holds another training, or an anatomy cannot be used.
    CalcScoreError
        Something could not be written.
    """
    from ...synthesis import CLASSES, read_anatomy

    wanted = {
        "calcscore": __version__,
        "recipe": recipe.to_dict(),
        "anatomies": [{"file": str(anatomy.file), "sha256": anatomy.sha256} for anatomy in anatomies],
        "about": about.to_dict(),
    }
    if workspace.settings_file.is_file():
        there = workspace.settings()
        changed = [key for key in ("recipe", "about") if there.get(key) != wanted[key]]
        if [anatomy["sha256"] for anatomy in there.get("anatomies", [])] != [anatomy.sha256 for anatomy in anatomies]:
            changed.append("anatomies")
        workspace.refuse_other(changed, "anatomies")
    else:
        for anatomy in anatomies:
            read_anatomy(anatomy.file)
    for role in Role:
        folder = workspace.trained(role, recipe)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "dataset.json", dataset_json(CLASSES[role.value], 0))
        write_json(folder / "plans.json", starter_plans(recipe, role))
    workspace.write_settings(wanted)


def train_starter(workspace: Workspace, roles: Collection[Role], folds: Collection[int], tell: Tell) -> None:
    """Train folds, and the trunks that they start from; what is finished is left as it is.

    Parameters
    ----------
    workspace : Workspace
        A prepared one.
    roles : collection of Role
        The ensembles.
    folds : collection of int
        The folds, 0 to 4.
    tell : callable
        Called with a few words about what is running.

    Raises
    ------
    CalcScoreError
        A training failed.
    """
    recipe = workspace.starter_recipe()
    jobs = []
    for fold in (TRUNK, *sorted(folds)):
        for role in (role for role in Role if role in roles):
            forked = recipe.networks[role].trunk_epochs > 0
            if (part_folder(workspace, role, recipe, fold) / FINAL).is_file() or (fold == TRUNK and not forked):
                continue
            part = "trunk" if fold == TRUNK else f"fold {fold}"
            jobs.append(
                Job(
                    f"{role.value} {part}",
                    ("starter.learn", str(workspace.root), role.value, str(fold)),
                    workspace.log(f"{role.value}_{part.replace(' ', '_')}"),
                    needs=f"{role.value} trunk" if forked and fold != TRUNK else None,
                )
            )
    cores = os.cpu_count() or 1
    workers = max(1, min(len(roles), cores))
    environment = {**workspace.environment(), **_MEMORY, "OMP_NUM_THREADS": str(max(1, cores // workers))}
    run_locked(workspace, jobs, environment, workers, tell)
