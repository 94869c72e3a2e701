"""SimpleITK's memory as arrays and the other way round, and its errors as sentences."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import SimpleITK as sitk

from ..errors import CalcScoreError, InputError
from .geometry import Array, Image

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


def itk_image(image: Image) -> sitk.Image:
    """Copy an image to SimpleITK.

    Parameters
    ----------
    image : Image
        Numbers, or a mask, which becomes 0 and 1.

    Returns
    -------
    SimpleITK.Image
        The same values on the same grid.
    """
    mask = image.array.dtype == bool
    copy = sitk.GetImageFromArray(image.array.view(np.uint8) if mask else image.array)
    copy.SetSpacing(image.geometry.spacing)
    copy.SetOrigin(image.geometry.origin)
    copy.SetDirection(image.geometry.direction)
    return copy


class _Owner:
    """Lends the memory of a SimpleITK image to arrays, and lives as long as they do."""

    def __init__(self, image: sitk.Image) -> None:
        self.image = image
        self.__array_interface__ = sitk.GetArrayViewFromImage(image).__array_interface__
