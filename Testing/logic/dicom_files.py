"""DICOM series for tests, written with pydicom."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, EnhancedCTImageStorage, ExplicitVRLittleEndian, generate_uid

ROWS, COLUMNS = 9, 8
PIXEL_SPACING = [0.7, 0.8]
ORIGIN = (-3.5, 2.25)
STEP = 1.25
COUNT = 10


def pixels(index: int) -> np.ndarray:
    """Stored values of a slice; every voxel of a series has its own."""
    return (np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS) + 100 * index).astype("<u2")


def _dataset(path: Path, sop_class: str) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = sop_class, meta.MediaStorageSOPInstanceUID
    data.StudyInstanceUID, data.SeriesInstanceUID = "1.2.840.1", "1.2.840.1.1"
    data.Modality, data.SeriesDescription = "CT", "Abdomen CTA 1.25"
    data.PatientName, data.PatientID, data.StudyDate = "Secret^Name", "ID4711", "20240229"
    data.Rows, data.Columns, data.SamplesPerPixel = ROWS, COLUMNS, 1
    data.PhotometricInterpretation, data.PixelRepresentation = "MONOCHROME2", 0
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, 12, 11
    return data


def write_slice(path: Path, index: int, **changes: Any) -> Path:
    """Write slice `index` of the series; `changes` are DICOM keywords, None removes one."""
    data = _dataset(path, CTImageStorage)
    data.PixelSpacing, data.SliceThickness = PIXEL_SPACING, STEP
    data.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    data.ImagePositionPatient = [*ORIGIN, 100 + STEP * index]
    data.RescaleSlope, data.RescaleIntercept = 1, -1024
    data.PixelData = pixels(index).tobytes()
    for keyword, value in changes.items():
        if value is None:
            delattr(data, keyword)
        else:
            setattr(data, keyword, value)
    data.save_as(str(path), enforce_file_format=True)
    return path


def write_series(folder: Path, indices: Any = range(COUNT), prefix: str = "", **changes: Any) -> Path:
    """Write a series whose file names run against the order of the slices."""
    folder.mkdir(exist_ok=True)
    for index in indices:
        write_slice(folder / f"{prefix}IM{99 - index:04d}.dcm", index, **changes)
    return folder


def write_multiframe(
    path: Path,
    heights: list[float],
    rescales: list[tuple[float, float] | None] | None = None,
    shared: tuple[float, float] | None = (1, -1024),
) -> Path:
    """Write an enhanced CT with one frame at each of `heights` (z, mm), with rescalings of their own if given."""
    data = _dataset(path, EnhancedCTImageStorage)
    data.NumberOfFrames = len(heights)
    together, measures, plane = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = PIXEL_SPACING, STEP
    plane.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    together.PixelMeasuresSequence = Sequence([measures])
    together.PlaneOrientationSequence = Sequence([plane])
    if shared is not None:
        together.PixelValueTransformationSequence = Sequence([_rescaling(*shared)])
    data.SharedFunctionalGroupsSequence = Sequence([together])
    frames = []
    for height, own in zip(heights, rescales or [None] * len(heights), strict=True):
        frame, place = Dataset(), Dataset()
        if own is not None:
            frame.PixelValueTransformationSequence = Sequence([_rescaling(*own)])
        place.ImagePositionPatient = [*ORIGIN, height]
        frame.PlanePositionSequence = Sequence([place])
        frames.append(frame)
    data.PerFrameFunctionalGroupsSequence = Sequence(frames)
    data.PixelData = b"".join(pixels(i).tobytes() for i in range(len(heights)))
    data.save_as(str(path), enforce_file_format=True)
    return path


def _rescaling(slope: float, intercept: float) -> Dataset:
    """Make an item of a frame's pixel value transformation."""
    values = Dataset()
    values.RescaleSlope, values.RescaleIntercept, values.RescaleType = slope, intercept, "HU"
    return values


def modality_lut(entries: list[int], first: int = 0, unit: str = "HU") -> Sequence:
    """Make a modality LUT of 16 bits; negative entries are stored as DICOM has them, in two's complement."""
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(entries), first, 16])
    item.ModalityLUTType = unit
    item.add_new("LUTData", "US", [entry % (1 << 16) for entry in entries])
    return Sequence([item])


def two_series(folder: Path) -> None:
    """Write two CT series."""
    write_series(folder)
    write_series(folder, range(5), "B", SeriesInstanceUID="1.2.840.1.2", SeriesDescription="Lung 5.0")


def localizer(folder: Path) -> None:
    """Write a series and its localizer."""
    write_series(folder)
    write_slice(folder / "scout.dcm", 0, SeriesInstanceUID="1.2.840.1.3", SeriesDescription="Scout")


def uneven(folder: Path) -> None:
    """Write a series whose last slice lies too near."""
    write_series(folder, range(9))
    write_slice(folder / "last.dcm", 9, ImagePositionPatient=[-3.5, 2.25, 111.0])


def tilted(folder: Path) -> None:
    """Write a series whose slices are shifted sideways, as a tilted gantry leaves them."""
    for i in range(10):
        write_slice(folder / f"{i}.dcm", i, ImagePositionPatient=[-3.5, 2.25 + 0.2 * i, 100 + 1.25 * i])


def one_different(changes: Mapping[str, object]) -> Callable[[Path], None]:
    """Give a function that writes a series whose last slice has `changes`."""

    def fill(folder: Path) -> None:
        write_series(folder, range(9))
        write_slice(folder / "last.dcm", 9, **changes)

    return fill


def short_slice(folder: Path) -> None:
    """Write a series one of whose files is whole, but holds less pixel data than its header promises."""
    write_series(folder)
    write_slice(folder / "IM0094.dcm", 5, PixelData=pixels(5).tobytes()[:-30])


def short_frames(folder: Path) -> None:
    """Write a multi-frame file whose pixel data end within the last frame."""
    path = write_multiframe(folder / "frames.dcm", [100 + STEP * i for i in range(COUNT)])
    data = dcmread(path)
    data.PixelData = data.PixelData[:-2]
    data.save_as(str(path), enforce_file_format=True)


def cut_slice(folder: Path) -> None:
    """Write a series whose last file is cut short."""
    last = write_series(folder) / "IM0090.dcm"
    last.write_bytes(last.read_bytes()[:-30])
