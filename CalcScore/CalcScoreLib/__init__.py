"""The Slicer side of CalcScore: moves nodes in and out of the scene and shows things; it computes nothing."""

from .packages import make_importable

make_importable()
