"""The codes of our segments in Slicer's terminologies, which have none for calcified plaque."""

from __future__ import annotations

from pathlib import Path

import slicer

FILE = Path(__file__).resolve().parents[2] / "Resources" / "Terminology" / "CalcScore.term.json"

_loaded: set[str] = set()


def load() -> None:
    """Let Slicer know the codes; it logs errors wherever it meets a segment with others."""
    if not _loaded:
        _loaded.add(slicer.modules.terminologies.logic().LoadTerminologyFromFile(str(FILE)))
