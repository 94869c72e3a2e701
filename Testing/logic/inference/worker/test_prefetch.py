"""When a CTA is preprocessed for which ensemble; the ensembles are stand-ins that note what is asked of them."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("nnunetv2", reason="nnunetv2 is not installed")

from CalcScoreLogic.images.files import write_image  # noqa: E402
from CalcScoreLogic.images.geometry import Geometry, Image  # noqa: E402
from CalcScoreLogic.inference.worker import prefetch, preprocessing  # noqa: E402
from CalcScoreLogic.inference.worker.preprocessing import CtPreprocessing, read_voxels  # noqa: E402
from Testing.logic.model_folders import plans_json  # noqa: E402

GEOMETRY = Geometry((4, 5, 6), (1.0, 1.0, 1.0))
CTA = Path("cta.nii")


class Ensemble:
    """Preprocesses to a number of its own; `asked` tells whether it was done beside the main thread."""

    ct: CtPreprocessing | None = None

    def __init__(self, number: float, grid: str) -> None:
        self.number, self.grid = number, grid
        self.asked: list[bool] = []
        self.begun = threading.Event()

    def preprocessing(self) -> str:
        return self.grid

    def preprocess(self, cta: Path) -> tuple[Any, dict[str, Any]]:
        assert cta == CTA
        self.asked.append(threading.current_thread() is not threading.main_thread())
        self.begun.set()
        return torch.tensor(self.number), {"number": self.number}


def test_the_next_ensembles_cta_is_made_while_the_one_before_it_is_at_work() -> None:
    first, second = Ensemble(1, "fine"), Ensemble(2, "coarse")
    cta = prefetch.PreprocessedCta(CTA, GEOMETRY)
    assert cta.take(first, [second])[0] == 1
    assert second.begun.wait(300)
    volume, properties = cta.take(second, [])
    assert (volume, properties) == (2, {"number": 2})
    assert (first.asked, second.asked) == ([False], [True])


def test_ensembles_with_the_same_preprocessing_share_it() -> None:
    first, second = Ensemble(1, "fine"), Ensemble(2, "fine")
    cta = prefetch.PreprocessedCta(CTA, GEOMETRY)
    assert cta.take(first, [second])[0] == cta.take(second, [])[0] == 1
    assert second.asked == []


def test_ensembles_that_scale_hu_alike_are_served_by_one_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans = plans_json()
    fine = CtPreprocessing.of(plans, plans["configurations"]["3d_fullres"])
    assert fine is not None
    coarse, file = replace(fine, spacing_mm=(3.0, 3.0, 3.0)), tmp_path / "cta.nii"
    write_image(file, Image(np.random.default_rng(0).normal(300, 250, GEOMETRY.shape).astype(np.int16), GEOMETRY))
    expected = [way.run(file)[0] for way in (fine, coarse)]
    first, second = Ensemble(1, "fine"), Ensemble(2, "coarse")
    first.ct, second.ct = fine, coarse
    read: list[Path] = []

    def reading(cta: Path) -> Any:
        read.append(cta)
        return read_voxels(cta)

    monkeypatch.setattr(preprocessing, "read_voxels", reading)
    cta = prefetch.PreprocessedCta(file, GEOMETRY)
    np.testing.assert_array_equal(cta.take(first, [second])[0].numpy(), expected[0])
    np.testing.assert_array_equal(cta.take(second, [])[0].numpy(), expected[1])
    assert read == [file]


def test_a_large_cta_is_in_memory_once_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefetch, "SMALL_VOXELS", 119)
    first, second = Ensemble(1, "fine"), Ensemble(2, "coarse")
    cta = prefetch.PreprocessedCta(CTA, GEOMETRY)
    cta.take(first, [second])
    assert not second.begun.wait(0.2)
    assert cta.take(second, [])[0] == 2
    assert second.asked == [False]


def test_what_goes_wrong_beside_is_raised_when_it_is_needed() -> None:
    first, second = Ensemble(1, "fine"), Ensemble(2, "coarse")
    second.preprocess = lambda cta: 1 / 0  # type: ignore[assignment, return-value]
    cta = prefetch.PreprocessedCta(CTA, GEOMETRY)
    assert cta.take(first, [second])[0] == 1
    with pytest.raises(ZeroDivisionError):
        cta.take(second, [])
