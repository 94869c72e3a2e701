"""Loads a scripted module as the application does, and lets the event loop run."""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from PySide6 import QtCore, QtWidgets

from Testing.slicer.harness.errors import HarnessError
from Testing.slicer.harness.pythonqt import timers
from Testing.slicer.harness.pythonqt.values import to_python

PANEL_WIDTH = 425
PANEL_HEIGHT = 700


class HostedModule(NamedTuple):
    """A loaded scripted module."""

    python_module: ModuleType
    module: Any
    widget: Any
    panel: Any


def load_module(path: str | Path) -> HostedModule:
    """Load a scripted module and show its page in a panel 425 px wide.

    Parameters
    ----------
    path
        ``CalcScore/CalcScore.py``: the file named like the module's class.

    Returns
    -------
    HostedModule
        ``python_module``, the imported file; ``module``, its ScriptedLoadableModule; ``widget``, its
        ScriptedLoadableModuleWidget, entered; ``panel``, the scroll area that shows it.
    """
    import slicer

    from Testing.slicer.harness.application.modules import new_module

    path = Path(path).resolve()
    name = path.stem
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    python_module = _import(name, path)
    parent = new_module("qSlicerScriptedLoadableModule", name, str(path))
    module = getattr(python_module, name)(parent)
    setattr(slicer.modules, f"{name}Instance", module)
    widget, top = _create_widget(python_module, name, parent)
    panel = _show_panel(top)
    slicer.app._native.startupCompleted.emit()
    slicer.util.selectModule(name) if not slicer.app._native.headless else top.enter()
    slicer.app.processEvents()
    return HostedModule(python_module, module, widget, panel)


def unload_module(hosted: HostedModule) -> None:
    """Leave and unload a module as the application does at exit: ``exit``, ``cleanup``, delete."""
    import slicer

    name = hosted.widget.moduleName
    if slicer.util.mainWindow() is not None and slicer.util.selectedModule() == name:
        slicer.util.selectModule("Welcome")
    slicer.app.moduleManager()._native.moduleAboutToBeUnloaded.emit(name)
    for attribute in (name.lower(), f"{name}Instance", f"{name}Widget"):
        delattr(slicer.modules, attribute)
    delattr(slicer.moduleNames, name)
    hosted.panel.delete()


def _import(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise HarnessError(f"{path} is no Python file")
    python_module = importlib.util.module_from_spec(spec)
    sys.modules[name] = python_module
    spec.loader.exec_module(python_module)
    return python_module


def _create_widget(python_module: ModuleType, name: str, parent: Any) -> tuple[Any, Any]:
    import qt
    import slicer

    top = slicer.qSlicerScriptedLoadableModuleWidget()
    top.moduleName = name
    top.setLayout(qt.QVBoxLayout())
    top.setMRMLScene(slicer.mrmlScene)
    parent._native._widget = top._native
    widget = getattr(python_module, f"{name}Widget")(top)
    top._native._python_side = widget
    setattr(slicer.modules, f"{name}Widget", widget)
    widget.setup()
    return widget, top


def _show_panel(top: Any) -> Any:
    panel = QtWidgets.QScrollArea()
    panel.setWidgetResizable(True)
    panel.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
    panel.setWidget(top._native)
    panel.resize(PANEL_WIDTH, PANEL_HEIGHT)
    panel.show()
    return to_python(panel)


def settle(until: float | Callable[[], Any] = 0.0, timeout: float = 300.0) -> None:
    """Run the event loop.

    Parameters
    ----------
    until
        Seconds to run, or a condition to wait for.
    timeout
        Seconds after which a condition that never comes is an error.

    Raises
    ------
    TimeoutError
        When the condition does not come true in time.
    """
    application = QtCore.QCoreApplication.instance()
    start = time.monotonic()
    condition = until if callable(until) else lambda: time.monotonic() - start >= until
    while True:
        application.processEvents(QtCore.QEventLoop.ProcessEventsFlag.AllEvents, 20)
        application.sendPostedEvents(None, QtCore.QEvent.Type.DeferredDelete)
        if condition():
            return
        if time.monotonic() - start > timeout:
            raise TimeoutError(f"still waiting after {timeout:g} s")
        time.sleep(0.002)  # leave the processor to the thread or process that is waited for


def rest() -> None:
    """Run the event loop until nothing happens by itself any more: no timer that Python code started is running."""
    settle(lambda: not timers.any_waits())
