"""``calcscore analyze`` and ``batch`` with arteries from another tool and calcium from a threshold."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from CalcScoreLogic.cli import main
from CalcScoreLogic.images.files import read_calcification, read_territories, write_image
from CalcScoreLogic.images.geometry import Geometry, Image
from CalcScoreLogic.models import Role
from CalcScoreLogic.pipeline import CaseParameters, score_masks
from Testing.logic.model_folders import NEEDS_NNUNET
from Testing.logic.other_tool_cases import GEOMETRY, LUMEN_HU, PLAQUE_HU, arrays, write_case


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_case(tmp_path_factory.mktemp("case") / "patient 7")


def analyze(case: Path, output: Path, *options: object) -> dict:
    """Run the command, with an interpreter that no network could be started with; give the scores."""
    arguments = ["analyze", case / "cta.nii.gz", "-o", output, "--python", "/no/such/python", *options]
    assert main([str(argument) for argument in arguments]) == 0
    return json.loads((output / "scores.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("arteries", "options"),
    [
        ("arteries.nii.gz", []),
        ("totalseg.nii.gz", ["--preset", "totalsegmentator"]),
        ("totalseg.nii.gz", ["--map", "52=aorta,65=iliac"]),
        ("masks", ["--preset", "totalsegmentator"]),
    ],
)
def test_one_command_scores_another_tool_s_arteries(
    case: Path, arteries: str, options: list[str], tmp_path: Path
) -> None:
    scores = analyze(case, tmp_path / "out", "--arteries", case / arteries, *options)
    cta, territories, plaques = arrays(0)
    truth = score_masks("x", Image(territories, GEOMETRY), Image(np.where(plaques, 2, 1), GEOMETRY)).result.to_dict()
    assert scores["territories"] == truth["territories"]
    parameters = scores["parameters"]
    assert parameters["calcification"] == "adaptive"
    assert LUMEN_HU + 10 < parameters["threshold_hu"] < PLAQUE_HU
    assert parameters["lumen"]["median_hu"] == np.median(cta[(territories == 1) & ~plaques])
    inputs = scores["provenance"]["inputs"]
    assert len(inputs) == (3 if arteries == "masks" else 2)
    assert all(len(entry["sha256"]) == 64 for entry in inputs.values())
    assert scores["provenance"]["models"] == {}
    report = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    told = "2 mask files" if arteries == "masks" else arteries
    assert f"Arteries: {told} · calcium: adaptive {parameters['threshold_hu']:.0f} HU" in report
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"territories.nii.gz", "shortened.nii.gz", "calcification.nii.gz", "scores.csv", "report.html"} <= names
    np.testing.assert_array_equal(read_territories(tmp_path / "out" / "territories.nii.gz").array, territories)
    np.testing.assert_array_equal(read_calcification(tmp_path / "out" / "calcification.nii.gz").array == 2, plaques)


def test_a_threshold_in_hu(case: Path, tmp_path: Path) -> None:
    options = ["--arteries", case / "arteries.nii.gz", "--calcification", "345"]
    scores = analyze(case, tmp_path / "out", *options, "--length", "30", "--weights", "aorta=1")
    cta, territories, _ = arrays(0)
    labels = Image(np.where(cta >= 345, 2, 1), GEOMETRY)
    lengths = CaseParameters().shortening.__class__(30.0)
    truth = score_masks("x", Image(territories, GEOMETRY), labels, CaseParameters(lengths)).result
    assert scores["territories"]["combined"]["burden"] == truth.scores.territories["combined"].burden
    assert (scores["parameters"]["calcification"], scores["parameters"]["threshold_hu"]) == ("fixed", 345.0)
    assert scores["composite"]["burden"] == truth.scores.territories["aorta"].burden


def test_no_network_needs_no_torch(case: Path, tmp_path: Path) -> None:
    """The whole command in a Python that finds neither PyTorch nor nnU-Net."""
    program = (
        "import sys\n"
        "class Gone:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('torch', 'nnunetv2', 'openvino', 'matplotlib'):\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Gone())\n"
        "from CalcScoreLogic.cli import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    arguments = ["analyze", case / "cta.nii.gz", "--arteries", case / "arteries.nii.gz", "-o", tmp_path / "out"]
    subprocess.run([sys.executable, "-c", program, *map(str, arguments)], check=True)
    assert (tmp_path / "out" / "report.html").is_file()


@pytest.mark.parametrize(
    ("options", "fragment"),
    [
        (["--preset", "totalsegmentator"], "give the arteries too"),
        (["--arteries", "a.nii.gz", "--preset", "totalsegmentator", "--map", "1=aorta"], "not both"),
        (["--arteries", "a.nii.gz", "--map", "1=lung"], "is not LABEL=TERRITORY"),
        (["--arteries", "a.nii.gz", "--calcification", "bright"], "neither network nor adaptive"),
        (["--arteries", "a.nii.gz", "--territory-model", "m"], "no network labels territories"),
        (["--arteries", "a.nii.gz"], "no such file or folder"),
        (["--arteries", "."], "needs --preset totalsegmentator"),
    ],
)
def test_what_does_not_go_together_is_refused(
    case: Path,
    options: list[str],
    fragment: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["analyze", str(case / "cta.nii.gz"), "-o", "out", *options]) == 2
    assert fragment in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_arteries_on_another_grid_are_refused(case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, territories, _ = arrays(0)
    moved = Geometry(GEOMETRY.size, GEOMETRY.spacing, (7.0, -3.0, 10.0))
    write_image(tmp_path / "moved.nii.gz", Image(territories, moved))
    command = ["analyze", case / "cta.nii.gz", "--arteries", tmp_path / "moved.nii.gz", "-o", tmp_path / "out"]
    assert main([str(argument) for argument in command]) == 2
    told = capsys.readouterr().err
    assert "different grids" in told
    assert all(str(path) in told for path in (case / "cta.nii.gz", tmp_path / "moved.nii.gz"))


def test_arteries_without_a_voxel_are_named(case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_image(tmp_path / "none.nii.gz", Image(np.zeros(GEOMETRY.shape, np.uint8), GEOMETRY))
    command = ["analyze", case / "cta.nii.gz", "--arteries", tmp_path / "none.nii.gz", "-o", tmp_path / "out"]
    assert main([str(argument) for argument in (*command, "--calcification", "470")]) == 2
    assert f"{tmp_path / 'none.nii.gz'}: the artery mask is empty" in capsys.readouterr().err


def test_a_label_map_in_the_place_of_the_cta_is_refused(
    case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["analyze", case / "arteries.nii.gz", "--arteries", case / "arteries.nii.gz", "-o", tmp_path / "out"]
    assert main([str(argument) for argument in command]) == 2
    told = f"{case / 'arteries.nii.gz'}: this looks like a label map and not like a CT, give the CTA"
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@NEEDS_NNUNET
@pytest.mark.parametrize("given", ["arteries", "calcification"])
def test_one_network_and_the_other_s_place_taken(
    given: str, case: Path, trained: dict[Role, Path], tmp_path: Path
) -> None:
    output = tmp_path / "out"
    options: list[object] = ["--device", "cpu", "--threads", "1", "--profile", "quick"]
    if given == "arteries":
        options += ["--arteries", case / "arteries.nii.gz", "--calcification", "network"]
        options += ["--calcification-model", trained[Role.CALCIFICATION]]
    else:
        options += ["--calcification", "300", "--territory-model", trained[Role.TERRITORIES]]
    arguments = ["analyze", case / "cta.nii.gz", "-o", output, *options]
    assert main([str(argument) for argument in arguments]) == 0
    scores = json.loads((output / "scores.json").read_text(encoding="utf-8"))
    expected = ("network", "calcification") if given == "arteries" else ("fixed", "territories")
    assert (scores["parameters"]["calcification"], *scores["provenance"]["models"]) == expected
    if given == "arteries":
        np.testing.assert_array_equal(read_territories(output / "territories.nii.gz").array, arrays(0)[1])


def batch(source: Path, output: Path, *options: object) -> int:
    arguments = ["batch", source, "-o", output, "--python", "/no/such/python", *options]
    return main([str(argument) for argument in arguments])


def states(output: Path) -> dict[str, dict[str, str]]:
    with (output / "cases.csv").open(newline="", encoding="utf-8") as stream:
        return {row["case"]: row for row in csv.DictReader(stream)}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two whole cases and one without arteries."""
    folder = tmp_path_factory.mktemp("cohort")
    for seed in range(3):
        write_case(folder / f"case_{seed}", seed)
    (folder / "case_2" / "totalseg.nii.gz").unlink()
    return folder


