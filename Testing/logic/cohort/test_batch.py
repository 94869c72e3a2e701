"""``calcscore batch``: the tables, what runs again and what does not, and every way to be interrupted."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from CalcScoreLogic.cli import main
from CalcScoreLogic.cohort.state import STATE_FOLDER, CohortFolder
from CalcScoreLogic.images.files import write_image
from CalcScoreLogic.models import Role
from Testing.logic.cohort_cases import CASES, make_cases, make_models, network_options, noise, tables, until

pytest.importorskip("nnunetv2", reason="nnunetv2 and torch are not installed")

NO_NETWORKS = ["--python", "/no/such/python"]
"""Where any case would run, the batch fails with these."""

TIMES = re.compile(rb'"(created|seconds)": [^,\n]+|20\d\d-\d\d-\d\dT[\d:+]+| in [\d.]+ s')


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[Role, Path]:
    return make_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five cases, one of them cut short."""
    folder = make_cases(tmp_path_factory.mktemp("cohort ä"))
    broken = folder / "case_3" / "cta.nii.gz"
    broken.write_bytes(broken.read_bytes()[:-300])
    return folder


@pytest.fixture(scope="module")
def undisturbed(source: Path, models: dict[Role, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a batch makes that nothing disturbs."""
    output = tmp_path_factory.mktemp("undisturbed") / "out"
    assert batch(source, output, models) == 1
    return output


@pytest.fixture
def output(undisturbed: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(undisturbed, tmp_path / "out")


def batch(source: Path, output: Path, models: dict[Role, Path], *options: str) -> int:
    return main(["batch", str(source), "-o", str(output), *network_options(models), *options])


def test_each_case_has_the_files_of_analyze(
    undisturbed: Path, source: Path, models: dict[Role, Path], tmp_path: Path
) -> None:
    single = tmp_path / "single"
    cta = source / "case_1" / "cta.nii.gz"
    assert main(["analyze", str(cta), "-o", str(single), *network_options(models)]) == 0
    names = sorted(path.name for path in single.iterdir())
    assert names == sorted(path.name for path in (undisturbed / "case_1").iterdir())
    for name in names:
        here, there = (folder.joinpath(name).read_bytes() for folder in (single, undisturbed / "case_1"))
        assert TIMES.sub(b"", here) == TIMES.sub(b"", there), name


def test_the_tables_hold_every_case_once(undisturbed: Path) -> None:
    found = tables(undisturbed)
    names = [f"case_{n}" for n in range(CASES)]
    assert [row["case"] for row in found["cases.csv"]] == names
    rows = [(row["case"], row["territory"]) for row in found["scores.csv"]]
    territories = ("aorta", "iliac", "mesenteric", "renal", "combined")
    assert rows == [(name, territory) for name in names if name != "case_3" for territory in territories]
    scores = json.loads((undisturbed / "case_4" / "scores.json").read_text(encoding="utf-8"))
    row = found["scores.csv"][rows.index(("case_4", "combined"))]
    assert row["burden"] == str(scores["territories"]["combined"]["burden"])
    assert float(row["burden"]) > 0


def test_a_case_that_cannot_be_read_is_named_and_the_rest_goes_on(undisturbed: Path) -> None:
    states = {row["case"]: row for row in tables(undisturbed)["cases.csv"]}
    assert states["case_3"]["state"] == "failed"
    assert states["case_3"]["reason"].startswith("cta.nii.gz: the file is cut short")
    assert not (undisturbed / "case_3").exists()
    assert [row["reason"] for name, row in states.items() if name != "case_3"] == [""] * (CASES - 1)


def test_nothing_runs_again_and_the_tables_stay(output: Path, source: Path, models: dict[Role, Path]) -> None:
    before = {path: path.read_bytes() for path in output.rglob("*") if path.is_file()}
    assert batch(source, output, models, *NO_NETWORKS) == 1
    assert {path: path.read_bytes() for path in output.rglob("*") if path.is_file()} == before


def test_touched_files_with_the_same_content_do_not_run_again(
    output: Path, source: Path, models: dict[Role, Path], tmp_path: Path
) -> None:
    copy = shutil.copytree(source, tmp_path / "copy", copy_function=shutil.copyfile)
    assert batch(copy, output, models, *NO_NETWORKS) == 1


@pytest.mark.parametrize("change", ["content", "length", "models", "failed", "lost"])
def test_what_has_changed_runs_again(
    change: str,
    output: Path,
    source: Path,
    models: dict[Role, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options: list[str] = []
    if change == "content":
        source = shutil.copytree(source, tmp_path / "copy")
        write_image(source / "case_2" / "cta.nii.gz", noise(77))
    elif change == "length":
        options = ["--length", "20"]
    elif change == "models":
        models = {role: shutil.copytree(folder, tmp_path / role.value) for role, folder in models.items()}
        plans = models[Role.TERRITORIES] / "plans.json"
        plans.write_text(plans.read_text() + " ")
    elif change == "failed":
        options = ["--retry-failed"]
    else:
        (output / "case_4" / "shortened.nii.gz").unlink()
    assert batch(source, output, models, *options, *NO_NETWORKS) == 2
    assert "/no/such/python: this Python cannot be started" in capsys.readouterr().err
    standing = {row["case"] for row in tables(output)["cases.csv"]}
    gone = {"content": {"case_2"}, "failed": {"case_3"}, "lost": {"case_4"}}.get(change)
    assert standing == ({f"case_{n}" for n in range(CASES)} - gone if gone else set())


def test_networks_that_cannot_be_started_are_told_once_and_in_words(
    source: Path,
    models: dict[Role, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert batch(source, tmp_path / "out", models, *NO_NETWORKS) == 2
    assert capsys.readouterr().err.count("this Python cannot be started") == 1
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


def test_a_try_with_other_options_costs_nothing_before_it_runs(
    output: Path, source: Path, models: dict[Role, Path]
) -> None:
    before = tables(output)
    assert batch(source, output, models, "--length", "20", *NO_NETWORKS) == 2
    assert tables(output) == {"scores.csv": [], "cases.csv": []}
    assert batch(source, output, models, *NO_NETWORKS) == 1
    assert tables(output) == before


def test_an_edited_case_keeps_its_edits(
    output: Path, source: Path, models: dict[Role, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    scores = output / "case_0" / "scores.json"
    content = json.loads(scores.read_text(encoding="utf-8"))
    content["territories"]["aorta"]["edited"] = True
    scores.write_text(json.dumps(content))
    assert batch(source, output, models, "--length", "20", *NO_NETWORKS) == 2
    assert [row["case"] for row in tables(output)["cases.csv"]] == ["case_0"]
    shutil.rmtree(output / "case_0")
    assert batch(source, output, models, "--length", "20", *NO_NETWORKS) == 2
    assert tables(output)["cases.csv"] == []


def test_two_batches_into_one_folder_are_refused(
    output: Path, source: Path, models: dict[Role, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    with CohortFolder(output).locked():
        assert batch(source, output, models) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "another calcscore batch or rescore is writing into this folder" in told


def test_results_in_a_folder_of_the_source_are_no_cases(
    undisturbed: Path, source: Path, models: dict[Role, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = shutil.copytree(source, tmp_path / "copy", copy_function=shutil.copyfile)
    output = shutil.copytree(undisturbed, copy / "out")
    shutil.copy(source / "case_1" / "cta.nii.gz", output / "case_1" / "cta.nii.gz")
    assert batch(copy, output, models, "--json", *NO_NETWORKS) == 1
    told = json.loads(capsys.readouterr().out)
    assert [case["case"] for case in told["cases"]] == [f"case_{n}" for n in range(CASES)]
    assert told["left_out"] == []


def test_results_among_the_inputs_are_refused(
    source: Path, models: dict[Role, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = shutil.copytree(source, tmp_path / "copy")
    before = sorted(copy.rglob("*"))
    assert batch(copy, copy, models) == 2
    assert "lies in this folder, choose another one for the results" in capsys.readouterr().err
    assert sorted(copy.rglob("*")) == before


def test_json_is_one_object(
    output: Path, source: Path, models: dict[Role, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert batch(source, output, models, "--json", *NO_NETWORKS) == 1
    told = json.loads(capsys.readouterr().out)
    assert [case["state"] for case in told["cases"]] == ["done", "done", "done", "failed", "done"]
    assert {case["input"] for case in told["cases"]} == {"the CTA of its case folder"}


def test_dask_is_not_imported() -> None:
    code = "import sys, CalcScoreLogic.cli.batch, CalcScoreLogic.cohort.batch; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"dask", "distributed", "torch", "matplotlib"} & set(loaded)


def moment(name: str, output: Path, temporary: Path) -> Callable[[], bool]:
    """Give a look that tells when a batch has reached a moment."""
    state = output / STATE_FOLDER

    def records() -> set[str]:
        return {path.stem for path in state.glob("case_*.json")}

    def unrecorded() -> set[str]:
        return {path.name for path in output.glob("case_*")} - records()

    recorded, written = records(), unrecorded()
    looks: dict[str, Callable[[], object]] = {
        "loading": lambda: [*temporary.glob("calcscore-*/job.json")],
        "at the networks": lambda: [*temporary.glob("calcscore-*/1/job.json")],
        "writing": lambda: [*output.glob(".case_*.tmp")],
        "written": lambda: unrecorded() - written,
        "recorded": lambda: records() - recorded,
    }
    return lambda: bool(looks[name]())


@pytest.mark.parametrize("seed", [11])
def test_killed_at_any_moment_it_goes_on(
    seed: int, source: Path, models: dict[Role, Path], undisturbed: Path, tmp_path: Path
) -> None:
    output, temporary = tmp_path / "out", tmp_path / "temporary"
    temporary.mkdir()
    command = [sys.executable, "-m", "CalcScoreLogic", "batch", str(source), "-o", str(output)]
    command += network_options(models)
    environment = {**os.environ, "TMPDIR": str(temporary)}
    endings = [signal.SIGKILL, signal.SIGINT, signal.SIGKILL, signal.SIGTERM, signal.SIGKILL]
    names = ["loading", "at the networks", "writing", "written", "recorded"]
    for name, ending in zip(np.random.default_rng(seed).permutation(names), endings, strict=True):
        reached = moment(name, output, temporary)
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        until(lambda process=process, reached=reached: process.poll() is not None or reached(), interval=0.001)
        process.send_signal(ending)
        _, told = process.communicate(timeout=300)
        until(lambda: not list(temporary.iterdir()))
        assert all(len(list(folder.iterdir())) == 7 for folder in output.glob("case_*"))
        if ending is not signal.SIGKILL and process.returncode != 1:
            assert process.returncode == 130
            assert told == b"calcscore: interrupted, nothing half done was left\n"
            assert not [path for path in output.iterdir() if path.name.startswith(".") and path.name != STATE_FOLDER]
    assert subprocess.run(command, env=environment, capture_output=True).returncode == 1
    assert tables(output) == tables(undisturbed)
    seen = {path.relative_to(output) for path in output.rglob("*")}
    assert seen == {path.relative_to(undisturbed) for path in undisturbed.rglob("*")}
    assert not list(temporary.iterdir())
