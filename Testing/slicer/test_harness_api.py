"""No stand-in offers what the real class does not have, and what it lacks of the real class it says."""

from __future__ import annotations

import inspect

import ctk
import pytest
import qt
import slicer

from Testing.slicer import harness
from Testing.slicer.harness.api_lists import class_names, runtime_members, util_signatures, widget_lists
from Testing.slicer.harness.pythonqt.classes import wrapper_class
from Testing.slicer.harness.widgets.registry import NATIVES, STAND_INS

NAMES = sorted(STAND_INS)


def public(cls: type) -> set[str]:
    return {name for name in vars(cls) if not name.startswith("_") and name != "native_class"}


def qt_base(name: str) -> type:
    return getattr(qt, class_names(name).qt_base)


@pytest.mark.parametrize("name", NAMES)
def test_only_names_of_the_real_class(name):
    real = class_names(name).every() | set(runtime_members().get(name, ()))
    assert public(STAND_INS[name]) - public(qt_base(name)) <= real


@pytest.mark.parametrize("name", NAMES)
def test_every_name_of_the_real_class_answers_or_says_that_it_is_missing(name):
    offered = public(STAND_INS[name])
    assert class_names(name).every() <= offered


@pytest.mark.parametrize("name", NAMES)
def test_signals_with_mrml_types_are_signals(name):
    declared = {signature.partition("(")[0] for signature in getattr(NATIVES[name], "CPP_SIGNALS", {})}
    assert declared <= class_names(name).signals


@pytest.mark.parametrize("name", NAMES)
def test_the_class_is_known_where_slicer_has_it(name):
    assert name in widget_lists()
    assert getattr(ctk if name.startswith("ctk") else slicer, name) is STAND_INS[name]


@pytest.mark.parametrize(
    ("name", "member"),
    [
        ("qMRMLNodeComboBox", "setNodeTypes"),  # C++ setters that Python cannot see
        ("qMRMLNodeComboBox", "setNoneEnabled"),
        ("ctkCollapsibleButton", "setCollapsed"),
        ("ctkSliderWidget", "setMaximum"),
        ("ctkPathLineEdit", "setNameFilters"),
        ("qMRMLSegmentEditorWidget", "_node"),  # how the stand-in does it
    ],
)
def test_what_python_cannot_see_is_refused(name, member):
    widget = STAND_INS[name]()
    with pytest.raises(AttributeError, match=f"{name} has no attribute named '{member}'"):
        getattr(widget, member)


def test_missing_members_of_stand_ins_are_loud():
    with pytest.raises(harness.NotStoodInError, match="qMRMLNodeComboBox has no addMenuAction"):
        _ = slicer.qMRMLNodeComboBox().addMenuAction


def test_the_application_offers_only_real_names():
    assert slicer.app.majorVersion == 5
    with pytest.raises(AttributeError):
        slicer.app.set_headless(True)


def test_keyword_arguments_are_refused():
    with pytest.raises(harness.KeywordToQtError, match="parent"):
        qt.QPushButton("x", parent=None)
    with pytest.raises(harness.KeywordToQtError, match="scene"):
        slicer.qMRMLNodeComboBox().setMRMLScene(scene=None)


def test_classes_are_siblings():
    assert not issubclass(slicer.qMRMLSegmentEditorWidget, slicer.qMRMLWidget)
    assert slicer.qMRMLSegmentEditorWidget().inherits("qMRMLWidget")


@pytest.mark.parametrize("name", ["Signal", "Slot", "Property", "qVersion", "QRegExp", "QDesktopWidget"])
def test_names_of_pyside_alone_are_not_in_qt(name):
    assert not hasattr(qt, name)


def test_functions_of_util_are_in_util_only():
    assert not hasattr(slicer, "getNode")
    assert callable(slicer.util.getNode)


def test_packaging_has_the_real_parameters():
    real = util_signatures()["packaging v5.12.3"]
    module = slicer.packaging
    ours = {n for n, f in vars(module).items() if inspect.isfunction(f) and f.__module__ == module.__name__}
    assert {name for name in ours if not name.startswith("_")} <= set(real)
    for name in ("pip_install", "pip_ensure", "pip_uninstall"):
        listed = [part.split(":")[0].strip() for part in real[name].split(", ") if ":" in part]
        assert list(inspect.signature(getattr(module, name)).parameters) == listed


def test_wrapper_of_a_created_object_is_the_same_class():
    assert wrapper_class(NATIVES["ctkSliderWidget"]) is ctk.ctkSliderWidget
