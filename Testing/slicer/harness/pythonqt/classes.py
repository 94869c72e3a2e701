"""Builds the Python class that stands for a Qt class: siblings with flat member tables, as PythonQt makes them."""

from __future__ import annotations

import types
from typing import Any

from PySide6 import QtCore

from Testing.slicer.harness.errors import report
from Testing.slicer.harness.pythonqt import coercion, members, qobject
from Testing.slicer.harness.pythonqt.values import Instance, adopt, native_of, set_wrapper_class, to_native, to_python

_wrappers: dict[type, type[QtInstance]] = {}
# exec and print were Python 2 keywords, raise is one still: PythonQt has them with an underscore too
_WITH_UNDERSCORE = ("exec", "print", "raise", "from", "import")
_HIDDEN = {"connect", "disconnect", "sender", "emit", "receivers", "tr", "staticMetaObject", "thread_", "this"}


class PythonQtClassWrapper(type):
    """Metaclass of all Qt classes."""

    native_class: type

    def __call__(cls, *args: Any, **keywords: Any) -> Any:
        if cls.__dict__.get("_is_cpp_class"):
            members.refuse_keywords(cls.__name__, keywords)
        return super().__call__(*args, **keywords)

    def __getattr__(cls, name: str) -> Any:
        raise AttributeError(f"{cls.__name__} has no attribute named '{name}'")


class QtInstance(Instance, metaclass=PythonQtClassWrapper):
    """Behaviour of every Qt object in Python."""

    __slots__ = ()

    def __init__(self, *args: Any, **keywords: Any) -> None:
        members.refuse_keywords(type(self).__name__, keywords)
        native_class = _native_class_for(type(self))
        native_args = [to_native(arg) for arg in args]
        adopt(self, _construct(native_class, type(self), args, native_args))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "_native":
            raise AttributeError(name)
        native = native_of(self, f"read property '{name}' from")
        if isinstance(native, QtCore.QObject):
            found = qobject.dynamic_attribute(native, name)
            if found is not None:
                return to_python(found)
        raise AttributeError(f"{_cpp_name(self)} has no attribute named '{name}'")

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "_native":
            object.__setattr__(self, name, value)
            return
        member = _member(type(self), name)
        if isinstance(member, members.Property):
            member.write(self, value)
        elif isinstance(member, qobject.NameAlias):
            member.__set__(self, value)
        elif member is not None and hasattr(member, "kind") and not hasattr(self, "__dict__"):
            message = f"{member.kind} '{name}' can not be overwritten on {type(self).__name__} object"
            raise AttributeError(message)
        elif qobject.write_dynamic(self, name, to_native(value)):
            return
        elif hasattr(self, "__dict__"):
            object.__setattr__(self, name, value)
        else:
            message = (
                f"'{name}' does not exist on {type(self).__name__} "
                "and creating new attributes on C++ objects is not allowed"
            )
            raise AttributeError(message)

    def __repr__(self) -> str:
        return qobject.describe(self)

    def __str__(self) -> str:
        text = repr(self)
        return text[text.index("(") + 1 : text.rindex(", at:")] if ", at: " in text else text


def wrapper_class(native_class: type) -> type[QtInstance]:
    """Return the class that stands for a PySide class or for a registered stand-in."""
    for cls in native_class.__mro__:
        if cls in _wrappers:
            return _wrappers[cls]
        if cls.__module__.startswith(("PySide6.", "shiboken6", "Shiboken")):
            return _make(cls, cls.__name__, _qt_members(cls))
    raise TypeError(f"{native_class} is no Qt class")


set_wrapper_class(wrapper_class)


def register_stand_in(native_class: type, qt_base: type, names: dict[str, set[str]]) -> type[QtInstance]:
    """Make the class that stands for a C++ class of ctk or Slicer.

    Parameters
    ----------
    native_class
        The PySide class that does the work.
    qt_base
        The Qt class that the real class derives from; all its members are visible.
    names
        Visible names by kind: ``props``, ``callables``, ``signals``. What the stand-in does not have says so when used.
    """
    table = dict(_qt_members(qt_base))
    class_name = native_class.__name__
    for name in names["callables"]:
        function = _find(native_class, name)
        table[name] = members.Slot(name, function) if callable(function) else members.MissingMember(name, class_name)
    for name in names["signals"]:
        known = isinstance(_find(native_class, name), QtCore.Signal)
        table[name] = members.SignalMember(name) if known else members.MissingMember(name, class_name)
    for name in names["props"]:
        known = native_class.staticMetaObject.indexOfProperty(name) >= 0
        table[name] = members.Property(name, native_class, None) if known else members.MissingMember(name, class_name)
    for name, value in getattr(native_class, "ENUMS", {}).items():
        table[name] = members.EnumMember(name, value)
    return _make(native_class, class_name, table)


