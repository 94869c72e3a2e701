"""The application object."""

# ruff: noqa: N801, N802, N815 - names are Slicer's

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path
from typing import Any, ClassVar

import slicer
import vtk
from PySide6 import QtCore, QtWidgets

from Testing.slicer.harness.application.io_manager import qSlicerIOManager
from Testing.slicer.harness.application.modules import (
    CORE_LOGICS,
    new_module,
    qSlicerModuleManager,
    qSlicerModuleSelectorToolBar,
)
from Testing.slicer.harness.application.segment_editor import add_page
from Testing.slicer.harness.application.subject_hierarchy import SubjectHierarchyFiller
from Testing.slicer.harness.application.views import qSlicerLayoutManager, qSlicerMainWindow
from Testing.slicer.harness.widgets.registry import STAND_INS, stand_in, stored

_VERSION = (5, 12)


@stand_in
class qSlicerApplication(QtWidgets.QApplication):
    """``slicer.app``."""

    CPP_SIGNALS: ClassVar[dict[str, str]] = {"mrmlSceneChanged(vtkMRMLScene*)": "mrmlSceneChanged(PyObject)"}
    mrmlSceneChanged = QtCore.Signal(object)
    startupCompleted = QtCore.Signal()
    temporaryPath = stored(str, "temporaryPath", "")
    slicerHome = stored(str, "slicerHome", "")
    slicerSharePath = stored(str, "slicerSharePath", f"share/Slicer-{_VERSION[0]}.{_VERSION[1]}")
    slicerUserSettingsFilePath = stored(str, "slicerUserSettingsFilePath", "")
    extensionsInstallPath = stored(str, "extensionsInstallPath", "")
    cachePath = stored(str, "cachePath", "")
    documentationBaseUrl = stored(str, "documentationBaseUrl", "https://slicer.readthedocs.io/en/latest/")
    mainApplicationName = stored(str, "mainApplicationName", "Slicer")
    mainApplicationDisplayName = stored(str, "mainApplicationDisplayName", "3D Slicer")
    majorVersion = stored(int, "majorVersion", _VERSION[0])
    minorVersion = stored(int, "minorVersion", _VERSION[1])
    revision = stored(str, "revision", "0")
    os = stored(str, "os", "linux")
    arch = stored(str, "arch", "amd64")

    def __init__(self) -> None:
        super().__init__(["Slicer"])
        self.temporaryPath = self.slicerHome = self.cachePath = tempfile.mkdtemp(prefix="slicer-")
        atexit.register(shutil.rmtree, self.temporaryPath, ignore_errors=True)
        self.slicerUserSettingsFilePath = str(Path(self.temporaryPath) / "Slicer.ini")
        self.headless = self.testing = False
        self.dicom_database: Any = None
        self._isolate_settings()
        self._create_scene()

    def _isolate_settings(self) -> None:
        ini = QtCore.QSettings.Format.IniFormat
        QtCore.QSettings.setDefaultFormat(ini)
        for scope in (QtCore.QSettings.Scope.UserScope, QtCore.QSettings.Scope.SystemScope):
            QtCore.QSettings.setPath(ini, scope, self.temporaryPath)
        self.setOrganizationName("Slicer")
        self.setApplicationName("Slicer")
        self.setApplicationVersion(f"{_VERSION[0]}.{_VERSION[1]}.0")

    def _create_scene(self) -> None:
        scene, logic = slicer.vtkMRMLScene(), slicer.vtkSlicerApplicationLogic()
        logic.SetTemporaryPath(self.temporaryPath)
        logic.SetHomeDirectory(self.slicerHome)
        logic.SetShareDirectory(self.slicerSharePath)
        cache, data_io = slicer.vtkCacheManager(), slicer.vtkDataIOManager()
        cache.SetRemoteCacheDirectory(self.temporaryPath)
        cache.SetMRMLScene(scene)
        data_io.SetCacheManager(cache)
        scene.SetCacheManager(cache)
        scene.SetDataIOManager(data_io)
        self._scene, self._logic, self._managers = scene, logic, (cache, data_io)
        slicer.mrmlScene = scene
        logic.SetMRMLScene(scene)

    def complete(self) -> None:
        """Create what needs ``slicer.app``: modules, views, main window."""
        self._module_manager, self._io = qSlicerModuleManager(), qSlicerIOManager()
        (Path(self.slicerHome) / self.slicerSharePath / "ColorFiles").mkdir(parents=True)
        vtk.vtkObject.GlobalWarningDisplayOff()  # slicer-core brings no terminology files
        for name, class_name in CORE_LOGICS.items():
            logic = getattr(slicer, class_name)()
            if hasattr(logic, "SetModuleShareDirectory"):
                logic.SetModuleShareDirectory(str(Path(self.slicerHome) / self.slicerSharePath / name))
            self._logic.SetModuleLogic(name, logic)
            logic.SetMRMLApplicationLogic(self._logic)
            logic.SetMRMLScene(self._scene)
            new_module("qSlicerLoadableModule", name, logic=logic)
        vtk.vtkObject.GlobalWarningDisplayOn()
        for name in ("Data", "SegmentEditor", "Welcome"):
            new_module("qSlicerLoadableModule", name)
        add_page(slicer.modules.segmenteditor)
        self._hierarchy = SubjectHierarchyFiller(self._scene)
        self._layout = qSlicerLayoutManager(self._scene, self._logic)
        self._window = qSlicerMainWindow()
        self._window._selector = qSlicerModuleSelectorToolBar()
        self.set_headless(False)

    def set_headless(self, headless: bool) -> None:
        """Run without main window and layout manager, as with ``--no-main-window``."""
        self.headless = headless
        self._window.setObjectName("" if headless else "qSlicerMainWindow")

    def mrmlScene(self) -> Any:
        return self._scene

    def applicationLogic(self) -> Any:
        return self._logic

    def moduleManager(self) -> Any:
        return self._module_manager

    def coreIOManager(self) -> Any:
        return self._io

    ioManager = coreIOManager

    def layoutManager(self) -> Any:
        return None if self.headless else self._layout

    def dicomDatabase(self) -> Any:
        return self.dicom_database

    def testingEnabled(self) -> bool:
        return self.testing

    def userSettings(self) -> QtCore.QSettings:
        return QtCore.QSettings()

    settings = userSettings

    def startupEnvironment(self) -> QtCore.QProcessEnvironment:
        return QtCore.QProcessEnvironment.systemEnvironment()

    def moduleDocumentationUrl(self, name: str) -> str:
        return f"{self.documentationBaseUrl}user_guide/modules/{name.lower()}.html"

    def pauseRender(self) -> None:
        """Nothing is drawn."""

    resumeRender = pauseRender


def create() -> Any:
    """Create the application and put it in ``slicer.app``."""
    slicer.app = STAND_INS["qSlicerApplication"]()
    slicer.app._native.complete()
    return slicer.app
