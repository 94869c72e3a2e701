"""The study on phantoms: which ones, and what is kept when it goes on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from CalcScoreLogic.cli import main
from CalcScoreLogic.evaluation import phantoms
from CalcScoreLogic.models import Role, check
from CalcScoreLogic.phantom.plan import draw_plan
from CalcScoreLogic.sources import model_record
from CalcScoreLogic.training import phantom_spacings
from CalcScoreLogic.training.phantoms import FIRST_SEED as FIRST_TRAINING_SEED
from Testing.logic.evaluation.small_cases import write
from Testing.logic.model_folders import make_model


def test_no_ensemble_has_learned_from_these() -> None:
    studied = set(range(phantoms.FIRST_SEED, phantoms.FIRST_SEED + phantoms.CASES))
    assert len(studied) == 24
    assert not studied & set(phantom_spacings(1000))
    # The fixed threshold is found where the ensembles learned.
    first = min(phantom_spacings(60))
    assert {first + n for n in range(phantoms.CASES)} <= set(phantom_spacings(60))


def test_their_lumens_vary_as_the_claim_needs() -> None:
    seeds = range(phantoms.FIRST_SEED, phantoms.FIRST_SEED + phantoms.CASES)
    lumens = [draw_plan(np.random.default_rng(seed)).tree.lumen_hu for seed in seeds]
    assert min(lumens) < 300
    assert max(lumens) > 450


def test_phantoms_are_made_as_case_folders(tmp_path: Path) -> None:
    phantoms.make_phantoms(tmp_path / "reference", phantoms.FIRST_SEED, 1)
    phantoms.make_phantoms(tmp_path / "training", FIRST_TRAINING_SEED, 1)
    assert [path.name for path in (tmp_path / "reference").iterdir()] == ["case_400000"]
    assert [path.name for path in (tmp_path / "training").iterdir()] == ["case_100000"]
    names = sorted(path.name for path in (tmp_path / "reference" / "case_400000").iterdir())
    assert names == ["calcification.nii.gz", "cta.nii.gz", "territories.nii.gz"]


@pytest.fixture
def case(tmp_path: Path) -> Path:
    """A reference folder with one tiny CTA."""
    cta = np.random.default_rng(4).normal(300, 250, (22, 30, 26)).astype(np.int16)
    write(tmp_path / "reference" / "case_400000", (1.3, 1.1, 2.5), cta=cta)
    return tmp_path / "reference"


def test_a_case_that_these_models_have_labelled_is_kept(case: Path, tmp_path: Path) -> None:
    models = [check(make_model(tmp_path / role.value, role, [0])) for role in Role]
    started: list[tuple[int, int]] = []

    def tell(number: int, count: int) -> None:
        started.append((number, count))

    # Labelled by other models.
    scores = tmp_path / "prediction" / "case_400000" / "scores.json"
    scores.parent.mkdir(parents=True)
    scores.write_text(json.dumps({"provenance": {"models": {"territories": {"sha256": "another"}}}}))
    phantoms.predict(case, tmp_path / "prediction", models, tell)
    assert started == [(1, 1)]
    record = json.loads(scores.read_text())["provenance"]["models"]
    assert record == {model.role.value: model_record(model) for model in models}
    phantoms.predict(case, tmp_path / "prediction", models, tell)
    assert started == [(1, 1)]


def test_without_the_demo_ensembles_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("CalcScoreLogic.models.starter_models_folder", lambda: None)
    assert main(["study-demo", "-o", str(tmp_path / "study")]) == 1
    assert "the starter ensembles are not there" in capsys.readouterr().err
    assert not (tmp_path / "study").exists()
