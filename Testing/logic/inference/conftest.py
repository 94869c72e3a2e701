"""Fixtures that the tests of runs and of the service share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """Where a run may put its temporary folder; nothing may be there in the end."""
    folder = tmp_path / "temporäre Dateien"
    folder.mkdir()
    yield folder
    assert not list(folder.iterdir())
