"""``calcscore train``: from labelled cases to two installed ensembles."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .models import describe, store_folder
from .outcome import Outcome, make_folder
from .progress import stage

if TYPE_CHECKING:
    from ..models import Model, Role
    from ..training import Recipe, Workspace
    from ..training.run import Tell
    from ..training.workspace import Planned

_NOTES = {
    True: "knows synthetic phantoms only; not for patients",
    False: "not validated; check it on cases of your own",
}


def add(commands: Any) -> argparse.ArgumentParser:
    """Describe the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "train",
        help="train and install the two ensembles",
        description="Check and convert labelled cases, let nnU-Net plan, preprocess and train, and install the result. "
        "The same command goes on where it was interrupted.",
    )
    parser.add_argument(
        "cases",
        nargs="?",
        type=Path,
        metavar="CASES",
        help="folder with one folder a case: cta, territories and calcification",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="WORK", help="work folder")
    parser.add_argument(
        "--preset",
        choices=("paper", "demo", "starter"),
        default="paper",
        help="paper: nnU-Net's default plans, 1000 epochs (default); demo: small networks for a CPU; "
        "starter: no cases, synthetic CTA made from --anatomy while the networks learn",
    )
    parser.add_argument(
        "--start-from",
        nargs="+",
        metavar="MODEL",
        help="let installed ensembles learn on from CASES, with their own plans (names or folders, one of each role)",
    )
    parser.add_argument("--anatomy", nargs="+", type=Path, metavar="FILE", help="labelled anatomy for --preset starter")
    parser.add_argument(
        "--phantoms", nargs="?", type=int, const=60, metavar="N", help="make N phantoms to train on (default 60)"
    )
    parser.add_argument("--epochs", type=int, metavar="N", help="epochs a fold, instead of the preset's")
    parser.add_argument("--role", choices=("territories", "calcification"), help="one ensemble (default both)")
    parser.add_argument("--fold", type=int, choices=range(5), metavar="N", help="one fold, 0 to 4 (default all)")
    parser.add_argument("--slurm", action="store_true", help="write a SLURM job array instead of training here")
    parser.add_argument("--name", metavar="NAME", help="name of the models (default: demo on phantoms, else trained)")
    parser.add_argument("--store", type=Path, metavar="DIR", help="folder of the models (default: your own)")
    parser.add_argument("--no-install", action="store_true", help="leave the models in the work folder")
    return parser


def run(options: argparse.Namespace) -> Outcome:
    """Do it."""
    from .. import training
    from ..models import Role

    training.check_packages()
    if options.preset == "starter":
        return _run_starter(options)
    if options.anatomy:
        raise InputError("--anatomy goes with --preset starter")
    if options.start_from:
        return _run_finetuning(options)
    if (options.cases is None) == (options.phantoms is None):
        raise InputError("give the folder with the cases, or --phantoms")
    if options.slurm and (options.role or options.fold is not None):
        raise InputError("--slurm writes a job for every fold, it takes no --role and no --fold")
    recipe = training.PRESETS[options.preset]
    if options.epochs is not None:
        recipe = replace(recipe, epochs=options.epochs)
    if options.slurm:
        training.check_for_array(recipe)
    workspace = _work_folder(options)
    warnings = _prepare(options, workspace, recipe)
    if options.slurm and not all(len(workspace.finished(role, recipe)) == training.FOLDS for role in Role):
        script = training.write_script(workspace)
        line = f"{script}: submit it with: sbatch {script}; when it is done, run this command again to install"
        return Outcome([line], {"script": str(script), "models": [], "warnings": warnings}, warnings)
    return _train(options, workspace, recipe, _roles(options), training.train, warnings)


def _run_finetuning(options: argparse.Namespace) -> Outcome:
    """Let installed ensembles learn on."""
    from .. import training
    from ..models import Role
    from ..training import finetune

    if options.cases is None or options.phantoms or options.slurm or options.preset != "paper":
        raise InputError("--start-from takes the folder with the cases, and no --phantoms, --slurm or --preset")
    bases = finetune.bases_of(options.start_from, store_folder(options))
    roles = _roles(options) if options.role else [role for role in Role if role in bases]
    missing = [role.value for role in roles if role not in bases]
    if missing:
        raise InputError(f"--start-from: no model for {missing[0]} is named, name one or choose another --role")
    cases = training.find_cases(options.cases)
    recipe = finetune.fine_tuning(options.epochs)
    about = training.About(options.name or "tuned", f"{len(cases)} cases", _NOTES[False])
    workspace = _work_folder(options)
    warnings = training.prepare(cases, workspace, recipe, about, stage, bases)
    return _train(options, workspace, recipe, roles, training.train, warnings)


