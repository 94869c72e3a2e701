"""Synthetic abdominal CT angiograms with exact ground truth.

A seed draws a patient in millimetres (`plan`), then a grid of any spacing is laid over it (`render`).
"""

from .arteries import AortaShape
from .case import Phantom, PhantomParameters, make_phantom

__all__ = ["AortaShape", "Phantom", "PhantomParameters", "make_phantom"]
