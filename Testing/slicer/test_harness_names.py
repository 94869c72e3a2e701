"""The name checker finds what real Slicer does not have, and leaves alone what it has."""

from __future__ import annotations

from pathlib import Path

import pytest

from Testing.slicer.harness.names import check_folder, check_source

HEADER = "import qt, ctk, slicer, vtk\n"
OBJECTS = {"goButton": "QPushButton", "slider": "ctkSliderWidget", "nodes": "qMRMLNodeComboBox"}
WIDGET = """
class W(ScriptedLoadableModuleWidget):
    def setup(self):
        self.ui = slicer.util.childWidgetVariables(slicer.util.loadUI("x.ui"))
        self.label = qt.QLabel("a")
        {line}
"""


def found(code: str) -> list[str]:
    return [finding.text for finding in check_source(HEADER + code, objects=OBJECTS)]


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("qt.QRegExp('a')", "qt has no QRegExp; use QRegularExpression"),
        ("qt.QDesktopWidget()", "qt has no QDesktopWidget; use QScreen"),
        ("qt.Signal()", "qt has no Signal"),
        ("qt.Qt.AlignMiddle", "Qt has no AlignMiddle"),
        ("ctk.ctkNoSuchButton()", "ctk has no ctkNoSuchButton"),
        ("slicer.qMRMLFooWidget()", "slicer has no qMRMLFooWidget"),
        ("slicer.getNode('CTA')", "slicer has no getNode"),
        ("slicer.vtkMRMLFooNode()", "slicer has no vtkMRMLFooNode"),
        ("slicer.util.frobnicate()", "slicer.util has no frobnicate in Slicer 5.10 and 5.12"),
        ("f = slicer.util.executePythonModule", "slicer.util has no executePythonModule in Slicer 5.10 and 5.12"),
        ("slicer.util.loadScene('a', clear=True)", "slicer.util.loadScene takes no clear in Slicer 5.10"),
        ("from slicer.util import getNod", "slicer.util has no getNod"),
        ("from qt import QFoo", "qt has no QFoo"),
        ("b = qt.QPushButton('x')\nb.frob()", "QPushButton has no frob"),
        ("b = qt.QPushButton('x')\nb.text()", "text of QPushButton is a property: no parentheses"),
        ("b = qt.QPushButton('x')\nb.foo = 1", "QPushButton has no foo"),
        ("b = qt.QPushButton('x')\nb.click = 1", "click of QPushButton is no property and cannot be set"),
        ("b = qt.QPushButton('x')\nb.connect('clickd()', f)", "QPushButton has no signal clickd()"),
        ("b = qt.QPushButton('x')\nb.connect('clicked', f)", "QPushButton has no signal clicked"),
        ("s = ctk.ctkSliderWidget()\ns.setMaximum(3)", "ctkSliderWidget has no setMaximum"),
        ("s = ctk.ctkSliderWidget()\ns.value()", "value of ctkSliderWidget is a property: no parentheses"),
        ("t = qt.QTableWidget()\nt.horizontalHeader().frob()", "QHeaderView has no frob"),
        ("def f(x: qt.QLabel):\n    x.frob()", "QLabel has no frob"),
        ("def f(x: 'qt.QLabel | None'):\n    x.frob()", "QLabel has no frob"),
        ("n = slicer.mrmlScene.AddNewNodeByClass('vtkMRMLTableNode')\nn.Frob()", "vtkMRMLTableNode has no Frob"),
        ("slicer.mrmlScene.Frob()", "vtkMRMLScene has no Frob"),
        ("slicer.app.frob()", "qSlicerApplication has no frob"),
        ("slicer.app.layoutManager().frob()", "qSlicerLayoutManager has no frob"),
        ("m = vtk.vtkMatrix4x4()\nm.Frob()", "vtkMatrix4x4 has no Frob"),
        ("slicer.vtkSegmentation.Frob", "vtkSegmentation has no Frob"),
        ("x.connect('currentIndexChanged(QString)', f)", "currentIndexChanged(QString) is gone in Qt 6"),
        ("isinstance(x, qt.QWidget)", 'isinstance with QWidget is False for its subclasses: use x.inherits("QWidget")'),
        ("isinstance(x, (int, ctk.ctkComboBox))", "isinstance with ctkComboBox is False for its subclasses"),
        ("issubclass(x, slicer.qMRMLWidget)", "issubclass with qMRMLWidget is False"),
        ("qt.QPushButton('x', parent=p)", "a Qt call with keyword arguments can hang"),
        ("b = qt.QPushButton()\nb.setText(text='a')", "a Qt call with keyword arguments can hang"),
        ("qt.QTimer.singleShot(msec=0, slot=f)", "a Qt call with keyword arguments can hang"),
        (
            "class D(qt.QDialog):\n    def __init__(self, p):\n        super().__init__(parent=p)",
            "a Qt call with keyword",
        ),
        ("import torch", "torch is imported while Slicer starts"),
        (
            "try:\n    from skimage.measure import label\nexcept ImportError:\n    pass",
            "skimage.measure is imported while",
        ),
        ("slicer.util.pip_install('torch')", "packages are installed while Slicer starts"),
        (WIDGET.format(line="self.ui.goButon.enabled = True"), "no .ui file has an object goButon"),
        (WIDGET.format(line="self.ui.goButton.enabeld = True"), "QPushButton has no enabeld"),
        (WIDGET.format(line="self.ui.nodes.setNodeTypes(['a'])"), "qMRMLNodeComboBox has no setNodeTypes"),
        (
            WIDGET.format(line="self.ui.nodes.connect('nodeChanged()', f)"),
            "qMRMLNodeComboBox has no signal nodeChanged()",
        ),
        (WIDGET.format(line="slider = self.ui.slider\n        slider.frob()"), "ctkSliderWidget has no frob"),
        ("class V:\n    def __init__(self, ui):\n        ui.goButton.frob()", "QPushButton has no frob"),
        (
            "class V:\n    def f(self):\n        t = self._ui.goButton\n        t.text()",
            "text of QPushButton is a property",
        ),
        (WIDGET.format(line="self.label.frob()"), "QLabel has no frob"),
        (WIDGET.format(line="self.layout.frob()"), "QVBoxLayout has no frob"),
    ],
)
def test_what_is_not_there_is_found(code, text):
    findings = found(code)
    assert len(findings) == 1
    assert findings[0].startswith(text)


