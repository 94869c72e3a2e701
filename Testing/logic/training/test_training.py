"""Training: the checks, the conversion, the jobs and what the command line refuses."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from CalcScoreLogic import training
from CalcScoreLogic.atomic import PENDING
from CalcScoreLogic.cli import train as command
from CalcScoreLogic.errors import CalcScoreError, InputError
from CalcScoreLogic.images.files import read_ct, read_territories
from CalcScoreLogic.models import Role
from CalcScoreLogic.training import Recipe, Workspace, processes
from CalcScoreLogic.training.plan import small_plans
from CalcScoreLogic.training.processes import Job, run_jobs
from CalcScoreLogic.training.run import run_locked
from Testing.logic.model_folders import NEEDS_NNUNET
from Testing.logic.training.tiny_training import TINY, options

ABOUT = training.About("test", "tests", demo=True)


def write(path: Path, array: np.ndarray, spacing: float = 1.0) -> None:
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((spacing, spacing, spacing))
    sitk.WriteImage(image, str(path))


def make_case(folder: Path, suffix: str = ".nii.gz", seed: int = 0) -> Path:
    """A case of 6 x 7 x 8 voxels that holds every label."""
    folder.mkdir(parents=True)
    territories = np.zeros((8, 7, 6), np.uint8)
    territories[:, 2, 2], territories[:6, 3, 3] = 1, 2
    territories[:, 4, 4], territories[:, 5, 4] = 3, 4
    calcification = (territories > 0).astype(np.uint8)
    calcification[3, 2, 2] = 2
    cta = np.random.default_rng(seed).integers(-100, 500, territories.shape).astype(np.int16)
    for stem, array in (("cta", cta), ("territories", territories), ("calcification", calcification)):
        write(folder / f"{stem}{suffix}", array)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five good cases."""
    for n in range(5):
        make_case(tmp_path / "cases" / f"case ä{n}", seed=n)
    return tmp_path / "cases"


def problems(folder: Path) -> list[str]:
    return training.check_cases(training.find_cases(folder)).problems


def test_good_cases_have_no_problem_and_no_warning(folder: Path) -> None:
    cases = training.find_cases(folder)
    report = training.check_cases(cases)
    assert [case.name for case in cases] == [f"case ä{n}" for n in range(5)]
    assert (report.problems, report.warnings) == ([], [])


def test_four_cases_are_too_few_for_five_folds(folder: Path) -> None:
    shutil.rmtree(folder / "case ä0")
    assert problems(folder) == ["there are 4 cases, five folds need at least 5"]


def test_every_incomplete_case_is_named_at_once(folder: Path) -> None:
    (folder / "case ä1" / "territories.nii.gz").unlink()
    shutil.copy(folder / "case ä3" / "cta.nii.gz", folder / "case ä3" / "cta.nii")
    with pytest.raises(InputError) as caught:
        training.find_cases(folder)
    text = str(caught.value)
    assert "2 problems" in text
    assert f"{folder / 'case ä1'}: there is no territories file" in text
    assert f"{folder / 'case ä3'}: cta.nii and cta.nii.gz are both there" in text


def test_a_case_whose_replacement_was_killed_is_finished_first(folder: Path) -> None:
    case = folder / "case ä1"
    (case / PENDING).mkdir()
    (case / "territories.nii.gz").rename(case / PENDING / "territories.nii.gz")
    assert len(training.find_cases(folder)) == 5
    assert not (case / PENDING).exists()


