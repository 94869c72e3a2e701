"""``calcscore rescore``: what was corrected by hand, back in the case and in the cohort's tables."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from CalcScoreLogic.atomic import PENDING
from CalcScoreLogic.cli import main
from CalcScoreLogic.cohort.case_results import read_scored
from CalcScoreLogic.cohort.checksums import Content
from CalcScoreLogic.cohort.correction_files import read_correction
from CalcScoreLogic.cohort.state import CohortFolder, Record, State
from CalcScoreLogic.images.files import read_image, write_image
from CalcScoreLogic.images.geometry import Geometry, Image
from CalcScoreLogic.pipeline import CaseParameters, score_masks
from CalcScoreLogic.quality.codes import CodedWarning, WarningCode
from CalcScoreLogic.report.case_folder import write_case
from CalcScoreLogic.results import CaseResult, ScoredCase
from Testing.logic.killing import killer_of
from Testing.trees import Capsule, paint

GRID = Geometry((60, 60, 100), (1.0, 1.0, 1.0), (-30.0, 12.0, 7.5))
NAMES = ("Aorta", "Iliac", "Mesenteric", "Renal")


@pytest.fixture(scope="module")
def scored() -> tuple[Image, ScoredCase]:
    """A CTA with aorta, iliac and renal artery, and a plaque of 27 mm³ in the aorta."""
    capsules = [
        Capsule(1, (30, 30, 45), (30, 30, 88), 7),
        Capsule(2, (30, 30, 44), (48, 30, 8), 4),
        Capsule(4, (30, 30, 70), (56, 34, 70), 3),
    ]
    territories = paint(capsules, GRID.size, GRID.spacing)
    calcification = np.where(territories > 0, 1, 0).astype(np.uint8)
    calcification[60:63, 29:32, 29:32] = 2
    cta = np.where(territories > 0, 350, 40).astype(np.int16)
    cta[calcification == 2] = 800
    images = [Image(array, GRID) for array in (territories, calcification, cta)]
    return images[2], score_masks("case_1", images[0], images[1], CaseParameters(), images[2])


@pytest.fixture
def cohort(scored: tuple[Image, ScoredCase], tmp_path: Path) -> Path:
    """A cohort of case_1, whose CTA lies elsewhere, and a failed case_17."""
    output = tmp_path / "out"
    folder = CohortFolder(output)
    with folder.locked():
        write_case(output / "case_1", *scored)
        folder.keep(Record("case_1", State.DONE, "", 3.0, Content("c", "s"), "recipe"))
        folder.keep(Record("case_17", State.FAILED, "why", 1.0, Content("d", "t"), "recipe"))
    write_image(tmp_path / "cta.nii.gz", scored[0])
    return output


def rescore(corrected: Path, output: Path, *options: object) -> int:
    return main([str(part) for part in ("rescore", corrected, "-o", output, *options)])


def scores(output: Path) -> CaseResult:
    return CaseResult.from_dict(json.loads((output / "case_1" / "scores.json").read_text(encoding="utf-8")))


def rows(output: Path, table: str) -> list[dict[str, str]]:
    with (output / table).open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def plaque(shortened: np.ndarray) -> tuple[np.ndarray, ...]:
    """Choose a voxel of the trimmed iliac artery and its six neighbours."""
    voxels = np.argwhere(shortened == 2)
    return tuple(voxels[np.abs(voxels - voxels[len(voxels) // 2]).sum(axis=1).argsort(kind="stable")][:7].T)


def write_segments(path: Path, layers: list[dict[str, np.ndarray]], start: tuple[int, int, int] = (0, 0, 0)) -> Path:
    """Write what 3D Slicer writes: a component a layer, names and values in the header; `start` is its (k, j, i)."""
    shape = next(iter(layers[0].values())).shape
    array = np.zeros((*shape, len(layers)), np.uint8)
    metadata = {}
    number = 0
    for layer, segments in enumerate(layers):
        for value, (name, mask) in enumerate(segments.items(), start=1):
            array[..., layer][mask] = value
            described = {"Name": name, "LabelValue": str(value), "Layer": str(layer), "ID": f"Segment_{number}"}
            metadata |= {f"Segment{number}_{key}": text for key, text in described.items()}
            number += 1
    image = sitk.GetImageFromArray(array, isVector=True)
    image.SetSpacing(GRID.spacing)
    image.SetOrigin(GRID.to_physical(start[::-1]).tolist())
    for key, text in metadata.items():
        image.SetMetaData(key, text)
    sitk.WriteImage(image, str(path), useCompression=True)
    return path


def arteries(shortened: np.ndarray) -> dict[str, np.ndarray]:
    return {name: shortened == value for value, name in enumerate(NAMES, start=1)}


def test_a_plaque_added_in_slicer_counts_and_is_marked(
    cohort: Path, scored: tuple[Image, ScoredCase], tmp_path: Path
) -> None:
    shortened, calcified = scored[1].shortened.array, scored[1].calcification.array == 2
    added = calcified.copy()
    added[plaque(shortened)] = True
    # Slicer saves the part of the volume that its segments take.
    part = (slice(10, 95), slice(5, 60), slice(10, 60))
    layers = [arteries(shortened[part]), {"Calcification": added[part]}]
    file = write_segments(tmp_path / "case_1 calcification.seg.nrrd", layers, (10, 5, 10))
    assert rescore(file, cohort) == 0
    found = scores(cohort)
    iliac = found.scores.territories["iliac"]
    assert (iliac.calcified_volume_mm3, iliac.cluster_count) == (7, 1)
    assert found.scores.territories["aorta"] == scored[1].result.scores.territories["aorta"]
    assert found.edited == ("iliac", "combined", "left_iliac", "right_iliac")
    assert found.provenance["rescored"]["edited_segments"] == ["calcification"]
    assert found.scores.clusters[-1].max_hu == 350
    np.testing.assert_array_equal(read_image(cohort / "case_1" / "calcification.nii.gz").array == 2, added)
    table = {row["territory"]: row["edited"] for row in rows(cohort, "scores.csv")}
    assert table == {"aorta": "no", "iliac": "yes", "mesenteric": "no", "renal": "no", "combined": "yes"}
    assert [(row["case"], row["state"], row["edited"]) for row in rows(cohort, "cases.csv")] == [
        ("case_1", "done", "yes"),
        ("case_17", "failed", "no"),
    ]


def test_what_was_edited_before_stays_marked(cohort: Path, scored: tuple[Image, ScoredCase], tmp_path: Path) -> None:
    shortened, calcified = scored[1].shortened.array, scored[1].calcification.array == 2
    added = calcified.copy()
    added[plaque(shortened)] = True
    assert rescore(write_segments(tmp_path / "case_1.seg.nrrd", [{"Calcification": added}]), cohort) == 0
    less = shortened.copy()
    less[shortened == 4] = 0
    write_image(tmp_path / "shortened.nii.gz", Image(less, GRID))
    assert rescore(tmp_path / "shortened.nii.gz", cohort / "case_1") == 0
    found = scores(cohort)
    assert set(found.edited) >= {"iliac", "renal", "combined"}
    assert "aorta" not in found.edited
    assert found.provenance["rescored"]["edited_segments"] == ["calcification", "renal"]
    assert found.scores.territories["renal"].burden is None
    assert found.scores.territories["iliac"].calcified_volume_mm3 == pytest.approx(7)


def test_full_length_arteries_are_trimmed_again(cohort: Path, scored: tuple[Image, ScoredCase], tmp_path: Path) -> None:
    cta, before = scored
    corrected = before.territories.array.copy()
    corrected[:, :, 52:][corrected[:, :, 52:] == 4] = 0
    folder = tmp_path / "case_1"
    folder.mkdir()
    write_image(folder / "territories.nii.gz", Image(corrected, GRID))
    assert rescore(folder, cohort, "--cta", tmp_path / "cta.nii.gz") == 0
    expected = score_masks("case_1", Image(corrected, GRID), before.calcification, CaseParameters(), cta)
    found = scores(cohort)
    assert found.scores.territories == expected.result.scores.territories
    assert found.scores.territories["renal"] != before.result.scores.territories["renal"]
    np.testing.assert_array_equal(read_image(cohort / "case_1" / "shortened.nii.gz").array, expected.shortened.array)
    assert set(found.edited) >= {"renal", "combined"}
    assert found.provenance["rescored"]["edited_segments"] == ["full.renal"]


def test_without_a_difference_nothing_is_written(
    cohort: Path, scored: tuple[Image, ScoredCase], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in (cohort / "case_1").iterdir()}
    layers = [arteries(scored[1].shortened.array), {"Calcification": scored[1].calcification.array == 2}]
    assert rescore(write_segments(tmp_path / "case_1.seg.nrrd", layers), cohort) == 0
    assert "no voxel differs" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in (cohort / "case_1").iterdir()} == before


@pytest.mark.parametrize("given", ["", "calcification.nii.gz"])
def test_maps_that_were_corrected_in_place(
    given: str, cohort: Path, scored: tuple[Image, ScoredCase], tmp_path: Path
) -> None:
    calcification = scored[1].calcification.array.copy()
    calcification[plaque(scored[1].shortened.array)] = 2
    write_image(cohort / "case_1" / "calcification.nii.gz", Image(calcification, GRID))
    assert rescore(cohort / "case_1" / given, cohort, "--cta", tmp_path / "cta.nii.gz") == 0
    found = scores(cohort)
    assert found.scores.territories["iliac"].calcified_volume_mm3 == pytest.approx(7)
    assert "iliac" in found.edited
    assert "aorta" not in found.edited


def test_a_segment_that_is_not_there_stays_as_it_was(scored: tuple[Image, ScoredCase], tmp_path: Path) -> None:
    before = scored[1]
    kept = arteries(before.shortened.array)
    del kept["Renal"]
    kept["Aorta"] = kept["Aorta"] | kept["Iliac"]
    found = read_correction(
        write_segments(tmp_path / "a.seg.nrrd", [{"Aorta": kept["Aorta"]}, {"Iliac": kept["Iliac"]}]),
        before.territories,
        before.shortened,
    )
    assert found.calcified is None
    np.testing.assert_array_equal(found.shortened.array == 4, before.shortened.array == 4)
    assert not (found.shortened.array == 2).any()
    volume = np.count_nonzero(before.shortened.array == 2)
    assert any(f"overlap in {volume} mm³" in warning for warning in found.warnings)
    assert any("no segment Mesenteric or Renal in the correction" in warning for warning in found.warnings)


def test_the_segment_of_what_was_cut_tells_the_full_length(scored: tuple[Image, ScoredCase], tmp_path: Path) -> None:
    before = scored[1]
    cut = (before.territories.array > 0) & (before.shortened.array == 0)
    layers = [arteries(before.territories.array), {"Cut off": cut}]
    found = read_correction(write_segments(tmp_path / "a.seg.nrrd", layers), before.territories, before.shortened)
    assert found.shortened is None
    np.testing.assert_array_equal(found.territories.array, before.territories.array)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("other.seg.nrrd", [], "begins with the name of a case"),
        ("case_11.seg.nrrd", [], "begins with the name of a case"),
        ("case_1_shifted.seg.nrrd", [], "lie on another grid than the case"),
        ("case_1_unknown.seg.nrrd", [], "expected are"),
        ("case_1_map.nii.gz", [], "must tell what it is"),
        ("case_1_none.seg.nrrd", [], "no such file"),
        ("case_1.seg.nrrd", ["--cta", "none.nii.gz"], "no such file"),
    ],
)
def test_what_cannot_be_used_is_one_line(
    name: str,
    options: list[str],
    message: str,
    cohort: Path,
    scored: tuple[Image, ScoredCase],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / name
    mask = scored[1].shortened.array == 1
    if name.endswith(".nii.gz"):
        write_image(path, scored[1].shortened)
    elif "none" not in name:
        start = (0.5, 0, 0) if "shifted" in name else (0, 0, 0)
        write_segments(path, [{"Liver" if "unknown" in name else "Aorta": mask}], start)
    before = {file: file.read_bytes() for file in (cohort / "case_1").iterdir()}
    assert rescore(path, cohort, *options) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert message in told
    assert {file: file.read_bytes() for file in (cohort / "case_1").iterdir()} == before


def test_the_cta_is_asked_for(cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cta.nii.gz").unlink()
    write_segments(tmp_path / "case_1.seg.nrrd", [{"Calcification": np.zeros(GRID.shape, bool)}])
    assert rescore(tmp_path / "case_1.seg.nrrd", cohort) == 2
    assert "give the case's CTA with --cta" in capsys.readouterr().err


def test_a_segmentation_among_the_results_is_not_taken_away(cohort: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # As another program saved it, over the one that --dicom made.
    edited = cohort / "case_1" / "segmentation.dcm"
    edited.write_bytes(b"edited by hand")
    assert rescore(edited, cohort) == 2
    told = f"calcscore: {edited}: the new results would take its place, move it out of the folder first\n"
    assert capsys.readouterr().err == told
    assert edited.read_bytes() == b"edited by hand"


def state(folder: Path) -> tuple[object, ...]:
    """Give all that a reader takes from a case's folder."""
    case = read_scored(folder)
    maps = (case.territories, case.shortened, case.calcification)
    table = (folder / "scores.csv").read_bytes()
    return (str(case.result.scores), case.result.edited, table, *(image.array.tobytes() for image in maps))


