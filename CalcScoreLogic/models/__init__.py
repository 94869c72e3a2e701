"""Models: trained nnU-Net folders, checked in words, installed, listed and found.

Nothing of a model is run before it has been checked. Only `check_checkpoint` and `safe_loading` import
PyTorch, when they are called.
"""

from __future__ import annotations

from ..file_hashes import file_sha256
from .card import MeasuredDice, read_measured
from .check import check, check_fully, learned_canonically
from .checkpoints import CheckpointHeader, check_checkpoint, read_header, safe_loading
from .folders import starter_models_folder, user_models_folder
from .model import ORIENTATION, BrokenModel, Model, Role
from .pack import pack
from .store import find, find_named, install, list_models, remove

__all__ = [
    "ORIENTATION",
    "BrokenModel",
    "CheckpointHeader",
    "MeasuredDice",
    "Model",
    "Role",
    "check",
    "check_checkpoint",
    "check_fully",
    "file_sha256",
    "find",
    "find_named",
    "install",
    "learned_canonically",
    "list_models",
    "pack",
    "read_header",
    "read_measured",
    "remove",
    "safe_loading",
    "starter_models_folder",
    "user_models_folder",
]
