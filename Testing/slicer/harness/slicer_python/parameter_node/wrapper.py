"""The class decorator that turns annotations into parameters of a node."""

# ruff: noqa: N802, N803, N815 - names are Slicer's

from __future__ import annotations

import itertools
import typing
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

import qt
import slicer
import vtk

from Testing.slicer.harness.slicer_python.parameter_node.annotations import Default
from Testing.slicer.harness.slicer_python.parameter_node.connectors import Connector, connector
from Testing.slicer.harness.slicer_python.parameter_node.parameters import Parameter

SlicerParameterNamePropertyName = "SlicerParameterName"
Wrapped = TypeVar("Wrapped", bound=type)


class _Wrapper:
    """What every wrapper object can do."""

    allParameters: dict[str, Parameter]

    def __init__(self, parameterNode: Any, prefix: str | None = None) -> None:
        if prefix is not None:
            raise NotImplementedError("the stand-in knows no prefix")
        self.__dict__.update(parameterNode=parameterNode, _guis={}, _tags=itertools.count(), _updating=False)
        self.__dict__["_values"] = {}
        for name, parameter in self.allParameters.items():
            if not parameter.is_in(parameterNode):
                parameter.write(parameterNode, parameter.default)
            self._values[name] = parameter.read(parameterNode)
        tag = parameterNode.AddObserver(vtk.vtkCommand.ModifiedEvent, _weakly(self._on_modified), 1.0)
        weakref.finalize(self, parameterNode.RemoveObserver, tag)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.allParameters:
            self.setValue(name, value)
        elif name.startswith("_"):
            super().__setattr__(name, value)
        else:
            raise AttributeError(f"{type(self).__name__} has no parameter {name!r}")

    def _on_modified(self, *_: object) -> None:
        self._values.update({n: p.read(self.parameterNode) for n, p in self.allParameters.items()})

    def _parameter(self, name: str) -> Parameter:
        if name not in self.allParameters:
            raise ValueError(f"{type(self).__name__} has no parameter {name!r}, only {sorted(self.allParameters)}")
        return self.allParameters[name]

    def getValue(self, name: str) -> Any:
        self._parameter(name)
        return self._values[name]

    def setValue(self, name: str, value: Any) -> None:
        parameter = self._parameter(name)
        with slicer.util.NodeModify(self.parameterNode):
            parameter.write(self.parameterNode, value)
            self._values[name] = parameter.read(self.parameterNode)

    def default(self, name: str) -> Any:
        return Default(self._parameter(name).default)

    def dataType(self, name: str) -> Any:
        return self._parameter(name).annotated

    def isCached(self, name: str) -> bool:
        self._parameter(name)
        return True

    def StartModify(self) -> Any:
        return self.parameterNode.StartModify()

    def EndModify(self, wasModified: Any) -> Any:
        return self.parameterNode.EndModify(wasModified)

    def Modified(self) -> None:
        self.parameterNode.Modified()

    def AddObserver(self, event: Any, callback: Any, priority: float = 0.0) -> int:
        return self.parameterNode.AddObserver(event, callback, priority)

    def RemoveObserver(self, tag: int) -> None:
        self.parameterNode.RemoveObserver(tag)

    def connectGui(self, gui: Any) -> int:
        """Connect every widget below ``gui`` that has the dynamic property SlicerParameterName."""
        is_widget = getattr(gui, "isWidgetType", lambda: False)()
        widgets = gui.findChildren(qt.QWidget) if is_widget else gui.__dict__.values()
        named = [(w.property(SlicerParameterNamePropertyName), w) for w in widgets]
        return self.connectParametersToGui({name: widget for name, widget in named if name})

    def connectParametersToGui(self, mapping: dict[str, Any]) -> int:
        """Connect parameters to widgets; returns the tag for disconnectGui."""
        connectors = {name: connector(widget, self._parameter(name)) for name, widget in mapping.items()}
        slots = []
        for name, bound in connectors.items():
            bound.write(self.getValue(name))
            slot = self._slot(name, bound)
            getattr(bound.widget, bound.signal).connect(slot)
            slots.append((name, bound, slot))
        tag = next(self._tags)
        observer = self.AddObserver(vtk.vtkCommand.ModifiedEvent, _weakly(self._on_gui))
        self._guis[tag] = (slots, observer)
        return tag

    def disconnectGui(self, guiTag: int) -> None:
        """Undo one connectGui."""
        slots, observer = self._guis.pop(guiTag, ([], None))
        for _name, bound, slot in slots:
            getattr(bound.widget, bound.signal).disconnect(slot)
        if observer is not None:
            self.RemoveObserver(observer)

    def _slot(self, name: str, bound: Connector) -> Any:
        def changed() -> None:
            if not self._updating:
                self.setValue(name, bound.read())

        return changed

    def _on_gui(self, *_: object) -> None:
        if self._updating:
            return
        self._updating = True
        try:
            for slots, _observer in list(self._guis.values()):
                for name, bound, _slot in slots:
                    bound.write(self.getValue(name))
        finally:
            self._updating = False


def _weakly(method: Any) -> Callable[..., None]:
    """Observe without keeping the wrapper alive: the node may outlive it."""
    reference = weakref.WeakMethod(method)

    def call(*_: object) -> None:
        alive = reference()
        if alive is not None:
            alive()

    return call


def parameterNodeWrapper(classtype: Wrapped | None = None) -> Any:
    """Class decorator: each annotated member becomes a parameter of the node given to the constructor."""
    return _process if classtype is None else _process(classtype)


def _process(cls: Any) -> Any:
    hints = typing.get_type_hints(cls, include_extras=True)
    defaults = {name: (getattr(cls, name),) for name in hints if hasattr(cls, name)}
    reserved = [name for name in hints if hasattr(_Wrapper, name)]
    if reserved:
        raise ValueError(f"{reserved} cannot be names of parameters")
    parameters = {name: Parameter(name, hint, *defaults.get(name, ())) for name, hint in hints.items()}
    members = {name: value for name, value in vars(cls).items() if name not in ("__dict__", "__weakref__")}
    for name in hints:
        members[name] = _as_property(name)
    members.update(allParameters=parameters, _is_parameter_node_wrapper=True)
    return type(cls.__name__, (_Wrapper,), members)


def _as_property(name: str) -> property:
    return property(lambda self: self.getValue(name), lambda self, value: self.setValue(name, value))


def isParameterNodeWrapper(classOrObj: Any) -> bool:
    """Whether a class or object was made by the decorator."""
    return getattr(classOrObj, "_is_parameter_node_wrapper", False)
