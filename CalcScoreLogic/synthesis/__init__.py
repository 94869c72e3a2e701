"""Endless synthetic CT angiograms with exact truth, from labelled anatomy.

An anatomy is a label map of one patient. From it bodies are drawn (`body`): tissues on a label field, arteries and
plaques as geometry. A grid of any spacing is laid over a posed body (`render`), and a scanner images it (`scanner`).
"""

from .anatomy_file import Anatomy, read_anatomy
from .case import SyntheticCase, make_case
from .drawn import drawn_anatomy
from .patches import patches
from .tissues import CLASSES

__all__ = ["CLASSES", "Anatomy", "SyntheticCase", "drawn_anatomy", "make_case", "patches", "read_anatomy"]
