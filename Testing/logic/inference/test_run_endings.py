"""Runs that are cancelled, killed or refused: one sentence each, and nothing that stays."""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import pytest

from CalcScoreLogic.errors import CalcScoreError, InputError
from CalcScoreLogic.images.files import write_image
from CalcScoreLogic.images.geometry import Image
from CalcScoreLogic.inference.options import InferenceOptions
from CalcScoreLogic.inference.run import InferenceRun, RunCancelledError, RunState
from CalcScoreLogic.models import check
from CalcScoreLogic.sources import analyze
from Testing.logic.cohort_cases import until
from Testing.logic.inference.callers import gone, kill_caller, reach
from Testing.logic.inference.in_process import run_of
from Testing.logic.model_folders import WritesFile, replace_record

pytest.importorskip("nnunetv2", reason="nnunetv2 and torch are not installed")

STAGES = ["starting", "loading", "territories", "putting together", "calcification"]


def test_a_cta_that_cannot_be_read_leaves_no_process(models: dict[str, Path], place: Path, tmp_path: Path) -> None:
    """It is read while the worker starts."""
    log = tmp_path / "workers"
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\necho $$ >> {log}\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)

    def read() -> Image:
        until(lambda: log.exists() and log.read_text().endswith("\n"))  # not just created
        raise InputError("this is no CT")

    with pytest.raises(InputError, match="this is no CT"):
        analyze("case", read, [check(path) for path in models.values()], interpreter=str(python))
    until(lambda: gone(int(log.read_text())))


@pytest.mark.parametrize("stage", STAGES)
def test_cancel_at_every_stage_leaves_nothing(stage: str, cta: Image, models: dict[str, Path], place: Path) -> None:
    run = InferenceRun(cta, models)
    run.start()
    process = run._process.pid
    reach(run, stage)
    run.cancel()
    assert run.state is RunState.CANCELLED
    # A guard that was killed before it left the group is dead, but for a moment still listed.
    until(lambda: gone(process))
    assert not list(place.iterdir())
    with pytest.raises(RunCancelledError):
        run.wait()


@pytest.mark.parametrize("stage", ["starting", "territories", "calcification"])
def test_a_killed_worker_is_one_sentence(stage: str, cta: Image, models: dict[str, Path], place: Path) -> None:
    with InferenceRun(cta, models) as run:
        run.start()
        reach(run, stage)
        os.kill(run._process.pid, signal.SIGKILL)
        with pytest.raises(CalcScoreError, match=r"ended unexpectedly \(signal 9; the memory may not have sufficed\)"):
            run.wait()
        assert run.failure.code == "killed"
        assert not list(place.iterdir())


@pytest.mark.parametrize(("stage", "launched"), [("starting", False), ("territories", False), ("territories", True)])
def test_when_the_caller_dies_the_worker_and_its_files_go(
    stage: str, launched: bool, cta: Image, models: dict[str, Path], place: Path, tmp_path: Path
) -> None:
    # 3D Slicer's Python is started by a launcher, which waits for it and leads the process group.
    launcher = tmp_path / "launcher"
    launcher.write_text(f'#!/bin/sh\n"{sys.executable}" "$@"\nexit $?\n')
    launcher.chmod(0o755)
    interpreter = str(launcher) if launched else sys.executable
    file = tmp_path / "cta.nrrd"
    write_image(file, cta)
    job = {role: str(path) for role, path in models.items()}
    code = f"""
import time
from CalcScoreLogic.images.files import read_ct
from CalcScoreLogic.inference.run import InferenceRun
run = InferenceRun(read_ct({str(file)!r}), {job!r}, interpreter={interpreter!r})
run.start()
while True:
    for message in run.poll():
        if {stage!r} in getattr(message, "stage", ""):
            print(run._process.pid, flush=True)
    time.sleep(0.01)
"""
    worker = kill_caller(code, place)
    until(lambda: gone(worker) and not list(place.iterdir()))