def rescore_again(corrected: str, output: str) -> None:
    assert rescore(Path(corrected), Path(output)) == 0


def test_killed_while_files_are_replaced_old_and_new_do_not_mix(
    cohort: Path, scored: tuple[Image, ScoredCase], tmp_path: Path
) -> None:
    calcified = scored[1].calcification.array == 2
    calcified[plaque(scored[1].shortened.array)] = True
    file = write_segments(tmp_path / "case_1.seg.nrrd", [{"Calcification": calcified}])
    (cohort / "case_1" / "notes.txt").write_text("mine")
    undisturbed = shutil.copytree(cohort, tmp_path / "undisturbed")
    old = state(undisturbed / "case_1")
    rescore_again(str(file), str(undisturbed))
    new = state(undisturbed / "case_1")
    assert old != new
    seen, waiting, step, killed = [], 0, 0, True
    with killer_of("Testing.logic.cohort.test_rescore:rescore_again") as killed_at:
        while killed:
            step += 1
            output = shutil.copytree(cohort, tmp_path / str(step) / "out")
            killed = killed_at(step, file, output)
            waiting += (output / "case_1" / PENDING).exists()
            read = shutil.copytree(output / "case_1", tmp_path / str(step) / "read")
            seen.append({old: "old", new: "new"}[state(read)])
            assert (read / "notes.txt").read_text() == "mine"
            assert not (read / PENDING).exists()
            rescore_again(str(file), str(output))
            assert state(output / "case_1") == new
            for table in ("scores.csv", "cases.csv"):
                assert (output / table).read_bytes() == (undisturbed / table).read_bytes()
            assert {path.relative_to(output) for path in output.rglob("*")} == {
                path.relative_to(undisturbed) for path in undisturbed.rglob("*")
            }
    assert seen == sorted(seen, reverse=True)
    assert set(seen) == {"old", "new"}
    assert waiting >= 7


