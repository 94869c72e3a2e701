"""The kinds of class member a Qt object shows to Python: property, slot, signal, enumeration value."""

from __future__ import annotations

import enum
import types
from collections.abc import Callable
from typing import Any

from PySide6 import QtCore

from Testing.slicer.harness.errors import KeywordToQtError, NotStoodInError
from Testing.slicer.harness.pythonqt import coercion
from Testing.slicer.harness.pythonqt.signals import Signal
from Testing.slicer.harness.pythonqt.values import Instance, enum_type, native_of, to_native, to_python

_SIMPLE = {"bool": bool, "int": int, "double": float, "QString": str}


def refuse_keywords(name: str, keywords: dict[str, Any]) -> None:
    """Stop a call with keyword arguments, which can hang the real application."""
    if keywords:
        raise KeywordToQtError(f"{name} was called with keyword arguments {sorted(keywords)}: Qt calls are positional")


class BuiltinSlot:
    # A method of one Qt object, ready to be called; no docstring here, each slot has its own.
    __slots__ = ("__doc__", "_function", "_name", "_owner")

    def __init__(self, owner: Instance, name: str, function: Callable[..., Any]) -> None:
        self._owner, self._name, self._function = owner, name, function
        self.__doc__ = f"X.{name}({', '.join(coercion.parameter_names(function))})"

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        refuse_keywords(self._name, keywords)
        native = native_of(self._owner, f"call '{self._name}' on")
        return coercion.call(_bind(self._function, native, self._name), self._name, args, self._function)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BuiltinSlot) and (self._owner, self._name) == (other._owner, other._name)

    def __hash__(self) -> int:
        return hash((self._owner, self._name))

    def __repr__(self) -> str:
        return f"<qt slot {self._name} of {type(self._owner).__name__} instance at {id(self._owner):#x}>"


def _bind(function: Any, native: Any, name: str) -> Any:
    """Bind a method; PySide binds its own best: some are static and not static at once, such as QFile.exists."""
    if isinstance(function, types.BuiltinFunctionType):
        return getattr(native, name)
    return function.__get__(native, type(native)) if hasattr(function, "__get__") else function


class UnboundSlot:
    """A method taken from a class: static, or with the object as the first argument."""

    __slots__ = ("_class_name", "_member")

    def __init__(self, class_name: str, member: Slot) -> None:
        self._class_name, self._member = class_name, member

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        refuse_keywords(self._member.name, keywords)
        if self._member.static:
            return coercion.call(self._member.function, self._member.name, args)
        if not args or not isinstance(args[0], Instance):
            raise ValueError(f"{self._member.name} needs a {self._class_name} as its first argument")
        return BuiltinSlot(args[0], self._member.name, self._member.function)(*args[1:])

    def __repr__(self) -> str:
        prefix = f"static_{self._class_name}_" if self._member.static else ""
        return f"<unbound qt slot {prefix}{self._member.name} of {self._class_name} type>"


class Slot:
    """A method of a Qt class."""

    kind = "Slot"

    def __init__(self, name: str, function: Any, *, static: bool = False) -> None:
        self.name, self.function, self.static = name, function, static

    def __get__(self, instance: Instance | None, owner: type) -> Any:
        if instance is None:
            return UnboundSlot(owner.__name__, self)
        return BuiltinSlot(instance, self.name, self.function)


class SignalMember:
    """A signal of a Qt class."""

    kind = "Signal"

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, instance: Instance | None, owner: type) -> Any:
        return self if instance is None else Signal(instance, self.name)


class EnumMember:
    """A named value of an enumeration, or the enumeration type itself."""

    kind = "Enum"

    def __init__(self, name: str, value: Any) -> None:
        self.name, self.value = name, value

    def __get__(self, instance: Instance | None, owner: type) -> Any:
        return self.value


class MissingMember:
    """A member of the real class that its stand-in lacks: using it says so, loudly."""

    kind = "Slot"

    def __init__(self, name: str, class_name: str) -> None:
        self.name, self.class_name = name, class_name

    def __get__(self, instance: Instance | None, owner: type) -> Any:
        raise NotStoodInError(f"the stand-in of {self.class_name} has no {self.name}: add it to the harness")


class Property:
    """A Qt property: a plain attribute, converted as leniently as PythonQt does."""

    kind = "Property"

    def __init__(self, name: str, native_class: type, static: Slot | None) -> None:
        self.name, self.static = name, static
        meta = native_class.staticMetaObject
        self._meta = meta.property(meta.indexOfProperty(name))
        self._setter = getattr(native_class, "set" + name[0].upper() + name[1:], None)
        self._python = isinstance(getattr(native_class, name, None), QtCore.Property)

    def __get__(self, instance: Instance | None, owner: type) -> Any:
        if instance is None:
            if self.static is None:
                raise AttributeError(f"{owner.__name__} has no attribute named '{self.name}'")
            return self.static.__get__(None, owner)
        native = native_of(instance, f"read property '{self.name}' from")
        return to_python(getattr(native, self.name) if self._python else self._meta.read(native))

    def write(self, instance: Instance, value: Any) -> None:
        native = native_of(instance, f"write property '{self.name}' of")
        if not self._meta.isWritable():
            message = f"Property '{self.name}' of {type(instance).__name__} object is not writable"
            raise AttributeError(message)
        kind = self._meta.typeName()
        try:
            fitted = coercion.fit_value(to_native(value), _SIMPLE.get(kind, object))
            self._store(native, fitted)
        except (coercion.MismatchError, ValueError, TypeError) as error:
            message = (
                f"Property '{self.name}' of type '{kind}' does not accept "
                f"an object of type {type(value).__name__} ({value!r})"
            )
            raise AttributeError(message) from error

    def _store(self, native: QtCore.QObject, value: Any) -> None:
        if self._python:
            setattr(native, self.name, value)
        elif self._setter is not None:
            coercion.call(self._setter.__get__(native), self.name, (value,), self._setter)
        elif not self._meta.write(native, value):
            raise ValueError


def enum_members(native_class: type) -> dict[str, EnumMember]:
    """Return the enumeration types and values of a PySide class, flat as in PythonQt."""
    found = {}
    for cls in reversed(native_class.__mro__):
        for name, value in vars(cls).items():
            if isinstance(value, enum.EnumMeta):
                kind = enum_type(value)
                found[name] = EnumMember(name, kind)
                for member_name, member in value.__members__.items():
                    if member_name != "None":
                        found[member_name] = EnumMember(member_name, kind(member.value))
    return found
