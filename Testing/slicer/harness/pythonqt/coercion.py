"""How PythonQt fits Python values to C++ parameters: exactly first, then leniently."""

from __future__ import annotations

import enum
import inspect
import types
import typing
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from shibokensupport.signature import get_signature

from Testing.slicer.harness.pythonqt.values import to_native, to_python

_NAMED_TYPES = {"bool": bool, "int": int, "float": float, "str": str}


class MismatchError(Exception):
    """A value does not fit a parameter."""


def call(function: Callable[..., Any], name: str, args: tuple[Any, ...], unbound: Any = None) -> Any:
    """Call a function of PySide or of a stand-in with a module's arguments.

    The unbound function, where there is one, tells the signatures: PySide knows none of a bound one.

    Raises
    ------
    ValueError
        When the arguments fit no overload; PythonQt says ValueError, not TypeError.
    """
    native = [to_native(arg) for arg in args]
    if isinstance(function, (types.FunctionType, types.MethodType)):
        return to_python(function(*_fit_python(function, name, native, args)))
    if not any(_refused_number(arg) for arg in native):
        try:
            return to_python(function(*native))
        except (TypeError, ValueError, OverflowError):
            pass
    for signature in _signatures(unbound or function):
        try:
            fitted = _fit(signature, native)
        except MismatchError:
            continue
        try:
            return to_python(function(*fitted))
        except (TypeError, ValueError, OverflowError):
            continue
    raise ValueError(f"Called {name} with wrong arguments: {args!r}")


def parameter_names(function: Any) -> list[str]:
    """Return the parameters of the first overload, as docstrings of slots show them."""
    if isinstance(function, types.FunctionType):
        return list(inspect.signature(function).parameters)[1:]
    return next(([p.name for p in _parameters(signature)] for signature in _signatures(function)), [])


def constructor_fits(native_class: type, args: list[Any]) -> Iterator[list[Any]]:
    """Yield the arguments fitted to each constructor overload that can take them."""
    for signature in _signatures(native_class):
        try:
            yield _fit(signature, args)
        except MismatchError:
            continue


def fit_value(value: Any, annotation: Any) -> Any:
    """Fit one native value to one parameter type; raises MismatchError when it does not."""
    annotation = _NAMED_TYPES.get(annotation, annotation) if isinstance(annotation, str) else annotation
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return _fit_union(value, typing.get_args(annotation))
    if annotation is bool:
        return bool(value)
    if annotation is str:
        return value if isinstance(value, str) else str(to_python(value))
    if annotation in (int, float):
        return annotation(_number(value))
    if isinstance(annotation, enum.EnumMeta):
        return value if isinstance(value, annotation) else _enum_member(annotation, value)
    if _refused_number(value):
        raise MismatchError
    return value


def _fit_union(value: Any, choices: tuple[Any, ...]) -> Any:
    if any(isinstance(choice, type) and isinstance(value, choice) for choice in choices):
        return value
    for choice in choices:
        if choice in (bool, int, float, str) or isinstance(choice, enum.EnumMeta):
            try:
                return fit_value(value, choice)
            except MismatchError:
                continue
    return value


def _number(value: Any) -> float:
    if isinstance(value, enum.Enum):
        value = value.value
    if _refused_number(value) or not isinstance(value, (int, float)):
        raise MismatchError
    return value


def _refused_number(value: Any) -> bool:
    """NumPy scalars that are no Python float or str: PythonQt does not take them for numbers."""
    return isinstance(value, np.generic) and not isinstance(value, (float, str))


def _enum_member(kind: enum.EnumMeta, value: Any) -> enum.Enum:
    try:
        return kind(int(_number(value)))
    except ValueError as error:
        raise MismatchError from error


def _signatures(function: Any) -> Iterator[inspect.Signature]:
    found = get_signature(function)
    if isinstance(found, list):
        yield from found
    elif found is not None:
        yield found


def _parameters(signature: inspect.Signature) -> list[inspect.Parameter]:
    return [p for p in signature.parameters.values() if p.name != "self" and p.kind is not p.VAR_KEYWORD]


def _fit(signature: inspect.Signature, args: list[Any]) -> list[Any]:
    parameters = _parameters(signature)
    required = [p for p in parameters if p.default is p.empty and p.kind is not p.VAR_POSITIONAL]
    if not len(required) <= len(args) <= len(parameters):
        raise MismatchError
    return [fit_value(arg, p.annotation) for arg, p in zip(args, parameters, strict=False)]


def _fit_python(function: Any, name: str, native: list[Any], args: tuple[Any, ...]) -> list[Any]:
    """Fit arguments to a stand-in's own Python method, so that an error inside it stays what it is."""
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return native
    try:
        return _fit(signature, native)
    except MismatchError:
        raise ValueError(f"Called {name} with wrong arguments: {args!r}") from None
