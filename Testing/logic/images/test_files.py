"""Images come back as they were written, and are read from files that no library of ours made."""

from __future__ import annotations

import gc
import gzip
import logging
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from CalcScoreLogic.anatomy import Territory
from CalcScoreLogic.errors import CalcScoreError, InputError
from CalcScoreLogic.images import file_checks
from CalcScoreLogic.images.files import (
    read_calcification,
    read_ct,
    read_image,
    read_labels,
    read_mask,
    read_territories,
    write_image,
)
from CalcScoreLogic.images.geometry import Geometry, Image
from Testing.logic.image_files import (
    ORIGIN,
    SIZE,
    SPACING,
    ct_array,
    good_ct,
    meta,
    nifti,
    nrrd,
    territories_array,
)

ENDINGS = [".nii", ".nii.gz", ".nrrd", ".mha", ".seg.nrrd"]


def turned(*degrees: float) -> tuple[float, ...]:
    """Direction matrix turned about z, then about x."""
    a, b = np.radians(degrees)
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    return tuple(float(v) for v in (about_z @ about_x).ravel())


GEOMETRIES = {
    "plain": Geometry(SIZE, (1.0, 1.0, 1.0)),
    "anisotropic": Geometry(SIZE, (0.7123456789, 0.7123456789, 1.2500000001), (-123.456789012, 234.5678901, -1024.333)),
    "oblique": Geometry(SIZE, (0.7, 0.8, 1.25), (10.1, -20.2, 30.3), turned(20, -35)),
    "flipped": Geometry(SIZE, (0.7, 0.8, 1.25), (1.5, 2.5, 3.5), (-1.0, 0, 0, 0, -1.0, 0, 0, 0, 1.0)),
    "mirrored": Geometry(SIZE, (0.7, 0.8, 1.25), (1.5, 2.5, 3.5), (0, 1.0, 0, 1.0, 0, 0, 0, 0, 1.0)),
    "sagittal": Geometry(SIZE, (0.7, 0.8, 1.25), (1.5, 2.5, 3.5), (0, 0, 1.0, 1.0, 0, 0, 0, -1.0, 0)),
}


def corners(geometry: Geometry) -> np.ndarray:
    """Positions of the eight corner voxels, LPS mm."""
    last = np.array(geometry.size) - 1
    return geometry.to_physical([[x, y, z] * last for x in (0, 1) for y in (0, 1) for z in (0, 1)])


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("name", GEOMETRIES)
def test_round_trip_keeps_voxels_and_their_places(ending: str, name: str, tmp_path: Path) -> None:
    image = Image(territories_array(), GEOMETRIES[name])
    write_image(tmp_path / f"a{ending}", image, Territory)
    again = read_image(tmp_path / f"a{ending}")
    np.testing.assert_array_equal(again.array, image.array)
    tolerance = 1e-4 if "nii" in ending else 1e-6
    expected = corners(image.geometry.on_grain())
    np.testing.assert_allclose(corners(again.geometry), expected, rtol=0, atol=tolerance)
    # The grain itself moves no corner by more than half of it a voxel.
    np.testing.assert_allclose(expected, corners(image.geometry), rtol=0, atol=1e-4)
    assert [p.name for p in tmp_path.iterdir()] == [f"a{ending}"]


@pytest.mark.parametrize("ending", ENDINGS[:-1])
@pytest.mark.parametrize("dtype", ["int16", "uint8", "uint16", "int32", "float32"])
def test_round_trip_keeps_the_type(ending: str, dtype: str, tmp_path: Path) -> None:
    image = Image((ct_array() % 251).astype(dtype), GEOMETRIES["oblique"])
    write_image(tmp_path / f"a{ending}", image)
    array = read_ct(tmp_path / f"a{ending}").array
    assert array.dtype == dtype
    np.testing.assert_array_equal(array, image.array)