def overwritten(scored: ScoredCase) -> tuple[np.ndarray, np.ndarray]:
    """Paint a slab of 4 mm through the iliac artery and what is beside it; give it and what it hits."""
    voxels = np.argwhere(scored.shortened.array == 2)
    z, y, _ = voxels[len(voxels) // 2]
    stroke = np.zeros(GRID.shape, bool)
    stroke[z : z + 4] = True
    stroke[:, :y] = stroke[:, y + 8 :] = False
    return stroke, stroke & (scored.shortened.array == 2)


@pytest.mark.parametrize("kind", ["segments", "label map", "in place", "arteries alone"])
def test_painting_over_an_artery_takes_nothing_from_it(
    kind: str, cohort: Path, scored: tuple[Image, ScoredCase], tmp_path: Path
) -> None:
    before = scored[1]
    stroke, hit = overwritten(before)
    calcified = (before.calcification.array == 2) | stroke
    left = np.where(calcified, 0, before.shortened.array).astype(np.uint8)
    calcification = Image(np.where(calcified, 2, before.calcification.array).astype(np.uint8), GRID)
    options: list[object] = []
    if kind == "segments":
        # Labels that exclude each other share one layer.
        given = write_segments(tmp_path / "case_1.seg.nrrd", [{**arteries(left), "Calcification": calcified}])
    elif kind == "in place":
        given, options = cohort / "case_1", ["--cta", tmp_path / "cta.nii.gz"]
        write_image(given / "shortened.nii.gz", Image(left, GRID))
        write_image(given / "calcification.nii.gz", calcification)
    else:
        given = tmp_path / "case_1"
        given.mkdir()
        name = "shortened" if kind == "label map" else "territories"
        full = np.where(calcified, 0, before.territories.array).astype(np.uint8)
        write_image(given / f"{name}.nii.gz", Image(left if kind == "label map" else full, GRID))
        write_image(given / "calcification.nii.gz", calcification)
        options = ["--cta", tmp_path / "cta.nii.gz"]
    assert rescore(given, cohort, *options) == 0
    found = scores(cohort)
    old, new = before.result.scores.territories, found.scores.territories
    assert new["iliac"].artery_volume_mm3 == old["iliac"].artery_volume_mm3
    assert new["iliac"].calcified_volume_mm3 == np.count_nonzero(hit)
    # The exclusive labels have a hole at the old plaque too.
    assert new["aorta"] == old["aorta"]
    case = read_scored(cohort / "case_1")
    np.testing.assert_array_equal(case.shortened.array, before.shortened.array)
    np.testing.assert_array_equal(case.territories.array, before.territories.array)
    told = {(w.code, w.territory): str(w) for w in found.warnings if isinstance(w, CodedWarning)}
    assert f"{np.count_nonzero(hit)} mm³ of calcification had" in told[WarningCode.FILLED_HOLES, "iliac"]
    outside = np.count_nonzero(stroke & (before.territories.array == 0))
    assert f"{outside} mm³ of the calcification lie outside" in told[WarningCode.CALCIUM_OUTSIDE, None]
    table = {row["territory"]: row["warning_codes"] for row in rows(cohort, "scores.csv")}
    assert "filled_holes" in table["iliac"]
    assert "filled_holes" not in table["mesenteric"]
    assert "filled_holes" in rows(cohort, "cases.csv")[0]["warning_codes"]


def test_an_artery_that_was_taken_away_does_not_come_back_with_its_plaque(
    cohort: Path, scored: tuple[Image, ScoredCase], tmp_path: Path
) -> None:
    calcified = scored[1].calcification.array == 2
    calcified[plaque(scored[1].shortened.array)] = True
    assert rescore(write_segments(tmp_path / "case_1.seg.nrrd", [{"Calcification": calcified}]), cohort) == 0
    kept = arteries(scored[1].shortened.array)
    kept["Iliac"] = np.zeros(GRID.shape, bool)
    assert rescore(write_segments(tmp_path / "case_1.seg.nrrd", [kept]), cohort) == 0
    found = scores(cohort)
    assert found.scores.territories["iliac"].burden is None
    assert "iliac" in found.edited
