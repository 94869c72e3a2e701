"""What the headers of DICOM images say about each slice, single files and frames alike."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import SimpleITK as sitk

from ..errors import InputError
from .dicom_frames import PER_FRAME, SHARED, frame_groups, macros, numbers, vector
from .dicom_identifiers import identifiers_in, one_line, read_header, without_identifiers
from .dicom_pixels import lacking_bytes, meta_uid
from .dicom_values import Lookup, Rescale, values_in

_NO_IMAGE = re.compile(rb"1\.2\.840\.10008\.(1\.3\.10|5\.1\.4\.1\.1\.(11|66|88|104|481)(\.|$))")
"""SOP classes that lie beside images in exports: directories, presentation states, reports, plans."""

_FIRST_GROUPS = (b"\x02\x00", b"\x08\x00", b"\x00\x08")
_PREAMBLE = 128
_FRAME_ELEMENTS = (
    SHARED,
    PER_FRAME,
    "ModalityLUTSequence",
    "PixelRepresentation",
    "RescaleIntercept",
    "RescaleSlope",
    "RescaleType",
)


@dataclass(frozen=True)
class Slice:
    """One slice: a file, or a frame of one.

    Attributes
    ----------
    path : Path
        The file.
    frame : int
        Number of the frame in the file, from 0.
    series, sop_class, modality, description : str
        As in the header.
    patient : tuple of str
        Number and name of the patient, to be compared and never to be shown.
    image_type : tuple of str
        DICOM image type, in capitals.
    size : tuple of int
        Columns and rows.
    pixel : int
        SimpleITK's type of the voxels.
    colours : int
        Numbers a voxel.
    position, orientation, pixel_spacing : tuple of float
        LPS mm; empty where they are missing or no numbers.
    to_hu : Rescale, Lookup or None
        What makes HU of the stored values; None where the header does not tell.
    misread : str
        Why GDCM would give other values than the stored ones; empty where it does not.
    unit : str
        Rescale type in capitals, e.g. ``"HU"``; empty where the header has none.
    padding : float or None
        Stored value outside the reconstructed circle.
    """

    path: Path
    frame: int
    series: str
    sop_class: str
    modality: str
    description: str
    patient: tuple[str, str] = field(repr=False)
    image_type: tuple[str, ...]
    size: tuple[int, int]
    pixel: int
    colours: int
    position: tuple[float, ...]
    orientation: tuple[float, ...]
    pixel_spacing: tuple[float, ...]
    to_hu: Rescale | Lookup | None
    misread: str
    unit: str
    padding: float | None


def looks_like_dicom(path: Path) -> bool:
    """Tell a DICOM file by its first bytes; one without a preamble by its first element, or by its name.

    Parameters
    ----------
    path : Path
        Any file.

    Returns
    -------
    bool
        False where it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            begin = stream.read(_PREAMBLE + 4)
    except OSError:
        return False
    if begin[_PREAMBLE:] == b"DICM" or is_named_as_dicom(path):
        return True
    # Without a preamble a file begins with group 2 or 8: a tag of 4 bytes, then two letters or a length.
    length, explicit = begin[4:8], begin[4:6].isalpha() and begin[4:6].isupper()
    return begin[:2] in _FIRST_GROUPS and len(length) == 4 and (explicit or b"\0\0" in (length[2:], length[:2]))


def is_named_as_dicom(path: Path) -> bool:
    """Tell whether the ending of a file's name is one of DICOM's."""
    return path.suffix.lower() in (".dcm", ".ima")


def read_slices(folder: str, paths: Sequence[Path]) -> list[Slice]:
    """Read the headers of all DICOM images among some files.

    Parameters
    ----------
    folder : str
        What messages name.
    paths : sequence of Path
        Files of any kind; those that are no DICOM images are passed over.

    Returns
    -------
    list of Slice
        In the order of the files, frames in theirs.

    Raises
    ------
    InputError
        An image is cut short or damaged.
    """
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    slices: list[Slice] = []
    for path in paths:
        reader.SetFileName(str(path))
        try:
            reader.ReadImageInformation()
        except RuntimeError as error:
            if _is_image(folder, path):
                problem = "cannot be read as a DICOM image, it is cut short or damaged"
                raise InputError(f"{folder}: the file {shown(path)} {problem}, export the series again") from error
            continue
        _check_pixels(folder, path, reader)
        slices += _slices(path, reader)
    return slices