def test_a_missing_model_folder_is_one_sentence(
    cta: Image, models: dict[str, Path], place: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(models["calcification"], tmp_path / "copy")
    run = InferenceRun(cta, {**models, "calcification": copy})
    run.start()
    shutil.rmtree(copy)
    with pytest.raises(InputError, match="copy"):
        run.wait()
    run.close()


def test_a_cut_checkpoint_is_one_sentence(cta: Image, models: dict[str, Path], place: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(models["territories"], tmp_path / "copy")
    checkpoint = copy / "fold_1" / "checkpoint_final.pth"
    checkpoint.write_bytes(checkpoint.read_bytes()[:-500])
    with InferenceRun(cta, {**models, "territories": copy}) as run:
        run.start()
        with pytest.raises(InputError, match=r"checkpoint_final\.pth"):
            run.wait()


@pytest.mark.parametrize("spoil", ["nan", "size"])
def test_weights_that_mean_nothing_are_one_sentence(
    spoil: str, cta: Image, models: dict[str, Path], tmp_path: Path
) -> None:
    # Unseen, the maps of an ensemble with a fold of NaN show background: no calcification, without a word.
    import torch

    copy = shutil.copytree(models["calcification"], tmp_path / "copy")
    checkpoint = copy / "fold_1" / "checkpoint_final.pth"
    content = torch.load(checkpoint, weights_only=False)
    name = next(iter(content["network_weights"]))
    weights = content["network_weights"][name]
    content["network_weights"][name] = weights * float("nan") if spoil == "nan" else weights[:1]
    torch.save(content, checkpoint)
    words = {"nan": "not all finite", "size": "do not fit the network that plans.json describes"}[spoil]
    with InferenceRun(cta, {**models, "calcification": copy}) as run:
        run.start()
        with pytest.raises(InputError, match=rf"fold_1.checkpoint_final\.pth: the weights .*{words}"):
            run.wait()


def test_a_crafted_checkpoint_does_not_run(cta: Image, models: dict[str, Path], tmp_path: Path) -> None:
    copy, trap = shutil.copytree(models["territories"], tmp_path / "copy"), tmp_path / "written"
    replace_record(copy / "fold_0" / "checkpoint_final.pth", "data.pkl", pickle.dumps(WritesFile(trap), protocol=2))
    with InferenceRun(cta, {**models, "territories": copy}) as run:
        run.start()
        with pytest.raises(CalcScoreError):
            run.wait()
    assert not trap.exists()


def test_a_fold_that_is_not_there_is_named(cta: Image, models: dict[str, Path]) -> None:
    with pytest.raises(InputError, match=r"has no fold 4 \(it has 0, 1, 2\)"):
        run_of(cta, models, InferenceOptions(folds=(4,)))


def test_a_device_that_is_not_there_is_named(cta: Image, models: dict[str, Path]) -> None:
    import torch

    if torch.backends.mps.is_available():
        pytest.skip("this machine has the device")
    with pytest.raises(InputError, match="device mps is not there"):
        run_of(cta, models, InferenceOptions(device="mps"))


def test_an_interpreter_without_torch_is_named(
    cta: Image, models: dict[str, Path], place: Path, tmp_path: Path
) -> None:
    venv.create(tmp_path / "bare", with_pip=False)
    python = tmp_path / "bare" / "bin" / "python"
    with InferenceRun(cta, models, interpreter=python) as run:
        run.start()
        with pytest.raises(InputError, match=r"this Python lacks \w+, install it there: pip install torch nnunetv2"):
            run.wait()


def test_an_interpreter_that_is_none_is_named(cta: Image, models: dict[str, Path], place: Path) -> None:
    run = InferenceRun(cta, models, interpreter="/no/such/python")
    with pytest.raises(InputError, match="/no/such/python: this Python cannot be started"):
        run.start()


def test_a_full_disk_is_one_sentence(cta: Image, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as folder:
        mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", folder]
        if subprocess.run(mount, capture_output=True).returncode:
            pytest.skip("a small file system cannot be mounted here")
        try:
            monkeypatch.setattr(tempfile, "tempdir", folder)
            with InferenceRun(cta, models) as run:
                run.start()
                with pytest.raises(CalcScoreError, match="disk full"):
                    run.wait()
                assert run.failure.code == "disk_full"
            assert not list(Path(folder).iterdir())
        finally:
            subprocess.run(["umount", folder], check=True)
