"""Calcification where it matters: real nnU-Net on tiny networks, against the run of the whole volume."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from CalcScoreLogic.anatomy import CalcificationLabel, Territory
from CalcScoreLogic.images.coverage import Coverage, coverage_of
from CalcScoreLogic.images.files import read_image, write_image
from CalcScoreLogic.images.geometry import Image
from CalcScoreLogic.inference.options import InferenceOptions
from CalcScoreLogic.inference.protocol import Result
from CalcScoreLogic.inference.remaining_time import Timetable
from CalcScoreLogic.models import Role
from CalcScoreLogic.phantom import PhantomParameters, make_phantom
from CalcScoreLogic.shortening import PAPER_LENGTHS, shorten
from Testing.logic.inference.in_process import run_of
from Testing.logic.model_folders import make_model
from Testing.phantom_networks import PHANTOM_NETWORKS
from Testing.trees import rotation, to_image, to_sitk

torch = pytest.importorskip("torch", reason="nnunetv2 and torch are not installed")
pytest.importorskip("nnunetv2", reason="nnunetv2 and torch are not installed")

from nnunetv2.imageio.nibabel_reader_writer import NibabelIOWithReorient  # noqa: E402
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor  # noqa: E402

from CalcScoreLogic.inference.worker import ensembles  # noqa: E402
from CalcScoreLogic.inference.worker.ensemble_prediction import EnsemblePrediction  # noqa: E402
from CalcScoreLogic.inference.worker.loading import load  # noqa: E402
from CalcScoreLogic.inference.worker.tiles import GridMatch  # noqa: E402

FAST = InferenceOptions(mirroring=False)
WHOLE = InferenceOptions(mirroring=False, whole_volume=True)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both ensembles, two folds with different weights each."""
    root = tmp_path_factory.mktemp("models")
    for role in Role:
        for fold in range(2):
            part = make_model(root / f"{role.value}_{fold}", role, [fold], seed=20 + 10 * fold + len(role.value))
            if fold:
                (part / "fold_1").rename(root / f"{role.value}_0" / "fold_1")
    return {role.value: root / f"{role.value}_0" for role in Role}


@pytest.fixture(scope="module")
def cta() -> Image:
    """Noise on an oblique grid of uneven voxels: 96 x 116 x 138 mm, several tiles of 24 x 24 x 64 mm."""
    array = np.random.default_rng(8).normal(300, 250, (46, 80, 96)).astype(np.int16)
    return to_image(to_sitk(array, (1.0, 1.45, 3.0), rotation((4, 8, 12))))


@pytest.fixture(scope="module")
def arteries(cta: Image) -> Image:
    """An aorta through the upper half, which stays as it is when nothing branches off."""
    labels = np.zeros(cta.array.shape, np.uint8)
    labels[26:40, 30:40, 40:56] = Territory.AORTA
    return Image(labels, cta.geometry)


def searched(result: Result) -> Coverage:
    coverage = coverage_of({"inference": result.provenance})
    assert coverage is not None
    return coverage


def test_labels_are_those_of_the_whole_run_around_given_arteries(
    cta: Image, models: dict[str, Path], arteries: Image
) -> None:
    alone = {"calcification": models["calcification"]}
    whole, expected = run_of(cta, alone, WHOLE, None, arteries)
    result, found = run_of(cta, alone, FAST, None, arteries)
    assert whole.provenance["coverage"] is None
    run, total = result.provenance["tiles"]["calcification"]
    assert whole.provenance["tiles"]["calcification"] == [total, total]
    assert 0 < run < total / 2
    mask = searched(result).mask()
    assert 0 < mask.mean() < 0.6
    # 5 mm to all sides: 2 slices of 3 mm, 4 rows of 1.45 mm, 5 columns of 1 mm.
    assert mask[24:42, 26:44, 35:61].all()
    labels, expected_labels = found["calcification"], expected["calcification"]
    assert len(np.unique(expected_labels[mask])) > 1
    np.testing.assert_array_equal(labels[mask], expected_labels[mask])
    assert not labels[~mask].any()


def middle(cta: Image) -> Image:
    """Leave a quarter of the slices out at either end."""
    grid, first = cta.geometry, len(cta.array) // 4
    array = cta.array[first : 3 * first]
    origin = tuple(float(mm) for mm in grid.to_physical([0, 0, first]))
    return Image(array, replace(grid, size=(*grid.size[:2], len(array)), origin=origin))


