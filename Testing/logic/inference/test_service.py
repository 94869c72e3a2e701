"""One worker for many CTAs: the same label maps, the networks loaded once, and nothing left behind."""

from __future__ import annotations

import os
import signal
import threading
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from CalcScoreLogic.errors import CalcScoreError, InputError
from CalcScoreLogic.images.files import read_image
from CalcScoreLogic.inference.options import InferenceOptions
from CalcScoreLogic.inference.protocol import Message, Progress
from CalcScoreLogic.inference.run import InferenceRun, RunCancelledError
from CalcScoreLogic.inference.service import InferenceService
from Testing.logic.cohort_cases import make_models, noise, until
from Testing.logic.inference.callers import gone, kill_caller

pytest.importorskip("nnunetv2", reason="nnunetv2 and torch are not installed")

OPTIONS = InferenceOptions(mirroring=False, device="cpu", threads=1)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {role.value: path for role, path in make_models(tmp_path_factory.mktemp("models")).items()}


def test_many_ctas_one_worker_and_one_that_dies(models: dict[str, Path], place: Path) -> None:
    with InferenceRun(noise(1), models, OPTIONS) as run:
        run.start()
        expected = {role: read_image(run.folder / name).array.copy() for role, name in run.wait().files.items()}
    heard: list[Message] = []
    with InferenceService(models, OPTIONS) as service:
        first = service.label(noise(0), heard.append)
        worker = service.pid
        second = service.label(noise(1), heard.append)
        assert service.pid == worker
        for role, name in second.result.files.items():
            np.testing.assert_array_equal(read_image(second.folder / name).array, expected[role])
        assert not (second.folder / "cta.nii").exists()
        stages = [message.stage for message in heard if isinstance(message, Progress)]
        assert stages.count("loading territories") == 1
        fractions = [message.fraction for message in heard if isinstance(message, Progress)]
        assert sum(later < earlier for earlier, later in pairwise(fractions)) == 1
        service.drop(first)
        assert not first.folder.exists()
        for seed in range(3):
            service.drop(service.label(noise(seed)))
        assert service.pid == worker

        def kill(message: Message) -> None:
            # At the first word of it: what it does next must not be over before this is read.
            if isinstance(message, Progress) and message.stage == "territories":
                os.kill(worker, signal.SIGKILL)

        with pytest.raises(CalcScoreError, match=r"ended unexpectedly \(signal 9"):
            service.label(noise(2), kill)
        # What it had made is there until it has been read.
        assert read_image(second.folder / second.result.files["territories"]).array.any()
        service.drop(second)
        until(lambda: gone(worker) and not list(place.iterdir()))
        third = service.label(noise(1))
        assert service.pid != worker
        np.testing.assert_array_equal(
            read_image(third.folder / third.result.files["calcification"]).array, expected["calcification"]
        )
        worker = service.pid
    assert gone(worker)


def test_closing_cancels_what_is_at_work(models: dict[str, Path], place: Path) -> None:
    service = InferenceService(models, OPTIONS)
    raised: list[BaseException] = []
    there = threading.Event()

    def label() -> None:
        try:
            service.label(noise(0), lambda message: there.set())
        except CalcScoreError as error:
            raised.append(error)

    thread = threading.Thread(target=label)
    thread.start()
    assert there.wait(300)
    worker = service.pid
    service.close()
    thread.join()
    assert isinstance(raised[0], RunCancelledError)
    assert not list(place.iterdir())
    # The guard may not have left the group yet when it was killed, and waits to be reaped.
    until(lambda: gone(worker))
    with pytest.raises(RunCancelledError):
        service.label(noise(0))


def test_models_that_cannot_be_used_are_told_before_any_cta(models: dict[str, Path], place: Path) -> None:
    with (
        InferenceService(models, InferenceOptions(folds=(4,))) as service,
        pytest.raises(InputError, match=r"has no fold 4 \(it has 0\)"),
    ):
        service.start()


def test_when_the_caller_dies_worker_and_files_go(models: dict[str, Path], place: Path) -> None:
    code = f"""
import time
from CalcScoreLogic.inference.service import InferenceService
service = InferenceService({ {role: str(path) for role, path in models.items()}!r})
service.start(lambda message: print(service.pid, flush=True))
time.sleep(600)
"""
    worker = kill_caller(code, place)
    until(lambda: gone(worker) and not list(place.iterdir()))