def _run_starter(options: argparse.Namespace) -> Outcome:
    """Train on synthetic CTA that is made while the networks learn."""
    from ..training import About, starter

    if not options.anatomy:
        raise InputError("--preset starter makes its patches from labelled anatomy: give --anatomy FILE")
    wrong = [name for name in ("cases", "phantoms", "slurm", "epochs") if getattr(options, name)]
    if wrong:
        raise InputError(f"--preset starter reads no data set and takes no {' and no '.join(wrong)}")
    anatomies = [starter.Anatomy.of(file) for file in options.anatomy]
    recipe = starter.recipe_for_this_machine()
    workspace = _work_folder(options)
    about = About(
        options.name or "starter",
        starter.describe_anatomies(anatomies),
        "trained on synthetic CTA only; check its labels on cases of your own",
        synthetic=True,
    )
    stage("reading the anatomy")
    starter.prepare_starter(workspace, recipe, anatomies, about)
    return _train(options, workspace, recipe, _roles(options), starter.train_starter)


def _work_folder(options: argparse.Namespace) -> Workspace:
    """Make the work folder, or go on in the one that is there."""
    from ..training import Workspace

    make_folder(options.output)
    return Workspace(options.output)


def _roles(options: argparse.Namespace) -> list[Role]:
    """Give the ensemble that was asked for, else both."""
    from ..models import Role

    return [Role(options.role)] if options.role else list(Role)


def _prepare(options: argparse.Namespace, workspace: Workspace, recipe: Recipe) -> list[str]:
    """Find or make the cases and prepare the work folder; give the warnings."""
    from .. import training

    synthetic = options.phantoms is not None
    folder = options.cases
    if synthetic:
        if options.phantoms < training.FOLDS:
            raise InputError(f"--phantoms: {options.phantoms} are too few, five folds need at least {training.FOLDS}")
        folder = workspace.root / "cases"
        training.make_cases(folder, training.phantom_spacings(options.phantoms), stage)
    cases = training.find_cases(folder)
    if synthetic:
        # An interrupted run may have made more of them.
        names = {f"case_{seed}" for seed in training.phantom_spacings(options.phantoms)}
        cases = [case for case in cases if case.name in names]
    about = training.About(
        options.name or ("demo" if synthetic else "trained"),
        training.describe_phantoms(options.phantoms) if synthetic else f"{len(cases)} cases",
        _NOTES[synthetic],
        demo=synthetic,
    )
    return training.prepare(cases, workspace, recipe, about, stage)


def _train(
    options: argparse.Namespace,
    workspace: Workspace,
    recipe: Planned,
    roles: list[Role],
    train: Callable[[Workspace, list[Role], Collection[int], Tell], None],
    warnings: Sequence[str] = (),
) -> Outcome:
    """Train the folds, assemble and install what is complete, and say what is there."""
    from ..models import install
    from ..training import FOLDS, assemble

    train(workspace, roles, range(FOLDS) if options.fold is None else [options.fold], stage)
    folders = assemble(workspace, roles, stage)
    lines: list[str] = []
    models: list[Model] = []
    for role in roles:
        finished = workspace.finished(role, recipe)
        if role not in folders:
            told = ", ".join(map(str, finished)) or "none"
            lines.append(f"{role.value}: trained folds: {told}; it is installed when all five are")
        elif options.no_install:
            lines.append(f"{role.value}: {folders[role]}")
        else:
            stage("installing")
            models += install(folders[role], store_folder(options))
            lines.append(f"{role.value}: installed as {models[-1].name} ({describe(models[-1])})")
    data = {
        "work": str(workspace.root),
        "folders": {role.value: str(folder) for role, folder in folders.items()},
        "models": [model.to_dict() for model in models],
        "warnings": [*warnings],
    }
    return Outcome(lines, data, warnings)
