"""A plain Slicer scripted module that knows nothing of the harness; the harness is tested on it."""

# ruff: noqa: N802, N815, PT009 - names are Slicer's, the self-test is a unittest

import enum
from typing import Annotated

import numpy as np
import qt
import slicer
import vtk
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin


class SampleModule(ScriptedLoadableModule):
    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Sample module")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Examples")]
        self.parent.contributors = ["Nobody"]
        self.parent.helpText = _("Counts bright voxels.")


class Unit(enum.Enum):
    VOXELS = "voxels"
    MM3 = "mm³"

    def label(self):
        return self.value


@parameterNodeWrapper
class SampleParameterNode:
    inputVolume: slicer.vtkMRMLScalarVolumeNode
    outputSegmentation: slicer.vtkMRMLSegmentationNode
    threshold: Annotated[float, WithinRange(0, 3000)] = 470
    invert: bool = False
    unit: Unit = Unit.MM3


class SampleModuleWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self._parameters = None
        self._gui = None
        self.visits = []

    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        page = slicer.util.loadUI(self.resourcePath("UI/SampleModule.ui"))
        self.layout.addWidget(page)
        self.ui = slicer.util.childWidgetVariables(page)
        page.setMRMLScene(slicer.mrmlScene)
        self.logic = SampleModuleLogic()
        table = self.ui.resultTable
        table.setColumnCount(2)
        table.setHorizontalHeaderLabels([_("Segment"), _("Size")])
        table.horizontalHeader().setSectionResizeMode(0, qt.QHeaderView.Stretch)
        table.setEditTriggers(qt.QAbstractItemView.NoEditTriggers)
        self.ui.applyButton.connect("clicked(bool)", self.on_apply)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.on_scene_start_close)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.on_scene_end_close)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.on_scene_end_close)
        self.use_parameters(self.logic.getParameterNode())

    def enter(self):
        self.visits.append("enter")
        self.use_parameters(self.logic.getParameterNode())

    def exit(self):
        self.visits.append("exit")
        self.use_parameters(None)

    def cleanup(self):
        self.visits.append("cleanup")
        self.use_parameters(None)
        self.removeObservers()

    def on_scene_start_close(self, caller, event):
        self.use_parameters(None)

    def on_scene_end_close(self, caller, event):
        self.use_parameters(self.logic.getParameterNode())

    def use_parameters(self, parameters):
        if self._parameters is not None:
            self._parameters.disconnectGui(self._gui)
            self.removeObserver(self._parameters, vtk.vtkCommand.ModifiedEvent, self.on_parameters)
        self._parameters = parameters
        if parameters is not None:
            self._gui = parameters.connectGui(self.ui)
            self.addObserver(parameters, vtk.vtkCommand.ModifiedEvent, self.on_parameters)
            self.on_parameters()

    def on_parameters(self, caller=None, event=None):
        self.ui.applyButton.enabled = self._parameters.inputVolume is not None

    def on_apply(self):
        with slicer.util.tryWithErrorDisplay(_("The measurement failed."), waitCursor=True):
            parameters = self._parameters
            segmentation, size = self.logic.measure(parameters)
            parameters.outputSegmentation = segmentation
            self.ui.resultTable.setRowCount(1)
            number = qt.QTableWidgetItem(f"{size:.1f}")
            number.setTextAlignment(qt.Qt.AlignRight | qt.Qt.AlignVCenter)
            self.ui.resultTable.setItem(0, 0, qt.QTableWidgetItem("Bright"))
            self.ui.resultTable.setItem(0, 1, number)
            self.ui.segmentsView.setSegmentationNode(segmentation)
            self.ui.progressBar.value = 100


class SampleModuleLogic(ScriptedLoadableModuleLogic):
    def getParameterNode(self):
        return SampleParameterNode(super().getParameterNode())

    def measure(self, parameters):
        volume = parameters.inputVolume
        values = slicer.util.arrayFromVolume(volume)
        mask = values >= parameters.threshold
        if parameters.invert:
            mask = ~mask
        if not mask.any():
            raise ValueError("no voxel is bright enough; lower the threshold")
        segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Sample segmentation")
        segmentation.CreateDefaultDisplayNodes()
        segmentation.SetReferenceImageGeometryParameterFromVolumeNode(volume)
        segment = segmentation.GetSegmentation().AddEmptySegment("bright", "Bright", (1.0, 0.8, 0.2))
        slicer.util.updateSegmentBinaryLabelmapFromArray(mask.astype(np.uint8), segmentation, segment, volume)
        factor = 1.0 if parameters.unit is Unit.VOXELS else float(np.prod(volume.GetSpacing()))
        return segmentation, mask.sum() * factor


class SampleModuleTest(ScriptedLoadableModuleTest):
    def setUp(self):
        slicer.mrmlScene.Clear()

    def runTest(self):
        self.setUp()
        self.delayDisplay("Start")
        volume = slicer.util.addVolumeFromArray(np.full((4, 4, 4), 500, np.int16))
        parameters = SampleModuleLogic().getParameterNode()
        parameters.inputVolume = volume
        self.assertEqual(SampleModuleLogic().measure(parameters)[1], 64.0)
