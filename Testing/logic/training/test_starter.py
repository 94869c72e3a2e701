"""Starter ensembles: the loop, its parts against figures by hand, and the way to a model that stock nnU-Net runs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from CalcScoreLogic.cli import main
from CalcScoreLogic.models import Role, check
from CalcScoreLogic.training import About, Workspace
from CalcScoreLogic.training.assembly import assemble
from Testing.logic.model_folders import NEEDS_NNUNET

pytestmark = NEEDS_NNUNET

torch = pytest.importorskip("torch", reason="torch is not installed")

from CalcScoreLogic.training.starter import (  # noqa: E402
    STARTER,
    Anatomy,
    StarterRecipe,
    describe_anatomies,
    learn,
    network,
    prepare_starter,
)
from CalcScoreLogic.training.starter.losses import WeightedDice, starter_loss  # noqa: E402
from CalcScoreLogic.training.starter.parts import START, TRUNK, part_folder  # noqa: E402
from CalcScoreLogic.training.starter.plans import starter_plans  # noqa: E402

ITERATIONS = 4
NAMES = ("background", "aorta", "iliac", "mesenteric", "renal", "vein")
TINY = replace(
    STARTER,
    networks={
        role: replace(
            STARTER.networks[role],
            patch_size=(16, 16, 16),
            features=(4, 8, 8),
            convolutions=(1, 1, 1),
            trunk_epochs=1,
            fold_epochs=1,
            trunk_patch_size=None,
        )
        for role in Role
    },
)


class Noise:
    """Patches of a bright tube in noise, made in this process; it may fail after some."""

    fails_after: int | None = None

    def __init__(self, source: Any, workers: int, uses: int) -> None:
        self.rng = np.random.default_rng(source.seed)
        self.size = source.patch_size
        self.taken = 0

    def __enter__(self) -> Noise:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def take(self) -> tuple[np.ndarray, np.ndarray]:
        self.taken += 1
        if self.fails_after is not None and self.taken > self.fails_after:
            raise KeyboardInterrupt
        labels = np.zeros(self.size, np.uint8)
        at = self.rng.integers(2, 12, 2)
        labels[:, at[0] : at[0] + 3, at[1] : at[1] + 3] = 1
        return (self.rng.normal(0, 20, self.size) + 300.0 * labels).astype(np.float16), labels


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A prepared work folder whose patches come from `Noise`, four iterations a part."""
    monkeypatch.setattr(learn, "PatchStream", Noise)
    monkeypatch.setattr(learn, "EPOCH", ITERATIONS)
    monkeypatch.setattr(Noise, "fails_after", None)
    monkeypatch.setattr("CalcScoreLogic.synthesis.read_anatomy", lambda file: file)
    monkeypatch.setattr("CalcScoreLogic.synthesis.CLASSES", {"territories": NAMES, "calcification": NAMES[:3]})
    anatomy = tmp_path / "anatomy.nrrd"
    anatomy.write_bytes(b"anatomy")
    made = Workspace(tmp_path / "work")
    (tmp_path / "work").mkdir()
    anatomies = [Anatomy.of(anatomy)]
    prepare_starter(made, TINY, anatomies, About("starter", describe_anatomies(anatomies), synthetic=True))
    return made


def state(workspace: Workspace, fold: int, name: str = "checkpoint_final.pth") -> Any:
    return torch.load(part_folder(workspace, Role.TERRITORIES, TINY, fold) / name, weights_only=True)


def test_an_interrupted_training_goes_on_and_ends_after_as_many_iterations(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learn, "_SAVE_SECONDS", 0.0)
    monkeypatch.setattr(Noise, "fails_after", 3)
    with pytest.raises(KeyboardInterrupt):
        learn.learn(workspace, Role.TERRITORIES, TRUNK)
    latest = state(workspace, TRUNK, "checkpoint_latest.pth")
    assert latest["iteration"] == 3
    monkeypatch.setattr(Noise, "fails_after", 1)
    learn.learn(workspace, Role.TERRITORIES, TRUNK)
    assert state(workspace, TRUNK)["iteration"] == ITERATIONS


