"""From cases to two ensembles: prepare, train, assemble. Each step goes on where it was interrupted."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..models import Role
from ..version import __version__
from .about import About
from .cases import TrainingCase, check_cases, raise_problems
from .dataset import convert
from .finetune.base import Base
from .processes import Job, run_jobs
from .recipe import FOLDS, Recipe
from .workspace import Workspace

Tell = Callable[[str], None]

_MOST_PROCESSES = 8


def check_packages() -> None:
    """Refuse to start without nnU-Net; raises InputError."""
    if any(importlib.util.find_spec(name) is None for name in ("torch", "nnunetv2")):
        raise InputError('training needs nnU-Net, install it with: pip install "CalcScoreLogic[nnunet]"')


def prepare(
    cases: Sequence[TrainingCase],
    workspace: Workspace,
    recipe: Recipe,
    about: About,
    tell: Tell,
    bases: Mapping[Role, Base] | None = None,
) -> list[str]:
    """Check and convert the cases, then let nnU-Net plan and preprocess them.

    Parameters
    ----------
    cases : sequence of TrainingCase
        The cases.
    workspace : Workspace
        Where to.
    recipe : Recipe
        How the ensembles will be trained.
    about : About
        What is told of the models.
    tell : callable
        Called with a few words about what is done.
    bases : mapping of Role to Base, optional
        The ensembles that learn on; others are left alone then.

    Returns
    -------
    list of str
        Warnings about the cases.

    Raises
    ------
    InputError
        The cases cannot be used, or the work folder holds another training.
    CalcScoreError
        Something could not be written, or nnU-Net failed.
    """
    wanted = {
        "calcscore": __version__,
        "recipe": recipe.to_dict(),
        "about": about.to_dict(),
        "cases": {case.name: case.stamps() for case in cases},
    }
    if bases is not None:
        wanted["start_from"] = {role.value: base.to_dict() for role, base in bases.items()}
    with workspace.locked("preparing"):
        warnings = _begin(cases, workspace, wanted, tell)
        jobs = [
            Job(
                f"planning and preprocessing for {role.value}",
                ("plan", str(workspace.root), role.value, str(_processes())),
                workspace.log(f"plan_{role.value}"),
            )
            for role in (Role if bases is None else bases)
            if not workspace.preprocessed_mark(role).is_file()
        ]
        run_jobs(jobs, workspace.environment(), workers=len(jobs), tell=tell)
    return warnings


def train(workspace: Workspace, roles: Collection[Role], folds: Collection[int], tell: Tell) -> None:
    """Train folds; those that are finished are left as they are.

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
    InputError
        A fold needs fold 0, which is neither trained nor asked for; or another program trains one of them.
    CalcScoreError
        A training failed.
    """
    recipe = workspace.recipe()
    jobs = []
    for fold in sorted(folds):
        for role in (role for role in Role if role in roles):
            finished = workspace.finished(role, recipe)
            if fold in finished:
                continue
            warm = recipe.is_warm(fold)
            if warm and 0 not in finished and 0 not in folds:
                raise InputError(f"fold {fold} of {role.value} starts from fold 0, train that first")
            jobs.append(
                Job(
                    f"{role.value} fold {fold}",
                    ("fold", str(workspace.root), role.value, str(fold)),
                    workspace.log(f"{role.value}_fold_{fold}"),
                    needs=f"{role.value} fold 0" if warm else None,
                )
            )
    environment, workers = workspace.environment(), 1
    if recipe.networks is not None:
        # One thread a fold, and as many folds as cores: small networks do not use a second thread well.
        environment.update(OMP_NUM_THREADS="1", nnUNet_n_proc_DA="0")
        workers = os.cpu_count() or 1
    run_locked(workspace, jobs, environment, workers, tell)


def run_locked(
    workspace: Workspace, jobs: Sequence[Job], environment: Mapping[str, str], workers: int, tell: Tell
) -> None:
    """Run the jobs of a training, which no other program may run at the same time.

    Parameters
    ----------
    workspace : Workspace
        Where they work.
    jobs, environment, workers, tell
        See `run_jobs`.

    Raises
    ------
    InputError
        Another program is at one of them; none is started.
    CalcScoreError
        As `run_jobs`.
    """
    with ExitStack() as locks:
        for job in jobs:
            locks.enter_context(workspace.locked(job.name))
        run_jobs(jobs, environment, workers, tell)


def assemble(workspace: Workspace, roles: Collection[Role], tell: Tell) -> dict[Role, Path]:
    """Put together the model folders of the ensembles that are trained to the end.

    Parameters
    ----------
    workspace : Workspace
        With trained folds.
    roles : collection of Role
        The ensembles to look at.
    tell : callable
        Called with a few words about what is done.

    Returns
    -------
    dict of Role to Path
        The model folders.

    Raises
    ------
    CalcScoreError
        A model folder could not be made.
    """
    recipe = workspace.planned()
    complete = [role for role in roles if len(workspace.finished(role, recipe)) == FOLDS]
    jobs = [
        Job(
            f"assembling {role.value}",
            ("assembly", str(workspace.root), role.value),
            workspace.log(f"assemble_{role.value}"),
        )
        for role in complete
    ]
    run_jobs(jobs, workspace.environment(), workers=1, tell=tell)
    return {role: workspace.model(role) for role in complete}


def _begin(cases: Sequence[TrainingCase], workspace: Workspace, wanted: dict[str, Any], tell: Tell) -> list[str]:
    """Check and convert the cases, unless that was done for the same cases before; give the warnings."""
    if workspace.settings_file.is_file():
        there = workspace.settings()
        changed = [key for key in ("recipe", "cases", "about", "start_from") if there.get(key) != wanted.get(key)]
        workspace.refuse_other([key.replace("start_from", "networks to start from") for key in changed], "cases")
        return list(there["warnings"])
    report = check_cases(cases, tell)
    raise_problems(report.problems)
    convert(cases, workspace, tell)
    # Written last: a folder with settings is one with converted cases.
    workspace.write_settings({**wanted, "warnings": report.warnings})
    return report.warnings


def _processes() -> int:
    """Give the number of cases that each of the two data sets preprocesses at the same time."""
    return max(1, min((os.cpu_count() or 1) // len(Role), _MOST_PROCESSES))
