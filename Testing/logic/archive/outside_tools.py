"""Programs of others that read DICOM objects: what the tests believe rather than ourselves."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from CalcScoreLogic.images.geometry import Geometry, Image

NEEDS_HIGHDICOM = pytest.mark.skipif(find_spec("highdicom") is None, reason="highdicom is not installed")
NEEDS_DCMQI = pytest.mark.skipif(find_spec("dcmqi") is None, reason="dcmqi is not installed")
NEEDS_DCIODVFY = pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dicom3tools are not installed")
NEEDS_STANDARD = pytest.mark.skipif(
    find_spec("dicom_validator") is None or not [*(Path.home() / "dicom-validator").glob("*/docbook/part03.xml")],
    reason="dicom-validator, or the XML of the DICOM standard that it downloads, is not on this machine",
)


def errors_of_dciodvfy(path: Path) -> list[str]:
    """Give what dicom3tools call an error in a file."""
    done = subprocess.run(["dciodvfy", "-new", str(path)], capture_output=True, text=True, check=False)
    said = (done.stdout + done.stderr).splitlines()
    assert len(said) > 1, said
    return [line for line in said if line.startswith("Error")]


def errors_of_dicom_validator(path: Path) -> int:
    """Count what dicom-validator calls an error in a file."""
    command = [sys.executable, "-m", "dicom_validator.validate_iods", "--edition", "local", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False).returncode


def _dcmqi(program: str, *arguments: object) -> None:
    code = f"import sys, dcmqi; sys.exit(dcmqi.{program}())"
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def read_with_dcmqi(segmentation: Path, folder: Path) -> tuple[list[Image], list[dict[str, Any]]]:
    """Give the mask of each segment and what is said of it, in the order of their numbers."""
    folder.mkdir()
    _dcmqi("segimage2itkimage", "--inputDICOM", segmentation, "--outputDirectory", folder, "-t", "nrrd")
    said = [
        segment for group in json.loads((folder / "meta.json").read_text())["segmentAttributes"] for segment in group
    ]
    said.sort(key=lambda segment: segment["labelID"])
    masks = []
    for number in range(1, len(said) + 1):
        image = sitk.ReadImage(str(folder / f"{number}.nrrd"))
        grid = Geometry(image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection())
        masks.append(Image(sitk.GetArrayFromImage(image) > 0, grid))
    return masks, said


def report_of_dcmqi(report: Path, target: Path) -> list[dict[str, Any]]:
    """Give the measurement groups of a structured report."""
    _dcmqi("tid1500reader", "--inputDICOM", report, "--outputMetadata", target)
    return json.loads(target.read_text())["Measurements"]  # type: ignore[no-any-return]


def write_with_dcmqi(
    labels: Path, series: Path, segments: Sequence[dict[str, Any]], target: Path, skip_empty: bool = True
) -> Path:
    """Write a label map as a DICOM segmentation; `segments` describe its values."""
    meta = {
        "ContentCreatorName": "Reader1",
        "SeriesDescription": "Segmentation",
        "SeriesNumber": "300",
        "InstanceNumber": "1",
        "segmentAttributes": [list(segments)],
    }
    described = target.with_suffix(".json")
    described.write_text(json.dumps(meta))
    _dcmqi(
        "itkimage2segimage",
        *("--inputImageList", labels, "--inputDICOMDirectory", series, "--outputDICOM", target),
        *("--inputMetadata", described, *(["--skip"] if skip_empty else [])),
    )
    return target


def code(value: str, meaning: str, scheme: str = "SCT") -> dict[str, str]:
    """Give a code as dcmqi takes it."""
    return {"CodeValue": value, "CodingSchemeDesignator": scheme, "CodeMeaning": meaning}


def same_voxels(image: Image, other: Image) -> bool:
    """Tell whether two masks hold the same places, on the same grid."""
    return image.geometry.difference(other.geometry) is None and np.array_equal(image.array, other.array)
