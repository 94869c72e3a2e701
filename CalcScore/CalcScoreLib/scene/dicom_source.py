"""The DICOM instances that a CTA in the scene was loaded from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import slicer

INSTANCES = "DICOM.instanceUIDs"
"""Attribute in which Slicer's DICOM module keeps what it has loaded a volume from."""


def came_as_dicom(volume: Any) -> bool:
    """Tell whether a CTA was loaded from DICOM, and the database still knows from where."""
    uids = _instances(volume)
    return bool(uids) and _file_of(uids[0]) is not None


def dicom_files(volume: Any) -> tuple[Path, ...]:
    """Find the files that a CTA was loaded from.

    Parameters
    ----------
    volume : vtkMRMLScalarVolumeNode
        The CTA.

    Returns
    -------
    tuple of Path
        Those that the DICOM database knows and that are there.
    """
    found = (_file_of(uid) for uid in _instances(volume))
    return tuple(path for path in found if path is not None)


def _instances(volume: Any) -> list[str]:
    return (volume.GetAttribute(INSTANCES) or "").split() if volume is not None else []


def _file_of(uid: str) -> Path | None:
    # There is no database before the DICOM module has opened one.
    database = slicer.app.dicomDatabase()
    name = database.fileForInstance(uid) if database is not None else ""
    return Path(name) if name and Path(name).is_file() else None
