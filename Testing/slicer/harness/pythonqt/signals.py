"""Connections the PythonQt way: by C++ signature, with as many arguments as the callable takes."""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Callable
from typing import Any, NamedTuple

import shiboken6
from PySide6 import QtCore

from Testing.slicer.harness.errors import report
from Testing.slicer.harness.pythonqt.values import Instance, native_of, to_native, to_python


class Connection(NamedTuple):
    """One connected signal."""

    signal: str
    target: Any
    handle: QtCore.QMetaObject.Connection


_connections: dict[int, list[Connection]] = {}


def normalized(signature: str) -> str:
    """Return a signal or slot signature in Qt's normal form."""
    return bytes(QtCore.QMetaObject.normalizedSignature(signature)).decode()


def types_of(signature: str) -> list[str]:
    """Return the parameter types of a normalized signature."""
    inner = signature.partition("(")[2].removesuffix(")")
    return inner.split(",") if inner else []


def deliver(target: Any, where: str) -> Callable[..., None]:
    """Return a function that calls a Python target with the arguments it takes and loses its exceptions aloud."""
    count = _argument_count(target)

    def receive(*args: Any) -> None:
        try:
            target(*[to_python(arg) for arg in args[:count]])
        except BaseException as error:
            report(error, f"exception in a slot of {where}")

    return receive


def connect(native: QtCore.QObject, signature: str, target: Any) -> bool:
    """Connect a Python callable to a signal; returns False, with a line on stderr, for an unknown signal."""
    signal = normalized(signature)
    actual = _actual_signature(native, signal)
    if actual is None:
        sys.stderr.write(f"QObject::connect: No such signal {type(native).staticMetaObject.className()}::{signature}\n")
        return False
    handle = QtCore.QObject.connect(native, QtCore.SIGNAL(actual), deliver(target, signal))
    _remember(native, Connection(signal, target, handle))
    return True


def disconnect(native: QtCore.QObject, signature: str, target: Any = None, *, everything: bool = False) -> bool:
    """Undo one connection of a callable, or all connections of a signal; False when there is none."""
    signal = normalized(signature)
    kept = _connections.get(shiboken6.getCppPointer(native)[0], [])
    found = [c for c in kept if c.signal == signal and (everything or _same(c.target, target))]
    for connection in found:
        QtCore.QObject.disconnect(connection.handle)
        kept.remove(connection)
    return bool(found)


class Signal:
    """A signal of one object: ``connect``, ``disconnect``, ``emit``, or called to emit."""

    __slots__ = ("_name", "_owner")

    def __init__(self, owner: Instance, name: str) -> None:
        self._owner, self._name = owner, name

    def connect(self, target: Any) -> bool:
        return connect(native_of(self._owner, "connect to"), self._signature(), target)

    def disconnect(self, target: Any = None) -> bool:
        native = native_of(self._owner, "disconnect from")
        return disconnect(native, self._signature(), target, everything=target is None)

    def emit(self, *args: Any) -> None:
        native = native_of(self._owner, "emit a signal of")
        signal = getattr(native, self._name)
        overloads = [types_of(signature) for signature in _signals_of(native, self._name)]
        fitting = [kinds for kinds in overloads if len(kinds) == len(args)]
        if not fitting:
            raise ValueError(f"Called {self._name} with wrong arguments: {args!r}")
        if len(overloads) > 1:
            signal = signal[",".join(fitting[0])] if args else signal[()]
        signal.emit(*[to_native(arg) for arg in args])

    __call__ = emit

    def __repr__(self) -> str:
        return f"<qt signal {self._name} of {type(self._owner).__name__} instance at {id(self._owner):#x}>"

    def _signature(self) -> str:
        """The overload declared first: with all its arguments."""
        native = native_of(self._owner, "use a signal of")
        declared = [s for s in getattr(type(native), "CPP_SIGNALS", {}) if s.partition("(")[0] == self._name]
        return (declared or _signals_of(native, self._name))[0]


def _signals_of(native: QtCore.QObject, name: str) -> list[str]:
    meta = type(native).staticMetaObject
    methods = [meta.method(i) for i in range(meta.methodCount())]
    signals = [m for m in methods if m.methodType() == QtCore.QMetaMethod.MethodType.Signal]
    return [bytes(m.methodSignature()).decode() for m in signals if bytes(m.name()).decode() == name]


def _actual_signature(native: QtCore.QObject, signal: str) -> str | None:
    """Find the signature PySide knows: signals with MRML types are declared with PyObject."""
    declared: dict[str, str] = getattr(type(native), "CPP_SIGNALS", {})
    if signal in declared:
        return declared[signal]
    if "PyObject" in signal or type(native).staticMetaObject.indexOfSignal(signal) < 0:
        return None
    return signal


def _remember(native: QtCore.QObject, connection: Connection) -> None:
    address = shiboken6.getCppPointer(native)[0]
    if address not in _connections:
        _connections[address] = []
        native.destroyed.connect(lambda *_: _connections.pop(address, None))
    _connections[address].append(connection)


def _same(one: Any, other: Any) -> bool:
    return one is other or bool(one == other)


def _argument_count(target: Any) -> int | None:
    """How many arguments a plain function or method takes; None for all other callables: they get every one."""
    if isinstance(target, types.MethodType):
        function, bound = target.__func__, 1
    else:
        function, bound = target, 0
    if not isinstance(function, types.FunctionType) or function.__code__.co_flags & inspect.CO_VARARGS:
        return None
    return max(function.__code__.co_argcount - bound, 0)