def test_folder_without_cases_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    with pytest.raises(InputError, match="no case folder"):
        training.find_cases(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        training.find_cases(tmp_path / "nowhere")


def test_every_bad_file_is_named_with_its_reason(folder: Path) -> None:
    odd = np.zeros((8, 7, 6), np.uint8)
    odd[2, 2, 2] = 9
    write(folder / "case ä0" / "territories.nii.gz", odd)
    write(folder / "case ä1" / "calcification.nii.gz", np.ones((8, 7, 6), np.uint8), spacing=2.0)
    whole = (folder / "case ä2" / "cta.nii.gz").read_bytes()
    (folder / "case ä2" / "cta.nii.gz").write_bytes(whole[: len(whole) // 2])
    found = problems(folder)
    assert len(found) == 3
    assert str(folder / "case ä0" / "territories.nii.gz") in found[0]
    assert "9" in found[0]
    assert str(folder / "case ä1" / "calcification.nii.gz") in found[1]
    assert "different grids" in found[1]
    assert str(folder / "case ä2" / "cta.nii.gz") in found[2]


def test_labels_that_no_case_holds_are_problems(folder: Path) -> None:
    for case in folder.iterdir():
        array = read_territories(case / "territories.nii.gz").array.copy()
        array[array == 4] = 0
        write(case / "territories.nii.gz", array)
        write(case / "calcification.nii.gz", (array > 0).astype(np.uint8))
    found = problems(folder)
    assert len(found) == 2
    assert "label 4 (renal)" in found[0]
    assert "label 2 (calcification)" in found[1]


def test_empty_label_map_of_one_case_is_a_warning(folder: Path) -> None:
    path = folder / "case ä2" / "calcification.nii.gz"
    write(path, np.zeros((8, 7, 6), np.uint8))
    report = training.check_cases(training.find_cases(folder))
    assert report.problems == []
    assert report.warnings == [f"{path}: the label map is empty"]


def test_a_cta_that_is_there_twice_is_told(folder: Path) -> None:
    """The folds' own validation would be of cases that they have learned from."""
    shutil.rmtree(folder / "case ä3")
    copy = shutil.copytree(folder / "case ä1", folder / "case ä3") / "cta.nii.gz"
    report = training.check_cases(training.find_cases(folder))
    assert report.problems == []
    assert report.warnings == [f"{copy}: the same CTA as in case ä1, so a fold is tested on what it has seen"]


def test_a_label_map_in_the_place_of_a_cta_is_a_problem(folder: Path) -> None:
    cta = folder / "case ä2" / "cta.nii.gz"
    shutil.copy(folder / "case ä2" / "territories.nii.gz", cta)
    assert problems(folder) == [f"{cta}: this looks like a label map and not like a CT, give the CTA"]


def test_arteries_that_do_not_belong_to_the_cta_are_told(folder: Path) -> None:
    """Maps that are shifted, or another patient's, teach nonsense without a word."""
    write(folder / "case ä2" / "cta.nii.gz", np.full((8, 7, 6), -120, np.int16))
    report = training.check_cases(training.find_cases(folder))
    assert report.problems == []
    assert [warning.partition(":")[0] for warning in report.warnings] == ["case ä2"] * 4
    assert all("lies in fat or air (median -120 HU)" in warning for warning in report.warnings)


def test_split_holds_every_case_out_once_whatever_the_order() -> None:
    names = [f"case_{n}" for n in range(13)]
    splits = training.split_cases(names)
    assert splits == training.split_cases(reversed(names))
    assert len(splits) == 5
    assert sorted(name for split in splits for name in split["val"]) == sorted(names)
    for split in splits:
        assert sorted(split["train"] + split["val"]) == sorted(names)
        assert len(split["val"]) in (2, 3)


def test_conversion_keeps_voxels_and_gives_both_ensembles_one_split(folder: Path, tmp_path: Path) -> None:
    other = make_case(folder / "metaimage", ".mha", seed=9)
    workspace = Workspace(tmp_path / "work")
    cases = training.find_cases(folder)
    training.convert(cases, workspace)
    splits = []
    for role in Role:
        raw = workspace.raw(role)
        assert len(list((raw / "imagesTr").iterdir())) == len(list((raw / "labelsTr").iterdir())) == 6
        image = read_ct(raw / "imagesTr" / "metaimage_0000.nii.gz")
        assert np.array_equal(image.array, read_ct(other / "cta.mha").array)
        splits.append(json.loads((workspace.preprocessed(role) / "splits_final.json").read_text()))
    assert splits[0] == splits[1] == training.split_cases(case.name for case in cases)
    territories = json.loads((workspace.raw(Role.TERRITORIES) / "dataset.json").read_text())
    assert territories["labels"] == {"background": 0, "aorta": 1, "iliac": 2, "mesenteric": 3, "renal": 4}
    assert territories["channel_names"] == {"0": "CT"}
    calcification = json.loads((workspace.raw(Role.CALCIFICATION) / "dataset.json").read_text())
    assert calcification["labels"] == {"background": 0, "artery": 1, "calcification": 2}
    label = read_ct(workspace.raw(Role.CALCIFICATION) / "labelsTr" / "case ä1.nii.gz").array
    assert np.array_equal(label, read_ct(folder / "case ä1" / "calcification.nii.gz").array)


def test_a_conversion_that_was_interrupted_keeps_no_case_that_was_changed_or_taken_away(
    folder: Path, tmp_path: Path
) -> None:
    workspace = Workspace(tmp_path / "work")
    cases = training.find_cases(folder)
    training.convert(cases, workspace)
    corrected = read_territories(cases[0].territories).array.copy()
    corrected[corrected == 4] = 3
    # A new file, as most programs write it: the old one lives on under its second name.
    cases[0].territories.unlink()
    write(cases[0].territories, corrected)
    shutil.rmtree(folder / cases[-1].name)
    training.convert(training.find_cases(folder), workspace)
    raw = workspace.raw(Role.TERRITORIES)
    found = read_territories(raw / "labelsTr" / f"{cases[0].name}.nii.gz").array
    np.testing.assert_array_equal(found, corrected)
    assert sorted(path.name for path in (raw / "labelsTr").iterdir()) == [f"{c.name}.nii.gz" for c in cases[:-1]]


def test_two_trainings_in_one_folder_do_not_meet(folder: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    workspace = Workspace(work)
    with workspace.locked("preparing"), pytest.raises(InputError) as caught:
        training.prepare(training.find_cases(folder), Workspace(work), TINY, ABOUT, str)
    assert str(caught.value) == (
        f"{work}: another calcscore train is at work here (preparing), wait for its end or choose another folder"
    )
    jobs = [Job(f"territories fold {fold}", ("no_such_module",), tmp_path / "log") for fold in (0, 1)]
    with workspace.locked("territories fold 1"), pytest.raises(InputError, match=r"here \(territories fold 1\)"):
        run_locked(Workspace(work), jobs, {}, 1, str)
    assert not (tmp_path / "log").exists()


def test_a_task_of_a_job_array_does_not_meet_another_training_of_its_fold(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    module = ["CalcScoreLogic.training.fold", str(tmp_path), "territories"]
    with workspace.locked("territories fold 1"):
        for fold, told in (("1", "another calcscore train is at work here (territories fold 1)"), ("2", "no training")):
            task = subprocess.run([sys.executable, "-m", *module, fold], capture_output=True, text=True)
            assert task.returncode == 1
            assert told in task.stderr
            assert task.stderr.count("\n") == 1


def test_recipes_survive_json_and_refuse_no_epochs() -> None:
    for preset in (training.PAPER, training.DEMO, TINY):
        assert Recipe.from_dict(json.loads(json.dumps(preset.to_dict()))) == preset
    assert training.PAPER.epochs == 1000
    assert training.PAPER.plans_name == "nnUNetPlans"
    with pytest.raises(InputError, match="0 epochs"):
        replace(training.DEMO, epochs=0)


def test_small_plans_change_only_the_network_and_the_grid() -> None:
    architecture = {"network_class_name": "x", "arch_kwargs": {"n_stages": 6, "conv_bias": True}}
    planned = {
        "architecture": architecture,
        "patch_size": [128, 128, 128],
        "normalization_schemes": ["CTNormalization"],
    }
    intensities = {"0": {"max": 1200.0, "percentile_99_5": 600.0, "mean": 300.0}}
    default = {
        "plans_name": "nnUNetPlans",
        "configurations": {"2d": {}, "3d_fullres": planned},
        "foreground_intensity_properties_per_channel": intensities,
    }
    bright, plain = (small_plans(default, TINY, TINY.networks[role]) for role in (Role.CALCIFICATION, Role.TERRITORIES))
    configuration = plain["configurations"]["3d_fullres"]
    assert list(plain["configurations"]) == ["3d_fullres"]
    assert (configuration["patch_size"], configuration["spacing"]) == ([16, 32, 32], [5.0, 5.0, 5.0])
    assert configuration["normalization_schemes"] == ["CTNormalization"]
    assert configuration["architecture"]["arch_kwargs"]["n_stages"] == 3
    assert configuration["architecture"]["arch_kwargs"]["conv_bias"] is True
    assert plain["foreground_intensity_properties_per_channel"]["0"]["percentile_99_5"] == 600.0
    assert bright["foreground_intensity_properties_per_channel"]["0"]["percentile_99_5"] == 1200.0
    assert default["configurations"]["3d_fullres"]["patch_size"] == [128, 128, 128]


def test_job_array_has_a_task_for_every_fold(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "a work folder")
    workspace.root.mkdir()
    script = training.write_script(workspace)
    text = script.read_text()
    assert "#SBATCH --array=0-9\n" in text
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0
    stub = text.replace("exec ", "exec echo ")
    told = [
        subprocess.run(
            ["bash", "-c", stub], env={"SLURM_ARRAY_TASK_ID": str(n), "PATH": os.environ["PATH"]}, capture_output=True,
            text=True, check=True,
        ).stdout.split()[-2:]
        for n in range(10)
    ]  # fmt: skip
    assert told == [[role.value, str(fold)] for role in Role for fold in range(5)]


def test_job_array_refuses_folds_that_wait_for_each_other() -> None:
    training.check_for_array(training.PAPER)
    with pytest.raises(InputError, match="--slurm"):
        training.check_for_array(training.DEMO)


def test_failed_process_is_told_by_its_last_words(tmp_path: Path) -> None:
    job = Job("territories fold 0", ("fold", str(tmp_path), "territories", "0"), tmp_path / "logs" / "fold.log")
    with pytest.raises(CalcScoreError, match=r"territories fold 0 failed: .*no training was prepared"):
        run_jobs([job], Workspace(tmp_path).environment(), workers=1)


def test_interrupt_ends_the_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def record(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
        started.append(popen(*arguments, **options))
        return started[-1]

    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(processes.subprocess, "Popen", record)
    jobs = [Job(f"job {n}", ("fold", str(tmp_path), "territories", "0"), tmp_path / f"{n}.log") for n in range(2)]
    with pytest.raises(KeyboardInterrupt):
        run_jobs(jobs, Workspace(tmp_path).environment(), workers=2, tell=interrupt)
    assert [process.returncode is not None for process in started] == [True, True]


def test_processes_get_their_folders_and_the_caller_keeps_its_environment(tmp_path: Path) -> None:
    before = dict(os.environ)
    environment = Workspace(tmp_path).environment()
    assert environment["nnUNet_results"] == str(tmp_path / "nnUNet_results")
    assert dict(os.environ) == before


@NEEDS_NNUNET
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "give the folder with the cases, or --phantoms"),
        (["cases", "--phantoms"], "give the folder with the cases, or --phantoms"),
        (["--phantoms", "4"], "at least 5"),
        (["cases", "--epochs", "0"], "0 epochs"),
        (["cases", "--slurm", "--fold", "1"], "--slurm"),
        (["cases", "--slurm", "--preset", "demo"], "--slurm"),
        (["nowhere"], "does not exist"),
    ],
)
def test_bad_usage_is_refused(arguments: list[str], reason: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=reason):
        command.run(options(*arguments, "-o", tmp_path / "work"))


def test_missing_packages_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install \"CalcScoreLogic\[nnunet\]\""):
        command.run(options("cases", "-o", tmp_path))
