"""What ``slicer.app.dicomDatabase()`` gives once the DICOM module has opened a database."""

# ruff: noqa: N802 - names are Slicer's

from __future__ import annotations

from collections.abc import Mapping


class DicomDatabase:
    """The part of ctkDICOMDatabase that the module uses; all else is refused as unknown.

    Parameters
    ----------
    files : mapping of str to str
        File of each instance by its UID.
    """

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = dict(files)

    def fileForInstance(self, uid: str) -> str:
        """Give the file of an instance; empty where the database does not know it."""
        return self._files.get(uid, "")
