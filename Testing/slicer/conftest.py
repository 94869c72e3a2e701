"""Runs the tests of the Slicer side on slicer-core and PySide6; without them all are skipped, saying so."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_MISSING = [name for name in ("slicer_core", "PySide6") if importlib.util.find_spec(name) is None]
_REASON = (
    f"the Slicer side needs slicer-core and PySide6 (Python 3.10 to 3.13); missing here: {', '.join(_MISSING)}"
    if _MISSING
    else ""
)

if not _MISSING:
    from Testing.slicer import harness

    harness.install()


class _SkippedModule(pytest.Module):
    """A test file that cannot even be imported here."""

    def collect(self) -> Any:
        pytest.skip(_REASON, allow_module_level=True)


def pytest_configure(config: pytest.Config) -> None:
    # PySide's advice on Qt 6 is none for a module that runs on Qt 5 too
    config.addinivalue_line("filterwarnings", "ignore:.*is marked as deprecated:DeprecationWarning")


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    return _SkippedModule.from_parent(parent, path=module_path) if _MISSING else None


@pytest.fixture(autouse=True)
def clean_application(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start with an empty scene; fail on exceptions nobody sees, unanswered dialogs and unused answers."""
    if _MISSING:
        yield
        return
    import qt
    import slicer

    slicer.app._native.set_headless(False)
    slicer.mrmlScene.Clear(False)
    qt.QSettings().clear()
    harness.settle()
    harness.dialogs.clear()
    slicer.packaging.requests.clear()
    harness.reported.clear()
    monkeypatch.setattr(sys, "excepthook", lambda kind, error, trace: harness.report(error, "uncaught exception"))
    monkeypatch.setattr(sys, "unraisablehook", lambda raised: harness.report(raised.exc_value, "lost exception"))
    yield
    harness.settle()
    assert not harness.reported, "\n".join(harness.reported)
    assert not harness.dialogs.unused_answers(), "answers that no dialog asked for"


@pytest.fixture
def dialogs() -> harness.Dialogs:
    """What dialogs were shown, and what the user answers."""
    return harness.dialogs
