"""Output files that appear whole or not at all."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath
from typing import IO, Any

from .errors import CalcScoreError, InputError

PENDING = ".calcscore-new"
"""Folder of new files on their way into the folder it lies in: from the moment it is there, they are what counts."""

_WINDOWS_PATH = 259
"""Characters of a path that every program on Windows can open."""

_TEMPORARY_NAME = 1 + 60 + 1 + 8 + 4 + 20
"""Characters of the longest temporary name of `atomic_path`: dot, name, dot, token, ``.tmp`` and suffixes."""


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
        The folder does not exist, or `path` is a folder.
    CalcScoreError
        The folder may not be written to, or the system could not write, e.g. because the disk is full.
    """
    target = Path(path)
    _check_target(target)
    # A long name cut short keeps the temporary one within what a file system allows.
    temporary = target.with_name(f".{target.name[:60]}.{secrets.token_hex(4)}.tmp{''.join(target.suffixes[-2:])}")
    try:
        # Made at once: libraries tell of a folder that cannot be written to in words of their own.
        temporary.touch()
        yield temporary
        temporary.replace(target)
    except PermissionError as error:
        raise CalcScoreError(
            f"{path}: permission to write denied, close the program that has it open or choose another output folder"
        ) from error
    except OSError as error:
        reason = error.strerror or "unknown reason"
        raise CalcScoreError(f"{path}: the file could not be written ({reason})") from error
    finally:
        # A read-only file system refuses even to remove what is not there.
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """Fill a folder under a temporary name and give it its own name at the end.

    Parameters
    ----------
    folder : path
        The folder to make. In one that is there, files of the same name are replaced, in its folders too, and
        others stay.

    Yields
    ------
    Path
        A hidden folder beside it. When the block raises (an interrupt included), it is removed.

    Raises
    ------
    InputError
        The parent folder does not exist, or a file has this name.
    CalcScoreError
        The system could not write, or an older replacement cannot be finished (`finish_folder`).

    Notes
    -----
    Files are replaced one by one. A process that is killed meanwhile leaves `PENDING` in the folder with those
    that were not, and whoever reads or writes the folder next calls `finish_folder` first.
    """
    target = Path(folder)
    if not target.parent.is_dir():
        raise InputError(f"{folder}: the folder {target.parent} does not exist, make it first")
    if target.exists() and not target.is_dir():
        raise InputError(f"{folder}: this is a file, give the name of a folder")
    finish_folder(target)
    temporary = target.with_name(f".{target.name[:60]}.{secrets.token_hex(4)}.tmp")
    try:
        temporary.mkdir()
        yield temporary
        if not target.exists():
            temporary.replace(target)
            return
        _check_places(temporary, target)
        try:
            temporary.replace(target / PENDING)
            _put_in_place(target)
        except KeyboardInterrupt:
            # A matter of milliseconds: an interrupt does not leave it half done.
            _put_in_place(target)
            raise
    except OSError as error:
        raise CalcScoreError(f"{folder}: the folder could not be written ({error.strerror})") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def finish_folder(folder: str | os.PathLike[str]) -> None:
    """Put the files in place that a killed `atomic_folder` had not come to; nothing happens where there are none.

    Parameters
    ----------
    folder : path
        The folder, which need not exist. Two processes may do this at the same time.

    Raises
    ------
    InputError
        A file was saved there since, so that it would be lost.
    CalcScoreError
        The system could not write; the files wait for the next call.
    """
    target = Path(folder)
    pending = target / PENDING
    for file in _files_in(pending):
        place = target / file.relative_to(pending)
        with suppress(FileNotFoundError):
            if place.stat().st_mtime_ns > file.stat().st_mtime_ns:
                raise InputError(
                    f"{place}: saved after a program was killed that was replacing it, move it out of this folder "
                    "and run the same command again"
                )
    _put_in_place(target)


@contextmanager
def locked(lock: Path, folder: Path, taken: str) -> Iterator[None]:
    """Keep other programs from doing the same work in a folder.

    Parameters
    ----------
    lock : Path
        File in the folder that stands for the work; it is made, and stays. The system lets go of its lock at the end,
        and when the process is killed.
    folder : Path
        The folder, for messages.
    taken : str
        What is told where another program is at it.

    Raises
    ------
    InputError
        Another program is at it.
    CalcScoreError
        The folder cannot be written to.
    """
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        stream = lock.open("a+b")
    except OSError as error:
        raise CalcScoreError(f"{folder}: the folder cannot be written to ({error.strerror})") from error
    with stream:
        if not _lock(stream):
            raise InputError(f"{folder}: {taken}")
        yield


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


def _lock(stream: IO[bytes]) -> bool:
    """Take the lock of a file that is open for writing; False where another stream has it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            stream.seek(0)
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _put_in_place(target: Path) -> None:
    """Move the files of `PENDING` up into its folder; raises CalcScoreError."""
    pending = target / PENDING
    try:
        for file in _files_in(pending):
            place = target / file.relative_to(pending)
            place.parent.mkdir(parents=True, exist_ok=True)
            # Another process may have been faster.
            with suppress(FileNotFoundError):
                file.replace(place)
        shutil.rmtree(pending, ignore_errors=True)
    except OSError as error:
        raise CalcScoreError(
            f"{target}: new files wait in {PENDING} to be put in place ({error.strerror}); close the programs that "
            "have its files open, or ask for the right to write there, and run the same command again"
        ) from error


def _check_places(new: Path, target: Path) -> None:
    """Refuse new files whose names are taken by folders, or their folders' by files; raises InputError."""
    for file in _files_in(new):
        relative = file.relative_to(new)
        if (target / relative).is_dir():
            raise InputError(f"{target / relative}: this is a folder where a file has to go, move it away")
        for parent in list(relative.parents)[:-1]:
            if (target / parent).exists() and not (target / parent).is_dir():
                raise InputError(f"{target / parent}: this is a file where a folder has to go, move it away")


def _files_in(folder: Path) -> Iterator[Path]:
    """Give the files of a folder and its folders, in the order of their names."""
    return (path for path in sorted(folder.rglob("*")) if not path.is_dir())


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
    if sys.platform == "win32":
        check_windows_path(target.absolute())


def check_windows_path(path: PurePath) -> None:
    """Refuse an absolute path that most programs on Windows cannot open.

    Parameters
    ----------
    path : PurePath
        The file to make. A temporary name beside it must fit, too.

    Raises
    ------
    InputError
        Its folder's path is too long.

    Notes
    -----
    Windows can be told to allow more, but ITK and the programs that read our files next cannot.
    """
    longest = len(str(path.parent)) + 1 + max(len(path.name), _TEMPORARY_NAME)
    if longest > _WINDOWS_PATH:
        raise InputError(
            f"{path}: the path is too long by {longest - _WINDOWS_PATH} characters for Windows, "
            "choose an output folder nearer to the drive"
        )