def test_folds_start_from_the_trunk_and_go_their_own_ways(workspace: Workspace) -> None:
    with pytest.raises(Exception, match="start from the trunk"):
        learn.learn(workspace, Role.TERRITORIES, 0)
    for fold in (TRUNK, 0, 1):
        learn.learn(workspace, Role.TERRITORIES, fold)
    trunk, first, second = (state(workspace, fold)["network_weights"] for fold in (TRUNK, 0, 1))
    name = "encoder.stages.0.0.convs.0.conv.weight"
    assert not torch.equal(first[name], second[name])
    # Four small steps away from the trunk, not random weights of their own.
    assert float((first[name] - trunk[name]).abs().max()) < 0.02


def test_the_model_is_one_that_stock_nnunet_runs(workspace: Workspace) -> None:
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    for fold in (TRUNK, *range(5)):
        learn.learn(workspace, Role.TERRITORIES, fold)
    model = check(assemble(workspace, Role.TERRITORIES))
    assert model.label_values == {1: 1, 2: 2, 3: 3, 4: 4, 5: 0}
    assert (model.folds, model.mirroring_axes, model.synthetic) == ((0, 1, 2, 3, 4), (), True)
    card = json.loads((model.path / "calcscore_model.json").read_text())
    assert card["anatomies"][0]["file"] == "anatomy.nrrd"
    assert card["recipe"]["seed"] == TINY.seed
    assert list(card["recipe"]["networks"]) == ["territories"]
    predictor = nnUNetPredictor(device=torch.device("cpu"), perform_everything_on_device=False, allow_tqdm=False)
    predictor.initialize_from_trained_model_folder(str(model.path), None, "checkpoint_final.pth")
    ct = np.full((1, 20, 20, 20), -1000.0, np.float32)
    ct[0, :, 8:11, 8:11] = 300.0
    labels = predictor.predict_single_npy_array(ct, {"spacing": [2.0, 2.0, 2.0]})
    assert labels.shape == (20, 20, 20)
    assert labels.max() < len(NAMES)


def test_a_work_folder_keeps_to_its_anatomies(workspace: Workspace, tmp_path: Path) -> None:
    other = tmp_path / "other.nrrd"
    other.write_bytes(b"another one")
    about = About(**workspace.settings()["about"])
    with pytest.raises(Exception, match="other anatomies"):
        prepare_starter(workspace, TINY, [Anatomy.of(other)], about)


def test_a_trunk_can_start_from_a_network_with_fewer_labels(workspace: Workspace) -> None:
    plans = starter_plans(TINY, Role.TERRITORIES)
    fewer = network.build(plans, 4, torch.device("cpu"))
    more = network.build(plans, 6, torch.device("cpu"))
    before = {name: tensor.clone() for name, tensor in more.state_dict().items()}
    network.take_over(more, fewer.state_dict())
    for name, tensor in more.state_dict().items():
        theirs = fewer.state_dict()[name]
        if ".seg_layers." in name:
            assert torch.equal(tensor[:4], theirs)
            assert torch.equal(tensor[4:], before[name][4:])
        else:
            assert torch.equal(tensor, theirs)
    folder = part_folder(workspace, Role.TERRITORIES, TINY, TRUNK)
    folder.mkdir()
    torch.save({"network_weights": fewer.state_dict()}, folder / START)
    learn.learn(workspace, Role.TERRITORIES, TRUNK)
    name = "encoder.stages.0.0.convs.0.conv.weight"
    assert float((state(workspace, TRUNK)["network_weights"][name] - fewer.state_dict()[name]).abs().max()) < 0.02


