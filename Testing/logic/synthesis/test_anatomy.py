"""Anatomies from files: names of labels, orientation, what is drawn where a scan ends."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from CalcScoreLogic.errors import InputError
from CalcScoreLogic.images.geometry import Array
from CalcScoreLogic.synthesis import Anatomy, read_anatomy
from CalcScoreLogic.synthesis.label_names import meaning_of, read_names
from CalcScoreLogic.synthesis.tissues import TERRITORY_CLASS, Tissue

NAMES = {
    1: "aorta", 2: "iliac_artery_left", 3: "iliac_artery_right", 4: "kidney", 5: "vertebrae_L3", 6: "liver",
    7: "spleen", 8: "inferior_vena_cava", 9: "small_bowel", 10: "muscle",
}  # fmt: skip
TOTALSEGMENTATOR = {1: 52, 2: 65, 3: 66, 4: 2, 5: 29, 6: 5, 7: 1, 8: 63, 9: 18, 10: 80}


def trunk() -> Array:
    """A trunk at 4 mm, axes (superior, posterior, left), labels as in NAMES."""
    z, y, x = np.ogrid[:60, :40, :60]
    labels = np.zeros((60, 40, 60), np.uint8)
    wall = ((x - 30) / 28) ** 2 + ((y - 20) / 18) ** 2
    labels[np.broadcast_to((wall < 1) & (wall > 0.8), labels.shape)] = 10
    for value, cx, cy, cz, r in ((6, 18, 16, 45, 8), (7, 46, 24, 45, 6), (4, 18, 26, 34, 5), (4, 44, 26, 35, 5)):
        labels[(x - cx) ** 2 + (y - cy) ** 2 + ((z - cz) / 1.5) ** 2 < r**2] = value
    labels[np.broadcast_to((x - 30) ** 2 + (y - 30) ** 2 < 25, labels.shape)] = 5
    labels[((x - 30) ** 2 + (y - 10) ** 2 < 20) & (z < 30)] = 9
    labels[((x - 26) ** 2 + (y - 22) ** 2 < 6) & (z > 14)] = 8
    labels[((x - 32) ** 2 + (y - 22) ** 2 < 5) & (z >= 18)] = 1
    for value, side in ((2, 1), (3, -1)):
        labels[((x - 32 - side * (18 - z) * 0.7) ** 2 + (y - 22) ** 2 < 4) & (z < 18)] = value
    return labels


def save(path: Path, labels: Array, flipped: bool = False) -> Path:
    """Write labels; flipped, the file's axes point to right, front and up."""
    image = sitk.GetImageFromArray(labels[:, ::-1, ::-1] if flipped else labels)
    image.SetSpacing((4.0, 4.0, 4.0))
    if flipped:
        image.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1))
        image.SetOrigin((4.0 * (labels.shape[2] - 1), 4.0 * (labels.shape[1] - 1), 0.0))
    sitk.WriteImage(image, str(path))
    return path


def table(path: Path, names: dict[int, str]) -> None:
    path.write_text("value,name\n" + "".join(f"{value},{name}\n" for value, name in names.items()))


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Anatomy:
    folder = tmp_path_factory.mktemp("anatomy")
    table(folder / "patient.csv", NAMES)
    return read_anatomy(save(folder / "patient.nii.gz", trunk()))


def test_tissues_lie_where_the_labels_are(read: Anatomy) -> None:
    liver, spleen = (np.argwhere(read.tissues == tissue).mean(axis=0) for tissue in (Tissue.LIVER, Tissue.SPLEEN))
    assert (spleen - liver)[[1, 2]] * 2 == pytest.approx([(24 - 16) * 4, (46 - 18) * 4], abs=3)
    lost = (trunk() == 6).sum() * 64 - (read.tissues == Tissue.LIVER).sum() * 8
    assert abs(lost) < 0.05 * (trunk() == 6).sum() * 64


def test_arteries_run_from_their_origin_on(read: Anatomy) -> None:
    assert (np.diff(read.arteries["aorta"][-60:, 2]) < 0).all()
    left, right = (read.arteries[f"common_iliac_{side}"] for side in ("left", "right"))
    assert left[-1, 0] > left[0, 0] > right[0, 0] > right[-1, 0]
    assert read.landmarks.kidneys["left"][0] > read.landmarks.kidneys["right"][0]


def test_chest_and_pelvis_are_drawn(read: Anatomy) -> None:
    counts = np.bincount(read.tissues.ravel(), minlength=256)
    for tissue in (Tissue.LEFT_HEART, Tissue.RIGHT_HEART, Tissue.AIRWAY, Tissue.URINE, Tissue.BONE_CORTEX):
        assert counts[tissue] > 50
    top = np.argwhere(read.tissues == Tissue.LEFT_HEART)[:, 0].min()
    assert top > np.argwhere(read.tissues == Tissue.KIDNEY_CORTEX)[:, 0].max()
    assert read.lungs.voxels.size > 1000


