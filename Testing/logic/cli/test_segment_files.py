"""`score` takes the shapes in which 3D Slicer saves segments: layers, cropped extents, everything in one file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from CalcScoreLogic.cli import main
from CalcScoreLogic.images.files import write_image
from CalcScoreLogic.images.geometry import Geometry, Image

GRID = Geometry((40, 30, 60), (1.0, 1.0, 2.0), (5.0, -3.0, 10.0))
NAMES = {"Aorta": 1, "Iliac": 2, "Mesenteric": 3, "Renal": 4}
# From (i, j, k) to RAS, row by row, then the first and last index along each axis.
REFERENCE = "Reference image geometry|-1;0;0;-5;0;-1;0;3;0;0;2;10;0;0;0;1;0;39;0;29;0;59;|Grid&"


def maps() -> tuple[np.ndarray, np.ndarray]:
    territories = np.zeros(GRID.shape, np.uint8)
    territories[6:56, 10:18, 10:18] = 1
    territories[2:6, 12:16, 12:16] = 2
    territories[36:38, 2:10, 13:15] = 3
    territories[30:32, 12:16, 18:36] = 4
    calcification = (territories > 0).astype(np.uint8)
    calcification[20, 12:15, 12:15] = 2
    calcification[30:32, 13:15, 20] = 2
    return territories, calcification


def masks() -> dict[str, np.ndarray]:
    territories, calcification = maps()
    return {**{name: territories == value for name, value in NAMES.items()}, "Calcification": calcification == 2}


def write(
    path: Path, layers: list[list[str]], cropped: bool = False, reference: bool = True, tags: bool = False
) -> Path:
    """Write segments as Slicer does: a component a layer, cropped to what is filled where asked for."""
    own = masks()
    array = np.zeros((*GRID.shape, len(layers)), np.uint8)
    metadata = {"Segmentation_ConversionParameters": REFERENCE} if reference else {}
    number = 0
    for layer, names in enumerate(layers):
        for value, name in enumerate(names, start=1):
            array[..., layer][own[name]] = value
            fields = {"Name": name, "LabelValue": value, "Layer": layer, "ID": f"Segment_{number}"}
            if tags:
                fields |= {"Name": f"Segment {number}", "Tags": f"A:b|CalcScore.Structure:{name.lower()}|"}
            metadata |= {f"Segment{number}_{key}": str(text) for key, text in fields.items()}
            number += 1
    start = np.zeros(3, int)
    if cropped:
        filled = np.argwhere(array.any(axis=3))
        start = filled.min(axis=0)
        array = array[tuple(slice(a, b + 1) for a, b in zip(start, filled.max(axis=0), strict=True))]
    image = (
        sitk.GetImageFromArray(array, isVector=len(layers) > 1)
        if len(layers) > 1
        else sitk.GetImageFromArray(array[..., 0])
    )
    image.SetSpacing(GRID.spacing)
    image.SetOrigin(GRID.to_physical(start[::-1]).tolist())
    for key, text in metadata.items():
        image.SetMetaData(key, text)
    sitk.WriteImage(image, str(path), useCompression=True)
    return path


def score(folder: Path, territories: Path, calcification: Path, *options: object) -> dict[str, Any]:
    files = ["--territories", territories, "--calcification", calcification]
    assert main([str(part) for part in ("score", *files, "-o", folder / "s.json", *options)]) == 0
    found: dict[str, Any] = json.loads((folder / "s.json").read_text(encoding="utf-8"))
    return {name: found[name] for name in ("territories", "vessels", "clusters")}


@pytest.fixture
def expected(tmp_path: Path) -> dict[str, Any]:
    territories, calcification = (Image(array, GRID) for array in maps())
    write_image(tmp_path / "t.nii.gz", territories)
    write_image(tmp_path / "c.nii.gz", calcification)
    return score(tmp_path, tmp_path / "t.nii.gz", tmp_path / "c.nii.gz")


@pytest.mark.parametrize("cropped", [False, True])
@pytest.mark.parametrize("tags", [False, True])
@pytest.mark.parametrize(
    "layers",
    [
        [["Aorta", "Iliac", "Mesenteric", "Renal"], ["Calcification"]],
        [["Aorta", "Renal"], ["Iliac"], ["Mesenteric"], ["Calcification"]],
    ],
    ids=["two layers", "four layers"],
)
def test_arteries_and_calcification_in_one_file(
    layers: list[list[str]], cropped: bool, tags: bool, tmp_path: Path, expected: dict[str, Any]
) -> None:
    file = write(tmp_path / "both.seg.nrrd", layers, cropped, tags=tags)
    assert score(tmp_path, file, file) == expected


def test_names_tell_the_labels_whatever_the_ending(tmp_path: Path, expected: dict[str, Any]) -> None:
    """A .seg.nrrd file that was renamed, or saved as a plain one: values are those of the segments' order."""
    arteries = write(tmp_path / "t.nrrd", [["Iliac", "Aorta", "Renal", "Mesenteric"]])
    plaques = write(tmp_path / "c.nrrd", [["Calcification"]])
    assert score(tmp_path, arteries, plaques) == expected


