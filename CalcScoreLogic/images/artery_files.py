"""Arteries from files: a territory map of ours, or what another tool has segmented."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..case_files import image_suffix
from ..errors import InputError, naming
from . import other_tools
from .dicom_segments import find_segmentation, read_dicom_segments
from .files import read_labels, read_mask, read_territories
from .geometry import Geometry, Image
from .nifti_headers import label_names

TOTALSEGMENTATOR = "totalsegmentator"
PRESETS = (TOTALSEGMENTATOR,)
"""Other tools whose labels or file names are known."""


@dataclass(frozen=True)
class ArteryFormat:
    """How the arteries are told apart in a file or folder.

    Attributes
    ----------
    preset : str, optional
        One of `PRESETS`.
    mapping : str, optional
        Label values, such as ``52=aorta,65=iliac,66=iliac``; neither: a territory map of ours.

    Raises
    ------
    InputError
        Both are given, or the mapping cannot be read.
    """

    preset: str | None = None
    mapping: str | None = None

    def __post_init__(self) -> None:
        if self.preset and self.mapping:
            raise InputError("the arteries take --preset or --map, not both")
        if self.mapping:
            other_tools.parse_mapping(self.mapping)

    def files(self, path: Path) -> dict[str, Path]:
        """Name the files that are read, for the record and to tell whether they have changed.

        Parameters
        ----------
        path : Path
            A label map, or a folder of mask files.

        Returns
        -------
        dict of str to Path
            By role: ``arteries``, or one a structure.

        Raises
        ------
        InputError
            There is no such thing, or nothing in the folder can be used.
        """
        return self._files(path, self._segmentation(path))

    def _files(self, path: Path, segmentation: Path | None) -> dict[str, Path]:
        """Name the files, where the DICOM segmentation is known; raises InputError."""
        if not path.exists():
            raise InputError(f"{path}: no such file or folder, give the arteries of this case")
        if segmentation is not None or not path.is_dir():
            return {"arteries": segmentation or path}
        if self.preset is None:
            raise InputError(f"{path}: a folder of masks needs --preset {TOTALSEGMENTATOR}, or give a label map")
        return {f"arteries, {name}": file for name, _, file in other_tools.find_totalsegmentator_files(path)}

    def read(self, path: Path, grid: Geometry | None = None) -> tuple[Image, tuple[str, ...]]:
        """Read the arteries.

        Parameters
        ----------
        path : Path
            A label map, a DICOM segmentation, or a folder of mask files or with such a segmentation.
        grid : Geometry, optional
            The CTA's grid, which segments that are stored cropped (.seg.nrrd, DICOM) are laid onto.

        Returns
        -------
        territories : Image
            Territory map.
        warnings : tuple of str
            What a reader should know, such as structures that are empty.

        Raises
        ------
        InputError
            The files cannot be used.
        """
        segmentation = self._segmentation(path)
        self._files(path, segmentation)
        if segmentation is None and not (path.is_dir() or self.preset or self.mapping):
            return read_territories(path, grid), ()
        found = self._structures(path, segmentation, grid)
        return found.territories, found.warnings

    def knows(self, path: Path) -> bool:
        """Tell whether a path is a DICOM segmentation whose segments tell by themselves what they are."""
        return path.exists() and self._segmentation(path) is not None

    def _segmentation(self, path: Path) -> Path | None:
        """Find the DICOM segmentation whose segments tell by themselves what they are; None otherwise."""
        return None if self.mapping or image_suffix(path) else find_segmentation(path)

    def read_structures(self, path: Path, grid: Geometry | None = None) -> other_tools.TerritoryMap:
        """Read what another tool has segmented; raises InputError.

        Parameters
        ----------
        path : Path
            A label map, a DICOM segmentation, or a folder of mask files or with such a segmentation.
        grid : Geometry, optional
            The CTA's grid, which a DICOM segmentation that leaves slices out is laid onto.

        Returns
        -------
        TerritoryMap
            Territory map, and what was used and lacking.
        """
        return self._structures(path, self._segmentation(path), grid)

    def _structures(self, path: Path, segmentation: Path | None, grid: Geometry | None) -> other_tools.TerritoryMap:
        """Read them, where the DICOM segmentation is known; raises InputError."""
        if segmentation is not None:
            return read_dicom_segments(segmentation, grid).artery_map()
        if path.is_dir() and self.preset:
            masks = other_tools.find_totalsegmentator_files(path)
            return other_tools.from_masks((name, territory, read_mask(file)) for name, territory, file in masks)
        with naming(path):
            labels = read_labels(path)
            if self.mapping:
                return other_tools.from_label_map(labels, other_tools.parse_mapping(self.mapping))
            return other_tools.from_totalsegmentator(labels, label_names(path))
