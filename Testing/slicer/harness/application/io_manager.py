"""Loading and saving of nodes and scenes through the real storage nodes and logics."""

# ruff: noqa: N801, N802, N815 - names are Slicer's

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import slicer
from PySide6 import QtCore

from Testing.slicer.harness.widgets.registry import stand_in

_BY_STORAGE = {
    "TableFile": ("vtkMRMLTableNode", "vtkMRMLTableStorageNode"),
    "ModelFile": ("vtkMRMLModelNode", "vtkMRMLModelStorageNode"),
    "TextFile": ("vtkMRMLTextNode", "vtkMRMLTextStorageNode"),
    "TransformFile": ("vtkMRMLLinearTransformNode", "vtkMRMLTransformStorageNode"),
}
_BY_SUFFIX = {
    ".seg.nrrd": "SegmentationFile",
    ".seg.nhdr": "SegmentationFile",
    ".mrb": "SceneFile",
    ".mrml": "SceneFile",
    ".nrrd": "VolumeFile",
    ".nhdr": "VolumeFile",
    ".nii": "VolumeFile",
    ".nii.gz": "VolumeFile",
    ".mha": "VolumeFile",
    ".mhd": "VolumeFile",
    ".dcm": "VolumeFile",
    ".vtk": "ModelFile",
    ".vtp": "ModelFile",
    ".stl": "ModelFile",
    ".csv": "TableFile",
    ".tsv": "TableFile",
    ".txt": "TextFile",
    ".json": "TextFile",
    ".h5": "TransformFile",
    ".tfm": "TransformFile",
}


def node_name(file_name: str) -> str:
    """Return the name Slicer gives a node loaded from this file."""
    return re.sub(r"(\.seg)?\.(nii\.gz|[^.]+)$", "", Path(file_name).name)


@stand_in
class qSlicerIOManager(QtCore.QObject):
    """Reads and writes files."""

    CPP_SIGNALS: ClassVar[dict[str, str]] = {
        "newFileLoaded(qSlicerIO::IOProperties)": "newFileLoaded(PyObject)",
        "fileSaved(qSlicerIO::IOProperties)": "fileSaved(PyObject)",
    }
    newFileLoaded = QtCore.Signal(object)
    fileSaved = QtCore.Signal(object)

    def fileType(self, file_name: str) -> str:
        matching = [s for s in _BY_SUFFIX if str(file_name).lower().endswith(s)]
        return _BY_SUFFIX[max(matching, key=len)] if matching else "NoFile"

    def fileWriterFileType(self, node: object, extension: str = "") -> str:
        kinds = {"vtkMRMLSegmentationNode": "SegmentationFile", "vtkMRMLVolumeNode": "VolumeFile"}
        return next((kind for name, kind in kinds.items() if node.IsA(name)), "NodeFile")

    def loadNodes(self, kind: str, properties: dict, loaded: object = None, messages: object = None) -> bool:
        if kind == "SceneFile":
            return self.loadScene(properties["fileName"], properties.get("clear", True))
        readers: dict[str, Callable[[str, str, dict[str, Any]], Any]] = {
            "VolumeFile": _load_volume,
            "SegmentationFile": _load_segmentation,
        }
        file_name = properties["fileName"]
        name = properties.get("name") or node_name(file_name)
        if kind in readers:
            node = readers[kind](file_name, name, properties)
        elif kind in _BY_STORAGE:
            node = _load_with_storage(kind, file_name, name)
        else:
            raise NotImplementedError(f"the harness reads no {kind}")
        if node is not None and loaded is not None:
            loaded.AddItem(node)
        if node is not None:
            self.newFileLoaded.emit({**properties, "fileType": kind, "nodeIDs": [node.GetID()]})
        return node is not None

    def saveNodes(self, kind: str, properties: dict, messages: object = None) -> bool:
        if kind == "SceneFile":
            return self.saveScene(properties["fileName"])
        node = slicer.mrmlScene.GetNodeByID(properties["nodeID"])
        if node.GetStorageNode() is None:
            node.AddDefaultStorageNode(properties["fileName"])
        storage = node.GetStorageNode()
        storage.SetFileName(properties["fileName"])
        if "useCompression" in properties:
            storage.SetUseCompression(properties["useCompression"])
        saved = bool(storage.WriteData(node))
        if saved:
            self.fileSaved.emit({**properties, "fileType": kind})
        return saved

    def loadScene(self, file_name: str, clear: bool = True, messages: object = None) -> bool:
        scene = slicer.mrmlScene
        if file_name.endswith(".mrb"):
            return bool(scene.ReadFromMRB(file_name, clear))
        scene.SetURL(file_name)
        return bool(scene.Connect() if clear else scene.Import())

    def saveScene(self, file_name: str, screenshot: object = None, messages: object = None) -> bool:
        scene = slicer.mrmlScene
        if file_name.endswith(".mrb"):
            return bool(scene.WriteToMRB(file_name))
        if file_name.endswith(".mrml"):
            return bool(scene.Commit(file_name))
        Path(file_name).mkdir(parents=True, exist_ok=True)
        return bool(scene.SaveSceneToSlicerDataBundleDirectory(file_name))


def _load_volume(file_name: str, name: str, properties: dict[str, Any]) -> Any:
    options = int(bool(properties.get("labelmap"))) + 2 * int(bool(properties.get("singleFile")))
    return slicer.modules.volumes.logic().AddArchetypeVolume(file_name, name, options)


def _load_segmentation(file_name: str, name: str, properties: dict[str, Any]) -> Any:
    return slicer.modules.segmentations.logic().LoadSegmentationFromFile(file_name, True, name)


def _load_with_storage(kind: str, file_name: str, name: str) -> Any:
    node_class, storage_class = _BY_STORAGE[kind]
    node = slicer.mrmlScene.AddNewNodeByClass(node_class, name)
    storage = slicer.mrmlScene.AddNewNodeByClass(storage_class)
    storage.SetFileName(file_name)
    node.SetAndObserveStorageNodeID(storage.GetID())
    if storage.ReadData(node):
        return node
    slicer.mrmlScene.RemoveNode(node)
    slicer.mrmlScene.RemoveNode(storage)
    return None