def test_the_way_of_storing_makes_no_difference(read: Anatomy, tmp_path: Path) -> None:
    table(tmp_path / "other.csv", NAMES)
    other = read_anatomy(save(tmp_path / "other.nii.gz", trunk(), flipped=True))
    assert (other.tissues == read.tissues).all()


def test_totalsegmentator_needs_no_table(read: Anatomy, tmp_path: Path) -> None:
    values = np.zeros(256, np.uint8)
    values[list(TOTALSEGMENTATOR)] = list(TOTALSEGMENTATOR.values())
    other = read_anatomy(save(tmp_path / "segmentation.nii.gz", values[trunk()]))
    assert (other.tissues == read.tissues).all()


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    labels = trunk()
    labels[(labels == 1) | (labels == 4)] = 0
    table(tmp_path / "patient.csv", NAMES)
    with pytest.raises(InputError, match=r"patient\.nii\.gz: the anatomy has no aorta, no kidneys among"):
        read_anatomy(save(tmp_path / "patient.nii.gz", labels))


def test_a_broken_table_is_named(tmp_path: Path) -> None:
    (tmp_path / "patient.csv").write_text("value,name\n1,aorta\nliver\n")
    with pytest.raises(InputError, match=r"patient\.csv: line 3 is 'liver'"):
        read_anatomy(save(tmp_path / "patient.nii.gz", trunk()))


@pytest.mark.parametrize(
    ("name", "tissue", "artery"),
    [
        ("Left kidney", Tissue.KIDNEY_CORTEX, None),
        ("vertebrae_T12", Tissue.VERTEBRA_MARROW, None),
        ("L5-L4-IntervertebralDisc", Tissue.DISC, None),
        ("right_renal_pelvis", Tissue.RENAL_PELVIS, None),
        ("Pelvis", Tissue.BONE_MARROW, None),
        ("portal_vein_and_splenic_vein", Tissue.PORTAL_VEIN, None),
        ("iliac_vena_left", Tissue.LOWER_VEIN, None),
        ("left_renal_vein", Tissue.UPPER_VEIN, None),
        ("iliac_artery_right", None, "common_iliac_right"),
        ("left external iliac artery", None, "external_iliac_left"),
        ("left_renal_artery", None, "renal_left"),
        ("celiac_trunk", None, "coeliac"),
        ("left_gastric_artery", None, "left_gastric"),
        ("pacemaker", None, None),
    ],
)
def test_names_tell_what_a_label_is(name: str, tissue: Tissue | None, artery: str | None) -> None:
    meaning = meaning_of(name)
    assert (meaning.tissue, meaning.artery) == (tissue, artery)


def test_only_other_tissues_than_our_arteries_have_a_class() -> None:
    assert set(np.unique(TERRITORY_CLASS)) == {0, *range(5, 15)}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_table_of_names_is_read_as_spreadsheets_write_it(encoding: str, tmp_path: Path) -> None:
    # Without a header: a byte order mark must not hide the first label.
    (tmp_path / "a.csv").write_text("1;aorta\r\n2;Leber\r\n", encoding=encoding)
    assert read_names(tmp_path / "a.nii.gz") == {1: "aorta", 2: "Leber"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("1,aorta\n2,Nière\n".encode("latin-1"), "line 2 is not UTF-8, save the table as CSV UTF-8"),
        (b"1,aorta\n2,liver\n1,spleen\n", "line 3 gives 1 another name, keep one of its lines"),
    ],
)
def test_a_table_of_names_that_cannot_be_right_is_refused(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_names(tmp_path / "a.nii.gz")


@pytest.mark.parametrize(
    ("labels", "spacing", "words"),
    [
        (trunk()[::-1], 4, "the iliac arteries lie above the aorta, correct the direction in its header"),
        (trunk()[:, :, ::-1], 4, "the left iliac artery lies to the right of the right one, correct"),
        (trunk()[:, ::-1], 4, "the spine lies in front of the aorta, correct"),
        (trunk(), 40, "measures 2400 x 1600 x 2400 mm, a trunk 60 to 2200 mm along each axis; check the voxel spacing"),
        (trunk(), 0.4, "measures 24 x 16 x 24 mm"),
    ],
)
def test_a_map_that_is_no_standing_patient_is_refused(
    labels: Array, spacing: float, words: str, tmp_path: Path
) -> None:
    table(tmp_path / "a.csv", NAMES)
    image = sitk.GetImageFromArray(np.ascontiguousarray(labels))
    image.SetSpacing((spacing, spacing, spacing))
    sitk.WriteImage(image, str(tmp_path / "a.nii.gz"))
    with pytest.raises(InputError, match=words):
        read_anatomy(tmp_path / "a.nii.gz")
