"""Whether a DICOM file holds as much pixel data as its header promises: GDCM fills up with what lies in memory."""

from __future__ import annotations

import os
from pathlib import Path

_UNCOMPRESSED = (b"1.2.840.10008.1.2", b"1.2.840.10008.1.2.1", b"1.2.840.10008.1.2.2")
_PIXEL_DATA = b"\xe0\x7f\x10\x00"
_UNDEFINED = 0xFFFFFFFF


def lacking_bytes(path: Path, promised: int) -> int:
    """Count the bytes of pixel data that an uncompressed file lacks.

    Parameters
    ----------
    path : Path
        A DICOM file that GDCM has read the header of.
    promised : int
        Bytes that rows, columns, frames and bits promise.

    Returns
    -------
    int
        0 where nothing is lacking, where the data are compressed, or where the file does not tell.
    """
    # The element is nearly always the last: its tag, kind and length lie right before its data.
    with path.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(size - promised - promised % 2 - 12, 0))
        before = stream.read(12)
        if _PIXEL_DATA in (before[:4], before[4:8]):
            return 0
        stream.seek(0)
        begin = stream.read(1024)
    # Element (0002,0010): the transfer syntax.
    syntax = meta_uid(begin, b"\x02\x00\x10\x00")
    if syntax and syntax not in _UNCOMPRESSED:
        return 0
    return max(promised - _held_bytes(path, promised), 0)


def meta_uid(begin: bytes, tag: bytes) -> bytes:
    """Give a UID of the file meta information, which is in explicit little endian; empty where `begin` lacks it."""
    _, _, rest = begin.partition(tag + b"UI")
    return rest[2 : 2 + int.from_bytes(rest[:2], "little")].rstrip(b"\0 ")


def _held_bytes(path: Path, promised: int) -> int:
    """Give the length of the pixel data, found by way of all elements; `promised` where it is not to be found."""
    import pydicom

    try:
        elements = pydicom.dcmread(path, specific_tags=["PixelData"], force=True)
        length = int(elements.get_item("PixelData").length)
    except Exception:  # pydicom raises errors of many kinds for damaged files.
        return promised
    return promised if length == _UNDEFINED else length
