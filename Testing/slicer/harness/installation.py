"""Puts the harness in the place of the application: ``slicer``, ``qt``, ``ctk`` as a module finds them."""

from __future__ import annotations

import ctypes
import importlib
import os
import sys
import types

_REFERENCES = 1 << 40


def install() -> None:
    """Create the application once; later calls do nothing."""
    if "qt" in sys.modules:
        return
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    _keep_singletons_alive()
    import slicer

    from Testing.slicer.harness import errors, ui_loader
    from Testing.slicer.harness.pythonqt import module

    _hide_util_names(slicer)
    sys.modules["qt"] = module.build()
    ui_loader.install()
    for name in ("ctk_basic", "ctk_values", "mrml_nodes", "mrml_segments"):
        importlib.import_module(f"Testing.slicer.harness.widgets.{name}")
    from Testing.slicer.harness.application import application, modules

    _show_stand_ins(slicer)
    modules.create_namespaces()
    application.create()
    _add_python_files(slicer)
    errors.watch_log()


def _keep_singletons_alive() -> None:
    """PySide6 6.12 drops one reference to None or a bool with every call; before Python 3.12 they are not immortal."""
    if sys.version_info < (3, 12):
        for value in (None, True, False):
            ctypes.c_ssize_t.from_address(id(value)).value += _REFERENCES


def _hide_util_names(slicer: types.ModuleType) -> None:
    """slicer-core shows the functions of slicer.util on ``slicer`` as well; the application does not."""
    for name, value in vars(importlib.import_module("slicer.util")).items():
        if not name.startswith("_") and vars(slicer).get(name) is value:
            delattr(slicer, name)


def _show_stand_ins(slicer: types.ModuleType) -> None:
    from Testing.slicer.harness.widgets.registry import STAND_INS

    ctk = types.ModuleType("ctk")
    sys.modules["ctk"] = ctk
    for name, cls in STAND_INS.items():
        setattr(ctk if name.startswith("ctk") else slicer, name, cls)


def _add_python_files(slicer: types.ModuleType) -> None:
    files = {
        "i18n": "i18n",
        "packaging": "packaging",
        "parameterNodeWrapper": "parameter_node",
        "ScriptedLoadableModule": "scripted_module",
    }
    for name, source in files.items():
        stand_in = importlib.import_module(f"Testing.slicer.harness.slicer_python.{source}")
        sys.modules[f"slicer.{name}"] = stand_in
        setattr(slicer, name, stand_in)
