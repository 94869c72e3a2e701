"""Fixtures that the tests of runs and of the service share."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from CalcScoreLogic.images.geometry import Image
from CalcScoreLogic.models import Role
from Testing.logic.model_folders import make_model
from Testing.trees import rotation, to_image, to_sitk


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where temporary folders of this process are made; nothing may be there in the end."""
    folder = tmp_path / "temporäre Dateien"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert not list(folder.iterdir())


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both ensembles, three folds with different weights each, in a folder with a name to stumble over."""
    root = tmp_path_factory.mktemp("models") / "Gefäße & mehr"
    for role in Role:
        for fold in range(3):
            part = make_model(root / f"{role.value} {fold}", role, [fold], seed=100 + 10 * fold + len(role.value))
            if fold:
                shutil.move(part / f"fold_{fold}", root / f"{role.value} 0")
    return {role.value: root / f"{role.value} 0" for role in Role}


@pytest.fixture(scope="session")
def cta() -> Image:
    """Noise on an oblique grid of uneven voxels."""
    array = np.random.default_rng(4).normal(300, 250, (22, 30, 26)).astype(np.int16)
    return to_image(to_sitk(array, (1.3, 1.1, 2.5), rotation((4, 8, 12))))
