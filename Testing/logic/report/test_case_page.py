"""The report of a case says what its scores say."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from CalcScoreLogic.anatomy import CALCIFICATION_STRUCTURES, STRUCTURES, CalcificationLabel, Territory
from CalcScoreLogic.images.geometry import Geometry, Image
from CalcScoreLogic.phantom import PhantomParameters, make_phantom
from CalcScoreLogic.pipeline import score_masks
from CalcScoreLogic.report.case_page import write_report
from CalcScoreLogic.report.projections import CUT_COLOUR, png, projections
from CalcScoreLogic.results import BurdenRange, CaseResult, ScoredCase

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


def result() -> CaseResult:
    """An aorta of 512 voxels of 1 cm³ with 8 calcified ones, and a right renal artery."""
    territories = np.zeros((12, 12, 14), np.uint8)
    territories[2:10, 2:10, 5:13] = Territory.AORTA
    territories[5:7, 5:7, 2:5] = Territory.RENAL
    calcification = np.where(territories > 0, 1, 0).astype(np.uint8)
    calcification[3, 3, 5:13] = 2
    geometry = Geometry((14, 12, 12), (10.0, 10.0, 10.0))
    case = score_masks("<b> & co", Image(territories, geometry), Image(calcification, geometry)).result
    return replace(case, warnings=("Look <here>.",))


def cells(page: str) -> list[list[str]]:
    rows = re.findall(r"<tr class[^>]*>(.*?)</tr>", page)
    return [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in rows]


def test_rows_and_missing_values(tmp_path: Path) -> None:
    case = result()
    write_report(tmp_path / "r.html", case)
    rows = {row[0]: row[1:] for row in cells((tmp_path / "r.html").read_text(encoding="utf-8"))}
    aorta = case.scores.territories["aorta"]
    assert rows["Aorta"][0] == f"{100 * aorta.burden:.1f}"
    assert rows["Aorta"][1] == "8\u202f000"  # mm³
    assert rows["Mesenteric"] == ["–", "–", "–", "–", "–", "absent"]
    assert rows["right renal"][-1] == "complete"
    assert rows["left renal"][-1] == "absent"
    assert list(rows)[-1] == "Combined"


def test_names_and_warnings_cannot_break_the_page(tmp_path: Path) -> None:
    write_report(tmp_path / "r.html", result())
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<h1>&lt;b&gt; &amp; co" in page
    assert "<li>Look &lt;here&gt;.</li>" in page
    assert page.count("Not a medical device") == 1


def test_folds_have_a_column_where_there_are_some(tmp_path: Path) -> None:
    write_report(tmp_path / "r.html", result())
    assert "Folds" not in (tmp_path / "r.html").read_text(encoding="utf-8")
    ranges = {"aorta": BurdenRange(0.011, 0.034), "mesenteric": BurdenRange(None, None)}
    write_report(tmp_path / "r.html", replace(result(), burden_ranges=ranges))
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    rows = {row[0]: row[1:] for row in cells(page)}
    assert "Folds" in page
    assert rows["Aorta"][5] == "1.1 to 3.4"
    assert rows["Mesenteric"][5] == rows["right renal"][5] == ""
    assert {len(row) for row in rows.values()} == {7}


def test_every_figure_of_scores_json_is_on_the_page(tmp_path: Path) -> None:
    phantom = make_phantom(PhantomParameters(3))
    case = score_masks("phantom", phantom.territories, phantom.calcification, cta=phantom.cta)
    write_report(tmp_path / "r.html", case.result)
    case.result.write_json(tmp_path / "s.json")
    scores = json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    rows = {row[0].lower().replace(" ", "_"): row[1:] for row in cells(page)}
    assert rows.keys() == scores["territories"].keys() | scores["vessels"].keys()

    def number(value: float | None, digits: int) -> str:
        return "–" if value is None else f"{value:,.{digits}f}".replace(",", "\u202f")

    for name, row in {**scores["territories"], **scores["vessels"]}.items():
        burden, mean = row["burden"], row["mean_cluster_volume_mm3"]
        assert rows[name] == [
            number(None if burden is None else 100 * burden, 1),
            number(row["calcified_volume_mm3"], 0),
            number(row["artery_volume_mm3"] / 1000, 1),
            str(row["cluster_count"]),
            number(mean, 0),
            "complete" if row["status"] == "ok" else row["status"].replace("_", " "),
        ]
    plaques = re.findall(r"<li>.*?<span>([^<]*) mm³, ([^<]*) HU</span></li>", page)
    assert plaques == [(number(c["volume_mm3"], 0), number(c["max_hu"], 0)) for c in scores["clusters"][:15]]
    widths = [float(width) for width in re.findall(r"width:([0-9.]+)%", page)]
    burdens = [row["burden"] for row in scores["territories"].values()]
    np.testing.assert_allclose(widths, [100 * burden / max(burdens) for burden in burdens], atol=0.051)


def small() -> tuple[Image, ScoredCase]:
    """Voxels of 1 x 2 x 3 mm, (z, y, x): an aorta, its kept lower half with a plaque in front."""
    geometry = Geometry((9, 7, 11), (1.0, 2.0, 3.0))
    full = np.zeros(geometry.shape, np.uint8)
    full[1:10, 2:5, 3:6] = Territory.AORTA
    kept = full.copy()
    kept[6:] = 0
    marked = np.zeros(geometry.shape, np.uint8)
    marked[3, 2, 4] = CalcificationLabel.CALCIFICATION
    marked[8, 2, 4] = CalcificationLabel.CALCIFICATION  # cut off, so not shown
    cta = np.full(geometry.shape, -1000, np.int16)
    maps = (Image(array, geometry) for array in (full, kept, marked))
    return Image(cta, geometry), ScoredCase(result(), *maps)


def picture(data: bytes, folder: Path) -> np.ndarray:
    (folder / "picture.png").write_bytes(data)
    array: np.ndarray = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "picture.png")))
    return array


@pytest.mark.parametrize("stored", ["canonical", "flipped"])
def test_projections_put_colours_where_the_labels_are(stored: str, tmp_path: Path) -> None:
    cta, scored = small()
    if stored == "flipped":
        flipped = Geometry(
            (9, 7, 11), (1.0, 2.0, 3.0), (8.0, 12.0, 30.0), (-1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, -1.0)
        )
        images = (cta, scored.territories, scored.shortened, scored.calcification)
        cta, *maps = (Image(image.array[::-1, ::-1, ::-1], flipped) for image in images)
        scored = ScoredCase(scored.result, *maps)
    front, side = projections(cta, scored)
    assert (front.left, front.right, side.left, side.right) == ("R", "L", "A", "P")
    coronal = picture(front.png, tmp_path)
    # The margin reaches the borders: 11 slices of 3 mm and 9 voxels of 1 mm, in pixels of 0.5 mm.
    assert coronal.shape == (66, 18, 3)
    yellow = np.array(CALCIFICATION_STRUCTURES[CalcificationLabel.CALCIFICATION].colour)

    def at(slice_: int, column: int) -> np.ndarray:
        return coronal[66 - 6 * slice_ - 3, 2 * column + 1].astype(int)

    np.testing.assert_array_equal(at(3, 4), yellow)
    np.testing.assert_array_equal(at(3, 3), np.rint(0.75 * np.array(STRUCTURES[Territory.AORTA].colour)))
    np.testing.assert_array_equal(at(8, 4), np.rint(0.45 * np.array(CUT_COLOUR)))
    np.testing.assert_array_equal(at(3, 1), 0)
    sagittal = picture(side.png, tmp_path)
    assert sagittal.shape == (66, 28, 3)
    # Anterior is on the left; the plaque lies in the aorta's front.
    assert (sagittal[66 - 6 * 3 - 3] == yellow).all(axis=1).nonzero()[0].tolist() == [8, 9, 10, 11]


def test_a_png_is_read_back_as_it_was(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    np.testing.assert_array_equal(picture(png(array), tmp_path), array)


def test_the_page_needs_no_other_file(tmp_path: Path) -> None:
    write_report(tmp_path / "r.html", result(), projections(*small()))
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 2
    assert not re.search(r"(src|href)=\"(?!data:)|url\(|@import|http", page)


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
@pytest.mark.parametrize("warnings", [0, 4, 20])
def test_it_prints_on_one_sheet(warnings: int, tmp_path: Path) -> None:
    phantom = make_phantom(PhantomParameters(3))
    images = (phantom.territories, phantom.calcification)
    case = score_masks("phantom", *images, cta=phantom.cta)
    text = "the volume ends inside the standard length, so the figures may stand for a part; scan more next time."
    full = replace(case.result, warnings=tuple(f"Territory {n}: {text}" for n in range(warnings)))
    pictures = projections(phantom.cta, case)
    write_report(tmp_path / "r.html", full, pictures)
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    subprocess.run(
        [*command, f"--print-to-pdf={tmp_path / 'r.pdf'}", (tmp_path / "r.html").as_uri()],
        check=True,
        capture_output=True,
    )
    assert len(re.findall(rb"/Type\s*/Page\b(?!s)", (tmp_path / "r.pdf").read_bytes())) == 1
