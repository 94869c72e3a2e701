"""A DICOM CT series in a folder, with all that can be wrong about a stack of slices.

The messages name series by description, modality and number of files, never a patient, an identifier
or a date.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..errors import InputError, naming
from ..wording import counted
from .dicom_headers import Slice, read_slices, rescale_of_reader, shown
from .dicom_identifiers import identifiers_in, without_identifiers
from .dicom_stack import SAME_POSITION_MM, check_positions, extra_kind, odd_ones
from .dicom_values import AIR_HU, HU_UNITS, Lookup, Rescale
from .geometry import Array, Geometry, Image
from .itk_bridge import array_of, plain_errors

_MOST_HU = 32767.0


def read_dicom_series(source: str | os.PathLike[str] | Sequence[Path], name: str | None = None) -> Image:
    """Read the CT series in a folder, or the one that is in a list of files.

    Parameters
    ----------
    source : path or sequence of Path
        A folder with one series, or its files: one file a slice in any order, or one multi-frame file.
        Files that are no DICOM images are passed over; subfolders are not searched.
    name : str, optional
        What messages call it; the folder by default.

    Returns
    -------
    Image
        HU, shape (k, j, i), integer, or float32 where the rescaling is fractional; k grows along the
        normal of the slices; not writeable. Its notes tell what was left out: scouts, pages, slices that
        are there twice.

    Raises
    ------
    InputError
        No DICOM image, several series or patients, not CT, fewer than 2 slices, a file that is cut short, slices
        that are missing, doubled, unevenly spaced, shifted sideways (gantry tilt) or unlike each other,
        or whose HU the header does not tell.
    CalcScoreError
        The memory does not suffice.
    """
    paths = _paths(source) if isinstance(source, (str, os.PathLike)) else source
    folder = name or (str(source) if isinstance(source, (str, os.PathLike)) else "DICOM series")
    found = read_slices(folder, paths)
    if not found:
        raise InputError(f"{folder}: no DICOM images in this folder (subfolders are not searched)")
    slices, notes = _without_extras(folder, found)
    if len({one.series for one in slices}) > 1:
        raise InputError(f"{folder}: several series ({_listing(slices)}), give a folder with one CT series")
    patients = len({one.patient for one in slices})
    if patients > 1:
        raise InputError(f"{folder}: the files of the series name {patients} patients, export each patient again")
    modalities = sorted({one.modality or "none" for one in slices})
    if modalities != ["CT"]:
        raise InputError(f"{folder}: the modality is {', '.join(modalities)}, give a CT series")
    if any(one.frame for one in slices) and len({one.path for one in slices}) > 1:
        raise InputError(
            f"{folder}: {len({one.path for one in slices})} files of which some have several frames, "
            "give one file with evenly spaced frames, or export single slices"
        )
    _check_count(folder, slices)
    _check_alike(folder, slices)
    _check_values(folder, slices)
    stack, doubles = _without_doubles(folder, _ordered(slices))
    geometry = _grid(folder, stack)
    return Image(_read_values(folder, stack), geometry.on_grain(), (*notes, *doubles))


def _paths(folder: str | os.PathLike[str]) -> list[Path]:
    """List the files of a folder; raises InputError."""
    try:
        return sorted(path for path in Path(folder).iterdir() if path.is_file())
    except OSError as error:
        raise InputError(f"{folder}: the folder cannot be read ({error.strerror})") from error


def _without_extras(folder: str, found: Sequence[Slice]) -> tuple[list[Slice], list[str]]:
    """Leave out scouts, pictures and pages, and tell of them; raises InputError where nothing else is there."""
    kinds = {i: kind for i, one in enumerate(found) if (kind := extra_kind(one.image_type, one.sop_class, one.colours))}
    rest = [one for i, one in enumerate(found) if i not in kinds]
    if not rest:
        told = _listed(Counter(kinds.values()))
        raise InputError(f"{folder}: no CT slices are there, only {told}, give the original CT series")
    odd = odd_ones([one.size for one in rest], [one.orientation for one in rest])
    counts = Counter([*kinds.values(), *odd.values()])
    notes = [f"Left out of the series: {_listed(counts)}; the CT slices beside are used."] if counts else []
    return [one for i, one in enumerate(rest) if i not in odd], notes


def _listed(counts: Counter[str]) -> str:
    """Write things with their numbers, such as "1 localizer and 2 screen pictures"."""
    return " and ".join(counted(count, kind) for kind, count in sorted(counts.items()))


def _listing(slices: Sequence[Slice]) -> str:
    """Describe the series in a folder, up to eight."""
    series = {one.series: one for one in slices}
    files = {one.path: one.series for one in slices}
    counts = Counter(files.values())
    hidden = identifiers_in(one.path for one in series.values())
    rows = []
    for uid, count in counts.most_common(8):
        description = without_identifiers(series[uid].description[:64], hidden) or "no description"
        rows.append(f"{description} [{series[uid].modality or 'no modality'}, {counted(count, 'file')}]")
    return "; ".join(rows) + ("; …" if len(counts) > 8 else "")


def _check_count(folder: str, slices: Sequence[Slice]) -> None:
    """Refuse what is no stack; raises InputError."""
    if len(slices) < 2:
        raise InputError(f"{folder}: the series has fewer than 2 slices, give the whole series")


def _check_alike(folder: str, slices: Sequence[Slice]) -> None:
    """Refuse slices without a place, or that differ in size, pixel spacing or orientation; raises InputError."""
    for one in slices:
        if not (one.position and one.orientation and one.pixel_spacing):
            raise InputError(
                f"{folder}: the file {shown(one.path)} has no position, orientation or pixel spacing, "
                "export the original series"
            )
    # DICOM stores numbers as decimal text, which scanners round differently from slice to slice.
    for name, values, tolerance in (
        ("size", [one.size for one in slices], 0.0),
        ("pixel spacing", [one.pixel_spacing for one in slices], 1e-4),
        ("orientation", [one.orientation for one in slices], 1e-3),
    ):
        apart = np.abs(np.array(values, dtype=float) - values[0]).max(axis=1)
        if apart.max() > tolerance:
            other = values[int(apart.argmax())]
            raise InputError(
                f"{folder}: the slices differ in {name} ({_numbers(values[0])} and {_numbers(other)}), "
                "give one series alone"
            )


def _check_values(folder: str, slices: Sequence[Slice]) -> None:
    """Refuse slices whose HU the header does not tell; raises InputError."""
    units = sorted({one.unit for one in slices if one.unit not in HU_UNITS})
    if units:
        raise InputError(f"{folder}: the values are {', '.join(units)} and not HU (rescale type), give the CTA itself")
    misread = next((one for one in slices if one.misread), None)
    if misread is not None:
        raise InputError(f"{folder}: the file {shown(misread.path)} has {misread.misread}, export the original series")
    untold = [one for one in slices if one.to_hu is None]
    if untold:
        raise InputError(
            f"{folder}: {len(untold)} of {len(slices)} slices have no rescale slope and intercept "
            f"(first in {shown(untold[0].path)}), so their HU cannot be told, export the original series"
        )


def _ordered(slices: Sequence[Slice]) -> list[Slice]:
    """Put slices into their order along their normal."""
    along = np.array([one.position for one in slices]) @ _normal(slices[0])
    return [slices[i] for i in np.argsort(along, kind="stable")]


def _normal(one: Slice) -> Array:
    return np.cross(one.orientation[:3], one.orientation[3:])


def _without_doubles(folder: str, slices: Sequence[Slice]) -> tuple[list[Slice], list[str]]:
    """Leave out slices that lie at the place of another one and hold the same; others are refused later."""
    kept = [slices[0]]
    for one in slices[1:]:
        apart = np.linalg.norm(np.subtract(one.position, kept[-1].position))
        if apart >= SAME_POSITION_MM or not _hold_the_same(folder, one, kept[-1]):
            kept.append(one)
    count = len(slices) - len(kept)
    told = f"Left out of the series: {count} {'slice that is' if count == 1 else 'slices that are'} there twice."
    return kept, [told] if count else []


def _hold_the_same(folder: str, first: Slice, second: Slice) -> bool:
    """Tell whether two slices at one place are the same, byte for byte or HU for HU."""
    if first.path == second.path:
        return False
    if first.path.read_bytes() == second.path.read_bytes():
        return True
    return bool(np.array_equal(_read_values(folder, [first]), _read_values(folder, [second])))


def _grid(folder: str, slices: Sequence[Slice]) -> Geometry:
    """Give the grid of slices in order; raises InputError."""
    first, normal = slices[0], _normal(slices[0])
    _check_count(folder, slices)
    step = check_positions(folder, np.array([one.position for one in slices]), normal)
    axes = np.stack([first.orientation[:3], first.orientation[3:], normal], axis=1)
    with naming(folder):
        return Geometry(
            size=(*first.size, len(slices)),
            spacing=(first.pixel_spacing[1], first.pixel_spacing[0], step),
            origin=(first.position[0], first.position[1], first.position[2]),
            direction=tuple(float(v) for v in axes.ravel()),
        )


def _read_values(folder: str, slices: Sequence[Slice]) -> Array:
    """Read the HU of ordered slices, shape (k, j, i); raises InputError or CalcScoreError."""
    if len({one.path for one in slices}) < len(slices):
        return _without_padding(_read_frames(folder, slices), slices)
    reader = sitk.ImageSeriesReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileNames([str(one.path) for one in slices])
    array = _execute(folder, reader, slices)
    looked_up = [k for k, one in enumerate(slices) if isinstance(one.to_hu, Lookup)]
    if looked_up:
        # GDCM knows slopes only, and hands over the stored values of the others.
        array = array.astype(_type(slices))
        for k in looked_up:
            array[k] = _to_hu(slices[k], array[k])
    return _without_padding(array, slices)


def _read_frames(folder: str, slices: Sequence[Slice]) -> Array:
    """Read the HU of ordered frames of one file, shape (k, j, i); raises InputError or CalcScoreError."""
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(slices[0].path))
    array = _execute(folder, reader, slices)
    order = [one.frame for one in slices]
    applied = rescale_of_reader(slices[0].path)
    if all(one.to_hu == applied for one in slices):
        return array if order == list(range(len(array))) else array[order]
    values = np.empty((len(slices), *array.shape[1:]), _type(slices))
    for k, one in enumerate(slices):
        values[k] = _to_hu(one, applied.stored(array[one.frame]))
    return values


def _execute(folder: str, reader: sitk.ImageFileReader | sitk.ImageSeriesReader, slices: Sequence[Slice]) -> Array:
    """Read what GDCM has rescaled; raises InputError or CalcScoreError."""
    pixels = {one.pixel for one in slices}
    # One type must hold all slices; fractional rescaling makes 64-bit floats, twice what HU need.
    if len(pixels) > 1 or pixels & {sitk.sitkFloat32, sitk.sitkFloat64}:
        reader.SetOutputPixelType(sitk.sitkFloat32)
    with plain_errors(folder, "the pixel data of the series cannot be read, export it again"):
        return array_of(reader.Execute())


def _to_hu(one: Slice, stored: Array) -> Array:
    """Give the HU of a slice whose header tells them."""
    assert one.to_hu is not None  # noqa: S101
    return one.to_hu(stored)


def _type(slices: Sequence[Slice]) -> type[np.float32] | type[np.int32]:
    """Give the type that holds the HU of all slices."""
    rescales = [one.to_hu for one in slices if isinstance(one.to_hu, Rescale)]
    whole = all(one.slope.is_integer() and one.intercept.is_integer() for one in rescales)
    return np.int32 if whole else np.float32


def _without_padding(array: Array, slices: Sequence[Slice]) -> Array:
    """Make air of what lies outside the reconstructed circle where its value, read as unsigned, is above any HU."""
    if not any(one.padding is not None for one in slices) or array.max() <= _MOST_HU:
        return array
    return np.where(array > _MOST_HU, array.dtype.type(AIR_HU), array)


def _numbers(values: Sequence[float]) -> str:
    return " x ".join(f"{v:.6g}" for v in values)
