"""One typed parameter: how it is checked, stored in the parameter node and read back."""

from __future__ import annotations

import enum
import pathlib
import types
import typing
from typing import Any

import slicer

from Testing.slicer.harness.slicer_python.parameter_node.annotations import Default, Validator

_NOTHING = object()


class Parameter:
    """A parameter of a wrapper class.

    Raises
    ------
    TypeError
        When the wrapper knows no such type.
    """

    def __init__(self, name: str, annotated: Any, class_default: Any = _NOTHING) -> None:
        self.name, self.annotated = name, annotated
        has_extras = typing.get_origin(annotated) is typing.Annotated
        self.type, *self.extras = typing.get_args(annotated) if has_extras else (annotated,)
        choices = typing.get_args(self.type) if _is_union(self.type) else (self.type,)
        self.kinds = tuple(kind for kind in choices if kind is not type(None))
        self.is_node = all(_is_node_class(kind) for kind in self.kinds)
        self.optional = self.is_node or type(None) in choices
        if not self.is_node and (len(self.kinds) != 1 or not _is_simple(self.kinds[0])):
            raise TypeError(f"parameter {name!r} has the type {self.type}, which no parameter node can keep")
        self.default = self._find_default(class_default)

    def _find_default(self, class_default: Any) -> Any:
        if class_default is not _NOTHING:
            return class_default
        given = next((extra.value for extra in self.extras if isinstance(extra, Default)), _NOTHING)
        if given is not _NOTHING:
            return given
        if self.optional:
            return None
        kind = self.kinds[0]
        return next(iter(kind)) if issubclass(kind, enum.Enum) else kind()

    def find(self, kind: type) -> Any:
        """Return the first annotation of a kind, or None."""
        return next((extra for extra in self.extras if isinstance(extra, kind)), None)

    def check(self, value: Any) -> None:
        """Refuse a value: TypeError for a wrong type, ValueError for None or a value outside the limits."""
        if value is None:
            if not self.optional:
                raise ValueError(f"parameter {self.name!r} cannot be None")
            return
        allowed = (*self.kinds, int) if self.kinds == (float,) else self.kinds
        if not isinstance(value, allowed):
            raise TypeError(f"parameter {self.name!r} is a {self.type}, not {type(value)} {value!r}")
        for validator in self.extras:
            if isinstance(validator, Validator):
                validator.validate(value)

    def is_in(self, node: Any) -> bool:
        return node.HasParameter(self.name)

    def write(self, node: Any, value: Any) -> None:
        """Check and store a value."""
        self.check(value)
        if self.is_node:
            node.SetParameter(self.name, "")  # tells "no node" from "never set"
            node.SetNodeReferenceID(self.name, value.GetID() if value is not None else None)
        elif value is None:
            node.SetParameter(self.name, "")
        else:
            node.SetParameter(self.name, value.name if isinstance(value, enum.Enum) else str(value))

    def read(self, node: Any) -> Any:
        """Return the stored value, the default when there is none."""
        if not self.is_in(node):
            self.write(node, self.default)
        if self.is_node:
            return node.GetNodeReference(self.name)
        text, kind = node.GetParameter(self.name), self.kinds[0]
        if self.optional and text == "":
            return None
        if kind is bool:
            return text == "True"
        return kind[text] if issubclass(kind, enum.Enum) else kind(text)


def _is_union(annotation: Any) -> bool:
    return typing.get_origin(annotation) in (typing.Union, types.UnionType)


def _is_node_class(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, slicer.vtkMRMLNode)


def _is_simple(kind: Any) -> bool:
    simple = (str, int, float, bool, pathlib.Path)
    return isinstance(kind, type) and (kind in simple or issubclass(kind, enum.Enum))
