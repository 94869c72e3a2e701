"""Two small ensembles that know phantoms, for the tests of everything that needs networks."""

from __future__ import annotations

from pathlib import Path

PHANTOM_NETWORKS = Path(__file__).parent / "networks"
"""Folders ``territories`` and ``calcification``, with folds 0 and 1."""
