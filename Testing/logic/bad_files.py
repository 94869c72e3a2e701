"""Inputs that must be refused: what each is bad for, how it is made, and what its message must say.

``BAD_FILES`` maps a name to a `BadFile`. Make the good inputs with `good_ct`, `good_territories` and
`good_calcification`, replace the one of the file's `kind`, and expect one line with `fragment` in it.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from Testing.logic.bad_file import BadFile, bad_file
from Testing.logic.bad_headers import ENDS_ITK
from Testing.logic.dicom_files import (
    cut_slice,
    localizer,
    modality_lut,
    one_different,
    pixels,
    short_frames,
    short_slice,
    tilted,
    two_series,
    uneven,
    write_multiframe,
    write_series,
    write_slice,
)
from Testing.logic.image_files import (
    SHAPE,
    calcification_array,
    ct_array,
    good_calcification,
    good_ct,
    good_territories,
    meta,
    nifti,
    nrrd,
    seg_nrrd,
    territories_array,
)

__all__ = ["BAD_FILES", "BadFile", "good_calcification", "good_ct", "good_territories"]


def _folder(fill: Callable[[Path], object]) -> Callable[[Path], Path]:
    """Make a folder for DICOM files."""

    def make(folder: Path) -> Path:
        made = folder / "series"
        made.mkdir()
        fill(made)
        return made

    return make


def _noise(shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    """Voxels that do not compress, so that a byte in the middle of a compressed file matters."""
    return np.random.default_rng(1).integers(-1000, 1000, shape).astype("<i2")


def _flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 255]) + data[place + 1 :]


def _floats(*values: float) -> bytes:
    return struct.pack(f"<{len(values)}f", *values)


def _shorts(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}h", *values)


def _with(array: np.ndarray, value: float, dtype: str = "<f4") -> np.ndarray:
    changed = array.astype(dtype)
    changed[4, 4, 3] = value
    return changed


_CT = ct_array()
_HUGE = _shorts(3, 32767, 32767, 32767)
_LARGE = gzip.compress(nifti(_noise((100, 50, 60))), 1)
_ZLIB = zlib.compress(_noise().tobytes())
_SHEARED_SFORM = _floats(-0.7, -0.16, 0, 3.5, 0, -0.8, 0, -2.25, 0, 0, 1.25, 100)
_DOUBLED_SFORM = _floats(-1.4, 0, 0, 3.5, 0, -1.6, 0, -2.25, 0, 0, 2.5, 100)


def _meta_zlib(data: bytes, **fields: str) -> bytes:
    return meta({"CompressedData": "True", "CompressedDataSize": str(len(_ZLIB)), **fields}, data)


_PATHS: dict[str, BadFile] = {
    "missing": BadFile("ct", lambda folder: folder / "nowhere.nii.gz", "no such file or folder"),
    "missing_territories": BadFile("territories", lambda folder: folder / "nowhere.nii.gz", "no such file"),
    "unknown_ending": BadFile("ct", bad_file("scan.png", b"\x89PNG"), "unknown format"),
    "one_dicom_file": BadFile("ct", lambda folder: write_slice(folder / "scan.dcm", 0), "folder of a DICOM series"),
    "empty_nifti": BadFile("ct", bad_file("scan.nii.gz", b""), "is empty"),
    "empty_nrrd": BadFile("calcification", bad_file("map.nrrd", b""), "is empty"),
    "text_as_nifti": BadFile("ct", bad_file("scan.nii", b"patient;age\n" * 99), "not a NIfTI-1 file"),
    "text_as_gzip": BadFile("territories", bad_file("map.nii.gz", b"patient;age\n" * 99), "not a NIfTI-1 file"),
    "text_as_nrrd": BadFile("ct", bad_file("scan.nrrd", b"patient;age\n" * 99), "not a NRRD file"),
    "text_as_meta": BadFile("ct", bad_file("scan.mha", b"patient;age\n" * 99), "NDims is missing"),
    "folder_as_map": BadFile("territories", _folder(lambda folder: None), "this is a folder"),
    "gzip_named_nii": BadFile("ct", bad_file("scan.nii", gzip.compress(nifti(_CT))), "rename it to .nii.gz"),
    "nifti_2": BadFile("ct", bad_file("scan.nii", struct.pack("<i", 540) + b"n+2\0" + bytes(2000)), "NIfTI-2"),
    "nifti_pair": BadFile("ct", bad_file("scan.nii", nifti(_CT, {344: b"ni1\0"})), ".hdr/.img pair"),
}

_CUT_SHORT: dict[str, BadFile] = {
    "nifti_cut": BadFile(
        "ct", bad_file("scan.nii", nifti(_CT)[:-500]), "promises 1440 bytes of voxel data, it holds 940"
    ),
    "nifti_cut_in_header": BadFile("ct", bad_file("scan.nii", nifti(_CT)[:200]), "within its header"),
    "gzip_cut": BadFile("ct", bad_file("scan.nii.gz", gzip.compress(nifti(_noise()))[:-200]), "cut short"),
    "gzip_cut_in_checksum": BadFile("territories", bad_file("m.nii.gz", gzip.compress(nifti(_CT))[:-5]), "break off"),
    "gzip_whole_but_short": BadFile("ct", bad_file("scan.nii.gz", gzip.compress(nifti(_CT)[:-500])), "it holds 940"),
    "gzip_checksum": BadFile("ct", bad_file("scan.nii.gz", _flipped(_LARGE, -6)), "compressed data are damaged"),
    "gzip_damaged": BadFile("ct", bad_file("scan.nii.gz", _flipped(_LARGE, 250_000)), "compressed data are damaged"),
    "gzip_damaged_early": BadFile("ct", bad_file("scan.nii.gz", _flipped(_LARGE, 40)), "damaged"),
    "gzip_cut_in_the_middle": BadFile("ct", bad_file("scan.nii.gz", _LARGE[:250_000]), "compressed data break off"),
    "nrrd_cut": BadFile("ct", bad_file("scan.nrrd", nrrd()[:-500]), "it holds 940"),
    "nrrd_gzip_cut": BadFile(
        "ct",
        bad_file("scan.nrrd", nrrd({"encoding": "gzip"}, gzip.compress(_noise().tobytes())[:-200])),
        "cut short or damaged",
    ),
    "nhdr_without_data": BadFile(
        "ct", bad_file("s.nhdr", nrrd({"data file": "data.raw"}, b"")), "'data.raw' does not exist"
    ),
    "nhdr_data_cut": BadFile(
        "ct", bad_file("s.nhdr", nrrd({"data file": "data.raw"}, b""), data_raw=_CT.tobytes()[:-40]), "it holds 1400"
    ),
    "meta_cut": BadFile("ct", bad_file("scan.mha", meta()[:-500]), "it holds 940"),
    "meta_zlib_cut": BadFile("ct", bad_file("scan.mha", _meta_zlib(_ZLIB[:-200])), "break off"),
    "meta_zlib_damaged": BadFile("ct", bad_file("scan.mha", _meta_zlib(_flipped(_ZLIB, -1))), "are damaged"),
    "meta_zlib_no_size": BadFile(
        "ct", bad_file("scan.mha", meta({"CompressedData": "True"}, _ZLIB)), "lacks CompressedDataSize"
    ),
    "mhd_without_data": BadFile(
        "ct", bad_file("s.mhd", meta({"ElementDataFile": "data.raw"}, b"")), "'data.raw' does not"
    ),
    "mhd_data_cut": BadFile(
        "ct",
        bad_file("s.mhd", meta({"ElementDataFile": "data.raw"}, b""), data_raw=_CT.tobytes()[:-40]),
        "it holds 1400",
    ),
    "mhd_zlib_data_cut": BadFile(
        "ct", bad_file("s.mhd", _meta_zlib(b"", ElementDataFile="data.zraw"), data_zraw=_ZLIB[:-200]), "break off"
    ),
}

_GRIDS: dict[str, BadFile] = {
    "nifti_zero_size": BadFile("ct", bad_file("scan.nii", nifti(_CT, {40: _shorts(3, 0)})), "size"),
    "nifti_huge": BadFile("ct", bad_file("scan.nii", nifti(_CT, {40: _HUGE})), "cut short"),
    "gzip_huge": BadFile("territories", bad_file("m.nii.gz", gzip.compress(nifti(_CT, {40: _HUGE}))), "can hold"),
    "nrrd_huge": BadFile(
        "ct", bad_file("s.nrrd", nrrd({"encoding": "gzip", "sizes": "90000 90000 90000"})), "can hold"
    ),
    "nrrd_zero_size": BadFile("ct", bad_file("scan.nrrd", nrrd({"sizes": "8 0 10"})), "8 0 10"),
    "meta_huge": BadFile("ct", bad_file("scan.mha", meta({"DimSize": "90000 90000 90000"})), "cut short"),
    "meta_negative_size": BadFile("ct", bad_file("scan.mha", meta({"DimSize": "8 -9 10"})), "size"),
    "nifti_spacing_0": BadFile(
        "ct", bad_file("scan.nii", nifti(_CT, {80: _floats(0)})), "spacing is 0 x 0.8 x 1.25 mm"
    ),
    "nifti_spacing_nan": BadFile("ct", bad_file("scan.nii", nifti(_CT, {84: _floats(np.nan)})), "0.7 x nan x 1.25 mm"),
    "nifti_forms_shifted": BadFile(
        "territories",
        bad_file("m.nii", nifti(territories_array(), {252: _shorts(1, 1), 256: _floats(0, 0, 1, 3.5, -2.25, 101.3)})),
        "the header's sform and qform contradict each other (voxel 0 0 0 lies at 3.5 x -2.25 x 100 mm by the sform and "
        "at 3.5 x -2.25 x 101.3 mm by the qform",
    ),
    "nifti_forms_flipped": BadFile(
        "ct",
        bad_file("m.nii", nifti(_CT, {252: _shorts(1, 1), 256: _floats(1, 0, 0, 3.5, -2.25, 100)})),
        "sform and qform contradict",
    ),
    "nifti_forms_turned": BadFile(
        # Turned by 0.28 rad about z: the first voxel stays, the far corner, 8 mm away, moves by 2.3 mm.
        "calcification",
        bad_file(
            "m.nii",
            nifti(calcification_array(), {252: _shorts(1, 1), 256: _floats(0, 0, 0.99, 3.5, -2.25, 100)}),
        ),
        "sform and qform contradict",
    ),
    "nrrd_spacing_0": BadFile(
        "ct", bad_file("s.nrrd", nrrd({"space directions": "(0,0,0) (0,1,0) (0,0,1)"})), "0 x 1 x 1"
    ),
    "nrrd_spacing_nan": BadFile(
        "ct",
        bad_file(
            "s.nrrd", nrrd({"space": None, "space directions": None, "space origin": None, "spacings": "1 nan 1"})
        ),
        "1 x nan x 1 mm",
    ),
    "nrrd_no_spacing": BadFile("ct", bad_file("s.nrrd", nrrd({"space directions": None})), "no voxel spacing"),
    "nrrd_origin_nan": BadFile("ct", bad_file("s.nrrd", nrrd({"space origin": "(nan,0,0)"})), "origin"),
    "meta_spacing_0": BadFile("ct", bad_file("scan.mha", meta({"ElementSpacing": "0.7 0 1.25"})), "0.7 x 0 x 1.25 mm"),
    "meta_spacing_inf": BadFile("ct", bad_file("scan.mha", meta({"ElementSpacing": "0.7 inf 1"})), "0.7 x inf x 1 mm"),
    "meta_no_spacing": BadFile("ct", bad_file("scan.mha", meta({"ElementSpacing": None})), "no voxel spacing"),
    "meta_offset_nan": BadFile("ct", bad_file("scan.mha", meta({"Offset": "nan 0 0"})), "offset"),
    "nifti_sheared": BadFile("ct", bad_file("scan.nii", nifti(_CT, {280: _SHEARED_SFORM})), "sheared"),
    "nifti_contradiction": BadFile("ct", bad_file("scan.nii", nifti(_CT, {280: _DOUBLED_SFORM})), "contradicts itself"),
    "nifti_scaled_by_0": BadFile("ct", bad_file("scan.nii", nifti(_CT, {112: _floats(0, -1024)})), "adds -1024"),
    "nrrd_sheared": BadFile(
        "calcification", bad_file("m.nrrd", nrrd({"space directions": "(1,0,0) (0.2,1,0) (0,0,1)"})), "sheared"
    ),
    "meta_sheared": BadFile("ct", bad_file("scan.mha", meta({"TransformMatrix": "1 0 0 0.2 1 0 0 0 1"})), "sheared"),
    "two_dimensions": BadFile("ct", bad_file("scan.nii", nifti(_CT, {40: _shorts(2, 8, 9)})), "2-D (8 x 9)"),
    "four_dimensions": BadFile(
        "ct", bad_file("scan.nii", nifti(_CT, {40: _shorts(4, 8, 9, 5, 2)})), "4-D (8 x 9 x 5 x 2)"
    ),
    "one_slice": BadFile("ct", bad_file("scan.nii", nifti(_CT, {40: _shorts(3, 8, 9, 1)})), "fewer than 2 slices"),
}

_VOXELS: dict[str, BadFile] = {
    "colours": BadFile(
        "ct", bad_file("s.nii", nifti(_CT, {40: _shorts(3, 8, 9, 6), 70: _shorts(128, 24)})), "3 components"
    ),
    "meta_channels": BadFile(
        "calcification", bad_file("m.mha", meta({"DimSize": "8 9 5", "ElementNumberOfChannels": "2"})), "2 components"
    ),
    "complex": BadFile("ct", bad_file("s.nii", nifti(_CT, {40: _shorts(3, 8, 9, 2), 70: _shorts(32, 64)})), "complex"),
    "unknown_type": BadFile("ct", bad_file("scan.nii", nifti(_CT, {70: _shorts(999, 16)})), "NIfTI type 999"),
    "nrrd_encoding": BadFile("ct", bad_file("scan.nrrd", nrrd({"encoding": "bzip2"})), "bzip2"),
    "ct_nan": BadFile("ct", bad_file("scan.nii", nifti(_with(_CT, np.nan))), "1 of the voxels are NaN"),
    "ct_infinite": BadFile(
        "ct", bad_file("scan.nii", nifti(_with(_CT, np.inf, "<f8"))), "1 of the voxels are NaN or infinite"
    ),
    "labels_nan": BadFile("territories", bad_file("m.nii", nifti(_with(territories_array(), np.nan))), "NaN"),
    "labels_fractional": BadFile("territories", bad_file("m.nii", nifti(_with(territories_array(), 1.5))), "e.g. 1.5"),
    "labels_unknown": BadFile(
        "territories", bad_file("m.nii", nifti(_with(territories_array(), 7, "u1"))), "labels (7)"
    ),
    "labels_negative": BadFile(
        "arteries", bad_file("m.nii", nifti(_with(territories_array(), -3, "<i2"))), "labels (-3)"
    ),
    "labels_large": BadFile("arteries", bad_file("m.nii", nifti(_with(territories_array(), 70000, "<i4"))), "(70000)"),
    "labels_of_ct": BadFile("territories", bad_file("m.nii", nifti(_CT)), "labels (40, 300, 600)"),
    "calcification_labels": BadFile("calcification", bad_file("m.nii", nifti(territories_array())), "labels (3, 4)"),
    "calcification_fractional": BadFile(
        "calcification", bad_file("m.nii", nifti(_with(calcification_array(), 0.25))), "e.g. 0.25"
    ),
}

_SEGMENTS: dict[str, BadFile] = {
    "segments_unknown": BadFile(
        "territories", bad_file("m.seg.nrrd", seg_nrrd({"Vein": 1, "Liver": 2})), "'Vein', 'Liver'"
    ),
    "segments_one_unknown": BadFile("territories", bad_file("m.seg.nrrd", seg_nrrd({"Aorta": 1, "Vein": 2})), "--map"),
    "segments_twice": BadFile(
        "territories", bad_file("m.seg.nrrd", seg_nrrd({"Iliac": 1, "iliac artery": 2})), "at most"
    ),
    "segments_value_twice": BadFile(
        "territories", bad_file("m.seg.nrrd", seg_nrrd({"Aorta": 1, "Renal": 1})), "shares"
    ),
    "segments_other_value": BadFile("territories", bad_file("m.seg.nrrd", seg_nrrd({"Aorta": 1})), "labels (2, 3, 4)"),
    "segments_no_value": BadFile(
        "territories",
        bad_file("m.seg.nrrd", seg_nrrd({"Aorta": 1}, **{"Segment0_LabelValue:": None})),
        "no label value",
    ),
    "segments_layers": BadFile(
        "territories",
        bad_file(
            "m.seg.nrrd",
            seg_nrrd(
                {"Aorta": 1, "Iliac": 1},
                np.repeat((np.arange(720) < 8).astype("u1").reshape(10, 9, 8, 1), 2, axis=3),
                dimension="4",
                sizes="2 8 9 10",
                kinds="list domain domain domain",
                **{"space directions": "none (0.7,0,0) (0,0.8,0) (0,0,1.25)", "Segment1_Layer:": "=1"},
            ),
        ),
        "the segments aorta and iliac overlap in 5.6 mm³",
    ),
}


_DICOM: dict[str, BadFile] = {
    "dicom_empty_folder": BadFile("ct", _folder(lambda folder: None), "no DICOM images"),
    "dicom_only_text": BadFile("ct", _folder(lambda folder: (folder / "a.txt").write_text("note")), "no DICOM images"),
    "dicom_two_series": BadFile("ct", _folder(two_series), "Abdomen CTA 1.25 [CT, 10 files]; Lung 5.0 [CT, 5 files]"),
    "dicom_localizer": BadFile("ct", _folder(localizer), "Scout [CT, 1 file]"),
    "dicom_mr": BadFile("ct", _folder(lambda folder: write_series(folder, Modality="MR")), "modality is MR"),
    "dicom_one_slice": BadFile("ct", _folder(lambda folder: write_series(folder, [3])), "fewer than 2 slices"),
    "dicom_missing": BadFile(
        "ct", _folder(lambda folder: write_series(folder, [0, 1, 2, 3, 6, 7, 8, 9])), "2 between 103.75 and 107.5 mm"
    ),
    "dicom_uneven": BadFile("ct", _folder(uneven), "unevenly spaced (1 mm after position 110 mm, 1.25 mm elsewhere)"),
    "dicom_doubled": BadFile(
        "ct",
        _folder(
            lambda folder: (write_series(folder), write_series(folder, [4], "again", PixelData=pixels(7).tobytes()))
        ),
        "position of another one (1 of them, at 105 mm)",
    ),
    "dicom_tilted": BadFile("ct", _folder(tilted), "gantry tilt"),
    "dicom_pixel_spacing": BadFile("ct", _folder(one_different({"PixelSpacing": [0.9, 0.9]})), "pixel spacing"),
    "dicom_size": BadFile("ct", _folder(one_different({"Rows": 8, "Columns": 9})), "differ in size (8 x 9 and 9 x 8)"),
    "dicom_orientation": BadFile(
        "ct", _folder(one_different({"ImageOrientationPatient": [0.9998, 0.02, 0, -0.02, 0.9998, 0]})), "orientation"
    ),
    "dicom_no_position": BadFile("ct", _folder(one_different({"ImagePositionPatient": None})), "no position"),
    "dicom_no_pixel_spacing": BadFile("ct", _folder(one_different({"PixelSpacing": None})), "pixel spacing"),
    "dicom_short_slice": BadFile("ct", _folder(short_slice), "IM0094.dcm lacks 30 of 144 bytes of pixel data"),
    "dicom_short_frames": BadFile("ct", _folder(short_frames), "frames.dcm lacks 2 of 1440 bytes"),
    "dicom_cut_slice": BadFile("ct", _folder(cut_slice), "IM0090.dcm cannot be read as a DICOM image"),
    "dicom_frames_missing": BadFile(
        "ct", _folder(lambda folder: write_multiframe(folder / "a.dcm", [0, 2, 6, 8, 10])), "1 between 2 and 6 mm"
    ),
    "dicom_frames_without_hu": BadFile(
        "ct",
        _folder(lambda folder: write_multiframe(folder / "a.dcm", [0, 2, 4], [(1, 0), None, (1, 0)], shared=None)),
        "1 of 3 slices have no rescale slope and intercept",
    ),
    "dicom_no_rescale": BadFile(
        "ct",
        _folder(lambda folder: write_series(folder, RescaleSlope=None, RescaleIntercept=None)),
        "10 of 10 slices have no rescale slope and intercept (first in IM0090.dcm), so their HU cannot be told",
    ),
    "dicom_one_without_intercept": BadFile(
        "ct", _folder(one_different({"RescaleIntercept": None})), "1 of 10 slices have no rescale slope and intercept"
    ),
    "dicom_slope_of_0": BadFile("ct", _folder(one_different({"RescaleSlope": 0})), "1 of 10 slices have no rescale"),
    "dicom_iodine": BadFile(
        "ct", _folder(lambda folder: write_series(folder, RescaleType="MGML")), "the values are MGML and not HU"
    ),
    "dicom_lut_of_density": BadFile(
        "ct",
        _folder(
            lambda folder: write_series(
                folder,
                RescaleSlope=None,
                RescaleIntercept=None,
                ModalityLUTSequence=modality_lut([0] * 4096, unit="OD"),
            )
        ),
        "the values are OD and not HU",
    ),
    "dicom_only_scouts": BadFile(
        "ct",
        _folder(lambda folder: write_series(folder, [0, 1], ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])),
        "no CT slices are there, only 2 localizers",
    ),
}

_OFF_GRID: dict[str, BadFile] = {
    "grid_origin": BadFile(
        "calcification", bad_file("m.nii", nifti(calcification_array(), {292: _floats(3.52)})), "origin", off_grid=True
    ),
    "grid_spacing": BadFile(
        "calcification",
        bad_file(
            "m.nrrd",
            nrrd({"space directions": "(0.7,0,0) (0,0.8,0) (0,0,1.252)"}, calcification_array().tobytes(), "uint8"),
        ),
        "spacing",
        off_grid=True,
    ),
    "grid_direction": BadFile(
        "calcification",
        bad_file(
            "m.mha",
            meta(
                {"TransformMatrix": "0.6 0.8 0 -0.8 0.6 0 0 0 1", "ElementType": "MET_UCHAR"},
                calcification_array().tobytes(),
            ),
        ),
        "direction",
        off_grid=True,
    ),
    "grid_size": BadFile(
        "calcification", bad_file("m.nii", nifti(calcification_array()[:-1])), "8 x 9 x 9", off_grid=True
    ),
    "grid_territories": BadFile(
        "territories", bad_file("m.nii", nifti(territories_array()[:, :, :-1])), "7 x 9 x 10", off_grid=True
    ),
}

BAD_FILES = _PATHS | _CUT_SHORT | ENDS_ITK | _GRIDS | _VOXELS | _SEGMENTS | _DICOM | _OFF_GRID