def test_the_networks_own_arteries_are_searched_in_every_fold() -> None:
    """Networks on the middle of a phantom that they know: scores and fold ranges are those of the whole run."""
    models = {role.value: PHANTOM_NETWORKS / role.value for role in Role}
    cta = middle(make_phantom(PhantomParameters(28, (2.0, 2.0, 2.0))).cta)
    options = InferenceOptions(folds=(0, 1), mirroring=False, step_size=0.75)
    whole, expected = run_of(cta, models, replace(options, whole_volume=True))
    result, found = run_of(cta, models, options)
    run, total = result.provenance["tiles"]["calcification"]
    assert 0 < run < 0.6 * total
    mask = searched(result).mask()
    np.testing.assert_array_equal(found["territories"], expected["territories"])
    trimmed = shorten(Image(found["territories"], cta.geometry), PAPER_LENGTHS).territories.array > 0
    assert trimmed.any()
    assert mask[trimmed].all()
    plaques = found["calcification"]
    assert (plaques[mask] == CalcificationLabel.CALCIFICATION).any()
    np.testing.assert_array_equal(plaques[mask], expected["calcification"][mask])
    assert not plaques[~mask].any()
    assert len(result.fold_burdens) == 2
    assert result.fold_burdens == whole.fold_burdens
    assert whole.fold_burdens[0] != whole.fold_burdens[1]


def test_a_reader_that_turns_the_cta_changes_nothing(models: dict[str, Path], tmp_path: Path) -> None:
    """Territories by a model whose reader brings the axes into its own order; the label map is in the CTA's."""
    array = np.random.default_rng(8).normal(300, 250, (46, 80, 96)).astype(np.int16)
    stored = sitk.DICOMOrient(to_sitk(array, (1.0, 1.45, 3.0), np.eye(3)), "SAL")
    turned = shutil.copytree(models["territories"], tmp_path / "turned")
    plans = json.loads((turned / "plans.json").read_text())
    plans["image_reader_writer"] = "NibabelIOWithReorient"
    (turned / "plans.json").write_text(json.dumps(plans))
    dataset = json.loads((turned / "dataset.json").read_text())
    dataset["overwrite_image_reader_writer"] = "NibabelIOWithReorient"
    (turned / "dataset.json").write_text(json.dumps(dataset))
    cta = to_image(stored)
    pair = {**models, "territories": turned}
    whole, expected = run_of(cta, pair, WHOLE)
    result, found = run_of(cta, pair, FAST)
    # nnU-Net's own way: what its reader turned, its writer turns back.
    write_image(tmp_path / "cta.nii", cta)
    predictor = nnUNetPredictor(use_mirroring=False, device=torch.device("cpu"), allow_tqdm=False)
    predictor.initialize_from_trained_model_folder(str(turned), None, "checkpoint_final.pth")
    reader = NibabelIOWithReorient()
    image, properties = reader.read_images([str(tmp_path / "cta.nii")])
    reader.write_seg(predictor.predict_single_npy_array(image, properties), str(tmp_path / "stock.nii.gz"), properties)
    stock = read_image(tmp_path / "stock.nii.gz").array
    assert len(np.unique(stock)) > 1
    assert (found["territories"] == stock).mean() > 0.9999
    np.testing.assert_array_equal(found["territories"], expected["territories"])
    mask = searched(result).mask()
    np.testing.assert_array_equal(found["calcification"][mask], expected["calcification"][mask])
    assert len(result.fold_burdens) == 2
    assert result.fold_burdens == whole.fold_burdens


def test_without_an_artery_no_tile_is_run(cta: Image, models: dict[str, Path], arteries: Image) -> None:
    nothing = Image(np.zeros_like(arteries.array), cta.geometry)
    result, found = run_of(cta, {"calcification": models["calcification"]}, FAST, None, nothing)
    assert result.provenance["tiles"]["calcification"][0] == 0
    assert not searched(result).mask().any()
    assert not found["calcification"].any()
    assert result.fold_burdens == []


