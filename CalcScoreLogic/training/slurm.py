"""A SLURM job array that trains the folds on a cluster."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from ..atomic import write_text
from ..errors import InputError
from ..models import Role
from .recipe import FOLDS, Recipe
from .workspace import Workspace

_SCRIPT = """\
#!/bin/bash
#SBATCH --job-name=calcscore-train
#SBATCH --array=0-{last}
#SBATCH --gres=gpu:1
#SBATCH --cpus-per-task=12
#SBATCH --mem=48G
#SBATCH --time=3-00:00:00
#SBATCH --output={logs}/slurm-%a.log
# Submitted again, it goes on where it was stopped. Add what your cluster needs (partition, account, modules).
set -eu
{exports}
roles=({roles})
exec {command} "${{roles[$((SLURM_ARRAY_TASK_ID / {folds}))]}}" "$((SLURM_ARRAY_TASK_ID % {folds}))"
"""


def check_for_array(recipe: Recipe) -> None:
    """Refuse folds that start from another fold and cannot train at the same time; raises InputError."""
    if recipe.networks is not None:
        raise InputError("--slurm: the demo preset trains on the CPU of this machine, use --preset paper")


def write_script(workspace: Workspace) -> Path:
    """Write the script of a job array with one task a fold.

    Parameters
    ----------
    workspace : Workspace
        With everything planned and preprocessed, on a file system that the cluster shares.

    Returns
    -------
    Path
        The script, for ``sbatch``.
    """
    variables = {**workspace.variables(), "PYTHONPATH": workspace.environment()["PYTHONPATH"]}
    command = [sys.executable, "-m", f"{__package__}.fold", str(workspace.root.resolve())]
    logs = workspace.log("slurm").parent
    logs.mkdir(parents=True, exist_ok=True)
    script = _SCRIPT.format(
        last=len(Role) * FOLDS - 1,
        folds=FOLDS,
        logs=str(logs.resolve()).replace("%", "%%"),
        exports="\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items()),
        roles=" ".join(role.value for role in Role),
        command=shlex.join(command),
    )
    target = workspace.root / "train.slurm"
    write_text(target, script)
    return target
