"""Segments carry their names, colours and codes, and are known by their names."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from CalcScoreLogic.anatomy import CalcificationLabel, Territory
from CalcScoreLogic.images.files import read_calcification, read_territories, write_label_map
from CalcScoreLogic.images.geometry import Geometry, Image
from Testing.logic.image_files import ORIGIN, SIZE, SPACING, seg_nrrd, territories_array

GRID = Geometry(SIZE, SPACING, ORIGIN)


def test_segments_are_known_by_their_names(tmp_path: Path) -> None:
    names = {"Renal arteries": 1, "AORTA": 2, "mesenteric_artery": 3, "Iliac": 9}
    array = np.select([territories_array() == v for v in (1, 2, 3, 4)], [2, 9, 3, 1]).astype("u1")
    (tmp_path / "m.seg.nrrd").write_bytes(seg_nrrd(names, array))
    np.testing.assert_array_equal(read_territories(tmp_path / "m.seg.nrrd").array, territories_array())


def test_segment_files_carry_names_colours_codes_and_extents(tmp_path: Path) -> None:
    write_label_map(tmp_path / "t.seg.nrrd", Image(territories_array(), GRID), Territory)
    header = (tmp_path / "t.seg.nrrd").read_bytes().split(b"\n\n")[0].decode()
    keys = dict(line.split(":=", 1) for line in header.splitlines() if ":=" in line)
    assert [keys[f"Segment{i}_Name"] for i in range(4)] == ["Aorta", "Iliac", "Mesenteric", "Renal"]
    assert [keys[f"Segment{i}_LabelValue"] for i in range(4)] == ["1", "2", "3", "4"]
    assert [keys[f"Segment{i}_Layer"] for i in range(4)] == ["0"] * 4
    assert keys["Segment0_Color"] == "0.835294 0.368627 0"
    assert keys["Segment0_Extent"] == "3 4 4 5 2 9"
    assert keys["Segment2_Extent"] == "4 4 1 3 8 8"
    assert keys["Segment0_Tags"] == (
        "TerminologyEntry:Segmentation category and type - DICOM master list"
        "~SCT^123037004^Anatomical Structure~SCT^7832008^Abdominal aorta~^^"
        "~Anatomic codes - DICOM master list~^^~^^|"
    )
    assert keys["Segmentation_ContainedRepresentationNames"] == "Binary labelmap|"


def test_calcification_segments_come_back(tmp_path: Path) -> None:
    array = np.where(territories_array() == 1, 2, 0).astype("u1")
    write_label_map(tmp_path / "c.seg.nrrd", Image(array, GRID), CalcificationLabel)
    np.testing.assert_array_equal(read_calcification(tmp_path / "c.seg.nrrd").array, array)
    header = (tmp_path / "c.seg.nrrd").read_bytes().split(b"\n\n")[0].decode()
    assert "Segment0_Extent:=0 -1 0 -1 0 -1" in header
    assert "~SCT^49755003^Morphologically Altered Structure~SCT^29483008^" in header


def test_segments_cropped_to_one_slice_are_laid_onto_the_cta(tmp_path: Path) -> None:
    """3D Slicer crops a file that does not name its volume; a single plaque may lie in one slice."""
    array = np.zeros(SIZE[::-1], "u1")
    array[4, 4, 3:5] = 2
    cropped = {"sizes": "8 9 1", "space origin": "(-3.5,2.25,105)"}
    (tmp_path / "c.seg.nrrd").write_bytes(seg_nrrd({"Calcification": 2}, array[4:5], **cropped))
    np.testing.assert_array_equal(read_calcification(tmp_path / "c.seg.nrrd", GRID).array, array)


def test_segment_files_carry_their_grid(tmp_path: Path) -> None:
    """3D Slicer crops a segmentation without it to the segments when it saves it."""
    write_label_map(tmp_path / "t.seg.nrrd", Image(territories_array(), GRID), Territory)
    header = (tmp_path / "t.seg.nrrd").read_bytes().split(b"\n\n")[0].decode()
    line = next(row for row in header.splitlines() if row.startswith("Segmentation_ConversionParameters:="))
    name, values, _ = line.partition(":=")[2].split("|")
    assert name == "Reference image geometry"
    numbers = [float(v) for v in values.rstrip(";").split(";")]
    expected = [-0.7, 0, 0, 3.5, 0, -0.8, 0, -2.25, 0, 0, 1.25, 100, 0, 0, 0, 1, 0, 7, 0, 8, 0, 9]
    np.testing.assert_allclose(numbers, expected)