def test_a_first_look_looks_for_arteries_only(cta: Image, tmp_path: Path) -> None:
    """An ensemble that also knows bones, and calls everything bone, has nothing to look around."""
    known = {"background": 0, "aorta": 1, "iliac": 2, "mesenteric": 3, "renal": 4, "bone": 5}
    model = make_model(tmp_path / "model", Role.TERRITORIES, [0], labels=known)
    checkpoint = model / "fold_0" / "checkpoint_final.pth"
    content = torch.load(checkpoint, weights_only=False)
    for name, tensor in content["network_weights"].items():
        if "seg_layers" in name and name.endswith("bias"):
            tensor[5] = 100.0
    torch.save(content, checkpoint)
    result, found = run_of(cta, {"territories": model}, replace(FAST, first_look=True))
    run, total = result.provenance["tiles"]["territories"]
    assert (run, found["territories"].any()) == (0, False)
    assert total > 1


def test_more_tiles_change_nothing_where_all_tiles_of_a_voxel_are_run(models: dict[str, Path]) -> None:
    """A fold runs tiles of its own arteries too; what the folds share is as if it had not."""
    nobody: Callable[..., None] = lambda *said: None  # noqa: E731
    ensemble = load("calcification", Path(models["calcification"]), FAST, torch.device("cpu"), nobody, nobody)
    predictor, shape = ensemble.predictor, (20, 40, 80)
    volume = torch.from_numpy(np.random.default_rng(3).normal(size=(1, *shape)).astype(np.float32))
    here, there = (np.zeros(shape, bool) for _ in range(2))
    here[7:10, 12:20, 20:36], there[16:, 30:, 70:] = True, True
    shared, own = (predictor.every_tile(shape).reaching(wanted, (0, 0, 0)) for wanted in (here, there))
    both = shared.also(own)
    assert shared.count < both.count < both.total
    predictor.take_fold(0)
    match = GridMatch(shape, (0, 1, 2), tuple((0, n) for n in shape), shape)
    prediction = EnsemblePrediction(ensemble, volume, {}, match, both)
    with torch.inference_mode():
        part, alone = prediction.part_of(prediction.logits(), shared), replace(prediction, tiles=shared).logits()
    assert part.shape == alone.shape
    borders, cells = shared.complete_cells()
    complete = cells[np.ix_(*(np.repeat(np.arange(len(b) - 1), np.diff(b)) for b in borders))]
    complete = complete[predictor.box_of(shared, shape)]
    assert complete.mean() > 0.1
    assert torch.equal(part[:, complete], alone[:, complete])
    assert not torch.equal(part, alone)


def test_folds_that_are_too_large_to_be_together_in_memory_give_the_same(
    cta: Image, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fold is labelled while the next one is run, or before it; the sum stays in memory, or waits in a file."""
    from CalcScoreLogic.inference.worker import fold_mean

    answers = []
    for limit in (fold_mean.LARGE_BYTES, 0):
        monkeypatch.setattr(fold_mean, "LARGE_BYTES", limit)
        # The arteries as they are: weights at random seldom leave any that hang together.
        result, maps = run_of(cta, models, FAST, None)
        answers.append((list(maps.values()), result.fold_burdens))
    (maps, burdens), (expected, expected_burdens) = answers
    np.testing.assert_array_equal(maps, expected)
    assert burdens == expected_burdens
    assert len(burdens) == 2
    assert burdens[0] != burdens[1]


def test_the_forecast_knows_the_tiles_once_a_fold_has_found_arteries(
    cta: Image, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[tuple[str, float]] = []

    class Watched(Timetable):
        def plan(self, kind: str, units: float) -> None:
            super().plan(kind, units)
            events.append((f"plan {kind}", units))

        def finish(self, kind: str, units: float) -> None:
            super().finish(kind, units)
            events.append((kind, units))

    monkeypatch.setattr(ensembles, "Timetable", Watched)
    run_of(cta, models, FAST)
    done = sum(units for kind, units in events if kind == "tiles")
    kinds = [kind for kind, _ in events]

    def planned(end: int) -> float:
        return sum(units for kind, units in events[:end] if kind == "plan tiles")

    # Weights at random find arteries all over: most tiles will be run, not the three in ten of the first guess. A
    # fold's arteries are found while the next fold is run, and waited for at its end.
    assert planned(kinds.index("networks")) < 0.8 * done < planned(kinds.index("label maps"))
    assert planned(len(events)) == pytest.approx(done)
    for kind in ("preprocessing", "networks", "label maps"):
        assert sum(units for name, units in events if name == f"plan {kind}") == sum(
            units for name, units in events if name == kind
        )
