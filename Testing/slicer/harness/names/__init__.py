"""Checks every Qt, ctk, Slicer and MRML name that a module's sources use against what real Slicer has."""

from __future__ import annotations

from pathlib import Path

from Testing.slicer.harness.names.rules import Finding, check_source
from Testing.slicer.harness.names.ui_files import check_ui, object_classes

__all__ = ["Finding", "check_folder", "check_source"]


def check_folder(folder: Path) -> list[Finding]:
    """Return what real Slicer would refuse in the sources and .ui files below a folder.

    Variables are followed as far as their class can be told: made in the same file, annotated, returned by a method of
    Qt, or loaded from a .ui file.
    """
    ui_files = sorted(folder.rglob("*.ui"))
    objects = object_classes(ui_files)
    findings = [finding for path in ui_files for finding in check_ui(path)]
    for path in sorted(folder.rglob("*.py")):
        findings += check_source(path.read_text(encoding="utf-8"), str(path), objects)
    return findings
