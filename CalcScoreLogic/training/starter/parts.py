"""What is trained of an ensemble, and where it lies: a trunk and the folds that start from it."""

from __future__ import annotations

from pathlib import Path

from ...models import Role
from ..workspace import Workspace
from .recipe import StarterRecipe

TRUNK = -1
"""Number of the trunk where folds have 0 to 4."""

START = "checkpoint_start.pth"
"""Weights to start a trunk from, where that file is in its folder."""


def part_folder(workspace: Workspace, role: Role, recipe: StarterRecipe, fold: int) -> Path:
    """Give the folder of the trunk or a fold."""
    if fold == TRUNK:
        return workspace.trained(role, recipe) / "trunk"
    return workspace.fold(role, recipe, fold)
