"""Parameter nodes of the harness: types, defaults, limits, widgets, scenes."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated, Optional

import ctk
import numpy as np
import pytest
import qt
import slicer
from slicer.parameterNodeWrapper import Choice, Default, Maximum, Minimum, WithinRange, parameterNodeWrapper


class Source(enum.Enum):
    NETWORK = 1
    THRESHOLD = 2


@parameterNodeWrapper
class Parameters:
    volume: slicer.vtkMRMLScalarVolumeNode
    segmentation: Optional[slicer.vtkMRMLSegmentationNode]  # noqa: UP045 - modules write it so
    table: slicer.vtkMRMLTableNode | None
    threshold: Annotated[float, WithinRange(0, 3000)] = 470.0
    folds: Annotated[int, Minimum(1), Maximum(5), Default(5)]
    device: Annotated[str, Choice(["cpu", "gpu"])] = "cpu"
    note: str
    rescore: bool = True
    folder: Path
    source: Source

    def is_ready(self) -> bool:
        return self.volume is not None


def node():
    return slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")


def page(**widgets):
    """A page with one widget for each parameter."""
    top = qt.QWidget()
    layout = qt.QFormLayout(top)
    for name, widget in widgets.items():
        widget.setProperty("SlicerParameterName", name)
        layout.addRow(name, widget)
    return top


def test_defaults():
    parameters = Parameters(node())
    assert (parameters.volume, parameters.segmentation, parameters.table) == (None, None, None)
    assert (parameters.threshold, parameters.folds, parameters.device) == (470.0, 5, "cpu")
    assert (parameters.note, parameters.rescore, parameters.source) == ("", True, Source.NETWORK)
    assert parameters.default("folds").value == 5
    assert not parameters.is_ready()


def test_values_live_in_the_node():
    kept = node()
    parameters, other = Parameters(kept), Parameters(kept)
    volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    parameters.volume, parameters.threshold, parameters.source = volume, 130, Source.THRESHOLD
    parameters.rescore, parameters.folder = False, Path("/data/ä")
    assert other.volume is volume
    assert (other.threshold, other.source, other.rescore) == (130.0, Source.THRESHOLD, False)
    assert other.folder == Path("/data/ä")
    assert kept.GetNodeReferenceID("volume") == volume.GetID()
    other.volume = None
    assert parameters.volume is None


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("threshold", 3000.1, ValueError),
        ("threshold", "470", TypeError),
        ("threshold", None, ValueError),
        ("folds", 0, ValueError),
        ("folds", 6, ValueError),
        ("folds", 2.0, TypeError),
        ("device", "tpu", ValueError),
        ("rescore", 1, TypeError),
        ("source", 1, TypeError),
        ("thresold", 1, AttributeError),
    ],
)
def test_wrong_values_are_refused(name, value, error):
    with pytest.raises(error, match=r"\w+"):
        setattr(Parameters(node()), name, value)


def test_a_node_of_another_class_is_refused():
    with pytest.raises(TypeError):
        Parameters(node()).volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode")


def test_a_type_no_node_can_keep_is_refused():
    with pytest.raises(TypeError, match="complex"):

        @parameterNodeWrapper
        class _Bad:
            value: complex


def test_widgets_and_parameters_follow_each_other():
    parameters = Parameters(node())
    slider, folds, box, combo = ctk.ctkSliderWidget(), qt.QSpinBox(), qt.QCheckBox(), qt.QComboBox()
    line, source, nodes = qt.QLineEdit(), qt.QComboBox(), slicer.qMRMLNodeComboBox()
    nodes.nodeTypes = ["vtkMRMLScalarVolumeNode"]
    nodes.noneEnabled = True
    nodes.setMRMLScene(slicer.mrmlScene)
    shown = {"threshold": slider, "folds": folds, "rescore": box, "device": combo, "note": line, "source": source}
    top = page(volume=nodes, **shown)
    tag = parameters.connectGui(top)
    assert (slider.minimum, slider.maximum, slider.value) == (0.0, 3000.0, 470.0)
    assert (folds.minimum, folds.maximum, folds.value) == (1, 5, 5)
    assert [source.itemText(i) for i in range(source.count)] == ["NETWORK", "THRESHOLD"]
    slider.value = 200
    source.currentIndex = 1
    line.text = "checked"
    assert (parameters.threshold, parameters.source, parameters.note) == (200.0, Source.THRESHOLD, "checked")
    parameters.device, parameters.rescore = "gpu", False
    assert (combo.currentText, box.checked) == ("gpu", False)
    volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "CTA")
    nodes.setCurrentNode(volume)
    assert parameters.volume is volume
    parameters.disconnectGui(tag)
    slider.value = 300
    parameters.folds = 2
    assert (parameters.threshold, folds.value) == (200.0, 5)


def test_named_widgets_connect_too():
    parameters, box = Parameters(node()), qt.QCheckBox()
    box.setProperty("SlicerParameterName", "rescore")
    ui = type("", (), {})()
    ui.box = box
    parameters.connectGui(ui)
    box.checked = False
    assert parameters.rescore is False


def test_a_widget_that_cannot_show_the_parameter_is_refused():
    with pytest.raises(RuntimeError, match="QRadioButton"):
        Parameters(node()).connectGui(page(rescore=qt.QRadioButton()))
    with pytest.raises(ValueError, match="nothing"):
        Parameters(node()).connectGui(page(nothing=qt.QCheckBox()))


def test_a_change_is_told_once():
    parameters, heard = Parameters(node()), []
    parameters.AddObserver("ModifiedEvent", lambda *_: heard.append(parameters.threshold))
    parameters.threshold = 200
    assert heard == [200.0]
    with slicer.util.NodeModify(parameters):
        parameters.threshold = 300
        parameters.rescore = False
    assert heard == [200.0, 300.0]


def test_after_loading_a_scene_a_fresh_wrapper_is_needed(tmp_path):
    kept = node()
    kept.SetSingletonTag("Test")
    stale = Parameters(kept)
    stale.volume = slicer.util.addVolumeFromArray(np.zeros((2, 2, 2)), name="CTA")
    stale.threshold = 222
    slicer.util.saveScene(str(tmp_path / "scene.mrb"))
    slicer.mrmlScene.Clear(False)
    slicer.util.loadScene(str(tmp_path / "scene.mrb"))
    fresh = Parameters(slicer.mrmlScene.GetSingletonNode("Test", "vtkMRMLScriptedModuleNode"))
    assert stale.volume is None
    assert fresh.volume is slicer.util.getNode("CTA")
    assert fresh.threshold == 222.0
