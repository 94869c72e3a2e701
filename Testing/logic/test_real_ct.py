"""Real CT, where it is at hand beside the checkout: every figure again with a few lines of numpy."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from CalcScoreLogic.anatomy import Vessel
from CalcScoreLogic.cli import main
from CalcScoreLogic.cohort.inputs import find_inputs, read_input
from CalcScoreLogic.images.files import read_ct, read_territories
from CalcScoreLogic.images.geometry import Image
from CalcScoreLogic.quality.codes import WarningCode
from CalcScoreLogic.quality.ct import value_warnings
from CalcScoreLogic.shortening import shorten
from CalcScoreLogic.vessels import separate_vessels
from Testing.logic.dicom_files import write_slice
from Testing.reference.scoring import figures
from Testing.reference.shortening import shorten_image
from Testing.trees import to_sitk

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the real CT volumes are not beside this checkout")


def score(folder: Path, segmentation: Path, cta: Path, value: str) -> dict[str, dict[str, str]]:
    """Run territories, threshold and score; give the rows of scores.csv by territory."""
    territories, calcification = str(folder / "t.nii.gz"), str(folder / "c.nii.gz")
    assert main(["territories", str(segmentation), "--preset", "totalsegmentator", "-o", territories]) == 0
    arguments = [str(cta), "--arteries", territories, "--method", "fixed", "--value", value]
    assert main(["threshold", *arguments, "-o", calcification]) == 0
    arguments = ["--territories", territories, "--calcification", calcification, "--cta", str(cta)]
    assert main(["score", *arguments, "-o", str(folder / "s.json"), "--csv", str(folder / "s.csv")]) == 0
    with (folder / "s.csv").open(newline="") as stream:
        return {row["territory"]: row for row in csv.DictReader(stream)}


def check(row: dict[str, str], artery: np.ndarray, calcified: np.ndarray, voxel_mm3: float) -> None:
    for key, value in figures(artery, calcified, voxel_mm3).items():
        assert (float(row[key]) if row[key] else None) == (value if value is None else pytest.approx(value)), key


def test_abdomen_with_totalsegmentator_labels(tmp_path: Path) -> None:
    segmentation = DATA / "ts_example" / "example_seg_fast_force_split.nii.gz"
    cta = DATA / "ts_example" / "example_ct.nii.gz"
    rows = score(tmp_path, segmentation, cta, "130")
    labels, hu = sitk.ReadImage(str(segmentation)), sitk.GetArrayFromImage(sitk.ReadImage(str(cta)))
    territories = np.select([np.isin(sitk.GetArrayFromImage(labels), v) for v in ([52], [65, 66])], [1, 2], 0)
    image = sitk.GetImageFromArray(territories.astype(np.uint8))
    image.CopyInformation(labels)
    shortened = sitk.GetArrayFromImage(shorten_image(image))
    for name, mask in (("aorta", shortened == 1), ("iliac", shortened == 2), ("combined", shortened > 0)):
        check(rows[name], mask, hu >= 130, 27.0)
    for name in ("mesenteric", "renal"):
        assert rows[name]["status"] in ("absent", "not_in_view")
        assert rows[name]["burden"] == rows[name]["mean_cluster_volume_mm3"] == ""
    assert float(rows["aorta"]["artery_volume_mm3"]) > 0


def test_dicom_gives_the_scores_of_the_nifti(tmp_path: Path) -> None:
    segmentation = DATA / "ts_example" / "example_seg_fast_force_split.nii.gz"
    image = sitk.ReadImage(str(DATA / "ts_example" / "example_ct.nii.gz"))
    hu = sitk.GetArrayFromImage(image)
    assert np.array_equal(hu, np.rint(hu))
    export = tmp_path / "export"
    export.mkdir()
    direction, spacing = np.array(image.GetDirection()).reshape(3, 3), image.GetSpacing()
    for k in range(len(hu)):
        # File names against the order of the slices.
        write_slice(
            export / f"{len(hu) - k:03d}",
            0,
            Rows=hu.shape[1],
            Columns=hu.shape[2],
            PixelSpacing=[spacing[1], spacing[0]],
            SliceThickness=spacing[2],
            ImageOrientationPatient=[f"{v:.9g}" for v in direction.T[:2].ravel()],
            ImagePositionPatient=[f"{v:.9g}" for v in image.TransformIndexToPhysicalPoint((0, 0, k))],
            BitsStored=16,
            HighBit=15,
            PixelRepresentation=1,
            RescaleIntercept=0,
            PixelData=hu[k].astype("<i2").tobytes(),
        )
    (case,) = find_inputs(tmp_path).cases
    np.testing.assert_array_equal(read_input(case).array, hu)
    found = {}
    for name, cta in (("nifti", DATA / "ts_example" / "example_ct.nii.gz"), ("dicom", export)):
        (tmp_path / name).mkdir()
        found[name] = score(tmp_path / name, segmentation, cta, "130")
    assert found["nifti"]["aorta"]["calcified_volume_mm3"] == "27.0"
    assert found["dicom"] == found["nifti"]


def test_dissection_with_a_stent_graft(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cta = DATA / "ts_dissection" / "ct_cropped.nii.gz"
    rows = score(tmp_path, DATA / "ts_dissection", cta, "470")
    printed = capsys.readouterr().err
    hu = sitk.GetArrayFromImage(sitk.ReadImage(str(cta)))
    shortened = sitk.GetArrayFromImage(shorten_image(sitk.ReadImage(str(tmp_path / "t.nii.gz"))))
    for name, label in (("aorta", 1), ("mesenteric", 3)):
        check(rows[name], shortened == label, hu >= 470, 1.5**3)
    for name in ("iliac", "renal"):
        assert (rows[name]["artery_volume_mm3"], rows[name]["burden"]) == ("0.0", "")
    assert "Metal inside an artery" in printed
    assert any("over 3000 HU" in warning for warning in json.loads((tmp_path / "s.json").read_text())["warnings"])


@pytest.mark.parametrize(
    "place",
    [
        "ctliver/ctliver_aortoiliac_roi_0.7mm.nrrd",
        "second_body/ct_2mm.nii.gz",
        "ts_dissection/ct_cropped.nii.gz",
        "ts_example/example_ct.nii.gz",
    ],
)
def test_the_values_of_real_ct_are_hu_and_shifted_ones_are_not(place: str) -> None:
    image = read_ct(DATA / place)
    assert value_warnings(image) == ()
    (warning,) = value_warnings(Image(image.array + np.float32(1024), image.geometry))
    assert warning.code is WarningCode.VALUES_NOT_HU


def test_large_ct_stays_below_4_gb(tmp_path: Path) -> None:
    cta = DATA / "ctliver" / "ctliver_aortoiliac_roi_0.7mm.nrrd"
    image = sitk.ReadImage(str(cta))
    array = np.zeros(image.GetSize()[::-1], np.uint8)
    array[100:400, 60:120, 90:160] = 1  # holds the infrarenal aorta, which is all that memory asks for
    mask = to_sitk(array, image.GetSpacing())
    mask.CopyInformation(image)
    sitk.WriteImage(mask, str(tmp_path / "arteries.nrrd"), useCompression=True)
    output = tmp_path / "c.nii.gz"
    command = [sys.executable, "-m", "CalcScoreLogic", "threshold", str(cta), "--method", "otsu"]
    process = subprocess.Popen([*command, "--arteries", str(tmp_path / "arteries.nrrd"), "-o", str(output)])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    assert output.is_file()
    assert usage.ru_maxrss * 1024 < 4e9


def test_the_adaptive_threshold_follows_the_lumen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = DATA / "ctliver"
    cta, labels = folder / "ctliver_aortoiliac_roi_0.7mm.nrrd", folder / "labels.nii.gz"
    output = tmp_path / "c.nii.gz"
    assert main(["threshold", str(cta), "--arteries", str(labels), "-o", str(output), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    # Portal venous: the aorta has 153 HU, SD 41, as its README says.
    assert told["lumen"]["median_hu"] == pytest.approx(153, abs=3)
    assert told["threshold_hu"] == pytest.approx(153 + 4 * 41, abs=12)
    drawn, found = (sitk.GetArrayFromImage(sitk.ReadImage(str(path))) for path in (labels, output))
    plaques = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "calcification.nii.gz"))) > 0
    assert not (found[drawn == 0]).any()
    both = np.count_nonzero((found == 2) & plaques)
    assert 2 * both / (np.count_nonzero(found == 2) + np.count_nonzero(plaques)) > 0.85


def test_a_stent_graft_is_told_by_the_adaptive_threshold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    segmentation, cta = DATA / "ts_dissection", DATA / "ts_dissection" / "ct_cropped.nii.gz"
    arteries, output = str(tmp_path / "t.nii.gz"), str(tmp_path / "c.nii.gz")
    assert main(["territories", str(segmentation), "--preset", "totalsegmentator", "-o", arteries]) == 0
    assert main(["threshold", str(cta), "--arteries", arteries, "-o", output]) == 0
    printed = capsys.readouterr().err
    assert "Metal inside an artery" in printed
    assert "The lumen is uneven" in printed
    found, hu = (sitk.GetArrayFromImage(sitk.ReadImage(str(path))) for path in (output, cta))
    # Neither lumen is swallowed: what is marked lies above both.
    assert np.count_nonzero(found == 2) < 0.02 * np.count_nonzero(found)
    assert hu[found == 2].min() > 600


def test_coeliac_and_superior_mesenteric_are_told_apart_though_they_touch() -> None:
    territories = read_territories(DATA / "ctliver" / "labels.nii.gz")
    image = shorten(territories).territories.canonical()
    vessel_map, untold = separate_vessels(image.array, image.geometry.spacing[::-1])
    assert untold == ()
    with (DATA / "ctliver" / "centrelines.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    for names, vessel in ((("coel", "cha", "spl", "lga"), Vessel.COELIAC), (("sma",), Vessel.SUPERIOR_MESENTERIC)):
        drawn = [[float(row[f"{axis}_mm"]) for axis in "xyz"] for row in rows if row["vessel"] in names]
        at = np.rint((np.array(drawn) - image.geometry.origin) @ image.geometry.matrix / image.geometry.spacing).astype(
            int
        )
        found = vessel_map[tuple(at[:, ::-1].T)]
        # Cut off, or in the aorta's wall, the centreline is no vessel.
        found = found[found > 0]
        assert len(found) > 20
        assert np.mean(found == list(Vessel).index(vessel) + 1) > 0.95
