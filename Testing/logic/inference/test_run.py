"""The worker and its caller, with real nnU-Net on tiny networks."""

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

import numpy as np
import pytest
import SimpleITK as sitk
from skimage import measure

from CalcScoreLogic.anatomy import Territory
from CalcScoreLogic.errors import CalcScoreError, InputError
from CalcScoreLogic.images.files import read_image, write_image
from CalcScoreLogic.images.geometry import Image, aligned
from CalcScoreLogic.inference.options import InferenceOptions
from CalcScoreLogic.inference.protocol import Message, Progress, Result
from CalcScoreLogic.inference.run import InferenceRun, RunCancelledError, RunState
from CalcScoreLogic.models import Role, check
from CalcScoreLogic.sources import analyze
from Testing.logic.cohort_cases import until
from Testing.logic.inference.callers import gone, kill_caller
from Testing.logic.inference.in_process import run_of
from Testing.logic.model_folders import WritesFile, make_model, replace_record
from Testing.trees import rotation, to_image, to_sitk

pytest.importorskip("nnunetv2", reason="nnunetv2 and torch are not installed")

STAGES = ["starting", "loading", "territories", "putting together", "calcification"]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both ensembles, three folds with different weights each, in a folder with a name to stumble over."""
    root = tmp_path_factory.mktemp("models") / "Gefäße & mehr"
    for role in Role:
        for fold in range(3):
            part = make_model(root / f"{role.value} {fold}", role, [fold], seed=100 + 10 * fold + len(role.value))
            if fold:
                shutil.move(part / f"fold_{fold}", root / f"{role.value} 0")
    return {role.value: root / f"{role.value} 0" for role in Role}


@pytest.fixture(scope="module")
def cta() -> Image:
    """Noise on an oblique grid of uneven voxels."""
    array = np.random.default_rng(4).normal(300, 250, (22, 30, 26)).astype(np.int16)
    return to_image(to_sitk(array, (1.3, 1.1, 2.5), rotation((4, 8, 12))))


@pytest.fixture(scope="module")
def alone(cta: Image, models: dict[str, Path]) -> tuple[Result, dict[str, np.ndarray]]:
    """Run one fold by itself; give the result and the label maps by role.

    The arteries stay as they are: weights at random seldom leave any that hang together.
    """
    with InferenceRun(cta, models, InferenceOptions((1,), False), lengths=None) as run:
        run.start()
        result = run.wait()
        return result, {role: read_image(run.folder / name).array.copy() for role, name in result.files.items()}


def reach(run: InferenceRun, stage: str) -> list[Message]:
    """Poll until a run tells of a stage."""
    seen: list[Message] = []

    def there() -> bool:
        seen.extend(run.poll())
        return any(isinstance(message, Progress) and stage in message.stage for message in seen)

    until(there)
    return seen


def stock(cta: Path, model: Path, mirroring: bool) -> np.ndarray:
    """Predict with nnU-Net as it comes."""
    import torch
    from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    predictor = nnUNetPredictor(use_mirroring=mirroring, device=torch.device("cpu"), allow_tqdm=False)
    predictor.initialize_from_trained_model_folder(str(model), None, "checkpoint_final.pth")
    image, properties = SimpleITKIO().read_images([str(cta)])
    return predictor.predict_single_npy_array(image, properties)


@pytest.mark.parametrize("mirroring", [False, True])
def test_label_maps_are_those_of_stock_nnunet(
    mirroring: bool, cta: Image, models: dict[str, Path], place: Path, tmp_path: Path
) -> None:
    file = tmp_path / "cta.nii.gz"
    write_image(file, cta)
    with InferenceRun(cta, models, InferenceOptions(mirroring=mirroring, engine="torch")) as run:
        run.start()
        result = run.wait()
        for role, model in models.items():
            labels = read_image(run.folder / result.files[role])
            expected = stock(file, model, mirroring)
            assert len(np.unique(expected)) > 1
            np.testing.assert_array_equal(labels.array, expected)
            assert cta.geometry.difference(labels.geometry) is None
    assert run.state is RunState.DONE
    assert len(result.fold_burdens) == 3
    assert result.provenance["folds"] == {"territories": [0, 1, 2], "calcification": [0, 1, 2]}


def test_networks_that_learned_one_orientation_see_it_however_the_cta_is_stored(
    cta: Image, place: Path, tmp_path: Path
) -> None:
    about = {"orientation": "LPS"}
    folders = {role.value: make_model(tmp_path / role.value, role, [0], about=about) for role in Role}
    stored = sitk.GetImageFromArray(cta.array)
    stored.SetSpacing(cta.geometry.spacing)
    stored.SetOrigin(cta.geometry.origin)
    stored.SetDirection(cta.geometry.direction)
    maps = []
    for orientation in ("LPS", "RAS", "ASL"):
        turned = to_image(sitk.DICOMOrient(stored, orientation))
        with InferenceRun(turned, folders, InferenceOptions(mirroring=False), lengths=None) as run:
            run.start()
            result = run.wait()
            found = [read_image(run.folder / result.files[role.value]) for role in Role]
            maps.append([aligned(cta, labels, "the CTA", "the label map").array.copy() for labels in found])
    assert all(len(np.unique(labels)) > 1 for labels in maps[0])
    np.testing.assert_array_equal(maps[1], maps[0])
    np.testing.assert_array_equal(maps[2], maps[0])


def test_small_pieces_of_artery_go_where_a_model_asks_for_it(cta: Image, place: Path, tmp_path: Path) -> None:
    least_mm3, voxel_mm3 = 40.0, 1.3 * 1.1 * 2.5
    found = []
    for name, about in (("all", {}), ("large", {"least_piece_mm3": least_mm3})):
        model = make_model(tmp_path / name, Role.TERRITORIES, [0, 1], about=about)
        with InferenceRun(cta, {"territories": model}, lengths=None) as run:
            run.start()
            found.append(read_image(run.folder / run.wait().files["territories"]).array.copy())
    stock, large = found
    pieces = measure.label(stock, connectivity=3)
    aorta = max(piece.num_pixels for piece in measure.regionprops(pieces, stock) if piece.intensity_max == 1)
    kept = [
        piece
        for piece in measure.regionprops(pieces, stock)
        if piece.num_pixels * voxel_mm3 >= least_mm3 and (piece.intensity_max != 1 or piece.num_pixels >= aorta / 20)
    ]
    assert 0 < len(kept) < pieces.max()
    np.testing.assert_array_equal(large, np.where(np.isin(pieces, [piece.label for piece in kept]), stock, 0))


def test_progress_runs_from_the_start_to_the_end(cta: Image, models: dict[str, Path], place: Path) -> None:
    heard: list[Message] = []
    with InferenceRun(cta, models, InferenceOptions(folds=(0, 2))) as run:
        run.start()
        run.wait(heard.append)
    steps = [message for message in heard if isinstance(message, Progress)]
    fractions = [step.fraction for step in steps]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0
    assert fractions[-1] > 0.9
    tiles = [(step.stage, step.fold, step.tile) for step in steps if step.tile]
    assert len(tiles) == len(set(tiles)) == 4 * steps[-2].tiles
    assert {(stage, fold) for stage, fold, _ in tiles} == {
        (role, fold) for role in ("territories", "calcification") for fold in (1, 2)
    }
    assert isinstance(heard[-1], Result)


def test_single_folds_are_scored_too(
    alone: tuple[Result, dict[str, np.ndarray]], cta: Image, models: dict[str, Path], place: Path
) -> None:
    result, maps = alone
    assert result.fold_burdens == []
    arteries, plaques = (maps[role.value] for role in Role)
    there = [t for t in Territory if (arteries == t).any()]
    expected = {t.key: (plaques[arteries == t] == 2).mean() for t in there}
    assert len(set(expected.values())) > 1
    with InferenceRun(cta, models, InferenceOptions(mirroring=False), lengths=None) as run:
        run.start()
        together = run.wait()
    found = together.fold_burdens[1]
    assert found["combined"] == (plaques[arteries > 0] == 2).mean()
    assert {name: burden for name, burden in found.items() if burden is not None and name != "combined"} == expected


def test_a_worker_loads_until_the_cta_is_there(
    alone: tuple[Result, dict[str, np.ndarray]], cta: Image, models: dict[str, Path], place: Path
) -> None:
    with InferenceRun(None, models, InferenceOptions((1,), False), lengths=None) as run:
        run.start()
        reach(run, "starting")
        assert not list(run.folder.iterdir())
        run.hand_over(cta)
        found = [read_image(run.folder / name).array.copy() for name in run.wait().files.values()]
    np.testing.assert_array_equal(found, list(alone[1].values()))


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


def test_two_runs_at_once(cta: Image, models: dict[str, Path], place: Path) -> None:
    options = InferenceOptions(folds=(0,), mirroring=False, threads=1)
    with (
        InferenceRun(cta, models, options) as a,
        InferenceRun(cta, models, options) as b,
    ):
        a.start()
        b.start()
        first, second = (read_image(run.folder / run.wait().files["territories"]).array for run in (a, b))
        np.testing.assert_array_equal(first, second)


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


def test_a_gpu_that_is_full_falls_back_and_says_so(models: dict[str, Path]) -> None:
    """The GPU is a device that computes nothing, and its network raises CUDA's error; what follows is real."""
    import torch

    from CalcScoreLogic.inference.worker.loading import load

    notices: list[str] = []
    options, cpu = InferenceOptions(folds=(0,), mirroring=False, engine="torch"), torch.device("cpu")
    ensemble = load("x", models["territories"], options, cpu, lambda *tile: None, notices.append)
    predictor = ensemble.predictor
    data = torch.randn(1, 20, 24, 40)
    tiles = predictor.every_tile(data.shape[1:])
    predictor.take_fold(0)
    expected = predictor.fold_logits(data, tiles)
    network, devices = predictor.network, []

    class Full(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            devices.append(x.device.type)
            if x.device.type == "meta":
                raise torch.OutOfMemoryError("CUDA out of memory")
            return network(x)

    predictor.network = Full()
    predictor.start_over(torch.device("meta"))
    predictor.sums_on_device, predictor._copies = True, 8
    logits = predictor.fold_logits(data, tiles)
    # All copies at once, one by one, and with the sums in main memory.
    assert devices == ["meta"] * 3 + ["cpu"] * tiles.count
    assert [("main memory" in text, "on the CPU" in text) for text in notices] == [(True, False), (False, True)]
    torch.testing.assert_close(logits, expected, rtol=0, atol=0)
