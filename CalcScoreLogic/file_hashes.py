"""Checksums of files."""

from __future__ import annotations

import hashlib
from pathlib import Path

from .errors import unreadable

_PIECE = 1 << 20


def file_sha256(path: Path) -> str:
    """Hash a file.

    Parameters
    ----------
    path : Path
        The file, of any size.

    Returns
    -------
    str
        Its SHA-256, 64 hexadecimal digits.

    Raises
    ------
    InputError
        It cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while piece := stream.read(_PIECE):
                digest.update(piece)
    except OSError as error:
        raise unreadable(path, error) from None
    return digest.hexdigest()
