"""The mean of folds: in memory and by way of a file, against plain additions."""

from __future__ import annotations

from pathlib import Path

import pytest

from Testing.logic.model_folders import NEEDS_NNUNET

pytestmark = NEEDS_NNUNET
torch = pytest.importorskip("torch", reason="torch is not installed")

from CalcScoreLogic.inference.worker import fold_mean  # noqa: E402


@pytest.mark.parametrize("large", [2**30, 0])
@pytest.mark.parametrize("folds", [1, 2, 5])
def test_every_bit_is_that_of_adding_one_after_the_other(
    large: int, folds: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fold_mean, "LARGE_BYTES", large)
    torch.manual_seed(folds)
    # A part of a padded grid is no block of memory.
    logits = [torch.randn(3, 7, 8, 9).half()[:, 1:, :, 2:7] for _ in range(folds)]
    expected = logits[0].clone()
    for other in logits[1:]:
        expected += other
    if folds > 1:
        expected /= folds
    sums = fold_mean.FoldSum(tmp_path / "sum")
    for fold in logits:
        sums.make_room()
        assert (tmp_path / "sum").exists() == (large == 0 and fold is not logits[0])
        sums.add(fold)
    mean = sums.mean(folds)
    assert torch.equal(mean, expected)
    assert not list(tmp_path.iterdir())


def test_without_a_fold_there_is_no_mean(tmp_path: Path) -> None:
    sums = fold_mean.FoldSum(tmp_path / "sum")
    sums.make_room()
    assert sums.mean(5) is None