@pytest.mark.parametrize("pattern", ["totalseg.nii.gz", "../{case}/total*.nii.gz"])
def test_a_cohort_without_networks(cohort: Path, pattern: str, tmp_path: Path) -> None:
    output = tmp_path / "out"
    options = ["--arteries", pattern, "--preset", "totalsegmentator"]
    assert batch(cohort, output, *options) == 1
    found = states(output)
    assert [row["state"] for row in found.values()] == ["done", "done", "failed"]
    assert "nothing matches" in found["case_2"]["reason"]
    single = analyze(
        cohort / "case_1", tmp_path / "single", "--arteries", cohort / "case_1" / "totalseg.nii.gz", *options[2:]
    )
    scores = json.loads((output / "case_1" / "scores.json").read_text(encoding="utf-8"))
    for part in ("territories", "parameters", "warnings"):
        assert scores[part] == single[part]
    assert scores["provenance"]["inputs"] == single["provenance"]["inputs"]


@NEEDS_NNUNET
def test_a_cohort_s_arteries_tell_the_network_where_to_look(
    cohort: Path, trained: dict[Role, Path], tmp_path: Path
) -> None:
    networks = ["--calcification", "network", "--calcification-model", str(trained[Role.CALCIFICATION])]
    networks += ["--device", "cpu", "--threads", "1", "--profile", "quick"]
    output, single = tmp_path / "out", tmp_path / "single"
    assert main(["batch", str(cohort), "-o", str(output), "--arteries", "arteries.nii.gz", *networks]) == 0
    arteries = cohort / "case_1" / "arteries.nii.gz"
    command = ["analyze", str(cohort / "case_1" / "cta.nii.gz"), "-o", str(single), "--arteries", str(arteries)]
    assert main([*command, *networks]) == 0
    found, alone = (
        json.loads((folder / "scores.json").read_text(encoding="utf-8")) for folder in (output / "case_1", single)
    )
    assert found["territories"] == alone["territories"]
    assert found["provenance"]["inference"]["coverage"] == alone["provenance"]["inference"]["coverage"]
    names = ("territories.nii.gz", "calcification.nii.gz")
    assert [(output / "case_1" / n).read_bytes() for n in names] == [(single / n).read_bytes() for n in names]


