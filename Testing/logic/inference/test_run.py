"""The worker and its caller, with real nnU-Net on tiny networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from skimage import measure

from CalcScoreLogic.anatomy import Territory
from CalcScoreLogic.images.common_grid import aligned
from CalcScoreLogic.images.files import read_image, write_image
from CalcScoreLogic.images.geometry import Image
from CalcScoreLogic.images.itk_bridge import itk_image
from CalcScoreLogic.inference.options import InferenceOptions
from CalcScoreLogic.inference.protocol import Message, Progress, Result
from CalcScoreLogic.inference.run import InferenceRun, RunState
from CalcScoreLogic.models import Role
from Testing.logic.inference.callers import reach
from Testing.logic.model_folders import make_model
from Testing.trees import to_image

pytest.importorskip("nnunetv2", reason="nnunetv2 and torch are not installed")


@pytest.fixture(scope="module")
def alone(cta: Image, models: dict[str, Path]) -> tuple[Result, dict[str, np.ndarray]]:
    """Run one fold by itself; give the result and the label maps by role.

    The arteries stay as they are: weights at random seldom leave any that hang together.
    """
    with InferenceRun(cta, models, InferenceOptions((1,), False), lengths=None) as run:
        run.start()
        result = run.wait()
        return result, {role: read_image(run.folder / name).array.copy() for role, name in result.files.items()}


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
    stored = itk_image(cta)
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