def test_files_cropped_to_different_extents(tmp_path: Path, expected: dict[str, Any]) -> None:
    arteries = write(tmp_path / "t.seg.nrrd", [["Aorta", "Renal"], ["Iliac", "Mesenteric"]], cropped=True)
    plaques = write(tmp_path / "c.seg.nrrd", [["Calcification"]], cropped=True)
    assert score(tmp_path, arteries, plaques) == expected


def test_a_file_that_names_no_volume_goes_onto_the_cta(tmp_path: Path, expected: dict[str, Any]) -> None:
    arteries = write(tmp_path / "t.seg.nrrd", [["Aorta", "Renal"], ["Iliac", "Mesenteric"]], True, reference=False)
    plaques = write(tmp_path / "c.seg.nrrd", [["Calcification"]], True, reference=False)
    write_image(tmp_path / "cta.nii.gz", Image(np.full(GRID.shape, 300, np.int16), GRID))
    found = score(tmp_path, arteries, plaques, "--cta", tmp_path / "cta.nii.gz")
    assert (found["territories"], found["vessels"]) == (expected["territories"], expected["vessels"])


def test_thresholds_take_layers_too(tmp_path: Path) -> None:
    arteries = write(tmp_path / "t.seg.nrrd", [["Aorta", "Renal"], ["Iliac", "Mesenteric"]], cropped=True)
    _, calcification = maps()
    hu = np.where(calcification == 2, 800, 300).astype(np.int16)
    write_image(tmp_path / "cta.nii.gz", Image(hu, GRID))
    command = ["threshold", tmp_path / "cta.nii.gz", "--arteries", arteries, "--method", "fixed"]
    assert main([str(part) for part in (*command, "-o", tmp_path / "c.nrrd")]) == 0
    np.testing.assert_array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "c.nrrd"))), calcification)


def test_analyze_takes_cropped_segments_without_a_network(tmp_path: Path, expected: dict[str, Any]) -> None:
    arteries = write(tmp_path / "t.seg.nrrd", [["Aorta", "Renal"], ["Iliac", "Mesenteric"]], True, reference=False)
    _, calcification = maps()
    hu = np.where(calcification == 2, 800, np.where(calcification == 1, 300, -40)).astype(np.int16)
    write_image(tmp_path / "cta.nii.gz", Image(hu, GRID))
    command = ["analyze", tmp_path / "cta.nii.gz", "--arteries", arteries, "--calcification", "500"]
    assert main([str(part) for part in (*command, "-o", tmp_path / "out")]) == 0
    found = json.loads((tmp_path / "out" / "scores.json").read_text(encoding="utf-8"))
    assert found["territories"] == expected["territories"]
