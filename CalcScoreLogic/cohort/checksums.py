"""What files hold, told by a checksum, and whether they may have changed since it was taken."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..file_hashes import file_sha256


@dataclass(frozen=True)
class Content:
    """What the files of a case hold.

    Attributes
    ----------
    sha256 : str
        Of the file; of several files, of their checksums in ascending order, whatever the files' names.
    stamp : str
        Sizes, times and places on the disk, hashed: files whose stamp is the same have not been touched.
    """

    sha256: str
    stamp: str


UNREADABLE = Content("", "")
"""Of files that cannot be read."""


def stamp_of(files: Sequence[Path]) -> str:
    """Give the stamp of some files; empty where one of them is not there."""
    try:
        seen = [file.stat() for file in files]
    except OSError:
        return ""
    rows = sorted((s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino) for s in seen)
    return hashlib.sha256(repr(rows).encode()).hexdigest()


def content_of(files: Sequence[Path]) -> Content:
    """Read some files and tell what they hold.

    Parameters
    ----------
    files : sequence of Path
        The files of a case.

    Returns
    -------
    Content
        `UNREADABLE` where one of them cannot be read.
    """
    # Before the reading: what changes meanwhile has another stamp afterwards.
    stamp = stamp_of(files)
    try:
        sums = sorted(file_sha256(file) for file in files)
    except InputError:
        return UNREADABLE
    if len(sums) == 1:
        return Content(sums[0], stamp)
    return Content(hashlib.sha256("".join(sums).encode()).hexdigest(), stamp)
