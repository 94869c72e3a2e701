"""Runs a Slicer scripted module for real without the Slicer application.

The scene, the nodes and ``slicer.util`` are the real ones of slicer-core; Qt is PySide6 with the semantics of PythonQt;
ctk and Slicer widgets, the application object and the base classes of modules are stand-ins.
"""

from __future__ import annotations

from Testing.slicer.harness.dialogs import Dialogs, Shown, dialogs
from Testing.slicer.harness.errors import HarnessError, KeywordToQtError, NotStoodInError, report, reported
from Testing.slicer.harness.installation import install
from Testing.slicer.harness.loading import HostedModule, load_module, rest, settle, unload_module
from Testing.slicer.harness.screenshot import panel_screenshot
from Testing.slicer.harness.view2d import slice_picture
from Testing.slicer.harness.view3d import view3d_screenshot

__all__ = [
    "Dialogs",
    "HarnessError",
    "HostedModule",
    "KeywordToQtError",
    "NotStoodInError",
    "Shown",
    "dialogs",
    "install",
    "load_module",
    "panel_screenshot",
    "report",
    "reported",
    "rest",
    "settle",
    "slice_picture",
    "unload_module",
    "view3d_screenshot",
]
