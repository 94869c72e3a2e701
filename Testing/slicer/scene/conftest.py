"""Real MRML scenes for the tests; without slicer-core they are skipped, saying so."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

_MODULE = Path(__file__).resolve().parents[3] / "CalcScore"
if str(_MODULE) not in sys.path:
    sys.path.insert(0, str(_MODULE))


class _NeedsSlicerCore(pytest.Module):
    """A test file that is skipped before it is imported."""

    def collect(self) -> Any:
        pytest.skip("slicer-core is not installed (pip install slicer-core)", allow_module_level=True)


def pytest_pycollect_makemodule(module_path: Path, parent: Any) -> pytest.Module | None:
    """Skip every test file here where slicer-core is missing."""
    if find_spec("slicer_core") is None:
        return _NeedsSlicerCore.from_parent(parent, path=module_path)
    return None


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An empty scene with the logics of the modules that are used; `slicer.mrmlScene` for the time of a test."""
    import slicer

    from Testing.slicer.scene.scenes import LoadedScene

    loaded = LoadedScene()
    monkeypatch.setattr(slicer, "mrmlScene", loaded.scene, raising=False)
    yield loaded.scene
    loaded.scene.Clear(True)


@pytest.fixture(autouse=True)
def _no_lost_exceptions(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Exceptions in observers never reach the caller: collect them and fail."""
    lost: list[BaseException | None] = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, error, trace: lost.append(error))
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: lost.append(unraisable.exc_value))
    yield
    assert not lost, lost
