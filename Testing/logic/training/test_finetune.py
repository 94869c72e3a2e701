"""Fine-tuning: what is taken from the ensembles that it starts from, and what the cases change."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from CalcScoreLogic.cli import train as command
from CalcScoreLogic.errors import InputError
from CalcScoreLogic.models import Role, check, install
from CalcScoreLogic.training import Recipe, Workspace, finetune, make_cases
from CalcScoreLogic.training.assembly import _model_card, assemble
from CalcScoreLogic.training.finetune import Base, bases_of
from Testing.logic import model_folders
from Testing.logic.model_folders import LABELS, NEEDS_NNUNET, make_model, plans_json
from Testing.logic.training.tiny_training import options

pytestmark = NEEDS_NNUNET

WITH_VEINS = {**LABELS[Role.TERRITORIES], "vein": 5, "bone": 6}


def three_stages() -> dict[str, Any]:
    """Plans of a network that nnU-Net can train: its loss takes all but the coarsest output."""
    plans = plans_json()
    plans["configurations"]["3d_fullres"]["architecture"]["arch_kwargs"].update(
        n_stages=3,
        features_per_stage=[2, 4, 4],
        kernel_sizes=[[3, 3, 3]] * 3,
        strides=[[1, 1, 1], [2, 2, 2], [2, 2, 2]],
        n_conv_per_stage=[1] * 3,
        n_conv_per_stage_decoder=[1] * 2,
    )
    return plans


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two installed models whose names begin with the same word; that of the territories knows more labels."""
    root = tmp_path_factory.mktemp("bases")
    for role in Role:
        labels = WITH_VEINS if role is Role.TERRITORIES else None
        about = {"name": f"first-{role.value}", "trained_on": "synthetic CTA", "least_piece_mm3": 100.0}
        axes = {"inference_allowed_mirroring_axes": (1,) if role is Role.TERRITORIES else None}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(model_folders, "plans_json", three_stages)
            made = make_model(root / role.value, role, range(5), seed=5, labels=labels, about=about, **axes)
        install(made, root / "store")
    return root / "store"


def test_one_name_stands_for_both_ensembles(store: Path) -> None:
    both = bases_of(["first"], store)
    assert {role: base.name for role, base in both.items()} == {role: f"first-{role.value}" for role in Role}
    assert both[Role.TERRITORIES].mirroring_axes == (1,)
    assert (
        Base.from_dict(Role.TERRITORIES, json.loads(json.dumps(both[Role.TERRITORIES].to_dict())))
        == both[Role.TERRITORIES]
    )
    single = bases_of([str(store / "first-calcification")])
    assert list(single) == [Role.CALCIFICATION]
    with pytest.raises(InputError, match="are both for territories"):
        bases_of(["first", "first-territories"], store)
    with pytest.raises(InputError, match="there is no model"):
        bases_of(["nothing"], store)


def test_a_missing_fold_starts_from_another(tmp_path: Path) -> None:
    base = Base.of(check(make_model(tmp_path / "m", folds=[1, 3])))
    assert [base.start_of(n).parent.name for n in range(5)] == ["fold_1", "fold_1", "fold_1", "fold_3", "fold_1"]


def test_labels_of_other_values_are_refused(tmp_path: Path) -> None:
    labels = {"background": 0, "iliac": 1, "aorta": 2, "mesenteric": 3, "renal": 4}
    with pytest.raises(InputError, match="other values"):
        Base.of(check(make_model(tmp_path / "m", labels=labels, folds=[0])))


def test_further_labels_count_as_background_in_the_loss() -> None:
    import torch

    from CalcScoreLogic.training.finetune.trainer import MergedBackground

    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(2, 7, 4, 5, 6, generator=generator)
    target = torch.randint(0, 5, (2, 4, 5, 6), generator=generator)
    loss = MergedBackground(torch.nn.CrossEntropyLoss(), [1, 2, 3, 4])
    shares = torch.softmax(logits, dim=1)
    merged = torch.cat([shares[:, [0, 5, 6]].sum(1, keepdim=True), shares[:, 1:5]], dim=1)
    expected = -torch.log(merged.gather(1, target[:, None])).mean()
    assert float(loss(logits, target)) == pytest.approx(float(expected), rel=1e-5)


