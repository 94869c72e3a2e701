"""Members of every QObject that PythonQt adds or changes: connect, children by name, dynamic properties."""

from __future__ import annotations

from typing import Any

import shiboken6
from PySide6 import QtCore

from Testing.slicer.harness.pythonqt import signals
from Testing.slicer.harness.pythonqt.members import refuse_keywords
from Testing.slicer.harness.pythonqt.values import Instance, native_of, to_native, to_python


def dynamic_attribute(native: QtCore.QObject, name: str) -> Any:
    """Return a dynamic property or the direct child of that object name, or None."""
    if name.encode() in [bytes(n) for n in native.dynamicPropertyNames()]:
        return native.property(name)
    return next((child for child in native.children() if child.objectName() == name), None)


def write_dynamic(instance: Instance, name: str, value: Any) -> bool:
    """Write a dynamic property that is there already."""
    native = getattr(instance, "_native", None)
    if not isinstance(native, QtCore.QObject) or not shiboken6.isValid(native):
        return False
    if name.encode() not in [bytes(n) for n in native.dynamicPropertyNames()]:
        return False
    native.setProperty(name, value)
    return True


def describe(instance: Instance) -> str:
    """Return what PythonQt prints for an object."""
    native = getattr(instance, "_native", None)
    class_name = type(instance).__name__
    if native is None or not shiboken6.isValid(native):
        return f"{class_name} (destroyed)"
    address = shiboken6.getCppPointer(native)[0]
    if isinstance(native, QtCore.QObject):
        if native.isWidgetType():
            name = f', name="{native.objectName()}"' if native.objectName() else ""
            return f"{class_name}({address:#x}{name}) "
        return f"{class_name} ({class_name} at: {address:#x})"
    text = str(native)
    inner = text[text.index("(") + 1 : text.rindex(")")] if "(" in text else ""
    return f"{class_name} ({inner}, at: {address:#x})" if inner else f"{class_name} (C++ object at: {address:#x})"


class Method:
    """A method whose Python side is written here."""

    kind = "Slot"

    def __init__(self, function: Any) -> None:
        self.function = function

    def __get__(self, instance: Instance | None, owner: type) -> Any:
        def call(*args: Any, **keywords: Any) -> Any:
            refuse_keywords(self.function.__name__, keywords)
            target = args[0] if instance is None else instance
            rest = args[1:] if instance is None else args
            return self.function(target, *rest)

        return call


class NameAlias:
    """``name``, which PythonQt offers beside ``objectName``."""

    kind = "Property"

    def __get__(self, instance: Instance | None, owner: type) -> Any:
        return self if instance is None else native_of(instance, "read property 'name' from").objectName()

    def __set__(self, instance: Instance, value: Any) -> None:
        native_of(instance, "write property 'name' of").setObjectName(str(value))


def _overload(args: tuple[Any, ...]) -> ValueError:
    return ValueError(f"Could not find matching overload for given arguments:\n{args!r}\n")


def connect(instance: Instance, *args: Any) -> bool:
    native = native_of(instance, "connect to")
    if len(args) == 2 and isinstance(args[0], str):
        return signals.connect(native, *args)
    if len(args) == 3 and isinstance(args[0], str) and isinstance(args[1], Instance):
        slot = getattr(args[1], args[2].partition("(")[0], None)
        return slot is not None and signals.connect(native, args[0], _QtTarget(args[1], args[2]))
    raise _overload(args)


def disconnect(instance: Instance, *args: Any) -> bool:
    native = native_of(instance, "disconnect from")
    if not args or not isinstance(args[0], str) or len(args) > 3:
        raise _overload(args)
    if len(args) == 3:
        return signals.disconnect(native, args[0], _QtTarget(args[1], args[2]))
    return signals.disconnect(native, *args, everything=len(args) == 1)


class _QtTarget:
    """A slot of another Qt object, given by its signature: takes as many arguments as the signature has."""

    def __init__(self, receiver: Instance, signature: str) -> None:
        self._receiver, self._signature = receiver, signals.normalized(signature)

    def __call__(self, *args: Any) -> None:
        count = len(signals.types_of(self._signature))
        getattr(self._receiver, self._signature.partition("(")[0])(*args[:count])

    def __eq__(self, other: object) -> bool:
        same = isinstance(other, _QtTarget) and self._signature == other._signature
        return same and self._receiver is other._receiver

    def __hash__(self) -> int:
        return hash(self._signature)


def find_child(instance: Instance, *args: Any) -> Any:
    found = find_children(instance, *args)
    return found[0] if found else None


def find_children(instance: Instance, *args: Any) -> tuple[Any, ...]:
    if not 1 <= len(args) <= 2:
        raise _overload(args)
    native, kind = native_of(instance, "search"), args[0]
    found = native.findChildren(QtCore.QObject)
    if isinstance(kind, str):
        found = [child for child in found if child.inherits(kind)]
    else:
        found = [child for child in found if isinstance(child, kind.native_class)]
    if len(args) == 2:
        found = [child for child in found if child.objectName() == args[1]]
    return to_python(found)


def set_property(instance: Instance, *args: Any) -> bool:
    if len(args) != 2:
        raise _overload(args)
    return native_of(instance, "write a property of").setProperty(str(args[0]), to_native(args[1]))


def class_name(instance: Instance) -> str:
    native = native_of(instance, "call 'className' on")
    return type(native).staticMetaObject.className() if isinstance(native, QtCore.QObject) else type(instance).__name__


def delete(instance: Instance) -> None:
    shiboken6.delete(native_of(instance, "delete"))


def meta_object(instance: Instance) -> Any:
    """PySide's own metaObject() would die with this object, for all objects of the class."""
    return to_python(type(native_of(instance, "call 'metaObject' on")).staticMetaObject)


EVERY_MEMBER = {"className": Method(class_name), "delete": Method(delete)}
MEMBERS = {
    "name": NameAlias(),
    "connect": Method(connect),
    "disconnect": Method(disconnect),
    "findChild": Method(find_child),
    "metaObject": Method(meta_object),
    "findChildren": Method(find_children),
    "setProperty": Method(set_property),
    "children": Method(lambda instance: to_python(native_of(instance, "call 'children' on").children())),
}
