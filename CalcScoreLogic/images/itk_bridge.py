"""SimpleITK's memory as arrays, and its errors as sentences."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import SimpleITK as sitk

from ..errors import CalcScoreError, InputError
from .geometry import Array

_LOGGER = logging.getLogger(__name__)

# Warnings of ITK go to the terminal; what they warn of is checked and refused here.
sitk.ProcessObject.SetGlobalWarningDisplay(False)


@contextmanager
def plain_errors(path: str | os.PathLike[str], problem: str) -> Iterator[None]:
    """Turn what SimpleITK raises into one sentence.

    Parameters
    ----------
    path : path
        What the message names.
    problem : str
        What it says.

    Raises
    ------
    InputError
        SimpleITK raised; its own words name C++ files and go to the log.
    CalcScoreError
        The memory does not suffice.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        _LOGGER.debug("%s: %s", path, error)
        if isinstance(error, MemoryError) or "allocat" in str(error):
            raise CalcScoreError(f"{path}: the memory does not suffice to read it, close other programs") from error
        if "orthonormal" in str(error):
            problem = "the axes are sheared, resample the volume to a grid with right angles"
        raise InputError(f"{path}: {problem}") from error


def array_of(image: sitk.Image) -> Array:
    """Look into the memory of a SimpleITK image.

    Parameters
    ----------
    image : SimpleITK.Image
        A scalar 3-D image.

    Returns
    -------
    ndarray, shape (k, j, i)
        Not writeable; it keeps the image alive, as SimpleITK's own view does not.
    """
    return np.asarray(_Owner(image))


def metadata_of(reader: sitk.ImageFileReader) -> dict[str, str]:
    """Give the metadata of a header that was read; a key that is not ASCII is none of ours and left out."""
    # SimpleITK may not take such a key back.
    return {key: reader.GetMetaData(key) for key in reader.GetMetaDataKeys() if key.isascii()}


def bytes_per_component(reader: sitk.ImageFileReader) -> int:
    """Give the bytes of one number of a voxel, after the header was read."""
    count = reader.GetNumberOfComponents()
    return int(sitk.Image([1, 1, 1], reader.GetPixelID(), count).GetSizeOfPixelComponent())


class _Owner:
    """Lends the memory of a SimpleITK image to arrays, and lives as long as they do."""

    def __init__(self, image: sitk.Image) -> None:
        self.image = image
        self.__array_interface__ = sitk.GetArrayViewFromImage(image).__array_interface__