@pytest.fixture(scope="module")
def tuned(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Fold 3 of the territories, one iteration on five coarse phantoms."""
    root = tmp_path_factory.mktemp("tuning")
    make_cases(root / "cases", dict.fromkeys(range(1, 6), 5.0))
    arguments = [root / "cases", "--start-from", "first-territories", "--store", store, "-o", root / "work"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finetune, "fine_tuning", lambda epochs: Recipe("finetune", epochs=1, iterations=1))
        patch.setenv("nnUNet_n_proc_DA", "0")
        patch.setenv("OMP_NUM_THREADS", "1")
        outcome = command.run(options(*arguments, "--fold", "3"))
    assert outcome.lines == ["territories: trained folds: 3; it is installed when all five are"]
    return Workspace(root / "work")


def test_a_fold_learns_on_from_its_own_weights(tuned: Workspace, store: Path) -> None:
    import torch

    final = tuned.fold(Role.TERRITORIES, tuned.recipe(), 3) / "checkpoint_final.pth"
    after = torch.load(final, map_location="cpu", weights_only=False)
    before = {
        n: torch.load(store / "first-territories" / f"fold_{n}" / "checkpoint_final.pth", weights_only=False)
        for n in (2, 3)
    }

    def distance(n: int) -> float:
        pairs = [(after["network_weights"][name], w) for name, w in before[n]["network_weights"].items()]
        return float(sum(torch.linalg.vector_norm(a.float() - b.float()) ** 2 for a, b in pairs))

    assert 0 < distance(3) < 0.01 * distance(2)
    assert after["inference_allowed_mirroring_axes"] == (1,)
    assert after["trainer_name"] == "nnUNetTrainer"


def test_plans_and_labels_are_the_base_s(tuned: Workspace, store: Path) -> None:
    folder = tuned.trained(Role.TERRITORIES, tuned.recipe())
    plans, dataset = (json.loads((folder / name).read_text()) for name in ("plans.json", "dataset.json"))
    own = json.loads((store / "first-territories" / "plans.json").read_text())
    assert dataset["labels"] == WITH_VEINS
    for key in ("configurations", "foreground_intensity_properties_per_channel", "transpose_forward"):
        assert plans[key] == own[key]
    assert not tuned.preprocessed_mark(Role.CALCIFICATION).exists()


def test_the_model_tells_what_it_came_from(tuned: Workspace) -> None:
    card = _model_card(tuned.settings(), Role.TERRITORIES)
    assert card["name"] == "tuned-territories"
    assert card["trained_on"] == "5 cases, from first-territories (synthetic CTA)"
    assert card["start_from"]["name"] == "first-territories"
    assert len(card["start_from"]["fingerprint"]) == 64
    assert card["least_piece_mm3"] == 100.0


def test_the_assembled_model_can_be_installed(tuned: Workspace, tmp_path: Path) -> None:
    import torch

    work = Workspace(shutil.copytree(tuned.root, tmp_path / "work"))
    recipe = work.recipe()
    for fold in (0, 1, 2, 4):
        shutil.copytree(work.fold(Role.TERRITORIES, recipe, 3), work.fold(Role.TERRITORIES, recipe, fold))
    (model,) = install(assemble(work, Role.TERRITORIES), tmp_path / "store")
    assert (model.name, model.folds, model.mirroring_axes) == ("tuned-territories", (0, 1, 2, 3, 4), (1,))
    assert model.label_values == {1: 1, 2: 2, 3: 3, 4: 4, 5: 0, 6: 0}
    weights = torch.load(model.checkpoint(3), weights_only=True)["network_weights"]
    assert {tensor.dtype for tensor in weights.values()} == {torch.float16}


def test_another_base_is_another_training(tuned: Workspace, store: Path) -> None:
    arguments = [tuned.root.parent / "cases", "--start-from", "first", "--store", store, "-o", tuned.root]
    with pytest.raises(InputError, match="networks to start from"):
        command.run(options(*arguments))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--start-from", "first"], "takes the folder with the cases"),
        (["cases", "--start-from", "first", "--preset", "demo"], "no --phantoms, --slurm or --preset"),
        (["cases", "--start-from", "first-territories", "--role", "calcification"], "no model for calcification"),
        (["cases", "--start-from", "first", "--epochs", "0"], "0 epochs"),
    ],
)
def test_bad_usage_is_refused(arguments: list[str], reason: str, store: Path, tmp_path: Path) -> None:
    make_cases(tmp_path / "cases", {1: 5.0})
    given = [tmp_path / "cases" if argument == "cases" else argument for argument in arguments]
    with pytest.raises(InputError, match=reason):
        command.run(options(*given, "--store", store, "-o", tmp_path / "work"))
    assert not (tmp_path / "work").exists()
