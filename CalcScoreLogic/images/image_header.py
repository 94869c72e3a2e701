"""An image file whose header has been read and whose voxels have not."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import SimpleITK as sitk

from ..errors import InputError, naming
from . import file_checks
from .file_layout import Layout, check_scale
from .geometry import Geometry
from .itk_bridge import plain_errors


@dataclass(frozen=True, eq=False)
class ImageHeader:
    """What an image file says of its voxels.

    Attributes
    ----------
    path : path
        What the user gave, which messages name.
    layout : Layout
        Where the voxel data are.
    reader : SimpleITK.ImageFileReader
        It has read the header, and reads the voxels.
    metadata : dict of str to str
        The header's own fields; a key that is not ASCII is none of ours and left out.
    """

    path: str | os.PathLike[str]
    layout: Layout
    reader: sitk.ImageFileReader
    metadata: Mapping[str, str]

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> ImageHeader:
        """Read the header of an image file.

        Parameters
        ----------
        path : path
            A file in NIfTI, NRRD or MetaImage format.

        Returns
        -------
        ImageHeader
            The header.

        Raises
        ------
        InputError
            As `file_checks.open_layout`, or ITK cannot read the header.
        """
        layout = file_checks.open_layout(path)
        reader = sitk.ImageFileReader()
        reader.SetFileName(str(path))
        with plain_errors(path, "the header cannot be read, the file is damaged or not of its format, export it again"):
            reader.ReadImageInformation()
        # SimpleITK may not take a key back that is not ASCII.
        metadata = {key: reader.GetMetaData(key) for key in reader.GetMetaDataKeys() if key.isascii()}
        return cls(path, layout, reader, metadata)

    @cached_property
    def geometry(self) -> Geometry:
        """The grid of a 3-D image; raises InputError where it is none, or one that `Geometry` refuses."""
        rank, size = self.reader.GetDimension(), self.reader.GetSize()
        if rank < 3 or any(n > 1 for n in size[3:]):
            shape = " x ".join(str(n) for n in size)
            raise InputError(f"{self.path}: the image is {rank}-D ({shape}), save one 3-D volume")
        direction = np.array(self.reader.GetDirection()).reshape(rank, rank)[:3, :3]
        unit_mm = self.layout.unit_mm
        with naming(self.path):
            geometry = Geometry(
                tuple(size[:3]),
                # Negative ones are what NIfTI files may have; the direction says which way an axis runs.
                tuple(abs(v) * unit_mm for v in self.reader.GetSpacing()[:3]),
                tuple(v * unit_mm for v in self.reader.GetOrigin()[:3]),
                tuple(float(v) for v in direction.ravel()),
            ).on_grain()
        check_scale(self.path, geometry.spacing)
        return geometry

    def check_promise(self) -> None:
        """Refuse a file that cannot hold the voxels that its header promises; raises InputError."""
        components, pixel = self.reader.GetNumberOfComponents(), self.reader.GetPixelID()
        number_bytes = sitk.Image([1, 1, 1], pixel, components).GetSizeOfPixelComponent()
        expected = self.layout.expected or math.prod(self.reader.GetSize()) * components * number_bytes
        file_checks.check_promise(self.path, self.layout, expected)
