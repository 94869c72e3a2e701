"""Starter ensembles: nnU-Net's networks, trained on synthetic CTA that is made while they learn.

No data set is read. `stream` makes patches from labelled anatomy in processes of its own, `learn` trains one trunk and
five folds an ensemble on them, and the outcome is an ordinary nnU-Net model folder.
"""

from __future__ import annotations

from .recipe import FULL_SIZE, STARTER, StarterNetwork, StarterRecipe
from .run import Anatomy, describe_anatomies, prepare_starter, recipe_for_this_machine, train_starter

__all__ = [
    "FULL_SIZE",
    "STARTER",
    "Anatomy",
    "StarterNetwork",
    "StarterRecipe",
    "describe_anatomies",
    "prepare_starter",
    "recipe_for_this_machine",
    "train_starter",
]
