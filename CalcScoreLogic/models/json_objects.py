"""JSON objects from files of others."""

from __future__ import annotations

import json
import reprlib
from pathlib import Path
from typing import Any, TypeVar

from ..errors import InputError, unreadable

Kind = TypeVar("Kind")

_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = 120
_REPR.maxlist = _REPR.maxdict = 12

_KINDS: dict[type, str] = {dict: "an object", list: "a list", str: "a text", bool: "true or false", int: "a number"}


def read_object(path: Path) -> dict[str, Any]:
    """Read a file that holds one JSON object.

    Raises
    ------
    InputError
        There is no such file, or something else is in it.
    """
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{path}: this file is missing, give the complete folder that nnU-Net made") from None
    except OSError as error:
        raise unreadable(path, error) from None
    except (ValueError, RecursionError):
        raise InputError(f"{path}: this is not JSON, copy the file again from where the model was trained") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: a JSON object is needed, copy the file again from where the model was trained")
    return content


def shown(value: Any) -> str:
    """Write a value of a file for a message: short, in one line, however long or deep it is."""
    return _REPR.repr(value)


def member(path: Path, content: dict[str, Any], key: str, kind: type[Kind]) -> Kind:
    """Give a member of an object that must be there and be of a kind.

    Raises
    ------
    InputError
        It is not there, or of another kind.
    """
    value = content.get(key)
    if not isinstance(value, kind):
        found = shown(value) if key in content else "nothing"
        raise InputError(
            f"{path}: {key!r} should be {_KINDS[kind]} and is {found}, "
            "copy the file again from where the model was trained"
        )
    return value