def _make(native_class: type, name: str, table: dict[str, Any]) -> type[QtInstance]:
    part = native_class.__module__.rpartition(".")[2] if native_class.__module__.startswith("PySide6.") else "private"
    module = f"PythonQt.{part.replace('QtWidgets', 'QtGui')}"
    namespace = {"__slots__": (), "_is_cpp_class": True, "native_class": native_class, "__module__": module}
    cls = PythonQtClassWrapper(name, (QtInstance,), {**table, **namespace})
    _wrappers[native_class] = cls
    return cls


def _qt_members(native_class: type) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for name in dir(native_class):
        if name.startswith("_") or name in _HIDDEN:
            continue
        value = _find(native_class, name)
        if isinstance(value, QtCore.Signal):
            table[name] = members.SignalMember(name)
        elif isinstance(value, (staticmethod, types.BuiltinFunctionType)):
            table[name] = members.Slot(name, getattr(native_class, name), static=True)
        elif callable(value) and not isinstance(value, type):
            table[name] = members.Slot(name, value)
    table.update(members.enum_members(native_class))
    for word in _WITH_UNDERSCORE:
        if word in table or word + "_" in table:
            table[word] = table[word + "_"] = table.get(word) or table[word + "_"]
    table.update(qobject.EVERY_MEMBER)
    if issubclass(native_class, QtCore.QObject):
        table.update(_properties(native_class, table))
        table.update(qobject.MEMBERS)
    return table


def _properties(native_class: type, table: dict[str, Any]) -> dict[str, members.Property]:
    meta = native_class.staticMetaObject
    found = {}
    for name in (meta.property(i).name() for i in range(meta.propertyCount())):
        method = table.get(name)
        static = method if isinstance(method, members.Slot) and method.static else None
        found[name] = members.Property(name, native_class, static)
    return found


def _find(cls: type, name: str) -> Any:
    """Look a member up without binding it."""
    for base in cls.__mro__:
        if name in vars(base):
            value = vars(base)[name]
            return getattr(cls, name) if type(value).__name__ == "getset_descriptor" else value
    return getattr(cls, name, None)


def _member(cls: type, name: str) -> Any:
    for base in cls.__mro__:
        if name in vars(base):
            return vars(base)[name]
    return None


def _cpp_name(instance: Instance) -> str:
    for cls in type(instance).__mro__:
        if cls.__dict__.get("_is_cpp_class"):
            return cls.__name__
    return type(instance).__name__


def _construct(native_class: type, cls: type, args: tuple[Any, ...], native_args: list[Any]) -> Any:
    try:
        return native_class(*native_args)
    except (TypeError, ValueError) as error:
        cpp_class = next(c for c in cls.__mro__ if c.__dict__.get("_is_cpp_class")).native_class
        if getattr(cpp_class, "__module__", "").startswith("PySide6."):
            for fitted in coercion.constructor_fits(cpp_class, native_args):
                try:
                    return native_class(*fitted)
                except (TypeError, ValueError):
                    continue
        raise ValueError(f"Could not find matching overload for given arguments:\n{args!r}") from error


def _native_class_for(cls: type) -> type:
    """Return the PySide class to create: for Python subclasses one that calls their virtual functions."""
    if cls.__dict__.get("_is_cpp_class"):
        return cls.native_class
    if "_native_subclass" not in cls.__dict__:
        base = next(c for c in cls.__mro__ if c.__dict__.get("_is_cpp_class")).native_class
        overridden = {
            name: _forwarder(name)
            for python_class in cls.__mro__[: cls.__mro__.index(wrapper_class(base))]
            for name, value in vars(python_class).items()
            if isinstance(value, types.FunctionType) and callable(_find(base, name)) and not name.startswith("_")
        }
        type.__setattr__(cls, "_native_subclass", type(cls.__name__, (base,), overridden))
    return cls.__dict__["_native_subclass"]


def _is_whole(instance: Any) -> bool:
    try:
        return instance is not None and instance._native is not None
    except AttributeError:
        return False


def _forwarder(name: str) -> Any:
    def forward(self: Any, *args: Any) -> Any:
        instance = getattr(self, "_python_instance", None)
        if not _is_whole(instance):  # called by the C++ constructor, or while Python tidies up
            return getattr(super(type(self), self), name)(*args)
        try:
            return to_native(getattr(instance, name)(*[to_python(arg) for arg in args]))
        except BaseException as error:
            report(error, f"exception in {name} of {type(self).__name__}")
            return getattr(super(type(self), self), name)(*args)

    return forward
