"""What classes have: Qt's from PySide6, ctk's and Slicer's from the lists, MRML's and VTK's from slicer-core."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import qt
import slicer
import vtk
from shibokensupport.signature import get_signature

from Testing.slicer.harness.api_lists import class_names, runtime_members, util_signatures, widget_lists
from Testing.slicer.harness.pythonqt.members import Property
from Testing.slicer.harness.pythonqt.qobject import NameAlias
from Testing.slicer.harness.pythonqt.signals import normalized

# in both versions that the module is made for
UTIL = {n: p for n, p in util_signatures()["v5.10.0"].items() if n in util_signatures()["v5.12.3"]}
PACKAGING = util_signatures()["packaging v5.12.3"]
SLICER_NAMES = {
    "ScriptedLoadableModule",
    "app",
    "cli",
    "i18n",
    "mrmlScene",
    "moduleNames",
    "modules",
    "packaging",
    "parameterNodeWrapper",
    "util",
}
# what a call gives, where no signature tells it
RETURNS = {
    ("qSlicerApplication", "layoutManager"): "qSlicerLayoutManager",
    ("qSlicerApplication", "coreIOManager"): "qSlicerIOManager",
    ("qSlicerApplication", "ioManager"): "qSlicerIOManager",
    ("qSlicerApplication", "moduleManager"): "qSlicerModuleManager",
    ("qSlicerApplication", "applicationLogic"): "vtkSlicerApplicationLogic",
    ("qSlicerApplication", "mrmlScene"): "vtkMRMLScene",
    ("qSlicerLayoutManager", "sliceWidget"): "qMRMLSliceWidget",
    ("qSlicerLayoutManager", "threeDWidget"): "qMRMLThreeDWidget",
    ("qMRMLSliceWidget", "mrmlSliceNode"): "vtkMRMLSliceNode",
    ("qMRMLSliceWidget", "mrmlSliceCompositeNode"): "vtkMRMLSliceCompositeNode",
    ("qMRMLSliceWidget", "sliceLogic"): "vtkMRMLSliceLogic",
    ("qMRMLSliceWidget", "sliceView"): "qMRMLSliceView",
    ("qMRMLThreeDWidget", "threeDView"): "qMRMLThreeDView",
    ("qMRMLThreeDWidget", "mrmlViewNode"): "vtkMRMLViewNode",
    ("qMRMLSegmentEditorWidget", "segmentationNode"): "vtkMRMLSegmentationNode",
    ("qMRMLSegmentEditorWidget", "mrmlSegmentEditorNode"): "vtkMRMLSegmentEditorNode",
    ("vtkMRMLSegmentationNode", "GetSegmentation"): "vtkSegmentation",
    ("vtkMRMLSegmentationNode", "GetDisplayNode"): "vtkMRMLSegmentationDisplayNode",
    ("vtkSegmentation", "GetSegment"): "vtkSegment",
    ("vtkMRMLScene", "GetSubjectHierarchyNode"): "vtkMRMLSubjectHierarchyNode",
}
UTIL_RETURNS = {
    "addVolumeFromArray": "vtkMRMLScalarVolumeNode",
    "loadVolume": "vtkMRMLScalarVolumeNode",
    "loadSegmentation": "vtkMRMLSegmentationNode",
    "loadTable": "vtkMRMLTableNode",
    "mainWindow": "qSlicerMainWindow",
}


class ClassInfo(NamedTuple):
    """The public names of a class."""

    members: frozenset[str]
    properties: frozenset[str]
    signals: frozenset[str]
    qt_class: str  # the Qt class itself or its Qt base; "" for VTK

    def has_signal(self, signature: str) -> bool:
        """Whether a string connect with this signature finds a signal."""
        name, bracket, _ = signature.partition("(")
        if not bracket:
            return False
        meta = getattr(qt, self.qt_class).native_class.staticMetaObject
        return name in self.signals or meta.indexOfSignal(normalized(signature)) >= 0


def is_qt_class(name: str) -> bool:
    """Whether this is a class of Qt, ctk or Slicer's widgets: keyword arguments and isinstance are out."""
    return name in widget_lists() or (name.startswith("Q") and hasattr(qt, name))


@functools.cache
def class_info(name: str) -> ClassInfo | None:
    """Return the names of a class, or None for a class nobody knows."""
    if name in widget_lists():
        try:
            names = class_names(name)
        except KeyError:
            return None
        base = class_info(names.qt_base)
        if base is None:
            return None
        extra = frozenset(runtime_members().get(name, ()))
        return ClassInfo(
            base.members | names.every() | extra, base.properties | names.props, frozenset(names.signals), names.qt_base
        )
    if name.startswith("Q") and hasattr(qt, name):
        return _qt_info(name)
    cls = getattr(slicer, name, None) or getattr(vtk, name, None)
    if isinstance(cls, type) and name.startswith("vtk"):
        return ClassInfo(frozenset(dir(cls)), frozenset(), frozenset(), "")
    return None


def _qt_info(name: str) -> ClassInfo:
    table = vars(getattr(qt, name))
    members = frozenset(n for n in table if not n.startswith("_") and n != "native_class")
    properties = frozenset(n for n, m in table.items() if isinstance(m, (Property, NameAlias)))
    return ClassInfo(members, properties, frozenset(), name)  # Qt's signals are asked by their signature


def returned_class(owner: str, method: str) -> str | None:
    """Return the class of what a method gives, as far as it is known."""
    if (owner, method) in RETURNS:
        return RETURNS[owner, method]
    info = class_info(owner)
    if info is None or not info.qt_class:
        return None
    function = getattr(getattr(qt, info.qt_class).native_class, method, None)
    return _annotated_class(function) if function is not None else None


def _annotated_class(function: Any) -> str | None:
    signature = get_signature(function)
    first = signature[0] if isinstance(signature, list) and signature else signature
    kind = getattr(first, "return_annotation", None)
    name = getattr(kind, "__name__", "")
    return name if isinstance(kind, type) and is_qt_class(name) else None


def util_parameters(name: str) -> set[str] | None:
    """Return the keywords a function of slicer.util takes; None when it takes any, or is no function."""
    signature = UTIL[name]
    if "**" in signature or signature == "class":
        return None
    return {part.split("=")[0].split(":")[0].strip() for part in signature.split(",")}