@settings(max_examples=25, deadline=None)
@given(
    array=hnp.arrays(np.int16, hnp.array_shapes(min_dims=3, max_dims=3, min_side=2, max_side=6)),
    turn=st.floats(-80, 80),
)
def test_any_volume_comes_back(array: np.ndarray, turn: float, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("any")
    image = Image(array, Geometry(array.shape[::-1], SPACING, ORIGIN, turned(turn, 12)))
    for ending in ENDINGS[:-1]:
        write_image(folder / f"a{ending}", image)
        again = read_ct(folder / f"a{ending}")
        np.testing.assert_array_equal(again.array, array)
        assert image.geometry.difference(again.geometry) is None


def test_a_view_and_a_mask_are_written(tmp_path: Path) -> None:
    geometry = GEOMETRIES["sagittal"]
    image = Image(ct_array(), geometry).canonical()
    write_image(tmp_path / "a.nrrd", image)
    np.testing.assert_array_equal(read_ct(tmp_path / "a.nrrd").array, image.array)
    write_image(tmp_path / "m.nii.gz", Image(territories_array() == 1, geometry))
    assert read_mask(tmp_path / "m.nii.gz").array.sum() == (territories_array() == 1).sum()


FILES = {
    "a.nii": nifti(ct_array()),
    "big_endian.nii": nifti(ct_array(), order=">"),
    "a.nii.gz": gzip.compress(nifti(ct_array())),
    "big_endian.nii.gz": gzip.compress(nifti(ct_array(), order=">")),
    "members.nii.gz": gzip.compress(nifti(ct_array())[:600]) + gzip.compress(nifti(ct_array())[600:]) + bytes(40),
    "padded.nii": nifti(ct_array()) + bytes(99),
    "floats.nii": nifti(ct_array().astype("f4")),
    "doubles.nii.gz": gzip.compress(nifti(ct_array().astype("f8"), order=">")),
    "four_dim.nii": nifti(ct_array(), {40: struct.pack("<5h", 4, 8, 9, 10, 1)}),
    "UPPER.NII": nifti(ct_array()),
    "ünicode ct.nii.gz": gzip.compress(nifti(ct_array())),
    "a.nrrd": nrrd(),
    "gzip.nrrd": nrrd({"encoding": "gzip"}, gzip.compress(ct_array().tobytes())),
    "text.nrrd": nrrd({"encoding": "ascii"}, " ".join(str(v) for v in ct_array().ravel()).encode()),
    "ras.nrrd": nrrd(
        {
            "space": "right-anterior-superior",
            "space directions": "(-0.7,0,0) (0,-0.8,0) (0,0,1.25)",
            "space origin": "(3.5,-2.25,100)",
        }
    ),
    "one_component.nrrd": nrrd(
        {
            "dimension": "4",
            "sizes": "1 8 9 10",
            "kinds": "list domain domain domain",
            "space directions": "none (0.7,0,0) (0,0.8,0) (0,0,1.25)",
        }
    ),
    "a.nhdr": nrrd({"data file": "data.raw"}, b""),
    "a.mha": meta(),
    "zlib.mha": meta(
        {"CompressedData": "True", "CompressedDataSize": str(len(zlib.compress(ct_array().tobytes())))},
        zlib.compress(ct_array().tobytes()),
    ),
    "four_dim.mha": meta(
        {
            "NDims": "4",
            "DimSize": "8 9 10 1",
            "Offset": "-3.5 2.25 100 0",
            "ElementSpacing": "0.7 0.8 1.25 1",
            "TransformMatrix": "1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1",
        }
    ),
    "a.mhd": meta({"ElementDataFile": "data.raw"}, b""),
    "skipped.mhd": meta({"ElementDataFile": "headed.raw", "HeaderSize": "64"}, b""),
}


@pytest.mark.parametrize("name", FILES)
def test_files_of_other_writers_are_read(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data.raw").write_bytes(ct_array().tobytes())
    (tmp_path / "headed.raw").write_bytes(bytes(64) + ct_array().tobytes())
    (tmp_path / name).write_bytes(FILES[name])
    image = read_ct(tmp_path / name)
    np.testing.assert_array_equal(image.array, ct_array())
    assert image.array.dtype in (np.int16, np.float32)
    assert image.geometry.difference(Geometry(SIZE, SPACING, ORIGIN)) is None
    assert capfd.readouterr() == ("", "")


def test_scaled_values_are_hounsfield_units(tmp_path: Path) -> None:
    scaled = nifti(ct_array() + 1024, {112: struct.pack("<2f", 1, -1024)})
    for name, content in (("a.nii", scaled), ("a.nii.gz", gzip.compress(scaled))):
        (tmp_path / name).write_bytes(content)
        np.testing.assert_array_equal(read_ct(tmp_path / name).array, ct_array())


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("packed", [False, True])
def test_not_a_number_is_found_in_the_last_voxel(dtype: str, packed: bool, tmp_path: Path) -> None:
    """The number of voxels is odd, and ITK reads each of them as 0."""
    array = np.ones((3, 3, 3), dtype)
    array[-1, -1, -1] = np.nan
    content = nifti(array)
    path = tmp_path / ("a.nii.gz" if packed else "a.nii")
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(InputError, match="1 of the voxels are NaN"):
        read_ct(path)
    # What follows the voxels is none of them.
    array[-1, -1, -1] = 1
    content = nifti(array) + np.full(5, np.nan, dtype).tobytes()
    path.write_bytes(gzip.compress(content) if packed else content)
    np.testing.assert_array_equal(read_ct(path).array, array)


def test_an_array_outlives_its_image_and_cannot_be_written_to(tmp_path: Path) -> None:
    array = read_ct(good_ct(tmp_path)).array
    gc.collect()
    others = [read_ct(tmp_path / "good_ct.nii").array.copy() + i for i in range(50)]
    np.testing.assert_array_equal(array, ct_array())
    assert len(others) == 50
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1


def test_a_file_without_orientation_is_read_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a.nii").write_bytes(nifti(ct_array(), {252: bytes(4)}))
    with caplog.at_level(logging.WARNING):
        read_ct(tmp_path / "a.nii")
    assert "a.nii: the header has no orientation" in caplog.text


def test_a_volume_above_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_checks, "_machine_memory", lambda: 1000)
    with pytest.raises(InputError, match=r"needs 0\.00144 MB of memory and the machine has 0\.001 MB"):
        read_ct(good_ct(tmp_path))


def test_memory_that_does_not_suffice_is_no_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("CalcScoreLogic.images.files.array_of", fail)
    with pytest.raises(CalcScoreError, match=r"good_ct\.nii: the memory does not suffice"):
        read_ct(good_ct(tmp_path))


def test_permission_denied_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = good_ct(tmp_path)

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(InputError, match=r"good_ct\.nii: permission to read it is denied"):
        read_ct(path)


def test_a_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    name = str(tmp_path / "caf\udce9.nii")
    with pytest.raises(InputError, match="not valid UTF-8"):
        read_ct(name)
    with pytest.raises(InputError, match="not valid UTF-8"):
        write_image(name, Image(ct_array(), GEOMETRIES["plain"]))


def test_labels_are_read_as_bytes_whatever_their_type(tmp_path: Path) -> None:
    for dtype in ("u1", "i2", "i4", "f4", "f8"):
        (tmp_path / "m.nii").write_bytes(nifti(territories_array().astype(dtype)))
        array = read_territories(tmp_path / "m.nii").array
        assert array.dtype == np.uint8
        np.testing.assert_array_equal(array, territories_array())


def test_an_empty_map_is_read(tmp_path: Path) -> None:
    (tmp_path / "m.nii").write_bytes(nifti(np.zeros((10, 9, 8), "<i2")))
    for read in (read_territories, read_calcification, read_mask, read_labels):
        array = read(tmp_path / "m.nii").array
        assert array.dtype == np.uint8
        assert not array.any()


@pytest.mark.parametrize(
    ("value", "dtype"), [(1, "u1"), (255, "u1"), (-1, "<i2"), (1, "<i2"), (100_000, "<i4"), (3e30, "<f4")]
)
def test_a_mask_takes_any_one_value(value: float, dtype: str, tmp_path: Path) -> None:
    mask = territories_array() == 2
    (tmp_path / "m.nii").write_bytes(nifti(np.where(mask, value, 0).astype(dtype)))
    array = read_mask(tmp_path / "m.nii").array
    assert array.dtype == np.uint8
    np.testing.assert_array_equal(array, mask)


def test_a_mask_of_several_values_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.nii").write_bytes(nifti(territories_array()))
    with pytest.raises(InputError, match=r"m.nii: the mask has several values besides 0 \(1, 2, 3, 4\)"):
        read_mask(tmp_path / "m.nii")


@pytest.mark.parametrize(("largest", "dtype"), [(117, np.uint8), (255, np.uint8), (256, np.uint16), (65535, np.uint16)])
def test_labels_of_other_tools_are_read_in_the_smallest_type(largest: int, dtype: type, tmp_path: Path) -> None:
    labels = np.where(territories_array() == 4, largest, territories_array().astype("<i4")).astype("<i4")
    (tmp_path / "m.nii").write_bytes(nifti(labels))
    array = read_labels(tmp_path / "m.nii").array
    assert array.dtype == dtype
    np.testing.assert_array_equal(array, labels)


@pytest.mark.parametrize("value", [-1, 65536])
def test_labels_out_of_range_are_refused(value: int, tmp_path: Path) -> None:
    labels = np.where(territories_array() == 4, value, territories_array().astype("<i4")).astype("<i4")
    (tmp_path / "m.nii").write_bytes(nifti(labels))
    with pytest.raises(InputError, match=f"m.nii: the segmentation has the value {value}"):
        read_labels(tmp_path / "m.nii")


@pytest.mark.parametrize(
    ("name", "fragment"),
    [
        ("a.mhd", "two files"),
        ("a.nhdr", "two files"),
        ("a.png", "unknown format"),
        ("a.seg.nrrd", "labelled structures"),
        ("nowhere/a.nii", "does not exist"),
    ],
)
def test_outputs_that_cannot_be_written_are_refused(name: str, fragment: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=fragment):
        write_image(tmp_path / name, Image(ct_array(), GEOMETRIES["plain"]))
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_full_disk_leaves_the_old_file(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{ending}"
    path.write_bytes(b"old")
    code = f"""
import resource, signal, numpy as np
from CalcScoreLogic.anatomy import Territory
from CalcScoreLogic.errors import CalcScoreError, InputError
from CalcScoreLogic.images.geometry import Geometry, Image
from CalcScoreLogic.images.files import write_image
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50000, 50000))
noise = np.random.default_rng(0).integers(0, 255, (40, 50, 60)).astype("u1")
try:
    write_image({str(path)!r}, Image(noise, Geometry((60, 50, 40), (1.0, 1.0, 1.0))), [Territory.AORTA])
except CalcScoreError as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("CalcScoreError")
    assert "could not be written" in done.stdout
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("forms", [(0, 1), (1, 0), (1, 1)])
@pytest.mark.parametrize("signs", [(-1, 1, 1), (1, -1, -1), (-1, -1, -1)])
def test_a_negative_spacing_is_that_of_the_axes_given(forms: tuple, signs: tuple, tmp_path: Path) -> None:
    spacing = struct.pack("<3f", *(sign * mm for sign, mm in zip(signs, SPACING, strict=True)))
    patches = {252: struct.pack("<2h", *forms), 256: struct.pack("<6f", 0, 0, 1, 3.5, -2.25, 100), 80: spacing}
    (tmp_path / "ct.nii").write_bytes(nifti(ct_array(), patches))
    image = read_image(tmp_path / "ct.nii")
    assert image.geometry == Geometry(SIZE, SPACING, ORIGIN)
    np.testing.assert_array_equal(image.array, ct_array())


@pytest.mark.parametrize("shift", [0.0, 0.9, -0.9])
def test_forms_that_agree_within_a_voxel_are_read(shift: float, tmp_path: Path) -> None:
    quaternion = struct.pack("<6f", 0, 0, 1, 3.5, -2.25, 100 + shift * SPACING[2])
    (tmp_path / "ct.nii").write_bytes(nifti(ct_array(), {252: struct.pack("<2h", 1, 1), 256: quaternion}))
    assert read_image(tmp_path / "ct.nii").geometry.difference(Geometry(SIZE, SPACING, ORIGIN)) is None