@pytest.mark.parametrize(
    "code",
    [
        "b = qt.QPushButton('x')\nb.text = 'y'\nb.setText(b.text)\nb.name = 'n'\nb.connect('clicked(bool)', f)",
        "b = qt.QPushButton('x')\nb.clicked.connect(f)\nb.setProperty('SlicerParameterName', 'a')\nb.deleteLater()",
        "n = slicer.qMRMLNodeComboBox()\nn.nodeTypes = ['vtkMRMLNode']\nn.setMRMLScene(slicer.mrmlScene)",
        "n = slicer.qMRMLNodeComboBox()\nn.connect('currentNodeChanged(vtkMRMLNode*)', f)\nn.enabled = False",
        "isinstance(x, slicer.vtkMRMLScalarVolumeNode)",
        "slicer.util.errorDisplay('a', detailedText='b')",
        "slicer.util.setSliceViewerLayers(background=v, fit=True)",
        "def f():\n    import torch\n    slicer.util.pip_install('torch')",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch",
        "x = qt.QLabel() if a else 3\nx.frob()",
        "x = qt.QLabel()\nx = other()\nx.frob()",
        "class D(qt.QDialog):\n    def __init__(self, p):\n        super().__init__(p)\n        self.mine = 1",
        "def f(parent=None):\n    return f(parent=None)",
        "slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, 1, 2, 3, slicer.vtkMRMLSliceNode.CenteredJumpSlice)",
        "slicer.modules.segmentations.logic()\nslicer.packaging.pip_ensure([])",
        WIDGET.format(line="self.ui.slider.value = 3\n        self.ui.goButton.text = 'a'"),
    ],
)
def test_what_is_there_is_left_alone(code):
    if "pip_ensure" in code:
        code = "def f():\n    " + code.replace("\n", "\n    ")
    assert found(code) == []


def test_the_sample_module_is_clean():
    assert check_folder(Path(__file__).parent / "harness_sample") == []


def test_ui_files_are_checked(tmp_path):
    (tmp_path / "a.ui").write_text(
        """<ui version="4.0"><class>F</class><widget class="qMRMLWidget" name="F">
        <widget class="qMRMLFoo" name="foo"/>
        <widget class="ctkSliderWidget" name="slider"><property name="maximun"><double>3</double></property></widget>
        <widget class="qMRMLNodeComboBox" name="nodes"/></widget>
        <connections><connection><sender>F</sender><signal>sceneChanged(vtkMRMLScene*)</signal>
        <receiver>nodes</receiver><slot>setScene(vtkMRMLScene*)</slot></connection></connections></ui>"""
    )
    assert [finding.text for finding in check_folder(tmp_path)] == [
        "foo: no class qMRMLFoo",
        "slider: ctkSliderWidget has no property maximun",
        "F has no signal sceneChanged(vtkMRMLScene*)",
        "nodes has no slot setScene(vtkMRMLScene*)",
    ]


def test_findings_say_where(tmp_path):
    (tmp_path / "m.py").write_text("import qt\n\nqt.QRegExp()\n")
    finding = check_folder(tmp_path)[0]
    assert str(finding) == f"{tmp_path / 'm.py'}:3: qt has no QRegExp; use QRegularExpression"
