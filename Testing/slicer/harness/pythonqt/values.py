"""Values that cross between Python code and Qt: instances, enumerations, lists."""

from __future__ import annotations

import enum
import weakref
from collections.abc import Callable
from typing import Any

import shiboken6
from PySide6 import QtCore

_instances: weakref.WeakValueDictionary[int, Instance] = weakref.WeakValueDictionary()
_enum_types: dict[type, type[EnumValue]] = {}


class Instance:
    """Base of all Qt objects as Python sees them; the Qt classes are siblings, not bases of each other."""

    __slots__ = ("__weakref__", "_native")

    def __bool__(self) -> bool:
        return is_alive(self)

    def __eq__(self, other: object) -> bool:
        if other is None:
            return not is_alive(self)
        if not isinstance(other, Instance):
            return NotImplemented
        if self._native is other._native:
            return True
        if isinstance(self._native, QtCore.QObject) or not is_alive(self):
            return False
        return bool(self._native == other._native)

    def __hash__(self) -> int:
        return hash(id(self._native))


class EnumValue(int):
    """A named value of a Qt enumeration; every calculation with it gives a plain int, as in PythonQt."""

    native_enum: type[enum.Enum]

    def to_native(self) -> enum.Enum:
        return self.native_enum(int(self))


def is_alive(instance: Instance) -> bool:
    """Whether the C++ object still exists."""
    native = getattr(instance, "_native", None)
    return native is not None and shiboken6.isValid(native)


def native_of(instance: Instance, action: str) -> Any:
    """Return the PySide object behind an instance.

    Raises
    ------
    ValueError
        When the C++ object is gone or was never made.
    """
    if not is_alive(instance):
        raise ValueError(f"Trying to {action} a destroyed {type(instance).__name__} object")
    return instance._native


def adopt(instance: Instance, native: Any) -> None:
    """Tie an instance to its PySide object, so that the same object always comes back as the same instance."""
    instance._native = native
    _instances[id(native)] = instance
    if hasattr(instance, "__dict__") and isinstance(native, QtCore.QObject):
        native._python_instance = instance  # a Python subclass keeps its attributes as long as its C++ object


def enum_type(native_enum: type[enum.Enum]) -> type[EnumValue]:
    """Return the int type that stands for a Qt enumeration."""
    if native_enum not in _enum_types:
        _enum_types[native_enum] = type(native_enum.__name__, (EnumValue,), {"native_enum": native_enum})
    return _enum_types[native_enum]


def to_python(value: Any) -> Any:
    """Convert a value of PySide to what PythonQt gives: lists are tuples, flags ints, objects instances."""
    if value is None or isinstance(value, (bool, str, float, bytes)):
        return value
    if isinstance(value, enum.Flag):
        return int(value.value)
    if isinstance(value, enum.Enum):
        return enum_type(type(value))(value.value)
    if isinstance(value, int):
        return value
    if isinstance(value, (list, tuple)):
        return tuple(to_python(item) for item in value)
    if isinstance(value, dict):
        return {key: to_python(item) for key, item in value.items()}
    if isinstance(value, shiboken6.Object):
        known = _instances.get(id(value))
        return known if known is not None and known._native is value else _new_instance(value)
    return value


def to_native(value: Any) -> Any:
    """Convert a value of Python code to what PySide takes."""
    if isinstance(value, Instance):
        return native_of(value, "pass on")
    if isinstance(value, EnumValue):
        return value.to_native()
    if isinstance(value, (list, tuple)):
        return [to_native(item) for item in value]
    if type(value) is dict:
        return {key: to_native(item) for key, item in value.items()}
    return value


def set_wrapper_class(function: Callable[[type], type[Instance]]) -> None:
    """Tell how the class that stands for a PySide class is found; whoever makes these classes knows."""
    global _wrapper_class
    _wrapper_class = function


def _no_wrapper_class(native_class: type) -> type[Instance]:
    raise TypeError(f"no class stands for {native_class} yet")


_wrapper_class = _no_wrapper_class


def _new_instance(native: Any) -> Instance:
    cls = _wrapper_class(type(native))
    instance = cls.__new__(cls)
    adopt(instance, native)
    return instance
