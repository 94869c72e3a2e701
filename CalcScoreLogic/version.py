"""The version of CalcScore."""

__version__ = "0.1.0"
