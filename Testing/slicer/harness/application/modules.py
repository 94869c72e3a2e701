"""``slicer.modules``: the real logics of the core modules, and hosted scripted modules."""

# ruff: noqa: N801, N802, N815 - names are Slicer's

from __future__ import annotations

import types
from typing import Any

import slicer
from PySide6 import QtCore, QtGui, QtWidgets

from Testing.slicer.harness.widgets.mrml_nodes import qSlicerWidget
from Testing.slicer.harness.widgets.registry import STAND_INS, stand_in, stored

CORE_LOGICS = {
    "Colors": "vtkSlicerColorLogic",
    "Units": "vtkSlicerUnitsLogic",
    "Volumes": "vtkSlicerVolumesLogic",
    "Models": "vtkSlicerModelsLogic",
    "Transforms": "vtkSlicerTransformLogic",
    "Markups": "vtkSlicerMarkupsLogic",
    "Tables": "vtkSlicerTablesLogic",
    "Texts": "vtkSlicerTextsLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "Terminologies": "vtkSlicerTerminologiesModuleLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
    "Sequences": "vtkSlicerSequencesLogic",
    "Plots": "vtkSlicerPlotsLogic",
    "CropVolume": "vtkSlicerCropVolumeLogic",
    "VolumeRendering": "vtkSlicerVolumeRenderingLogic",
}


class _Module(QtCore.QObject):
    """What loadable and scripted modules share."""

    name = stored(str, "name", "")
    title = stored(str, "title", "")
    path = stored(str, "path", "")
    hidden = stored(bool, "hidden", False)
    index = stored(int, "index", -1)
    categories = stored("QStringList", "categories", [])
    contributors = stored("QStringList", "contributors", [])
    dependencies = stored("QStringList", "dependencies", [])
    associatedNodeTypes = stored("QStringList", "associatedNodeTypes", [])
    helpText = stored(str, "helpText", "")
    acknowledgementText = stored(str, "acknowledgementText", "")
    icon = stored(QtGui.QIcon, "icon", QtGui.QIcon())
    widgetRepresentationCreationEnabled = stored(bool, "widgetRepresentationCreationEnabled", True)
    slicerWikiUrl = stored(str, "slicerWikiUrl", "")
    isBuiltIn = stored(bool, "isBuiltIn", False)
    isInstalled = stored(bool, "isInstalled", True)

    def logic(self) -> Any:
        return self.__dict__.get("_logic")

    def mrmlScene(self) -> Any:
        return slicer.mrmlScene

    def setMRMLScene(self, scene: object) -> None:
        """One scene only."""

    def widgetRepresentation(self) -> Any:
        return self.__dict__.get("_widget")


@stand_in
class qSlicerLoadableModule(_Module):
    """A module written in C++; it has a logic and no widget here."""


@stand_in
class qSlicerScriptedLoadableModule(_Module):
    """The C++ side of a scripted module."""

    extensions = stored("QStringList", "extensions", [])


@stand_in
class qSlicerScriptedLoadableModuleWidget(qSlicerWidget):
    """The C++ widget that a scripted module fills."""

    moduleName = stored(str, "moduleName", "")

    def self(self) -> Any:  # the name is the real one
        return self._python_side

    def enter(self) -> None:
        self._call("enter")

    def exit(self) -> None:
        self._call("exit")

    def setEditedNode(self, node: object, role: str = "", context: str = "") -> bool:
        return bool(self._call("setEditedNode", node, role, context))

    def _call(self, name: str, *args: object) -> Any:
        function = getattr(self._python_side, name, None)
        return function(*args) if function is not None else None


@stand_in
class qSlicerModuleFactoryManager(QtCore.QObject):
    """Knows which modules are loaded."""

    def loadedModuleNames(self) -> list[str]:
        return list(vars(slicer.moduleNames))


@stand_in
class qSlicerModuleManager(QtCore.QObject):
    """Finds modules by name."""

    moduleAboutToBeUnloaded = QtCore.Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._factory = qSlicerModuleFactoryManager(self)

    def module(self, name: str) -> Any:
        return getattr(slicer.modules, name.lower(), None)

    def factoryManager(self) -> Any:
        return self._factory


@stand_in
class qSlicerModuleSelectorToolBar(QtWidgets.QToolBar):
    """Switches between modules: leaves the one shown, enters the other."""

    moduleSelected = QtCore.Signal(str)
    selectedModule = stored(str, "selectedModule", "")

    def selectModule(self, name: str) -> None:
        if name == self.selectedModule:
            return
        self._turn(self.selectedModule, "exit")
        self.selectedModule = name
        self._turn(name, "enter")
        self.moduleSelected.emit(name)

    def _turn(self, name: str, function: str) -> None:
        module = getattr(slicer.modules, name.lower(), None) if name else None
        widget = module.widgetRepresentation() if module else None
        if widget:
            getattr(widget, function)()


def new_module(kind: str, name: str, path: str = "", logic: object = None) -> Any:
    """Return a new module object registered under ``slicer.modules``."""
    module = STAND_INS[kind]()
    module._native._name, module._native._path, module._native._logic = name, path, logic
    module._native._title = name
    setattr(slicer.modules, name.lower(), module)
    setattr(slicer.moduleNames, name, name)
    return module


def create_namespaces() -> None:
    """Create ``slicer.modules`` and ``slicer.moduleNames``."""
    import sys

    for name in ("modules", "moduleNames"):
        namespace = types.ModuleType(f"slicer.{name}")
        namespace.__dict__.clear()
        sys.modules[f"slicer.{name}"] = namespace
        setattr(slicer, name, namespace)
