"""Training of the two ensembles: from labelled cases to model folders.

nnU-Net and PyTorch are imported only by the processes that `run_jobs` starts.
"""

from __future__ import annotations

from .about import About
from .cases import CaseReport, TrainingCase, check_cases, find_cases
from .dataset import convert, split_cases
from .phantoms import describe_phantoms, make_cases, phantom_spacings
from .recipe import DEMO, FOLDS, PAPER, PRESETS, Recipe, SmallNetwork
from .run import assemble, check_packages, prepare, train
from .slurm import check_for_array, write_script
from .workspace import Workspace

__all__ = [
    "DEMO",
    "FOLDS",
    "PAPER",
    "PRESETS",
    "About",
    "CaseReport",
    "Recipe",
    "SmallNetwork",
    "TrainingCase",
    "Workspace",
    "assemble",
    "check_cases",
    "check_for_array",
    "check_packages",
    "convert",
    "describe_phantoms",
    "find_cases",
    "make_cases",
    "phantom_spacings",
    "prepare",
    "split_cases",
    "train",
    "write_script",
]