def _check_pixels(folder: str, path: Path, reader: sitk.ImageFileReader) -> None:
    """Refuse a file with less pixel data than its header promises; raises InputError."""
    bits = _texts(reader)("0028|0100")
    if bits.isdecimal():
        promised = math.prod(reader.GetSize()) * reader.GetNumberOfComponents() * int(bits) // 8
        lacking = lacking_bytes(path, promised)
        if lacking:
            problem = f"lacks {lacking} of {promised} bytes of pixel data"
            raise InputError(f"{folder}: the file {shown(path)} {problem}, export the series again")


def _texts(reader: sitk.ImageFileReader) -> Callable[[str], str]:
    """Give what reads an element of a header, by its tag; empty text where it is not there."""
    return lambda tag: one_line(reader.GetMetaData(tag)) if reader.HasMetaDataKey(tag) else ""


def _misread(text: Callable[[str], str]) -> str:
    """Say why GDCM would give other values than those that are stored; empty text where it does not."""
    stored, high = text("0028|0101"), text("0028|0102")
    if text("0028|0004") == "MONOCHROME1":
        return "inverted values (MONOCHROME1)"
    if stored.isdecimal() and high.isdecimal() and int(high) != int(stored) - 1:
        return f"values that do not begin at the lowest bit (high bit {high}, {stored} bits stored)"
    return ""


def shown(path: Path) -> str:
    """Give the name of a DICOM file for a message, without the patient's."""
    return without_identifiers(path.name, identifiers_in([path]))


def rescale_of_reader(path: Path) -> Rescale:
    """Give the one rescaling that GDCM applies to all frames of an enhanced multi-frame file.

    Notes
    -----
    That of the shared functional groups, else that of the first frame, else none.
    """
    header = read_header(path, _FRAME_ELEMENTS)
    # What all frames share comes first here.
    groups = reversed(frame_groups(header, 1)[0])
    found = values_in(macros(groups, "PixelValueTransformationSequence")).to_hu
    return found if isinstance(found, Rescale) else Rescale(1.0, 0.0)


def _is_image(folder: str, path: Path) -> bool:
    """Tell whether a file that GDCM cannot read should have been an image of the series."""
    try:
        with path.open("rb") as stream:
            begin = stream.read(1024)
    except OSError as error:
        raise InputError(f"{folder}: the file {shown(path)} cannot be read ({error.strerror})") from error
    if begin[128:132] != b"DICM":
        return is_named_as_dicom(path)
    # Element (0002,0002): the SOP class.
    return not _NO_IMAGE.match(meta_uid(begin, b"\x02\x00\x02\x00"))


def _slices(path: Path, reader: sitk.ImageFileReader) -> list[Slice]:
    """Take what matters from a header that was read."""
    text = _texts(reader)
    rescale = Rescale.read(text("0028|1053"), text("0028|1052"))
    padding = numbers(text("0028|0120"), 1)
    whole = Slice(
        path=path,
        frame=0,
        series=text("0020|000e"),
        sop_class=text("0008|0016"),
        modality=text("0008|0060"),
        description=text("0008|103e"),
        patient=(text("0010|0020"), text("0010|0010")),
        image_type=tuple(text("0008|0008").upper().split("\\")),
        size=(reader.GetSize()[0], reader.GetSize()[1]),
        pixel=reader.GetPixelID(),
        colours=reader.GetNumberOfComponents(),
        position=numbers(text("0020|0032"), 3),
        orientation=numbers(text("0020|0037"), 6),
        pixel_spacing=numbers(text("0028|0030"), 2),
        to_hu=rescale,
        misread=_misread(text),
        unit=text("0028|1054").upper(),
        padding=padding[0] if padding else None,
    )
    frames = math.prod(reader.GetSize()[2:])
    if frames == 1 and rescale is not None:
        return [whole]
    return _frames(whole, frames)


def _frames(whole: Slice, count: int) -> list[Slice]:
    """Give the frames of a file, each with what its own functional groups say, or those that all share."""
    header = read_header(whole.path, _FRAME_ELEMENTS)
    slices = []
    for frame, groups in enumerate(frame_groups(header, count)):
        values = values_in([*macros(groups, "PixelValueTransformationSequence"), header])
        position = vector(macros(groups, "PlanePositionSequence"), "ImagePositionPatient", 3)
        orientation = vector(macros(groups, "PlaneOrientationSequence"), "ImageOrientationPatient", 6)
        spacing = vector(macros(groups, "PixelMeasuresSequence"), "PixelSpacing", 2)
        slices.append(
            replace(
                whole,
                frame=frame,
                position=position or (whole.position if count == 1 else ()),
                orientation=orientation or whole.orientation,
                pixel_spacing=spacing or whole.pixel_spacing,
                to_hu=values.to_hu,
                unit=values.unit,
            )
        )
    return slices
