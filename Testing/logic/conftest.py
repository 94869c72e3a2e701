"""Fixtures that several test files share."""

from __future__ import annotations

from pathlib import Path

import pytest

from CalcScoreLogic.models import Role, store
from Testing.logic.model_folders import make_pair


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[Role, Path]:
    """One tiny trained model of each role, in a folder with a name to stumble over; copy before you spoil it."""
    return make_pair(tmp_path_factory.mktemp("trained ä"))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A model store that is not there yet."""
    return tmp_path / "data ä" / "models"


@pytest.fixture
def no_starter_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the starter ensembles of this checkout."""
    monkeypatch.setattr(store, "starter_models_folder", lambda: None)