def test_the_norm_of_one_patch_is_nnunets() -> None:
    stock = torch.nn.InstanceNorm3d(3, eps=1e-5, affine=True)
    torch.nn.init.uniform_(stock.weight)
    torch.nn.init.uniform_(stock.bias)
    patches = torch.randn(2, 3, 4, 5, 6) * 7 + 3
    expected = stock(patches)
    stock.__class__ = network.ChannelsLastNorm
    torch.testing.assert_close(torch.cat([stock(patch[None]) for patch in patches]), expected)
    torch.testing.assert_close(stock(patches), expected)


def test_averaged_weights_are_the_exponential_mean() -> None:
    module = torch.nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        module.weight.fill_(1.0)
        average = network.Average(module)
        module.weight.fill_(3.0)
    # After 1,000 iterations 0.997 is kept: 1 · 0.997 + 3 · 0.003.
    average.update(1_000_000)
    assert float(average.state()["weight"]) == pytest.approx(1.006)
    assert module.weight.item() == 3.0


def test_shared_weights_are_stored_once() -> None:
    module = network.build(starter_plans(TINY, Role.TERRITORIES), 5, torch.device("cpu"))
    stored = {tensor.data_ptr() for tensor in network.Average(module).state().values()}
    assert len(stored) == len(list(module.parameters()))


def test_dice_and_its_weights_by_hand() -> None:
    # Two voxels, three labels: the first is label 1 with probability 0.5, the second background for sure.
    probabilities = torch.tensor([[[0.25, 1.0], [0.5, 0.0], [0.25, 0.0]]]).reshape(1, 3, 2, 1, 1)
    target = torch.tensor([1, 0]).reshape(1, 1, 2, 1, 1)
    loss = WeightedDice(lambda logits: logits, torch.tensor([0.0, 1.0, 0.5]))
    one, absent = (2 * 0.5 + 1) / (0.5 + 1 + 1), 1 / (0.25 + 1)
    # A label that is not in the patch counts by 0.3.
    assert float(loss(probabilities, target)) == pytest.approx(-(one + 0.15 * absent) / 1.15)


def test_a_right_answer_costs_less_than_a_wrong_one() -> None:
    loss = starter_loss(3, (1.0, 1.0), (1.0, 2.0), 2, torch.device("cpu"))
    target = torch.zeros(1, 1, 4, 4, 4, dtype=torch.long)
    target[..., :2] = 1
    right = torch.nn.functional.one_hot(target[:, 0], 3).permute(0, 4, 1, 2, 3) * 9.0
    targets = [target, target[..., ::2, ::2, ::2]]
    outputs = [[logits, logits[..., ::2, ::2, ::2]] for logits in (right, right.roll(1, 1))]
    assert float(loss(outputs[0], targets)) < -0.9 < 1.0 < float(loss(outputs[1], targets))


@pytest.mark.parametrize(
    ("fold", "iteration", "expected"),
    # Half way down the trunk; a fold starts where the trunk ends and goes to zero; a rise over 10 iterations.
    [(TRUNK, 500, 1.1e-3), (3, 100, 6e-4 * 0.5), (TRUNK, 4, 0.5 * (1.6e-3 - 1e-3 * 0.004))],
)
def test_learning_rate(fold: int, iteration: int, expected: float) -> None:
    own = replace(STARTER.networks[Role.TERRITORIES], trunk_epochs=100, fold_epochs=20, rates=(1.6e-3, 6e-4))
    assert learn.learning_rate(own, fold, iteration) == pytest.approx(expected)


def test_recipe_survives_json() -> None:
    assert StarterRecipe.from_dict(json.loads(json.dumps(TINY.to_dict()))) == TINY


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--preset", "starter"], "--anatomy"),
        (["--preset", "starter", "--anatomy", "none.nrrd"], "none.nrrd: no such file or folder, check the path"),
        (["--preset", "starter", "--anatomy", "none.nrrd", "--phantoms", "9"], "phantoms"),
        (["--phantoms", "9", "--anatomy", "none.nrrd"], "--preset starter"),
    ],
)
def test_wrong_use_is_refused(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *arguments, "-o", str(tmp_path / "work")]) == 2
    assert words in capsys.readouterr().err