def test_a_cohort_runs_again_only_where_arteries_or_threshold_changed(
    cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output, segmented = tmp_path / "out", tmp_path / "segmented"
    segmented.mkdir()
    for seed in range(3):
        (segmented / f"case_{seed}.nii.gz").write_bytes((cohort / f"case_{seed}" / "arteries.nii.gz").read_bytes())
    options = ["--arteries", segmented / "{case}.nii.gz"]
    ran = "case_{}: burden".format
    assert batch(cohort, output, *options) == 0
    printed = capsys.readouterr().out
    assert all(ran(n) in printed for n in range(3))
    assert batch(cohort, output, *options) == 0
    assert "burden" not in capsys.readouterr().out
    _, territories, _ = arrays(1)
    territories[:50] = 0
    write_image(segmented / "case_1.nii.gz", Image(territories, GEOMETRY))
    assert batch(cohort, output, *options) == 0
    printed = capsys.readouterr().out
    assert ran(1) in printed
    assert ran(0) not in printed
    assert batch(cohort, output, *options, "--calcification", "500") == 0
    printed = capsys.readouterr().out
    assert all(ran(n) in printed for n in range(3))


def test_a_list_names_the_arteries(cohort: Path, tmp_path: Path) -> None:
    lines = ["case,path,arteries"]
    lines += [f"c{n},{cohort / f'case_{n}' / 'cta.nii.gz'},{cohort / f'case_{n}' / 'masks'}" for n in (0, 1)]
    lines += [f"c2,{cohort / 'case_2' / 'cta.nii.gz'},"]
    (tmp_path / "list.csv").write_text("\n".join(lines), encoding="utf-8")
    output = tmp_path / "out"
    assert batch(tmp_path / "list.csv", output, "--preset", "totalsegmentator") == 1
    found = states(output)
    assert [row["state"] for row in found.values()] == ["done", "done", "failed"]
    assert "names no arteries" in found["c2"]["reason"]


def test_label_maps_among_the_cases_are_no_cases(
    cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    for seed in range(2):
        for name, ending in (("cta", ""), ("totalseg", "_arteries")):
            data = (cohort / f"case_{seed}" / f"{name}.nii.gz").read_bytes()
            (flat / f"p{seed}{ending}.nii.gz").write_bytes(data)
    options = ["--arteries", "{case}_arteries.nii.gz", "--preset", "totalsegmentator"]
    assert batch(flat, tmp_path / "out", *options) == 0
    assert list(states(tmp_path / "out")) == ["p0", "p1"]


def test_a_cta_that_is_two_cases_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cohort = tmp_path / "cohort"
    for number, name in enumerate(("P1", "P2", "P3")):
        write_case(cohort / name, number)
    shutil.copy(cohort / "P2" / "cta.nii.gz", cohort / "P3" / "cta.nii.gz")
    (cohort / "P3" / "arteries.nii.gz").write_bytes((cohort / "P2" / "arteries.nii.gz").read_bytes())
    table, output = tmp_path / "list.csv", tmp_path / "results"
    rows = ["case,path,arteries", *(f"{name},cohort/{name},cohort/{name}/arteries.nii.gz" for name in ("P1", "P2"))]
    # The same arteries with another CTA, or another reader's with the same CTA, are no double.
    rows += ["P2 again,cohort/P3,cohort/P3/arteries.nii.gz", "P1 b,cohort/P1,cohort/P2/totalseg.nii.gz"]
    table.write_text("\n".join(rows), encoding="utf-8")
    command = ["batch", str(table), "-o", str(output), "--map", "1=aorta,2=iliac,52=aorta,65=iliac"]
    for options in ([], ["--json"]):
        assert main([*command, *options]) == 0
        found = capsys.readouterr()
        told = json.loads(found.out)["warnings"] if options else found.err.splitlines()
        assert [line.removeprefix("warning: ") for line in told if "the same CTA" in line] == [
            "P2, P2_again hold the same CTA, so that one patient counts 2 times in the tables; take the others out of "
            "the source, and their folders out of the results"
        ]
    with (output / "scores.csv").open(newline="", encoding="utf-8") as stream:
        assert {row["case"] for row in csv.DictReader(stream)} == {"P1", "P1_b", "P2", "P2_again"}


@pytest.mark.parametrize("name", ["cohort.html", "scores.csv", "cases.csv"])
def test_no_case_has_the_name_of_a_table(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_case(tmp_path / "P1")
    table, output = tmp_path / "list.csv", tmp_path / "results"
    table.write_text(f"case,path,arteries\n{name},P1,P1/arteries.nii.gz\n", encoding="utf-8")
    assert main(["batch", str(table), "-o", str(output)]) == 2
    assert capsys.readouterr().err == f"calcscore: {name}: no case can have this name, rename it\n"


def test_a_cta_that_is_not_there_is_told_before_its_arteries(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A list from Windows names files with backslashes."""
    table = tmp_path / "list.csv"
    table.write_text("case,path\nA,P1\\cta.nii.gz\n", encoding="utf-8")
    assert main(["batch", str(table), "--arteries", "arteries.nii.gz", "-o", str(tmp_path / "out")]) == 1
    assert "A: failed, P1\\cta.nii.gz: no such file or folder, check the path" in capsys.readouterr().out
