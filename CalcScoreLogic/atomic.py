"""Output files that appear whole or not at all."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import CalcScoreError, InputError


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Write a file under a temporary name and give it its own name at the end.

    Parameters
    ----------
    path : path
        The file to make; a file that is there is replaced.

    Yields
    ------
    Path
        A hidden name in the same folder with the same suffixes. When the block ends, it becomes `path`;
        when the block raises (an interrupt included), it is removed and `path` stays as it was.

    Raises
    ------
    InputError
        The folder does not exist or may not be written to, or `path` is a folder.
    CalcScoreError
        The system could not write, e.g. because the disk is full.
    """
    target = Path(path)
    _check_target(target)
    # A long name cut short keeps the temporary one within what a file system allows.
    temporary = target.with_name(f".{target.name[:60]}.{secrets.token_hex(4)}.tmp{''.join(target.suffixes[-2:])}")
    try:
        yield temporary
        temporary.replace(target)
    except PermissionError as error:
        raise InputError(f"{path}: permission to write denied, choose another output folder") from error
    except OSError as error:
        reason = error.strerror or "unknown reason"
        raise CalcScoreError(f"{path}: the file could not be written ({reason})") from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """Fill a folder under a temporary name and give it its own name at the end.

    Parameters
    ----------
    folder : path
        The folder to make. In one that is there, files of the same name are replaced and others stay.

    Yields
    ------
    Path
        A hidden folder beside it. When the block raises (an interrupt included), it is removed.

    Raises
    ------
    InputError
        The parent folder does not exist, or a file has this name.
    """
    target = Path(folder)
    if not target.parent.is_dir():
        raise InputError(f"{folder}: the folder {target.parent} does not exist, make it first")
    if target.exists() and not target.is_dir():
        raise InputError(f"{folder}: this is a file, give the name of a folder")
    temporary = target.with_name(f".{target.name[:60]}.{secrets.token_hex(4)}.tmp")
    try:
        temporary.mkdir()
        yield temporary
        if not target.exists():
            temporary.replace(target)
            return
        for file in sorted(temporary.iterdir()):
            file.replace(target / file.name)
    except OSError as error:
        raise CalcScoreError(f"{folder}: the folder could not be written ({error.strerror})") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file in UTF-8; raises what `atomic_path` raises.

    Parameters
    ----------
    path : path
        The file to make.
    text : str
        Its content; line ends are written as they are.
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(text.encode("utf-8"))


def write_json(path: str | os.PathLike[str], content: Any) -> None:
    """Write an object as JSON; raises what `atomic_path` raises.

    Parameters
    ----------
    path : path
        The file to make.
    content : object
        What `json` can write; NaN and infinity are no JSON and raise ValueError.
    """
    write_text(path, json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def _check_target(target: Path) -> None:
    """Refuse a target that cannot become a file."""
    try:
        str(target).encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(f"{str(target)!a}: the name is not valid UTF-8, choose another one") from error
    if not target.parent.is_dir():
        raise InputError(f"{target}: the folder {target.parent} does not exist, make it first")
    if target.is_dir():
        raise InputError(f"{target}: this is a folder, give the name of a file")
