"""What the header of an image file says, by its format."""

from __future__ import annotations

import os
from typing import BinaryIO

from .file_layout import Layout
from .meta_headers import meta_layout
from .nifti_headers import nifti_layout
from .nrrd_headers import nrrd_layout


def read_layout(path: str | os.PathLike[str], suffix: str, stream: BinaryIO) -> Layout:
    """Check an image file's header and find its voxel data.

    Parameters
    ----------
    path : path
        The file; messages give it as it is.
    suffix : str
        One of `case_files.IMAGE_SUFFIXES`.
    stream : binary file
        The file, opened, at its begin.

    Returns
    -------
    Layout
        Where the voxel data are.

    Raises
    ------
    InputError
        The header is not one of the format, or it misses or contradicts what places the voxels.
    """
    if suffix in (".nii", ".nii.gz"):
        return nifti_layout(path, suffix, stream)
    return meta_layout(path, stream) if suffix in (".mha", ".mhd") else nrrd_layout(path, stream)
