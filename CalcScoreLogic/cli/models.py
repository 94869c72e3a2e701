"""``calcscore models``: the model folders."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import CalcScoreError, InputError
from .outcome import Outcome, check_outputs
from .progress import stage

if TYPE_CHECKING:
    from ..models import Model

STORE_VARIABLE = "CALCSCORE_MODELS"
DEMO = "knows synthetic phantoms only"


def add(commands: Any) -> argparse.ArgumentParser:
    """Describe the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "models",
        help="check, install, list, pack and remove trained models",
        description="Check, install, list, pack and remove trained nnU-Net models.",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    check = actions.add_parser("check", help="tell whether a model folder can be used, and if not, why")
    check.add_argument("model", type=Path, metavar="FOLDER", help="folder that nnU-Net made in training")
    install = actions.add_parser("install", help="install the models of a folder or a zip")
    install.add_argument("source", type=Path, metavar="FOLDER_OR_ZIP", help="one model, or one of each role")
    listing = actions.add_parser("list", help="list the installed models, newest first, and the demo models")
    packing = actions.add_parser("pack", help="make a zip with a model card, for another site to install")
    packing.add_argument("name", metavar="NAME", help="a model's name, or what the names of both ensembles begin with")
    packing.add_argument("-o", "--output", type=Path, required=True, metavar="ZIP", help="zip to write")
    packing.add_argument(
        "--study", type=Path, metavar="DIR", help="folder that calcscore evaluate wrote: its Dice goes on the card"
    )
    remove = actions.add_parser("remove", help="remove an installed model")
    remove.add_argument("name", metavar="NAME", help="its name in calcscore models list")
    for action in (install, listing, packing, remove):
        action.add_argument(
            "--store",
            type=Path,
            metavar="DIR",
            help=f"folder of the models (default: ${STORE_VARIABLE}, else your own)",
        )
    for action in (check, install, listing, packing, remove):
        # Without a default of its own, it does not undo a --json before the action.
        action.add_argument(
            "--json",
            action="store_true",
            default=argparse.SUPPRESS,
            help="print one machine-readable object and nothing else",
        )
    return parser


def run(options: argparse.Namespace) -> Outcome:
    """Do it."""
    actions = {"check": _check, "install": _install, "list": _list, "pack": _pack, "remove": _remove}
    return actions[options.action](options)


def store_folder(options: argparse.Namespace) -> Path | None:
    """Give the folder of the models that the user named, if any."""
    named: Path | None = options.store
    if named is None and os.environ.get(STORE_VARIABLE):
        return Path(os.environ[STORE_VARIABLE])
    return named


def _check(options: argparse.Namespace) -> Outcome:
    from ..models import check_fully

    stage("checking")
    model = check_fully(options.model)
    data = {**model.to_dict(), "warnings": _warnings([model])}
    return Outcome([f"{model.path}: {describe(model)}"], data, _warnings([model]))


def _install(options: argparse.Namespace) -> Outcome:
    from ..models import install, list_models

    store = store_folder(options)
    before = {model.path for model in list_models(store)}
    stage("copying and checking")
    models = install(options.source, store)
    lines = []
    for model in models:
        did = "is already there as" if model.path in before else "installed as"
        lines.append(f"{options.source}: {did} {model.name} ({describe(model)})")
        lines.append(f"SHA-256 of the zip or folder that it came from: {model.source_sha256}")
    data = {
        "models": [{**model.to_dict(), "already_there": model.path in before} for model in models],
        "warnings": _warnings(models),
    }
    return Outcome(lines, data, _warnings(models))


def _list(options: argparse.Namespace) -> Outcome:
    from ..models import BrokenModel, list_models

    models = list_models(store_folder(options))
    lines = [
        f"{model.name}: cannot be used, {model.reason}"
        if isinstance(model, BrokenModel)
        else f"{model.name}: {describe(model)}"
        for model in models
    ]
    empty = "No model is installed; install one with calcscore models install FOLDER_OR_ZIP."
    return Outcome(lines or [empty], {"models": [model.to_dict() for model in models]})


def _pack(options: argparse.Namespace) -> Outcome:
    from ..models import find_named, pack, read_measured

    check_outputs([options.output], [])
    if options.output.suffix.lower() != ".zip":
        raise InputError(f"{options.output}: give a name that ends in .zip")
    measured = read_measured(options.study) if options.study else {}
    models = find_named(options.name, store_folder(options))
    stage("packing")
    pack(models, options.output, measured)
    lines = [f"{options.output}: {model.name} ({describe(model)})" for model in models]
    lines.append(f"{options.output}: {options.output.stat().st_size / 1e6:.1f} MB, each model with its card README.md")
    data = {"output": str(options.output), "models": [model.to_dict() for model in models]}
    return Outcome(lines, {**data, "warnings": _warnings(models)}, _warnings(models))


def _remove(options: argparse.Namespace) -> Outcome:
    from ..models import remove

    folder = remove(options.name, store_folder(options))
    return Outcome([f"{options.name}: removed from {folder.parent}"], {"removed": options.name, "path": str(folder)})


def describe(model: Model) -> str:
    """Tell a model in one line."""
    parts = [
        model.role.value,
        f"folds {', '.join(map(str, model.folds))}",
        f"fingerprint {model.fingerprint[:12]}",
        f"trained on {model.trained_on}" if model.trained_on else "its training data is not told",
        f"{model.size_bytes / 1e6:.1f} MB",
    ]
    parts += [DEMO] if model.demo else []
    return "; ".join([*parts, "comes with CalcScore"] if model.bundled else parts)


def _warnings(models: list[Model]) -> list[str]:
    """Tell what a user of these models should know."""
    warnings = []
    for model in models:
        if model.missing_folds:
            missing = ", ".join(f"fold_{fold}" for fold in model.missing_folds)
            warnings.append(f"{model.name}: {missing} of a five-fold ensemble missing, the others are used")
        if model.demo:
            warnings.append(f"{model.name}: {DEMO}")
    return warnings


def starter_models() -> list[Model]:
    """Check the starter ensembles; raises CalcScoreError where this installation has none."""
    from ..models import Role, check, starter_models_folder

    folder = starter_models_folder()
    if folder is None:
        raise CalcScoreError("the starter ensembles are not there, install CalcScore from a complete checkout")
    return [check(folder / role.value) for role in Role]
