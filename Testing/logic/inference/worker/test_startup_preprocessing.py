"""A CTA that is preprocessed before the networks are there; the job and the files are real, no network is."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from CalcScoreLogic.images.files import write_image
from CalcScoreLogic.images.geometry import Geometry, Image
from CalcScoreLogic.inference.protocol import CTA_FILE, JOB_FILE
from CalcScoreLogic.inference.worker.preprocessing import CtPreprocessing
from CalcScoreLogic.inference.worker.startup_preprocessing import StartupPreprocessing
from Testing.logic.model_folders import plans_json

PLANS = plans_json()
BY = CtPreprocessing.of(PLANS, PLANS["configurations"]["3d_fullres"])


def changed_plans(**configuration: Any) -> dict[str, Any]:
    changed: dict[str, Any] = json.loads(json.dumps(PLANS))
    changed["configurations"]["3d_fullres"].update(configuration)
    return changed


@pytest.fixture
def hand_over(tmp_path: Path) -> Callable[..., Path]:
    """Hands a job over to a run's folder, with a model that is made of plans alone."""
    (tmp_path / "model").mkdir()
    (tmp_path / "run").mkdir()

    def write(plans: str = json.dumps(PLANS), **job: Any) -> Path:
        (tmp_path / "model" / "plans.json").write_text(plans)
        voxels = np.random.default_rng(0).normal(300, 250, (9, 21, 25)).astype(np.int16)
        write_image(tmp_path / "run" / CTA_FILE, Image(voxels, Geometry((25, 21, 9), (0.9, 1.1, 2.0))))
        content = {"models": {"territories": str(tmp_path / "model")}, "options": {"threads": 1}, **job}
        part = tmp_path / "run" / "part"
        part.write_text(json.dumps(content))
        part.replace(tmp_path / "run" / JOB_FILE)
        return tmp_path / "run"

    return write


def test_it_waits_for_the_job_and_gives_the_cta_once(tmp_path: Path, hand_over: Callable[..., Path]) -> None:
    startup = StartupPreprocessing(tmp_path / "run")
    threading.Timer(0.1, hand_over).start()
    found = startup.take()
    assert BY is not None
    assert list(found) == [BY]
    volume, properties = BY.run(tmp_path / "run" / CTA_FILE)
    np.testing.assert_array_equal(found[BY][0], volume)
    assert found[BY][1] == properties
    # Two of them in memory would be too much.
    assert startup.take() == {}


def test_a_second_model_that_scales_hu_alike_is_done_on_the_way(tmp_path: Path, hand_over: Callable[..., Path]) -> None:
    assert BY is not None
    other = changed_plans(spacing=[1.0, 2.0, 0.7])
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "plans.json").write_text(json.dumps(other))
    folder = hand_over(models={"territories": str(tmp_path / "model"), "calcification": str(tmp_path / "other")})
    way = CtPreprocessing.of(other, other["configurations"]["3d_fullres"])
    found = StartupPreprocessing(folder).take()
    assert way is not None
    assert list(found) == [BY, way]
    # By itself, its file is read and its splines are made anew.
    np.testing.assert_array_equal(found[way][0], way.run(folder / CTA_FILE)[0])
    assert found[BY][0].shape != found[way][0].shape


@pytest.mark.parametrize("plans", ["{", "{}", json.dumps({**PLANS, "image_reader_writer": "NibabelIO"})])
def test_what_cannot_be_made_early_is_left(plans: str, hand_over: Callable[..., Path]) -> None:
    assert StartupPreprocessing(hand_over(plans)).take() == {}


def test_a_worker_that_serves_many_waits_for_each_cta(hand_over: Callable[..., Path]) -> None:
    assert StartupPreprocessing(hand_over(many=True)).take() == {}


def test_neither_torch_nor_nnunet_is_needed() -> None:
    """Else it would wait for them."""
    module = "CalcScoreLogic.inference.worker.startup_preprocessing"
    code = f"import sys, {module}; print({{'torch', 'nnunetv2'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
